"""What a till and its console learn of the voucher service, hear in the stream of events, and put on paper."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_vouchers_counter import money, post, redeem
from tests.integration.vouchers_counter import Counter, counter, opened, paired_counter, submit
from tests.support.console.reading import hidden
from tests.unit.connector.vouchers.wire import NUMBER, PIN, Loss, Portal, key, serving, until
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.vouchers.service import Readiness
from tillbridge.domain.errors import BridgeError, Code


@asynccontextmanager
async def at_work(folder: Path, portal: Portal) -> AsyncIterator[Counter]:
    async with serving(portal) as address, counter(folder, address) as here:
        await opened(here)
        yield here


async def standing(here: Counter) -> dict[str, Any]:
    answer = await here.program().get("/v1/vouchers/service")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


async def stands(here: Counter, state: Readiness) -> dict[str, Any]:
    await until(lambda: here.features.vouchers.service is not None and here.features.vouchers.service.state is state)
    return await standing(here)


async def test_a_shop_without_a_portal_says_so(tmp_path: Path) -> None:
    async with counter(tmp_path, None) as here:
        found = await standing(here)
        assert (found["state"], found["number"], found["legacy_code"]) == ("not_paired", "P201", "007")
        assert "Vouchers:" not in (await (await here.person()).get("/")).text


async def test_what_the_portal_says_is_known_before_a_voucher_is_scanned(tmp_path: Path) -> None:
    portal = Portal(service={"state": "off", "code": "switched_off"})
    async with at_work(tmp_path, portal) as here:
        found = await stands(here, Readiness.SWITCHED_OFF)
        assert (found["code"], found["number"], found["legacy_code"]) == ("switched_off", "X902", "007")
        assert found["cashier_text"]["en"].startswith("This service is switched off")
        assert portal.heard == []
        person = await here.person("de")
        for page in ("/", "/vouchers"):
            assert "Dieser Dienst ist abgeschaltet" in (await person.get(page)).text, page
        # A till that is served all the same knows better than the last question.
        assert (await redeem(here, key(1))).status == 200
        assert (await standing(here))["state"] == "open"
        assert "abgeschaltet" not in (await person.get("/")).text


async def test_a_maintenance_has_its_end_and_no_old_number(tmp_path: Path) -> None:
    portal = Portal(service={"state": "maintenance", "code": "maintenance", "until": "2126-01-07T04:00:00Z"})
    async with at_work(tmp_path, portal) as here:
        found = await stands(here, Readiness.MAINTENANCE)
        assert (found["number"], found["maintenance_until"]) == ("X903", "2126-01-07T04:00:00Z")
        assert (found["legacy_code"], "until" in found["cashier_text"]["en"]) == (None, True)


@pytest.mark.parametrize(
    ("refusal", "state", "number"),
    [
        (Code.LINK_SUSPENDED, Readiness.UNAUTHORISED, "P203"),
        (Code.PORTAL_REFUSED, Readiness.UNAUTHORISED, "X904"),
        (Code.SWITCHED_OFF, Readiness.SWITCHED_OFF, "X902"),
        (Code.LICENCE_MISSING, Readiness.SWITCHED_OFF, "P302"),
    ],
)
async def test_what_a_till_is_refused_is_the_state_from_then_on(
    tmp_path: Path, refusal: Code, state: Readiness, number: str
) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        await stands(here, Readiness.OPEN)
        portal.always = BridgeError(refusal)
        # What was asked at the start may be answered after the first refusal, and says that all is well; then no more.
        found: dict[str, Any] = {}
        for attempt in range(1, 10):
            await redeem(here, key(attempt))
            found = await standing(here)
            if found["state"] == state:
                break
        assert found["state"] == state
        assert (found["code"], found["number"]) == (refusal.value, number)


async def test_a_portal_that_is_gone_is_told_apart_and_cards_go_on(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, counter(tmp_path, address):
        pass
    settings = PortalSettings(address=address, location_number="10047110")
    async with paired_counter(tmp_path, settings) as here:
        await opened(here)
        refused = await redeem(here, key(1))
        assert (refused.status, refused.json["number"]) == (502, "X901")
        found = await stands(here, Readiness.UNREACHABLE)
        assert (found["number"], found["cause"], found["legacy_code"]) == ("X901", "portal_down", "007")
        assert found["offline_limit"] is None
        page = (await (await here.person()).get("/")).text
        assert "The portal itself does not answer, even if the internet works." in page
        body = {"amount": money(1250), "terminal": "front"}
        headers = {"content-type": "application/json", "idempotency-key": "card-1", "prefer": "wait=20"}
        paid = await here.program().ask("POST", "/v1/payments", json.dumps(body).encode(), headers)
        assert paid.json["stage"] == "approved"


# ------------------------------------------------------------ the stream of events


@asynccontextmanager
async def listening(here: Counter) -> AsyncIterator[list[tuple[str, dict[str, Any]]]]:
    """What comes over the stream of events, each with its name."""
    heard: list[tuple[str, dict[str, Any]]] = []
    async with here.program().stream("/v1/events") as stream, asyncio.TaskGroup() as group:

        async def read() -> None:
            while (piece := await stream.next()) is not None:
                lines = dict(line.split(": ", 1) for line in piece.decode().split("\n") if ": " in line)
                if "event" in lines:
                    heard.append((lines["event"], json.loads(lines["data"])))

        reading = group.create_task(read())
        yield heard
        reading.cancel()


def told(heard: list[tuple[str, dict[str, Any]]]) -> Callable[[str], list[Any]]:
    return lambda name: [data["state"] for event, data in heard if event == name]


async def test_the_stream_tells_the_service_at_once_and_every_step(tmp_path: Path) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        await stands(here, Readiness.OPEN)
        async with listening(here) as heard:
            said = told(heard)
            await until(lambda: said("voucher_service") == ["open"])
            portal.plan = [Loss.AFTER]
            await redeem(here, key(1))
            await until(lambda: said("voucher")[-1:] == ["done"])
            await post(here, "/receipts/A-17/cancel")
            await until(lambda: said("voucher")[-1:] == ["putback_done"])
            seqs = [data["seq"] for event, data in heard if event == "voucher"]
            assert seqs == sorted(set(seqs)), "each line once, in its order"
            # An action is told as it stands by then, so that steps of one moment look alike.
            assert set(said("voucher")) <= {"intent", "sent", "unknown", "done", "putback_queued", "putback_done"}
            portal.always = BridgeError(Code.SWITCHED_OFF)
            await redeem(here, key(2), receipt="A-18")
            await until(lambda: said("voucher_service")[-1:] == ["switched_off"])
            assert NUMBER not in str(heard)
            assert PIN not in [value for _, data in heard for value in data.values()]


# ------------------------------------------------------------ slips


async def test_a_slip_of_a_balance_and_of_what_goes_back(tmp_path: Path) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        slip = await post(here, "/vouchers/slip", code=NUMBER, currency="EUR", language="de", columns=32)
        assert slip.status == 200
        lines = slip.text.splitlines()
        assert (max(map(len, lines)) <= 32, NUMBER in slip.text) == (True, False)
        assert any(line.startswith("Guthaben") and line.endswith("50,00 EUR") for line in lines)
        assert "276…8904" in slip.text
        unknown = await post(here, "/vouchers/slip", code="04098765432104", currency="CHF", language="de")
        assert unknown.status == 200
        page = await post(here, "/vouchers/slip", code=NUMBER, currency="EUR", format="html")
        assert "<h1>Voucher: balance</h1>" in page.text
        portal.always = Loss.BEFORE
        waiting = await here.program().get(f"/v1/vouchers/{key(1)}/slip")
        assert waiting.status == 404
        portal.always = None
        await redeem(here, key(1))
        paid = await here.program().get(f"/v1/vouchers/{key(1)}/slip?language=en")
        assert "Balance" in paid.text
        assert "30.00 EUR" in paid.text
        portal.always = Loss.BEFORE
        await post(here, f"/vouchers/{key(1)}/put-back")
        back = await here.program().get(f"/v1/vouchers/{key(1)}/slip?language=fr&columns=96")
        assert f"Jusqu'à 20,00 EUR seront recrédités sur le bon. Référence : {key(1)}" in back.text
        assert "Crédit" not in back.text, "what is not confirmed is not claimed"
        printed = await post(here, f"/vouchers/{key(1)}/slip/print")
        assert (printed.status, printed.json["code"]) == (409, "printer_unavailable")


async def test_a_slip_of_what_is_not_known_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.vouchers.desk.PATIENCE", 0.05)
    portal = Portal(always=Loss.BEFORE)
    async with at_work(tmp_path, portal) as here:
        assert (await redeem(here, key(1))).status == 202
        slip = await here.program().get(f"/v1/vouchers/{key(1)}/slip?columns=96")
        assert "This slip proves neither a payment nor a balance." in slip.text
        assert "20.00" not in slip.text


async def test_the_console_shows_slips(tmp_path: Path) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        person = await here.person()
        looked = await submit(person, "/vouchers?do=look", code=NUMBER, unit="EUR")
        form = hidden(looked, "/vouchers?do=slip")
        slip = await person.submit("/vouchers?do=slip", **form, paper="page")
        assert (slip.status, "50.00 EUR" in slip.text, "Print the slip" in looked.text) == (200, True, False)
        await redeem(here, key(1))
        assert f'href="/vouchers/{key(1)}/slip"' in (await person.get(f"/vouchers/{key(1)}")).text
        assert "Voucher redeemed" in (await person.get(f"/vouchers/{key(1)}/slip")).text
        unprinted = await submit(person, f"/vouchers/{key(1)}/slip")
        assert (unprinted.status, 'role="alert"' in unprinted.text) == (422, True)


# ------------------------------------------------------------ owed things


@pytest.mark.parametrize("amount", [True, 10.0, 1e3, -1, 0, 10**13, "1000", None, [], {}])
async def test_a_malformed_amount_is_a_voucher_s_own_refusal(tmp_path: Path, amount: Any) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        for field, path in (("up_to", "/vouchers/redeem"), ("exact", "/vouchers/redeem"), ("amount", "/vouchers/load")):
            body: dict[str, Any] = {"code": NUMBER, "receipt": "A", field: {"minor": amount, "currency": "EUR"}}
            answer = await post(here, path, key(), **body)
            assert (answer.status, answer.json["number"]) == (400, "V304"), (field, answer.text)
            assert (answer.json["money_moved"], answer.json["place"]) == ("no", field)
            assert answer.json["cashier_text"]["en"]
        unknown = {"minor": 1, "currency": "x"}
        other = await post(here, "/vouchers/load", key(), code=NUMBER, receipt="A", amount=unknown)
        assert (other.status, other.json["code"], other.json["place"]) == (400, "field_invalid", "amount.currency")
        assert portal.heard == []


async def test_the_merchant_that_a_code_names_reaches_the_portal(tmp_path: Path) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        paid = await redeem(here, key(1), code=f"https://m.example/g?HYGS={NUMBER}{PIN}&HYNR=4711")
        assert paid.status == 200
        assert {json.loads(body)["merchant"] for body in portal.bodies[key(1)]} == {"4711"}
        other = await redeem(here, key(1), code=f"{NUMBER}{PIN}")
        assert (other.status, other.json["number"]) == (422, "V501")
        await redeem(here, key(2), receipt="A-18")
        assert "merchant" not in str(portal.bodies[key(2)])


async def test_what_belongs_to_another_portal_is_settled_by_a_named_person(tmp_path: Path) -> None:
    portal = Portal()
    async with at_work(tmp_path, portal) as here:
        await redeem(here, key(1))
        portal.always = Loss.BEFORE
        assert (await post(here, f"/vouchers/{key(1)}/put-back")).json["state"] == "putback_queued"
    async with at_work(tmp_path, Portal()) as here:
        (case,) = (await here.program().get("/v1/vouchers")).json["cases"]
        assert (case["key"], case["open_case"]) == (key(1), "other_portal")
        person = await here.person()
        page = await person.get(f"/vouchers/{key(1)}")
        assert "It has been dealt with" in page.text
        signed = {"by": "Ada", "reason": "called the office"}
        refused = await post(here, f"/vouchers/{key(1)}/resolve", "r" * 20, decision="put_back", **signed)
        assert refused.status == 400
        done = await post(here, f"/vouchers/{key(1)}/resolve", "s" * 20, decision="noted", **signed)
        assert (done.json["set_aside"], done.json["open_case"]) == (True, None)
        found = (await here.program().get("/v1/vouchers")).json
        assert found == {"open": [], "cases": [], "waiting": []}
        again = await post(here, f"/vouchers/{key(1)}/resolve", "t" * 20, decision="noted", **signed)
        assert again.status == 409
        assert "Ada: called the office" in (await person.get(f"/vouchers/{key(1)}")).text
        await until(lambda: here.features.portal.standing().unsent.count == 0)


async def test_a_person_takes_a_voucher_at_the_merchant_s_risk(tmp_path: Path) -> None:
    limits = dict.fromkeys(("per_voucher", "per_day", "open_total"), 2000)
    portal = Portal(terms=limits)
    async with at_work(tmp_path, portal) as here:
        await until(lambda: (desk := here.features.vouchers.there) is not None and desk.offline_limit is not None)
        assert "Take it at our risk" not in (await (await here.person()).get("/vouchers")).text
    settings = PortalSettings(address="http://localhost:9", location_number="10047110")
    async with paired_counter(tmp_path, settings) as here:
        await opened(here)
        found = await stands(here, Readiness.UNREACHABLE)
        assert found["offline_limit"]["minor"] == 2000
        person = await here.person()
        form = hidden(await person.get("/vouchers"), "/vouchers?do=offline")
        more = {"code": NUMBER, "pin": PIN, "receipt": "A-17"}
        wrong = await person.submit("/vouchers?do=offline", **(form | more | {"amount": "x"}))
        assert (wrong.status, 'id="offline-amount-wrong"' in wrong.text, NUMBER in wrong.text) == (422, True, False)
        taken = await person.submit("/vouchers?do=offline", **(form | more | {"amount": "20.00"}))
        page = await person.get(taken.headers["location"])
        assert "not checked" in page.text
        slip = await person.get(f"{taken.headers['location']}/slip")
        assert "neither the balance nor the PIN is checked" in slip.text
        too_much = await redeem(here, key(9), 2001, offline=True, receipt="A-18")
        assert (too_much.status, too_much.json["number"]) == (409, "V506")
