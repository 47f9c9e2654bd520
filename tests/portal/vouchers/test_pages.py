"""The office's pages of vouchers, asked as a browser asks them."""

import io
import re
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import insert, select, update

from tests.portal.browser import Browser, Reply
from tests.portal.people import Standing, somebody
from tests.portal.shops import merchant
from tests.portal.vouchers.office import chief, events, place_of, rows_of, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.printing.feature import pages as printing
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_model import BatchDraft
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.feature import MENU, office
from tillbridge.portal.vouchers.tables import voucher, voucher_batch


def browser(house: House, person: Person) -> Browser:
    features = [Feature("vouchers", pages=office(house), menu=(MENU,)), Feature("printing", pages=printing(house))]
    return Browser(portal_app(house, Standing(person), features))


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|vouchers\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


async def fetched(asked: Browser, reply: Reply) -> Reply:
    """The file behind the link that a page gives."""
    found = re.search(r'href="(/vouchers/export\?link=[^"]+)"', reply.text)
    assert found is not None, (reply.status, reply.text[:600])
    return await asked.get(found[1])


def gone_on(reply: Reply) -> str:
    assert reply.status == 303, (reply.status, reply.text[:600])
    return reply.location


NEW = {"name": "Gutscheine", "currency": "EUR", "time_zone": "Europe/Berlin"} | {
    "load_min": "1",
    "load_max": "3000",
    "balance_max": "3000,00",
}


async def test_from_nothing_to_activated_codes(house: House) -> None:
    person = chief(house, await merchant(house))
    place, asked = await place_of(house, person.home, 1), browser(house, person)
    assert "No voucher system yet" in await shown(asked, "/vouchers")
    await shown(asked, "/vouchers/systems/new")
    made = gone_on(await asked.post("/vouchers/systems/new", page="/vouchers/systems/new", **NEW))
    here = made.partition("?")[0]
    assert "No location takes part yet" in await shown(asked, made)
    assert "No location takes part yet" in await shown(asked, f"{here}/batches/new")
    joined = gone_on(await asked.post(f"{here}/join", page=here, location=place))
    assert "Laden 1" in await shown(asked, joined)
    await shown(asked, f"{here}/batches/new")
    form = {"name": "Weihnachten", "amount_of_codes": "150", "country": "276"}
    batch = gone_on(await asked.post(f"{here}/batches/new", page=f"{here}/batches/new", **form)).partition("?")[0]
    first = await shown(asked, batch)
    assert (first.count("/vouchers/one/"), (await shown(asked, f"{batch}?page=2")).count("/vouchers/one/")) == (100, 50)
    assert "Page 1 of 2" in first
    activated = gone_on(await asked.post(f"{batch}/activate", page=batch, first="1", last="150"))
    assert "They are activated." in await shown(asked, activated)
    page = await shown(asked, here)
    assert "150 of 6,000 made" in page
    assert "Activated" in page
    assert "Not activated" not in page
    await shown(asked, f"{here}/edit")
    changed = gone_on(await asked.post(f"{here}/edit", page=f"{here}/edit", **(NEW | {"load_min": "5.50"})))
    assert "5.50\N{NO-BREAK SPACE}EUR to 3,000.00\N{NO-BREAK SPACE}EUR" in await shown(asked, changed)
    left = gone_on(await asked.post(f"{here}/leave", page=here, location=place))
    assert "The location takes part no more." in await shown(asked, left)
    assert "0.00\N{NO-BREAK SPACE}EUR" in await shown(asked, "/vouchers")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "Please enter a name"),
        ({"currency": "XXX"}, "Please choose a currency"),
        ({"time_zone": "Mars"}, "Please choose a time zone"),
        ({"load_min": "1e3"}, "Please enter an amount"),
        ({"load_max": "1.234"}, "Please enter an amount"),
        ({"load_min": "0"}, "From top to bottom"),
        ({"balance_max": "2999.99"}, "From top to bottom"),
    ],
)
async def test_what_is_wrong_with_a_system_is_said_beside_it(house: House, change: dict[str, str], said: str) -> None:
    asked = browser(house, chief(house, await merchant(house)))
    reply = await asked.post("/vouchers/systems/new", page="/vouchers/systems/new", **(NEW | change))
    assert (reply.status, said in reply.text) == (400, True)
    assert await events(house) == []


async def test_what_is_wrong_with_a_batch_is_said_beside_it(house: House) -> None:
    person, one, _ = await system(house, "DE")
    page, asked = f"/vouchers/systems/{one.id}/batches/new", browser(house, person)
    right = {"name": "Ostern", "amount_of_codes": "10", "country": "276"}
    for change, said in (
        ({"amount_of_codes": "6001"}, "Not so many codes are left"),
        ({"amount_of_codes": "-1"}, "whole number from 1"),
        ({"amount_of_codes": "\N{FULLWIDTH DIGIT ONE}"}, "whole number from 1"),
        ({"country": "040"}, "Please choose a country"),
        ({"name": " "}, "Please enter a name"),
    ):
        reply = await asked.post(page, page=page, **(right | change))
        assert (reply.status, said in reply.text) == (400, True), change
    assert await rows_of(house, voucher_batch) == 0
    batch = gone_on(await asked.post(page, page=page, **right)).partition("?")[0]
    reply = await asked.post(f"{batch}/activate", page=batch, first="3", last="11")
    assert (reply.status, "neither a place" in reply.text) == (400, True)


async def test_a_voucher_with_its_history(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", "276", 1, activate=True))
    found = (await Batches(house).seen(person, made.id)).vouchers[0]
    at, page, asked = house.runtime.clock.now(), f"/vouchers/one/{found.id}", browser(house, person)
    assert "No entry yet" in await shown(asked, page)
    common = {"voucher_id": found.id, "location_id": place, "business_day": "2026-03-14", "booked_at": at}
    load = {"id": "1" * 32, "seq": 1, "kind": "load", "amount": 123_456, "balance_after": 123_456, "station": "K<1>"}
    redeem = {"id": "2" * 32, "seq": 2, "kind": "redeem", "amount": -56, "balance_after": 123_400, "operator": "Eva"}
    back = {"id": "3" * 32, "seq": 3, "kind": "put_back", "amount": 56, "balance_after": 123_456, "reverses": "2" * 32}
    async with house.database.writing() as connection:
        for row in (load, redeem, back):
            await connection.execute(insert(entry).values(**common, **row))
        await connection.execute(update(voucher).values(seq=3, balance=123_456, loaded_once=True, last_activity=at))
    assert gone_on(await asked.post("/vouchers/find", page="/vouchers", number=f" {found.number} ")) == page
    text = await shown(asked, page)
    for said in (
        "Loaded",
        "+1,234.56",
        "\N{MINUS SIGN}0.56",
        "Redeemed",
        "Put back",
        "takes back entry 2",
        "Operator Eva",
    ):
        assert said in text
    assert "K<1>" in text
    assert "K&lt;1&gt;" in (await asked.get(page)).body.decode()
    assert text.index("Put back") < text.index("Redeemed")


async def test_blocking_and_unblocking_a_voucher(house: House) -> None:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", "276", 1, activate=True))
    page = f"/vouchers/one/{(await Batches(house).seen(person, made.id)).vouchers[0].id}"
    asked = browser(house, person)
    reply = await asked.post(f"{page}/block", page=page, reason=" ")
    assert (reply.status, "Please give a reason" in reply.text) == (400, True)
    blocked = await shown(asked, gone_on(await asked.post(f"{page}/block", page=page, reason="Karte verloren")))
    assert "This voucher is blocked: Karte verloren" in blocked
    assert "Blocked" in await shown(asked, "/vouchers")
    assert "The voucher is unblocked." in await shown(
        asked, gone_on(await asked.post(f"{page}/unblock", page=page, reason="gefunden"))
    )


async def test_a_number_that_leads_nowhere(house: House) -> None:
    person, _, _ = await system(house, "DE")
    asked = browser(house, person)
    for number, status, said in (
        ("27612345678904", 404, "not known here"),
        ("27612345678905", 400, "typing mistake"),
        ("hello", 400, "cannot be read"),
    ):
        reply = await asked.post("/vouchers/find", page="/vouchers", number=number)
        assert (reply.status, said in reply.text) == (status, True), reply.text[-3000:]


async def test_a_pin_that_was_guessed_at_too_often(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", "276", 1, activate=True))
    page = f"/vouchers/one/{(await Batches(house).seen(person, made.id)).vouchers[0].id}"
    asked, now = browser(house, person), house.runtime.clock.now()

    async def shut(**values: object) -> None:
        async with house.database.writing() as connection:
            await connection.execute(update(voucher).values(pin_misses=5, **values))

    assert "Unblock the PIN" not in await shown(asked, page)
    assert (await asked.post(f"{page}/pin", page=page, pin_reason="x")).status == 409
    await shut(pin_locked_until=now + timedelta(minutes=5))
    assert "none is checked until 13:05:00" in await shown(asked, page)
    await shut(pin_locked_until=now)
    assert "Unblock the PIN" not in await shown(asked, page)
    await shut(pin_blocked=True)
    assert "The PIN is blocked after too many wrong tries" in await shown(asked, page)
    reply = await asked.post(f"{page}/pin", page=page, pin_reason=" ")
    assert (reply.status, "Please give a reason" in reply.text) == (400, True)
    clerk = somebody(person.home, "vouchers.state.edit", locations=frozenset({place}))
    assert "Unblock the PIN" not in await shown(browser(house, clerk), page)
    assert (await browser(house, clerk).post(f"{page}/pin", page=page, pin_reason="x")).status == 403
    stale = browser(house, replace(person, stepped_up_at=None))
    assert gone_on(await stale.post(f"{page}/pin", page=page, pin_reason="x")).startswith("/step-up")
    done = gone_on(await asked.post(f"{page}/pin", page=page, pin_reason="Karte vorgelegt"))
    assert "The PIN is unblocked." in await shown(asked, done)
    async with house.database.reading() as connection:
        row = (await connection.execute(select(voucher))).mappings().one()
    assert (row["pin_misses"], row["pin_locked_until"], row["pin_blocked"]) == (0, None, False)
    assert (await events(house))[-1][0] == "voucher.pin_unblocked"


async def test_across_borders_only_with_the_notice(house: House) -> None:
    person, one, _ = await system(house, "DE", "AT")
    page, asked = f"/vouchers/systems/{one.id}/cross-country", browser(house, person)
    assert "frees you from no legal duty" in await shown(asked, page)
    reply = await asked.post(page, page=page, to="on")
    assert (reply.status, "Please confirm" in reply.text) == (400, True)
    assert (await asked.post(page, page=page, to="maybe", accepted="yes")).status == 400
    assert "good in other countries, too" in await shown(
        asked, gone_on(await asked.post(page, page=page, to="on", accepted="yes"))
    )
    assert "Balances stay as they are" in await shown(asked, page)
    assert gone_on(await asked.post(page, page=page, to="off")).endswith("done=cross_off")


async def test_a_file_with_pins_needs_a_fresh_proof(house: House) -> None:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", "276", 2))
    stale, here = browser(house, replace(person, stepped_up_at=None)), f"/vouchers/batches/{made.id}"
    assert gone_on(await stale.get(f"{here}/pins")).startswith("/step-up?next=")
    assert gone_on(await stale.post(f"{here}/export.csv", page=here, pins="yes")).startswith("/step-up?next=")
    asked = browser(house, person)
    await shown(asked, f"{here}/pins")
    reply = await fetched(asked, await asked.post(f"{here}/export.xlsx", page=f"{here}/pins", pins="yes"))
    assert reply.headers["content-disposition"].startswith('attachment; filename="vouchers-2026-03-')
    assert "no-store" in reply.headers["cache-control"]
    rows = list(openpyxl.load_workbook(io.BytesIO(reply.body)).worksheets[0].values)
    assert [len(row) for row in rows] == [6, 6, 6]
    plain = await fetched(stale, await stale.post(f"{here}/export.csv", page=here))
    assert (plain.headers["content-type"], plain.body.count(b"\r\n")) == ("text/csv; charset=utf-8", 3)
    noted = [name for name, _ in await events(house) if name != "voucher_export.link_made"]
    assert noted[-2:] == ["voucher_batch.pins_exported", "voucher_batch.exported"]


async def test_who_sees_what(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", "276", 1))
    found = (await Batches(house).seen(person, made.id)).vouchers[0]
    pages = (f"/vouchers/systems/{one.id}", f"/vouchers/batches/{made.id}", f"/vouchers/one/{found.id}")
    reader = browser(house, somebody(person.home, "vouchers.codes.view", locations=frozenset({place})))
    for page in ("/vouchers", *pages):
        text = await shown(reader, page)
        assert found.number not in text.replace(" ", "")
        assert text.count("<form") == (2 if page == "/vouchers" else 1), page
    assert found.shown(whole=False) in await shown(reader, pages[1])
    stranger = browser(house, chief(house, await merchant(house, "Café")))
    assert [(await stranger.get(page)).status for page in pages] == [404, 404, 404]
    nobody = browser(house, somebody(person.home, "customers.edit"))
    assert [(await nobody.get(page)).status for page in ("/vouchers", *pages)] == [403] * 4
    for page in ("/vouchers/systems/new", f"{pages[0]}/edit", f"{pages[0]}/cross-country", f"{pages[0]}/batches/new"):
        assert (await reader.get(page)).status == 403
    assert (await reader.post(f"{pages[2]}/block", page="/vouchers", reason="x")).status == 403
    assert (await reader.post(f"{pages[1]}/export.csv", page="/vouchers")).status == 403
    async with house.database.reading() as connection:
        assert not await connection.scalar(select(voucher.c.blocked))


async def test_every_page_in_every_language(house: House) -> None:
    person, one, _ = await system(house, "DE", "AT")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", "040", 2))
    found = (await Batches(house).seen(person, made.id)).vouchers[0]
    here, batch = f"/vouchers/systems/{one.id}", f"/vouchers/batches/{made.id}"
    pages = ("/vouchers", "/vouchers/systems/new", here, f"{here}/edit", f"{here}/cross-country", f"{here}/batches/new")
    for language in Language:
        asked = browser(house, replace(person, language=language))
        for page in (*pages, batch, f"{batch}/pins", f"/vouchers/one/{found.id}"):
            await shown(asked, page)
        assert CATALOGUES[language]("vouchers.find") in await shown(asked, "/vouchers")
