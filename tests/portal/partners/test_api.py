"""The interface of partners: the same desk as for tills, behind a key."""

import json
from datetime import timedelta
from io import StringIO

import pytest
import structlog
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.partners.place import Place, number_of, paying, said
from tests.portal.people import owner
from tests.portal.vouchers.floor import PIN
from tillbridge.link.scopes import Scope
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.partners import model, proving
from tillbridge.portal.partners.tables import partner_key
from tillbridge.runtime.logging import Level, set_up_logging

OPS = "/vouchers/ops"


async def test_a_voucher_is_sold_and_spent_by_a_partner(place: Place) -> None:
    number, sale, payment = await place.floor.voucher(), place.floor.key(), place.floor.key()
    body = {"number": number, "currency": "EUR", "transaction_ref": "r-0", "amount": 1_000}
    loaded = await place.post("/vouchers/load", body, key=sale)
    assert (loaded.status, said(loaded)["balance"]) == (200, 1_000)
    paid = await place.post("/vouchers/redeem", paying(number, station="K7"), key=payment)
    assert (said(paid)["taken"], said(paid)["state"], paid.headers["cache-control"]) == (700, "interim", "no-store")
    again = await place.post("/vouchers/redeem", paying(number, station="K7"), key=payment)
    assert (again.body, again.headers["idempotent-replay"]) == (paid.body, "true")
    facts = said(await place.post("/vouchers/lookup", {"number": number, "currency": "EUR"}))
    assert (facts["balance"], facts["state"]) == (300, "loaded")
    assert said(await place.ask("GET", f"{OPS}/{payment}"))["state"] == "interim"
    assert said(await place.post(f"{OPS}/{payment}/confirm"))["state"] == "confirmed"
    assert said(await place.post(f"{OPS}/{payment}/put-back"))["balance"] == 1_000
    assert said(await place.post(f"{OPS}/{sale}/reverse"))["state"] == "reversed"
    async with place.house.database.reading() as connection:
        stations = list(await connection.scalars(select(entry.c.station).order_by(entry.c.id)))
    # Who names no station is named itself; what takes an entry back is booked where that was.
    assert stations[:2] == ["Onlineshop Linde", "K7"]
    await place.floor.sound()


async def test_a_refusal_is_that_of_the_tills(place: Place) -> None:
    number, key = await place.floor.voucher(loaded=100), place.floor.key()
    refused = await place.post("/vouchers/redeem", paying(number, up_to=None, exact=500), key=key)
    assert (number_of(refused), said(refused)["balance"]) == ((409, "V302"), 100)
    assert number_of(await place.post("/vouchers/redeem", paying(number, up_to=50), key=key)) == (422, "V501")
    no_pin = paying(number)
    del no_pin["pin"]
    assert number_of(await place.post("/vouchers/redeem", no_pin, key=place.floor.key())) == (400, "V105")
    assert number_of(await place.post("/vouchers/redeem", paying(number, up_to=True), key=place.floor.key())) == (
        400,
        "V304",
    )


async def test_a_key_of_one_shop_sees_nothing_of_another_shops_actions(place: Place) -> None:
    number, key = await place.floor.voucher(loaded=1_000), place.floor.key()
    await place.floor.redeem(number, 400, at=place.floor.there, key=key)
    assert said(await place.ask("GET", f"{OPS}/{key}"))["state"] == "not_seen"
    assert said(await place.post(f"{OPS}/{key}/put-back"))["state"] == "voided"
    assert await place.floor.balance(number) == 600


async def test_without_a_good_key_nothing_opens(place: Place) -> None:
    number = await place.floor.voucher(loaded=100)
    body = {"number": number, "currency": "EUR"}
    for wrong in ("", "x", place.key[:-1] + ("a" if place.key[-1] != "a" else "b"), place.key.upper()):
        refused = await place.post("/vouchers/lookup", body, api_key=wrong)
        assert number_of(refused) == (401, "X904"), wrong
        assert said(refused)["legacy_code"] == "007"
        assert refused.headers["www-authenticate"].startswith("Bearer")
    two = await place.post("/vouchers/lookup", body, headers={"authorization": f"Bearer {place.key}"})
    assert number_of(two) == (401, "X904")
    bearer = {"authorization": f"Bearer {place.key}"}
    assert (await place.post("/vouchers/lookup", body, api_key="", headers=bearer)).status == 200


async def test_a_key_ends_by_time_and_at_once(place: Place, clock: HandClock) -> None:
    short = await place.make_key(days=1)
    body = {"number": await place.floor.voucher(loaded=100), "currency": "EUR"}
    assert (await place.post("/vouchers/lookup", body, api_key=short)).status == 200
    clock.forward(hours=24)
    assert number_of(await place.post("/vouchers/lookup", body, api_key=short)) == (401, "X904")
    seen = await place.partners.seen(place.person, place.partner.id)
    await place.partners.revoke(place.person, place.partner.id, seen.keys[-1].id)
    assert number_of(await place.post("/vouchers/lookup", body)) == (401, "X904")


async def test_a_key_does_what_its_scopes_say(place: Place) -> None:
    seen = await place.partners.seen(place.person, place.partner.id)
    number = await place.floor.voucher(loaded=100)
    reads = await place.make_key(Scope.VOUCHERS_READ)
    assert (await place.post("/vouchers/lookup", {"number": number, "currency": "EUR"}, api_key=reads)).status == 200
    for path in ("/vouchers/redeem", "/vouchers/load", f"{OPS}/{place.floor.key()}/put-back"):
        refused = await place.post(path, paying(number), key=place.floor.key(), api_key=reads)
        assert number_of(refused) == (403, "P207"), path
    await place.partners.revoke(place.person, place.partner.id, seen.keys[0].id)
    redeems, key = await place.make_key(Scope.VOUCHERS_REDEEM), place.floor.key()
    assert (await place.post("/vouchers/redeem", paying(number), key=key, api_key=redeems)).status == 200
    assert said(await place.post(f"{OPS}/{key}/put-back", api_key=redeems))["state"] == "put_back"
    assert number_of(await place.post(f"{OPS}/{key}/reverse", api_key=redeems)) == (403, "P207")
    assert await place.floor.balance(number) == 100


async def test_switch_licence_and_maintenance_count_and_a_pairing_does_not(place: Place) -> None:
    number, key = await place.floor.voucher(loaded=1_000), place.floor.key()
    paid = await place.post("/vouchers/redeem", paying(number), key=key)
    await place.switch(on=False)
    off = await place.post("/vouchers/redeem", paying(number), key=place.floor.key())
    assert (number_of(off), said(off)["legacy_code"]) == ((503, "X902"), "007")
    # What was answered is answered again, and money goes back, whatever is switched off.
    assert (await place.post("/vouchers/redeem", paying(number), key=key)).body == paid.body
    assert said(await place.post(f"{OPS}/{key}/put-back"))["state"] == "put_back"
    await place.switch(on=True)
    async with place.house.database.writing() as connection:
        until = place.house.runtime.clock.now() + timedelta(hours=1)
        await Maintenance(place.house).switch_on(
            connection, owner(place.floor.here.tenant_id), Component.VOUCHERS, until=until, reason="x", zone="UTC"
        )
    assert number_of(await place.post(f"{OPS}/{key}/put-back")) == (503, "X903")


async def test_a_key_in_the_address_is_an_exception_that_no_log_shows(place: Place) -> None:
    number, written = await place.floor.voucher(loaded=100), StringIO()
    body = json.dumps({"number": number, "currency": "EUR"}).encode()
    set_up_logging(level=Level.DEBUG, console=written)
    try:
        refused = await place.ask("POST", f"/vouchers/lookup?apikey={place.key}", body, api_key="")
        assert number_of(refused) == (401, "X904")
        compatible = await place.make_key(in_address=True)
        answer = await place.ask("POST", f"/vouchers/lookup?apikey={compatible}", body, api_key="")
        assert said(answer)["balance"] == 100
        assert (await place.ask("POST", "/vouchers/lookup", body, api_key=compatible)).status == 200
    finally:
        set_up_logging(console=StringIO())
        structlog.reset_defaults()
    assert place.key not in written.getvalue()
    assert compatible not in written.getvalue()
    assert PIN not in refused.text


async def test_one_key_is_used_so_often_in_a_minute(
    place: Place, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "CALLS_A_MINUTE", 4)
    body = {"number": await place.floor.voucher(loaded=100), "currency": "EUR"}
    answers = [(await place.post("/vouchers/lookup", body)).status for _ in range(5)]
    assert answers == [200] * 4 + [429]
    waits = await place.post("/vouchers/lookup", body)
    assert (number_of(waits), waits.headers["retry-after"]) == ((429, "V401"), "60")
    # A second key has a count of its own.
    assert (await place.post("/vouchers/lookup", body, api_key=await place.make_key())).status == 200
    # What was counted leaves with time and not all at once: half of six are left after a minute and a half.
    clock.forward(seconds=90)
    assert [(await place.post("/vouchers/lookup", body)).status for _ in range(2)] == [200, 429]


async def test_who_tries_keys_has_to_pause(place: Place, clock: HandClock) -> None:
    wrong = model.PREFIX + "a" * 32
    for _ in range(model.MISSES.most):
        assert (await place.post("/vouchers/lookup", {}, api_key=wrong)).status == 401
    pauses = await place.post("/vouchers/lookup", {}, api_key=wrong)
    assert number_of(pauses) == (429, "V401")
    assert (await place.post("/vouchers/lookup", {}, api_key=wrong, source="192.0.2.8")).status == 401
    # Somebody behind the same address who has a key is not kept out.
    body = {"number": await place.floor.voucher(loaded=100), "currency": "EUR"}
    assert (await place.post("/vouchers/lookup", body)).status == 200
    clock.forward(minutes=10)
    assert (await place.post("/vouchers/lookup", {}, api_key=wrong)).status == 401


async def test_the_database_has_no_key_and_says_when_one_was_used(place: Place, clock: HandClock) -> None:
    await place.post("/vouchers/lookup", {"number": await place.floor.voucher(), "currency": "EUR"})
    first = clock.now()
    clock.forward(seconds=30)
    await place.post("/vouchers/lookup", {})
    async with place.house.database.reading() as connection:
        row = (await connection.execute(select(partner_key))).mappings().one()
    assert (row["used_at"], row["used_from"], row["ending"]) == (first, "192.0.2.7", place.key[-4:])
    assert place.key.encode() not in b"".join(repr(value).encode() for value in row.values())
    assert len(row["digest"]) == 32
