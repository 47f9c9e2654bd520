"""Vouchers over the native interface and on the console's page, with a portal on a real port behind them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.vouchers_counter import Counter, counter, opened, submit
from tests.support.console.asgi_client import Answer
from tests.support.console.reading import hidden
from tests.unit.connector.vouchers.wire import NUMBER, PIN, Loss, Portal, key, serving, until
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code


async def post(here: Counter, path: str, name: str = "k" * 20, /, **body: Any) -> Answer:
    headers = {"content-type": "application/json", "idempotency-key": name}
    return await here.program().ask("POST", f"/v1{path}", json.dumps(body).encode() if body else b"", headers)


def money(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


async def redeem(here: Counter, name: str, minor: int = 2000, **more: Any) -> Answer:
    body: dict[str, Any] = {"code": f"{NUMBER}{PIN}", "up_to": money(minor), "receipt": "A-17"}
    return await post(here, "/vouchers/redeem", name, **(body | more))


async def test_a_till_looks_redeems_loads_and_closes(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        looked = await post(here, "/vouchers/lookup", code=f"  276 1234 5678 904{' ' * 5}", currency="EUR")
        assert (looked.status, looked.json["number"]) == (200, "276…8904")
        assert looked.json["balance"] == {"minor": 5000, "currency": "EUR", "major": "50.00"}
        paid = await redeem(here, key(1), 6000)
        assert (paid.status, paid.json["state"], paid.json["money_moved"]) == (200, "done", "yes")
        assert (paid.json["taken"]["minor"], paid.json["balance"]["minor"]) == (5000, 0)
        assert paid.text == (await redeem(here, key(1), 6000)).text
        loaded = await post(
            here, "/vouchers/load", key(2), code=NUMBER, amount=money(1500), receipt="A-18", operator="Ada"
        )
        assert (loaded.status, loaded.json["taken"]["minor"]) == (200, 1500)
        assert [one["key"] for one in (await here.program().get("/v1/vouchers")).json["open"]] == [key(1)]
        closed = await post(here, "/receipts/A-17/close")
        assert [one["state"] for one in closed.json["actions"]] == ["confirmed"]
        assert [one["minor"] for one in closed.json["paid"]] == [5000]
        one = (await here.program().get(f"/v1/vouchers/{key(1)}")).json
        assert [line["state"] for line in one["history"]][-2:] == ["confirm_queued", "confirmed"]
        assert (await post(here, f"/vouchers/{key(2)}/reverse")).json["state"] == "reversed"
        assert (await post(here, f"/vouchers/{key(1)}/put-back")).json["state"] == "putback_done"
        assert portal.balances[NUMBER] == 5000
        assert NUMBER not in paid.text + one.__repr__() + closed.text


async def test_refusals_say_that_nothing_moved_in_every_language(tmp_path: Path) -> None:
    portal = Portal(plan=[None, BridgeError(Code.SWITCHED_OFF)])
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        wrong = await redeem(here, key(1), code=NUMBER, pin="9999")
        assert (wrong.status, wrong.json["code"], wrong.json["number"]) == (403, "voucher_pin_wrong", "V205")
        assert (wrong.json["money_moved"], wrong.json["tries_left"]) == ("no", 4)
        assert wrong.json["cashier_text"]["en"] == "The PIN is wrong. Tries left: 4."
        assert set(wrong.json["cashier_text"]) == set(Language)
        off = await redeem(here, key(2))
        assert (off.status, off.json["number"], off.json["legacy_code"]) == (503, "X902", "007")
        typed = await post(here, "/vouchers/lookup", code="27612345678905", currency="EUR")
        assert (typed.status, typed.json["number"], typed.json["place"]) == (400, "V102", "number")
        assert portal.times("lookup") == 0
        two = await redeem(here, key(3), pin="0421")
        assert (two.status, two.json["number"]) == (400, "V104")
        other = await redeem(here, key(1), code=NUMBER, pin="9998")
        assert (other.status, other.json["number"]) == (422, "V501")
        both = await redeem(here, key(4), exact=money(5))
        assert (both.status, both.json["place"]) == (400, "up_to")
        short = await redeem(here, "short")
        assert (short.status, short.json["code"]) == (400, "field_invalid")
        unknown = await here.program().get(f"/v1/vouchers/{key(9)}")
        assert (unknown.status, unknown.json["code"]) == (404, "payment_unknown")


@pytest.mark.parametrize("amount", [True, 10.0, 1e3, -1, 0, 10**13, "1000"])
async def test_an_amount_that_is_no_whole_number_moves_nothing(tmp_path: Path, amount: Any) -> None:
    portal = Portal()
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        answer = await redeem(here, key(), amount)
        assert (answer.status, answer.json["money_moved"]) == (400, "no")
        assert portal.heard == []


async def test_what_is_not_known_is_accepted_and_told_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.vouchers.desk.PATIENCE", 0.05)
    monkeypatch.setattr("tillbridge.connector.vouchers.desk.SHORT_PATIENCE", 0.05)
    portal = Portal(plan=[Loss.SILENCE])
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        waiting = await redeem(here, key())
        assert (waiting.status, waiting.json["state"], waiting.json["money_moved"]) == (202, "sent", "unknown")
        assert "Please wait" in waiting.json["cashier_text"]["en"]
        closing = await post(here, "/receipts/A-17/close")
        assert (closing.status, closing.json["number"], closing.json["keys"]) == (409, "V502", [key()])
        portal.always = Loss.BEFORE
        cancelled = await post(here, "/receipts/A-17/cancel")
        (action,) = cancelled.json["actions"]
        assert action["state"] == "putback_queued"
        assert action["guest_text"]["en"] == f"Up to 20.00 EUR will be put back on the voucher. Reference: {key()}"
        portal.always = None
        portal.release()


async def test_a_shop_without_a_portal_pays_nothing_for_vouchers(tmp_path: Path) -> None:
    async with counter(tmp_path, None) as here:
        answer = await redeem(here, key())
        assert (answer.status, answer.json["number"]) == (403, "P201")
        assert (await here.program().get("/v1/vouchers")).json == {"open": [], "cases": [], "waiting": []}
        assert (await post(here, "/receipts/A-17/close")).json["actions"] == []
        page = await (await here.person()).get("/vouchers")
        assert page.status == 200
        assert "Not connected" in page.text
        assert not (tmp_path / "vouchers.db").exists()


async def test_a_person_scans_redeems_and_closes_the_receipt(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        person = await here.person()
        looked = await submit(person, "/vouchers?do=look", code=f"{NUMBER}    ", unit="EUR")
        assert looked.status == 200
        assert "50.00" in looked.text
        assert 'name="pin"' in looked.text
        form = hidden(looked, "/vouchers?do=redeem")
        refused = await person.submit("/vouchers?do=redeem", **form, amount="20.00", pin="9999", receipt="A-17")
        assert (refused.status, "Tries left: 4" in refused.text) == (303, False)
        shown = await person.get(refused.headers["location"])
        assert "Tries left: 4" in shown.text
        form = hidden(await submit(person, "/vouchers?do=look", code=NUMBER, unit="EUR"), "/vouchers?do=redeem")
        for _ in range(2):
            sent = await person.submit("/vouchers?do=redeem", **form, amount="20.00", pin=PIN, receipt="A-17")
            assert sent.status == 303
        assert portal.balances[NUMBER] == 3000
        page = await person.get("/vouchers")
        assert "Receipt A-17" in page.text
        assert NUMBER not in page.text
        closed = await submit(person, "/vouchers?do=receipt", receipt="A-17", end="close")
        assert closed.headers["location"] == "/vouchers?notice=closed"
        assert "No receipt with vouchers is open" in (await person.get("/vouchers?notice=closed")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "x", "pin": PIN, "receipt": "A"}, "amount"),
        ({"amount": "5", "pin": "12", "receipt": "A"}, "PIN"),
        ({"amount": "5", "pin": PIN, "receipt": ""}, "receipt"),
        ({"amount": "5", "receipt": "A"}, "PIN"),
    ],
)
async def test_what_is_missing_on_the_form_is_said_and_nothing_moves(
    tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    portal = Portal()
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        person = await here.person()
        form = hidden(await submit(person, "/vouchers?do=look", code=NUMBER, unit="EUR"), "/vouchers?do=redeem")
        answer = await person.submit("/vouchers?do=redeem", **form, **fields)
        assert answer.status == 422
        assert 'aria-invalid="true"' in answer.text
        assert said in answer.text
        assert portal.times("redeem") == 0


async def test_a_sold_voucher_can_be_taken_back_on_its_page(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, counter(tmp_path, address) as here:
        await opened(here)
        person = await here.person("de")
        form = hidden(await submit(person, "/vouchers?do=look", code=NUMBER, unit="EUR"), "/vouchers?do=load")
        sold = await person.submit("/vouchers?do=load", **form, amount="25,00", receipt="A-19")
        page = await person.get(sold.headers["location"])
        assert "Aufgeladen" in page.text
        assert portal.balances[NUMBER] == 7500
        await submit(person, f"{sold.headers['location']}/reverse")
        await until(lambda: portal.balances[NUMBER] == 5000)
        assert "Die Aufladung wurde zurückgenommen." in (await person.get(sold.headers["location"])).text
