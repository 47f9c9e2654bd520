"""Hostile texts wherever a text is taken: addresses, queries, forms. They are stored as texts, or refused, or nothing.

The forms are read from the pages of the assembled portal, field by field, so a new form is tried too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final
from urllib.parse import quote, urlencode

import pytest

from tests.portal.browser import Browser, Reply
from tests.portal.security.town import NEIGHBOUR, OWNER, STAFF, Door, Rows, Town

SCRIPT: Final = "<script>alert(1)</script>"
SUM: Final = "{{7*7777}}"
ANSWER: Final = "54439"
TAG: Final = f"x\"'><img src=x onerror=alert(1)>{SCRIPT}{SUM}"
SQL: Final = "'; drop table person; --"

STRINGS: Final = (
    SQL,
    "' or '1'='1",
    '" union select password_hash from person --',
    "%' or 1=1) --",
    "\\",
    "%_%\\%",
    TAG,
    "${7*7777}#{7*7777}{%raw%}",
    "a\x00b",
    "a\r\nBcc: everybody@evil.example\r\n\r\nx",
    "\u202egnirts\u202c\ud7ff\ufeff",
    "9" * 400,
    "-1",
    "1e999",
    "٣٤٥",
    "x" * 5000,
    "../../../../etc/passwd",
)

NAMED: Final = frozenset({"name", "note", "reason", "street", "city", "number", "order", "receipt_header", "contact"})
"""Fields in which people write what they like."""

NOT_SENT: Final = frozenset({"/sign-out", "/profile/password", "/profile/sessions/end-others", "/operator/leave"})
"""Forms after which there is no session to go on with."""


@dataclass(slots=True)
class Form:
    """A form as it stands in a page."""

    action: str
    fields: dict[str, str]


class Forms(HTMLParser):
    """Reads the forms of a page, with what a browser would send unchanged."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self.found: list[Form] = []
        self._open: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "get").lower() == "post":
            self._open = Form(given.get("action") or self._address, {})
            self.found.append(self._open)
        if self._open is None:
            return
        name = given.get("name", "")
        if tag == "input" and name and (given.get("type") not in {"radio", "checkbox"} or "checked" in given):
            self._open.fields[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")
        elif tag == "textarea" and name:
            self._open.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and (self._select not in self._open.fields or "selected" in given):
            self._open.fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "select":
            self._select = ""


async def forms_of(town: Town, browser: Browser) -> list[Form]:
    """Every form on every page that this person reaches, each action once."""
    found: dict[str, Form] = {}
    for door in town.doors("GET"):
        if door.template.endswith("/events"):
            continue
        reply = await browser.get(door.path(town.ids))
        if reply.status == 200 and reply.headers["content-type"].startswith("text/html"):
            parser = Forms(door.path(town.ids))
            parser.feed(reply.body.decode())
            for form in parser.found:
                found.setdefault(form.action, form)
    return [form for form in found.values() if form.action not in NOT_SENT and "/upload/" not in form.action]


def neighbours(rows: Rows, town: Town) -> Mapping[str, list[str]]:
    """The rows that speak of the café."""
    mark = town.ids["neighbour"]
    return {table: [row for row in lines if mark in row] for table, lines in rows.items() if table != "audit_entry"}


@pytest.mark.parametrize(
    ("who", "texts"),
    [
        (OWNER, 1),
        (STAFF, 1),
        pytest.param(OWNER, len(STRINGS), marks=pytest.mark.soak),
        pytest.param(STAFF, len(STRINGS), marks=pytest.mark.soak),
    ],
)
async def test_every_field_of_every_form_takes_every_text(town: Town, who: str, texts: int) -> None:
    """One field after the other; all others stay as the page has them. Nothing of ours breaks, nothing else is lost.

    So many texts for each field, another one for the next: `make soak` tries all of them everywhere.
    """
    browser = await town.browser(who)
    forms, sent = await forms_of(town, browser), 0
    before = await town.rows()
    for form in forms:
        for name in sorted(form.fields.keys() - {"token"}):
            for text in _some(sent, texts):
                fields = form.fields | {name: text, "token": town.token_of(browser)}
                _assert_sound(await town.send(browser, form.action, **fields), f"{form.action} {name}={text[:40]!r}")
                sent += 1
    after = await town.rows()
    assert sent > (80 if who == OWNER else 15)
    assert neighbours(after, town) == neighbours(before, town)
    # A box of rights that is sent with another text is a box that is not ticked, and a location that leaves a voucher
    # system is a form without a text; all else stays.
    lost = {table for table, rows in before.items() if len(after[table]) < len(rows)}
    assert lost <= {"session", "maintenance_mode", "group_right", "voucher_location"}


def _some(number: int, count: int = 1) -> Iterator[str]:
    """So many of the texts, others each time, so that all of them come in turn."""
    for step in range(count):
        yield STRINGS[(number + step) % len(STRINGS)]


def _assert_sound(reply: Reply, said: str) -> None:
    assert reply.status < 500, (said, reply.status)
    assert SCRIPT not in reply.body.decode(errors="replace"), said
    assert ANSWER not in reply.body.decode(errors="replace"), said
    assert all("\r" not in value and "\n" not in value for value in reply.headers.values()), said


QUERIES: Final = (
    "after back before below component country done event for form from kind language link location merchant "
    "month next number on page person q search sort state subject to token until who"
).split()
"""Every name that a page reads in its query."""


async def test_every_page_takes_every_text_in_its_query(town: Town) -> None:
    """The rows stay as they are, but for what the log keeps of who read it."""
    owner = await town.browser(OWNER)
    noted = ("audit_entry", "audit_unsealed", "attempt", "session")
    before, sound = await town.rows(*noted), 0
    for number, door in enumerate(town.doors("GET")):
        if door.template.endswith("/events"):
            continue
        for text in _some(number, 2):
            query = urlencode(dict.fromkeys(QUERIES, text))
            reply = await owner.get(f"{door.path(town.ids)}?{query}")
            _assert_sound(reply, f"{door} {text[:40]!r}")
            sound += 1
    assert sound > 140
    assert await town.rows(*noted) == before


async def test_every_name_in_an_address_may_be_anything(either: Town) -> None:
    """On both databases: PostgreSQL minds what SQLite does not, such as a zero byte."""
    owner = await either.browser(OWNER)
    noted = ("audit_entry", "audit_unsealed", "attempt", "session")
    before = await either.rows(*noted)
    for method in ("GET", "POST"):
        for number, door in enumerate(either.doors(method)):
            for text in (*_some(number), "a\x00b") if door.parts else ():
                named = Door(method, door.template).path(
                    dict.fromkeys([*door.parts, *_special(door)], quote(text, safe=""))
                )
                if method == "GET":
                    reply = await owner.get(named)
                else:
                    reply = await either.send(
                        owner, named, reason="x", service="reports", to="on", name="x", revision="1"
                    )
                _assert_sound(reply, f"{method} {named[:120]}")
                allowed = (
                    {303, 400, 403, 404, 409, 413, 422}
                    if method == "POST" or door.template.startswith("/language")
                    else {303, 400, 403, 404, 409}
                )
                assert reply.status in allowed, (method, named, reply.status)
    assert await either.rows(*noted) == before


def _special(door: Door) -> list[str]:
    return [f"{door.template.split('/')[1]}/{part}" for part in door.parts]


async def test_what_is_stored_is_shown_as_it_was_typed(town: Town) -> None:
    """Names with markup in them, in everything that has a name; then every page that shows them, as everybody."""
    owner, ids = await town.browser(OWNER), town.ids
    sent = 0
    for form in await forms_of(town, owner):
        for name in sorted(form.fields.keys() & NAMED):
            reply = await town.send(owner, form.action, **(form.fields | {name: TAG[:90]}))
            _assert_sound(reply, f"{form.action} {name}")
            sent += 1
    await town.send(owner, f"/customers/one/{ids['customer_id']}", name=TAG, note=TAG, address=TAG, revision="1")
    await town.send(owner, "/people/groups/new", name=TAG[:60])
    stored = sum(SCRIPT in row for rows in (await town.rows()).values() for row in rows)
    shown = 0
    for who in (OWNER, STAFF, NEIGHBOUR):
        browser = await town.browser(who)
        for door in town.doors("GET"):
            if door.template.endswith("/events"):
                continue
            reply = await browser.get(door.path(ids))
            _assert_sound(reply, f"{who} {door}")
            shown += b"&lt;img src=x" in reply.body
    assert sent > 10
    assert stored > 3
    assert shown > 5


async def test_no_letter_and_no_calendar_takes_a_header_from_a_name(town: Town) -> None:
    owner = await town.browser(OWNER)
    evil = "Eve\r\nBcc: all@evil.example"
    reply = await town.send(owner, "/profile", name=evil, language="")
    assert reply.status == 400
    reply = await town.send(
        owner,
        "/people/invite",
        email="x@y.example\r\nBcc: a@b.example",
        name="x",
        language="de",
        group=town.ids["group_id"],
        scope="tenant",
    )
    assert reply.status == 400
    page = await owner.get(f"/maintenance/windows/{town.ids['maintenance/id']}")
    parser = Forms("")
    parser.feed(page.body.decode())
    form = next(one for one in parser.found if "note" in one.fields)
    await town.send(
        owner,
        f"/maintenance/windows/{town.ids['maintenance/id']}",
        **(form.fields | {"note": "x\r\nBEGIN:VALARM\r\nACTION:AUDIO;,\\"}),
    )
    feed = (await Browser(town.app).get(f"/maintenance/calendar/{town.ids['token']}.ics")).body
    assert b"\nBEGIN:VEVENT" in feed
    assert b"\nBEGIN:VALARM" not in feed
