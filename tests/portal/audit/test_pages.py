"""The pages of the audit log: who sees what, what is found, and that reading leaves its trace."""

import csv
import io
import json
from enum import StrEnum

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from tests.portal.audit.entries import OLGA, Happened
from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.people import OWNER_ID, Standing, owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.feature import feature
from tillbridge.portal.audit.log import PORTAL, Actor, Entry
from tillbridge.portal.audit.pages import AuditEvent
from tillbridge.portal.audit.reading import BATCH, PAGE
from tillbridge.portal.audit.sealing import Sealer
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person
from tillbridge.web.asgi import Receive, Scope, Send

STAFF = Person(OWNER_ID, "Stefan Staff", "staff@portal.example", None, None, operator=True)
EVIL = "=HYPERLINK(\"http://evil.example\") <script>alert('x')</script>"


def browser(house: House, person: Person | None, language: str = "en") -> Browser:
    app = portal_app(house, Standing(person), [feature(house)])

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        # Of this version a server says by itself that a client is gone: an answer that flows is not asked to listen.
        await app({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, send)

    return Browser(patient, language=language)


async def write(house: House, *entries: Entry, actor: Actor = OLGA) -> None:
    async with house.database.writing() as connection:
        await house.audit.note(connection, actor, *entries)


async def ids(house: House, event: str) -> list[str]:
    async with house.database.reading() as connection:
        query = select(audit_entry.c.id).where(audit_entry.c.event == event).order_by(audit_entry.c.id)
        return list((await connection.execute(query)).scalars())


async def test_every_page_speaks_every_language(house: House) -> None:
    tenant_id = await merchant(house)
    await write(house, Entry(Happened.MADE, tenant_id, subject="one", before={"a": 1}, after={"a": 2}))
    (entry_id,) = await ids(house, "pin.made")
    for language in Language:
        pages = browser(house, owner(tenant_id), language)
        for path in ("/audit", "/audit?from=x&text=y", f"/audit/{entry_id}"):
            reply = await pages.get(path)
            assert (reply.status, f'lang="{language}"' in reply.text) == (200, True), path


async def test_nobody_reads_the_entries_of_others(house: House) -> None:
    mine, other = await merchant(house), await merchant(house, "Other")
    await write(house, Entry(Happened.MADE, mine, subject="my secret"))
    await write(house, Entry(Happened.MADE, other, subject="other secret"))
    await write(house, Entry(Happened.MADE, None, subject="portal secret"), actor=PORTAL)
    found = await ids(house, "pin.made")
    for person, own in ((owner(mine), 0), (owner(other), 1), (STAFF, 2)):
        pages = browser(house, person)
        text = (await pages.get("/audit")).text
        lines = (await pages.get("/audit/export?form=jsonl")).text
        for number, secret in enumerate(("my secret", "other secret", "portal secret")):
            assert (secret in text, secret in lines) == (number == own, number == own)
            assert (await pages.get(f"/audit/{found[number]}")).status == (200 if number == own else 404)


async def test_a_reach_of_one_location_shows_that_location_alone(house: House) -> None:
    tenant_id = await merchant(house)
    here = await shop(house, tenant_id, 1, name="Here")
    there = await shop(house, tenant_id, 2, client_number=2, kind="branch", name="There")
    await write(
        house,
        Entry(Happened.MADE, tenant_id, here, "PIN of here"),
        Entry(Happened.MADE, tenant_id, there, "PIN of there"),
        Entry(Happened.MADE, tenant_id, subject="of the whole company"),
    )
    text = (await browser(house, somebody(tenant_id, "audit.view", locations=frozenset({here}))).get("/audit")).text
    assert "PIN of here" in text
    assert "there" not in text.lower().replace("other", "")
    assert "whole company" not in text


async def test_it_needs_the_right(house: House) -> None:
    tenant_id = await merchant(house)
    pages = browser(house, somebody(tenant_id, "people.edit"))
    for path in ("/audit", "/audit/export?form=csv", "/audit/" + "0" * 32):
        assert (await pages.get(path)).status == 403
    assert (await browser(house, None).get("/audit")).location.startswith("/sign-in")


_FOUND: tuple[tuple[str, set[str]], ...] = (
    ("", {"first", "second", "100%"}),
    ("from=2026-03-14&to=2026-03-14", {"first"}),
    ("from=2026-03-15", {"second", "100%"}),
    ("to=2026-03-13", set()),
    ("person=oLGA", {"first", "second"}),
    ("person=Petr", {"100%"}),
    ("event=pin.used", {"second"}),
    ("event=nothing", set()),
    ("text=SEC", {"second"}),
    ("text=%25", {"100%"}),
    ("text=_", set()),
    ("text=late+fee", {"100%"}),
    ("location=PLACE", {"second"}),
    ("location=PLACE&event=pin.made", set()),
    ("text='+or+1=1--", set()),
)


async def test_the_filter(house: House, clock: HandClock) -> None:
    tenant_id = await merchant(house)
    place = await shop(house, tenant_id, 1)
    await write(house, Entry(Happened.MADE, tenant_id, subject="first"))
    clock.forward(hours=12)  # In Berlin it is one o'clock in the morning of the next day, in UTC not yet.
    petr = Actor(OLGA.kind, "2" * 32, "Petr <petr@shop.example>")
    await write(house, Entry(Happened.USED, tenant_id, place, subject="second"))
    await write(house, Entry(Happened.MADE, tenant_id, subject="100%", reason="Late fee"), actor=petr)
    pages = browser(house, owner(tenant_id))
    for query, found in _FOUND:
        reply = await pages.get(f"/audit/export?form=jsonl&{query.replace('PLACE', place)}")
        subjects = {json.loads(line)["subject"] for line in reply.text.splitlines()}
        assert subjects - {"audit.jsonl"} == found, query


async def test_paging_shows_each_entry_once(house: House) -> None:
    tenant_id = await merchant(house)
    await write(house, *(Entry(Happened.MADE, tenant_id, subject=f"entry {number:03}") for number in range(PAGE + 7)))
    pages = browser(house, owner(tenant_id))
    text = (await pages.get("/audit?event=pin.made")).text
    assert text.count("entry ") == PAGE
    older = text.split('rel="next" href="')[1].split('"')[0]
    second = (await pages.get(older)).text
    assert second.count("entry ") == 7
    assert all(f"entry {number:03}" in text + second for number in range(PAGE + 7))
    assert 'rel="next"' not in second


async def test_an_entry_shows_before_and_after_and_its_seal(house: House) -> None:
    tenant_id = await merchant(house)
    changed = Entry(
        Happened.MADE, tenant_id, subject=EVIL, before={"digits": 4, "same": "x"}, after={"digits": 6, "same": "x"}
    )
    await write(house, changed)
    (entry_id,) = await ids(house, "pin.made")
    pages = browser(house, owner(tenant_id))
    assert "Will be sealed shortly" in (await pages.get(f"/audit/{entry_id}")).text
    await Sealer(house).catch_up()
    reply = await pages.get(f"/audit/{entry_id}")
    assert '<tr class="changed"><th scope="row" class="code">digits</th><td>4</td><td>6</td></tr>' in reply.text
    assert '<tr><th scope="row" class="code">same</th><td>x</td><td>x</td></tr>' in reply.text
    assert "Sealed at position 1" in reply.text
    assert "192.0.2.7" in reply.text
    assert b"<script>alert" not in reply.body


async def test_an_event_without_a_name_in_this_version_is_shown_as_it_is(house: House) -> None:
    class Later(StrEnum):
        FOLDED = "later.folded"

    tenant_id = await merchant(house)
    await write(house, Entry(Later.FOLDED, tenant_id), Entry(AuditEvent.EXPORTED, tenant_id))
    text = (await browser(house, owner(tenant_id), "de").get("/audit")).text
    assert ">later.folded</a>" in text
    assert ">Protokoll heruntergeladen</a>" in text


async def test_reading_is_written_down_once_in_ten_minutes(house: House, clock: HandClock) -> None:
    tenant_id = await merchant(house)
    pages = browser(house, owner(tenant_id))
    for path in ("/audit", "/audit", "/audit?person=Olga", "/audit?person=Olga", "/audit"):
        await pages.get(path)
    assert len(await ids(house, "audit.viewed")) == 2
    clock.forward(minutes=11)
    await pages.get("/audit")
    assert len(await ids(house, "audit.viewed")) == 3
    await pages.get("/audit/export?form=csv&text=PIN")
    (exported,) = await ids(house, "audit.exported")
    async with house.database.reading() as connection:
        query = select(audit_entry.c.actor_name, audit_entry.c.after).where(audit_entry.c.id == exported)
        assert (await connection.execute(query)).one() == (
            "Olga Owner <olga@shop.example>",
            {"form": "csv", "text": "PIN"},
        )


async def test_csv_and_spreadsheet_say_the_same_and_compute_nothing(house: House, clock: HandClock) -> None:
    tenant_id = await merchant(house)
    await write(house, Entry(Happened.MADE, tenant_id, subject=EVIL, after={"naïve": [1, "ž"]}))
    clock.forward(seconds=1)
    await write(house, Entry(Happened.USED, tenant_id, subject='two\nlines, "quoted"', reason="-1+1"))
    pages = browser(house, owner(tenant_id))
    comma = await pages.get("/audit/export?form=csv&person=Olga&event=")
    assert comma.headers["content-disposition"] == 'attachment; filename="audit-2026-03-14.csv"'
    rows = list(csv.reader(io.StringIO(comma.body.decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO((await pages.get("/audit/export?form=xlsx&text=two")).body))["audit"]
    sheet = [[cell or "" for cell in row] for row in book.iter_rows(values_only=True)]
    assert rows[0] == sheet[0]
    by_event = {row[1]: row for row in rows[1:]}
    subject, reason = rows[0].index("subject"), rows[0].index("reason")
    assert by_event["pin.made"][subject] == "'" + EVIL
    assert by_event["pin.used"][reason] == "'-1+1"
    assert sheet[1][reason] == "-1+1"
    assert by_event["pin.used"][subject] == sheet[1][subject] == 'two\nlines, "quoted"'
    assert all(cell.data_type != "f" for row in book.iter_rows() for cell in row)


async def test_an_export_of_several_batches_is_whole(house: House) -> None:
    tenant_id = await merchant(house)
    await write(house, *(Entry(Happened.MADE, tenant_id, subject=str(number)) for number in range(BATCH + 5)))
    lines = (await browser(house, owner(tenant_id)).get("/audit/export?form=jsonl&event=pin.made")).text.splitlines()
    assert [json.loads(line)["subject"] for line in lines] == [str(number) for number in reversed(range(BATCH + 5))]


async def test_a_wrong_export_is_refused_and_not_written_down(house: House) -> None:
    pages = browser(house, owner(await merchant(house)))
    for query in ("form=pdf", "", "form=csv&from=yesterday", "form=csv&to=2026-02-31"):
        assert (await pages.get(f"/audit/export?{query}")).status == 400, query
    async with house.database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(audit_entry))).scalar() == 0


async def test_a_spreadsheet_that_would_be_too_long_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant_id = await merchant(house)
    await write(house, *(Entry(Happened.MADE, tenant_id, subject=str(number)) for number in range(4)))
    monkeypatch.setattr("tillbridge.portal.audit.pages.MOST_SHEET_ROWS", 3)
    pages = browser(house, owner(tenant_id))
    assert (await pages.get("/audit/export?form=xlsx&event=pin.made")).status == 400
    assert (await pages.get("/audit/export?form=xlsx&event=pin.made&text=1")).status == 200
