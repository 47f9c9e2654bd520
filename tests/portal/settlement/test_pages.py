"""The pages of reports, asked as a browser asks them: what they say, who sees it, and what leaves by them."""

import csv
import io
import re
from dataclasses import replace

import pytest
from sqlalchemy import select, text, update

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.people import Standing, owner, somebody
from tests.portal.settlement.seen import cells_of, papers, statements, text_of
from tests.portal.settlement.test_closing import busy_days, until
from tests.portal.shops import merchant
from tests.portal.vouchers.floor import Floor
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Area, Person, Reach, Right
from tillbridge.portal.settlement.closing import Closer
from tillbridge.portal.settlement.feature import reports
from tillbridge.portal.settlement.model import Form
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.vouchers.feature import office

ACCOUNTS = {"liability": "1710", "clearing": "1590", "inter_location": "1375", "write_off": "2660"} | {
    "consultant": "29098",
    "client": "55003",
    "digits": "4",
    "first_month": "1",
}
LESS = "\N{MINUS SIGN}"
EUROS = "\N{NO-BREAK SPACE}EUR"


def browser(house: House, person: Person) -> Browser:
    features = [Feature("vouchers", pages=office(house)), Feature("settlement", pages=reports(house))]
    return Browser(portal_app(house, Standing(person), features))


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|(?:vouchers|settlement)\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


async def settled(floor: Floor, clock: HandClock) -> Person:
    """The floor's busy days, closed and frozen, with a name for each shop; the merchant's owner."""
    await busy_days(floor, clock)
    async with floor.house.database.writing() as connection:
        for one, name in ((floor.here, "Anker"), (floor.there, "Brücke"), (floor.third, "Café Čáp")):
            await connection.execute(update(location).where(location.c.id == one.location_id).values(name=name))
    until(clock, "2026-03-18T12:00:00")
    await Closer(floor.house).step()
    return owner(floor.here.tenant_id)


def here(floor: Floor) -> str:
    return f"/vouchers/systems/{floor.system_id}/reports"


async def noted(house: House) -> list[str]:
    async with house.database.reading() as connection:
        events = select(audit_entry.c.event).where(audit_entry.c.event.not_like("%.frozen")).order_by(audit_entry.c.id)
        return list(await connection.scalars(events))


async def test_the_reports_of_a_merchant(floor: Floor, clock: HandClock) -> None:
    person = await settled(floor, clock)
    asked, at = browser(floor.house, person), here(floor)
    overview = await shown(asked, at)
    assert overview.count('<svg viewBox="0 0 600') == 3
    assert f"between 1,000.00{EUROS}" not in overview
    assert f"From 2026-03-14 to 2026-03-17 between 10.00{EUROS} and 100.00{EUROS}." in overview
    assert "style=" not in overview
    claims = await shown(asked, f"{at}/claims?month=2026-03")
    rows = re.sub(r"<[^>]+>", " ", claims)
    assert re.search(rf"Brücke\s+Anker\s+70\.00{EUROS}", rows)
    assert re.search(rf"Café Čáp\s+Brücke\s+10\.00{EUROS}", rows)
    assert "The month is not closed yet: counted up to 2026-03-17." in claims
    assert "No claims in this month." in await shown(asked, f"{at}/claims?month=2025-01")
    owed = re.sub(r"<[^>]+>", " ", await shown(asked, f"{at}/liability?first=2026-03-15&last=2026-03-17"))
    assert re.search(rf"Anker\s+100\.00{EUROS}\s+0\.00{EUROS}\s+{LESS}100\.00{EUROS}\s+0\.00{EUROS}", owed)
    assert re.search(rf"Sum\s+100\.00{EUROS}\s+20\.00{EUROS}\s+{LESS}110\.00{EUROS}\s+10\.00{EUROS}", owed)
    sales = re.sub(r"<[^>]+>", " ", await shown(asked, f"{at}/sales?first=2026-03-14&last=2026-03-17"))
    assert re.search(rf"Brücke\s+K7\s+=1\+1\s+0\s+0\.00{EUROS}\s+1\s+70\.00{EUROS}", sales)
    assert re.search(rf"Sum\s+2\s+120\.00{EUROS}\s+2\s+110\.00{EUROS}", sales)


async def test_a_forged_row_keeps_the_liability_from_being_shown(floor: Floor, clock: HandClock) -> None:
    person = await settled(floor, clock)
    asked, path = browser(floor.house, person), f"{here(floor)}/liability"
    await shown(asked, path)
    async with floor.house.database.writing() as connection:
        if floor.house.database.dialect is Dialect.POSTGRESQL:
            await connection.execute(text("set local session_replication_role = replica"))
        else:
            await connection.execute(text("drop trigger ledger_allocation_keep_update"))
        await connection.execute(text("update ledger_allocation set amount = amount - 1"))
    reply = await asked.get(path)
    assert (reply.status, "the ledger does not add up" in reply.text) == (409, True)
    assert "EUR" not in reply.text.partition("<main")[2]


async def test_a_statement_is_the_same_for_ever(floor: Floor, clock: HandClock) -> None:
    person = await settled(floor, clock)
    asked, at = browser(floor.house, person), f"{here(floor)}/statements"
    page = await shown(asked, at)
    one = (await statements(floor.house))[2]
    assert str(one["number"]) in page
    kept = await papers(floor.house, str(one["number"]))
    for form in (Form.PDF, Form.XLSX):
        first = await asked.post(f"/vouchers/statements/{one['id']}/statement.{form}", page=at)
        assert first.headers["content-disposition"] == f'attachment; filename="{one["number"]}.{form}"'
        number = next(iter(floor.made.values()))
        await floor.load(number, 700)
        clock.forward(days=2)
        await Closer(floor.house).step()
        again = await asked.post(f"/vouchers/statements/{one['id']}/statement.{form}", page=at)
        assert first.body == again.body == kept[form]
    assert await noted(floor.house) == ["voucher_statement.downloaded"] * 4
    assert (await asked.post(f"/vouchers/statements/{'0' * 32}/statement.pdf", page=at)).status == 404


async def test_a_provisional_statement_is_kept_by_nobody(floor: Floor, clock: HandClock) -> None:
    person = replace(await settled(floor, clock), language=Language.FR)
    asked, at = browser(floor.house, person), here(floor)
    before = len(await statements(floor.house))
    wish = {"location": floor.here.location_id, "period": "2026-03"}
    reply = await asked.post(f"{at}/provisional", page=f"{at}/statements", form="xlsx", **wish)
    rows = cells_of(reply.body)
    assert ["Numéro", "provisoire"] in rows
    assert ["Brücke", "0,00", "70,00", "-70,00"] in rows
    pdf = await asked.post(f"{at}/provisional", page=f"{at}/statements", form="pdf", **wish)
    assert "Ce décompte est provisoire" in text_of(pdf.body)
    assert len(await statements(floor.house)) == before
    assert await noted(floor.house) == ["voucher_statement.provisional"] * 2
    for wrong in ({"form": "exe"}, {"period": "2026-13"}, {"period": "x" * 7}):
        reply = await asked.post(f"{at}/provisional", page=f"{at}/statements", **({"form": "pdf"} | wish | wrong))
        assert reply.status == 400
    nowhere = wish | {"location": "0" * 32}
    assert (await asked.post(f"{at}/provisional", page=f"{at}/statements", form="pdf", **nowhere)).status == 404


async def test_the_books_get_a_month_as_a_file(floor: Floor, clock: HandClock) -> None:
    person = await settled(floor, clock)
    asked, at = browser(floor.house, person), here(floor)
    page = f"{at}/postings"
    assert "No accounts are set yet" in await shown(asked, page)
    assert (await asked.post(f"{at}/postings.csv", page=page, month="2026-03")).status == 409
    for wrong in ({"liability": "17100"}, {"clearing": "=1+1"}, {"digits": "3"}, {"first_month": "13"}, {"client": ""}):
        reply = await asked.post(f"{at}/accounts", page=page, **(ACCOUNTS | wrong))
        assert (reply.status, 'aria-invalid="true"' in reply.text) == (400, True), wrong
    saved = await asked.post(f"{at}/accounts", page=page, **ACCOUNTS)
    assert saved.status == 303, saved.text
    assert "The accounts are saved." in await shown(asked, saved.location)
    plain = await asked.post(f"{at}/postings.csv", page=page, month="2026-03")
    rows = list(csv.reader(io.StringIO(plain.body.decode("utf-8-sig"))))
    assert len(rows) == 1 + 2 + 2 * 3
    assert rows[1][2:8] == ["Anker", "Loaded", "1590", "1710", "100.00", "EUR"]
    datev = await asked.post(f"{at}/datev.csv", page=page, month="2026-03")
    lines = datev.body.decode("cp1252").split("\r\n")
    assert lines[0].startswith('"EXTF";700;21;"Buchungsstapel";13;20260318110000000;')
    assert lines[2].startswith('100,00;"S";"EUR";;;"";1590;1710;"";1403;"20260314";')
    assert "Café Cáp" in datev.body.decode("cp1252")
    assert (await noted(floor.house))[-2:] == ["voucher_postings.downloaded"] * 2
    for month in ("2026-3", "2026-99", ""):
        assert (await asked.post(f"{at}/datev.csv", page=page, month=month)).status == 400


async def test_a_shop_sees_its_own_statements_alone(floor: Floor, clock: HandClock) -> None:
    person = await settled(floor, clock)
    mine = frozenset({floor.third.location_id})
    rights = ("vouchers.settlement.view", "reports.view")
    clerk = browser(floor.house, somebody(person.home, *rights, locations=mine))
    at = here(floor)
    overview = await shown(clerk, at)
    assert "<svg viewBox" not in overview
    assert "/postings" not in overview
    listed = await shown(clerk, f"{at}/statements")
    own, other = (await statements(floor.house))[5], (await statements(floor.house))[0]
    assert str(own["number"]) in listed
    assert str(other["number"]) not in listed
    assert (await clerk.post(f"/vouchers/statements/{own['id']}/statement.pdf", page=f"{at}/statements")).status == 200
    hidden = f"/vouchers/statements/{other['id']}/statement.pdf"
    assert (await clerk.post(hidden, page=f"{at}/statements")).status == 404
    wish = {"location": floor.here.location_id, "period": "2026-03", "form": "pdf"}
    assert (await clerk.post(f"{at}/provisional", page=f"{at}/statements", **wish)).status == 404
    claims = await shown(clerk, f"{at}/claims?month=2026-03")
    assert f"30.00{EUROS}" in claims
    assert f"70.00{EUROS}" not in claims
    for part in ("liability", "sales"):
        report = await shown(clerk, f"{at}/{part}?first=2026-03-14&last=2026-03-17")
        assert "Anker" not in report
        assert f"100.00{EUROS}" not in report
    assert (await clerk.get(f"{at}/postings")).status == 403


async def test_a_franchisee_keeps_its_reports_to_itself(floor: Floor, clock: HandClock) -> None:
    person = await settled(floor, clock)
    reaches = dict(person.reaches)
    kept = Reach(locations=frozenset({floor.here.location_id, floor.third.location_id}))
    for right in [right for right in reaches if right.area is Area.REPORTS]:
        reaches[right] = kept
    assert Right.parse("reports.view") in reaches
    asked, at = browser(floor.house, replace(person, reaches=reaches)), here(floor)
    owed = await shown(asked, f"{at}/liability?first=2026-03-14&last=2026-03-17")
    assert "Brücke" not in owed
    assert "Other locations" in owed
    assert "Brücke" not in await shown(asked, f"{at}/sales?first=2026-03-14&last=2026-03-17")
    assert "Brücke" in await shown(asked, f"{at}/statements")


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        ((), 403),
        (("customers.edit",), 403),
        (("vouchers.codes.edit",), 403),
        (("vouchers.settlement.view",), 200),
    ],
)
async def test_who_is_let_in(floor: Floor, rights: tuple[str, ...], status: int) -> None:
    asked = browser(floor.house, somebody(floor.here.tenant_id, *rights))
    assert (await asked.get(here(floor))).status == status
    for part in ("statements", "claims", "postings"):
        assert (await asked.get(f"{here(floor)}/{part}")).status == status
    for part in ("liability", "sales"):
        assert (await asked.get(f"{here(floor)}/{part}")).status == 403
    stranger = browser(floor.house, owner(await merchant(floor.house, "Café")))
    assert (await stranger.get(here(floor))).status == 404


async def test_every_page_in_every_language_also_when_empty(floor: Floor, clock: HandClock) -> None:
    async def look(person: Person) -> None:
        for language in Language:
            asked = browser(floor.house, replace(person, language=language))
            for part in ("", "/statements", "/claims", "/liability", "/sales", "/postings"):
                await shown(asked, f"{here(floor)}{part}")

    await look(owner(floor.here.tenant_id))
    await look(await settled(floor, clock))
