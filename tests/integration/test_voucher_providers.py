"""Other makers' vouchers at the native interface and on the console's page, with the sandbox's provider behind."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.vouchers_counter import Counter, counter, opened, paired_counter, submit
from tests.support.console.asgi_client import Answer
from tests.support.console.reading import hidden
from tests.support.voucher_provider import CARD, KEY, OTHER, PIN, provider, sandbox, serving
from tests.unit.connector.vouchers.wire import NUMBER, Portal, key, until
from tests.unit.connector.vouchers.wire import PIN as OUR_PIN
from tests.unit.connector.vouchers.wire import serving as portal_serving
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.domain.cashier_texts import Language
from tillbridge.virtual.voucher_provider.app import Sandbox
from tillbridge.virtual.voucher_provider.faults import Asked, Fault, Switch


@dataclass(frozen=True, slots=True)
class Shop:
    counter: Counter
    sandbox: Sandbox

    async def post(self, path: str, name: str = "k" * 20, /, **body: Any) -> Answer:
        headers = {"content-type": "application/json", "idempotency-key": name}
        content = json.dumps(body).encode() if body else b""
        return await self.counter.program().ask("POST", f"/v1{path}", content, headers)

    async def redeem(self, name: str, minor: int = 2000, **more: Any) -> Answer:
        body: dict[str, Any] = {"code": CARD, "up_to": {"minor": minor, "currency": "EUR"}, "receipt": "A-17"}
        return await self.post("/vouchers/redeem", name, **(body | more))

    async def looked_at(self, name: str) -> dict[str, Any]:
        desk = self.counter.features.vouchers.there
        assert desk is not None
        await until(lambda: (claim := desk.find(name).claim) is not None and claim.looked_at is not None)
        found: dict[str, Any] = (await self.counter.program().get(f"/v1/vouchers/{name}")).json
        return found


@asynccontextmanager
async def shop(folder: Path, **more: Any) -> AsyncIterator[Shop]:
    """A shop without a portal: other makers' vouchers need none."""
    one = sandbox()
    async with serving(one) as address, paired_counter(folder, None, [provider(address, **more)]) as here:
        await opened(here)
        yield Shop(here, one)


async def test_a_till_takes_a_voucher_of_another_maker_with_the_same_requests(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        looked = await here.post("/vouchers/lookup", code=f"]C0 {CARD}  ", currency="EUR")
        assert (looked.status, looked.json["number"], looked.json["balance"]["minor"]) == (200, "…1234", 5000)
        said = {"prefix": "55", "name": "Provider", "pin": "optional", "redeemable": True, "message": ""}
        assert looked.json["provider"] == {**said, "reverse": False}
        paid = await here.redeem(key(1), 6000)
        assert (paid.status, paid.json["state"], paid.json["taken"]["minor"]) == (200, "done", 5000)
        assert (paid.json["provider"]["prefix"], paid.json["provider"]["reversible"]) == ("55", False)
        assert paid.text == (await here.redeem(key(1), 6000)).text
        part = await here.redeem(key(2), 500, code=f"{OTHER}{PIN}")
        assert part.json["balance"]["minor"] == 2500
        cancelled = await here.post("/receipts/A-17/cancel")
        assert (cancelled.status, cancelled.json["number"]) == (409, "T604")
        back = await here.post(f"/vouchers/{key(1)}/put-back")
        assert (back.status, back.json["number"]) == (409, "T604")
        closed = await here.post("/receipts/A-17/close")
        assert [one["minor"] for one in closed.json["paid"]] == [5500]
        assert here.sandbox.heard[Asked.REDEEM] == 2
        everything = paid.text + closed.text + part.text + looked.text
        assert not any(secret in everything for secret in (CARD, OTHER, KEY, "token-"))


async def test_refusals_name_the_provider_in_every_language(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        for asked, status, number in (
            ({"code": "7712345678901234"}, 400, "T605"),
            ({"code": f"{CARD}12345"}, 400, "T605"),
            ({"code": OTHER, "pin": "12"}, 400, "V101"),
            ({"code": f"{OTHER}{PIN}", "pin": "1111"}, 400, "V104"),
            ({"code": OTHER, "pin": "1111"}, 409, "T602"),
            ({"up_to": {"minor": 1, "currency": "CZK"}}, 409, "V307"),
            ({"code": NUMBER, "pin": OUR_PIN}, 403, "P201"),
        ):
            answer = await here.redeem(key(int(status) + len(str(asked))), **asked)
            assert (answer.status, answer.json["number"]) == (status, number), asked
        wrong = await here.redeem(key(1), code=OTHER, pin="9999")
        assert wrong.json["cashier_text"]["de"] == "Provider: The PIN is wrong."
        assert set(wrong.json["cashier_text"]) == set(Language)
        assert wrong.json["money_moved"] == "no"
        loaded = await here.post(
            "/vouchers/load", key(2), code=CARD, amount={"minor": 100, "currency": "EUR"}, receipt="A-1"
        )
        assert (loaded.status, loaded.json["number"]) == (409, "T602")
        here.sandbox.faults.set(Switch(Fault.ERROR_BEFORE, Asked.BALANCE))
        down = await here.redeem(key(3))
        assert (down.status, down.json["number"]) == (502, "T601")
        assert down.json["cashier_text"]["en"].startswith("Provider cannot be reached.")


async def test_what_nobody_knows_is_decided_by_a_named_person(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        here.sandbox.faults.set(Switch(Fault.CUT_AFTER, Asked.REDEEM, 1))
        lost = await here.redeem(key(1))
        assert (lost.status, lost.json["number"], lost.json["money_moved"]) == (504, "T603", "unknown")
        one = await here.looked_at(key(1))
        assert (one["state"], one["open_case"]) == ("unknown", "provider_unknown")
        assert (one["provider"]["before"]["minor"], one["provider"]["after"]["minor"]) == (5000, 3000)
        assert one["cashier_text"]["en"].startswith("The result is not known.")
        again = await here.redeem(key(1))
        assert (again.status, here.sandbox.heard[Asked.REDEEM]) == (504, 1)
        closed = await here.post("/receipts/A-17/close")
        assert (closed.status, closed.json["number"]) == (504, "T603")
        listed = (await here.counter.program().get("/v1/vouchers")).json
        assert [case["key"] for case in listed["cases"]] == [key(1)]
        decided = await here.post(f"/vouchers/{key(1)}/resolve", decision="booked", by="Ada", reason="the list")
        assert (decided.status, decided.json["state"], decided.json["taken"]["minor"]) == (200, "done", 2000)
        assert (await here.post("/receipts/A-17/close")).json["actions"][0]["state"] == "confirmed"
        history = (await here.counter.program().get(f"/v1/vouchers/{key(1)}")).json["history"]
        assert [line["words"]["by"] for line in history if "by" in line["words"]] == ["Ada"]


async def test_the_claims_of_a_day(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        await here.redeem(key(1), 1500, receipt="=A-1")
        here.sandbox.faults.set(Switch(Fault.CUT_BEFORE, Asked.REDEEM, 1))
        await here.redeem(key(2), 700)
        await here.redeem(key(3), 10**6, exact=None, code=OTHER, pin="0000")
        await here.looked_at(key(2))
        day = (await here.counter.program().get("/v1/vouchers/claims")).json
        assert [(one["prefix"], one["owed"]["minor"], one["payments"], one["unknown"]) for one in day["sums"]] == [
            ("55", 1500, 1, 1)
        ]
        assert [one["key"] for one in day["actions"]] == [key(1), key(2), key(3)]
        none = (await here.counter.program().get("/v1/vouchers/claims?day=2020-01-01")).json
        assert (none["sums"], none["actions"]) == ([], [])
        assert (await here.counter.program().get("/v1/vouchers/claims?day=2020-13-01")).status == 400
        person = await here.counter.person()
        page = await person.get("/vouchers/claims")
        assert "15.00" in page.text
        table = (await person.get("/vouchers/claims.csv")).text
        assert "'=A-1" in table
        assert len(table.splitlines()) == 4
        assert CARD not in table + page.text


async def test_the_page_shows_the_balance_the_evidence_and_two_buttons(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        person = await here.counter.person()
        page = await submit(person, "/vouchers?do=look", code=CARD, unit="EUR")
        assert "Voucher of Provider" in page.text
        assert "50.00" in page.text
        assert "do=load" not in page.text
        here.sandbox.faults.set(Switch(Fault.OTHER_BALANCE, Asked.REDEEM, 1))
        form = hidden(page, "/vouchers?do=redeem")
        sent = await person.submit("/vouchers?do=redeem", **form, amount="20.00", receipt="A-17")
        path = sent.headers["location"]
        await here.looked_at(path.rpartition("/")[2])
        shown = await person.get(path)
        for text in ("It was booked", "It was not booked", "Balance before", "37.00"):
            assert text in shown.text, text
        assert "Put the payment back" not in shown.text
        unsigned = await submit(person, f"{path}/decide", decision="booked")
        assert unsigned.status == 422
        await submit(person, f"{path}/decide", decision="booked", by="Ada", reason="called them")
        after = await person.get(path)
        assert "Ada: called them" in after.text
        assert "cannot be taken back" in after.text
        listing = await person.get("/vouchers")
        assert "cannot be taken back" in listing.text
        assert 'value="cancel"' not in listing.text


async def test_beside_a_portal_each_voucher_goes_its_own_way(tmp_path: Path) -> None:
    one, portal = sandbox(), Portal()
    async with serving(one) as address, portal_serving(portal) as ours:
        async with counter(tmp_path, ours):
            pass  # the link is kept from now on
        settings = PortalSettings(address=ours, location_number="10047110")
        both: dict[str, Any] = {"reverse": True, "idempotent_reference": True}
        async with paired_counter(tmp_path, settings, [provider(address, **both)]) as counted:
            await opened(counted)
            here = Shop(counted, one)
            assert (await here.redeem(key(1), 1000)).json["state"] == "done"
            assert (await here.redeem(key(2), 1000, code=f"{NUMBER}{OUR_PIN}")).json["provider"] is None
            assert (portal.balances[NUMBER], one.books.cards[CARD].balance) == (4000, 4000)
            ended = await here.post("/receipts/A-17/cancel")
            assert [each["state"] for each in ended.json["actions"]] == ["putback_done"] * 2
            assert (portal.balances[NUMBER], one.books.cards[CARD].balance) == (5000, 5000)
