"""Sign-in under attack, through the doors of the assembled portal and through two processes of it at once."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import select, update

from tests.portal.accounts.front_door import letters
from tests.portal.browser import Browser, Reply
from tests.portal.security.asking import at_once
from tests.portal.security.test_doors import ask
from tests.portal.security.town import COOKIE, OWNER, Town, opened
from tillbridge.portal.accounts.store import TRIES_IN_A_ROW
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.demo_access import PASSWORD
from tillbridge.portal.demo_data import demo_code
from tillbridge.portal.settings import PortalSettings

AUDITOR: Final = "auditor@bakery.example"
"""Somebody without a second factor."""


@pytest.fixture
async def second(either: Town, settings: PortalSettings) -> AsyncIterator[Town]:
    """Another process of the same portal."""
    async with opened(settings, either.ids, seed=99, clock=either.clock) as one:
        yield one


async def sign_in(town: Town, password: str, email: str = AUDITOR, source: str = "192.0.2.1") -> Reply:
    browser = Browser(town.app, source)
    return await browser.post("/sign-in", page="/sign-in", email=email, password=password)


# ---------------------------------------------------------------- limits that processes share


async def test_tries_are_counted_across_processes(either: Town, second: Town) -> None:
    """Wrong ones at both in turn lock the account at both, and the right one is then refused with the same answer."""
    for number in range(TRIES_IN_A_ROW):
        town = (either, second)[number % 2]
        assert (await sign_in(town, "a wrong one", source=f"192.0.2.{number}")).status == 422
    for town in (either, second):
        assert (await sign_in(town, PASSWORD, source="203.0.113.7")).status == 422
    either.clock.forward(minutes=5, seconds=1)
    assert (await sign_in(second, PASSWORD, source="203.0.113.7")).status == 303


async def test_tries_at_the_same_moment_are_all_counted(either: Town, second: Town) -> None:
    """Twelve at once, the right one among them last: whoever races gets no try more."""
    passwords = [*(f"wrong {number}" for number in range(11)), PASSWORD]
    replies = await at_once(
        *(
            sign_in((either, second)[number % 2], text, source=f"198.51.100.{number}")
            for number, text in enumerate(passwords)
        )
    )
    assert Counter(reply.status for reply in replies)[303] <= 1
    async with either.house.database.reading() as connection:
        row = (
            await connection.execute(
                select(person.c.failures, person.c.locks, person.c.locked_until).where(person.c.email == AUDITOR)
            )
        ).one()
    if replies[-1].status == 422:
        assert row.locked_until is not None
        assert row.locks == 1


async def test_one_source_is_stopped_at_both_processes(either: Town, second: Town) -> None:
    async def tried(number: int) -> int:
        return (await sign_in((either, second)[number % 2], "x" * 300, email=f"p{number}@bakery.example")).status

    statuses = [await tried(number) for number in range(20)]
    assert statuses == [422] * 20
    assert [await tried(number) for number in range(2)] == [429, 429]
    assert (await sign_in(second, PASSWORD)).status == 429
    assert (await sign_in(second, PASSWORD, source="203.0.113.9")).status == 303


async def test_a_source_cannot_call_itself_another(town: Town) -> None:
    """No header gives a guesser new tries where no proxy is spoken of, and the log names where it came from."""
    for number in range(20):
        browser = Browser(town.app)
        page = (await browser.get("/sign-in")).text
        token = page.partition('name="token" value="')[2].partition('"')[0]
        body = f"token={token}&email=p{number}%40x.example&password={'x' * 300}".encode()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-forwarded-for": f"203.0.113.{number}",
            "x-real-ip": "1.2.3.4",
            "forwarded": "for=1.2.3.4",
        }
        assert (await browser.ask("POST", "/sign-in", body, headers)).status == 422
    assert (await sign_in(town, PASSWORD, source="127.0.0.1")).status == 429
    assert (await sign_in(town, PASSWORD, source="127.0.0.2")).status == 303
    async with town.house.database.reading() as connection:
        sources = (
            await connection.execute(select(audit_entry.c.source).where(audit_entry.c.event == "account.signed_in"))
        ).scalars()
        assert set(sources) == {"127.0.0.2"}


# ---------------------------------------------------------------- who is there, and who is not


async def test_nobody_learns_who_has_an_account(town: Town) -> None:
    answers = {
        email: (await sign_in(town, "wrong", email))
        for email in (AUDITOR, OWNER, "nobody@x.example", "' or 1=1 --", "a" * 5000)
    }
    bare = {reply.status: _without_what_was_typed(reply) for reply in answers.values()}
    assert set(bare) == {422}
    texts = {_without_what_was_typed(reply) for reply in answers.values()}
    assert len(texts) == 1
    for email in (OWNER, "nobody@x.example"):
        browser = Browser(town.app)
        sent = await browser.post("/password/forgotten", page="/password/forgotten", email=email)
        assert (sent.status, sent.location) == (303, "/password/forgotten?done=sent")


def _without_what_was_typed(reply: Reply) -> str:
    text = re.sub(r'name="token" value="[^"]+"', "", reply.body.decode())
    return re.sub(r'(<input id="email"[^>]*?) value="[^"]*"', r"\1", text)


# ---------------------------------------------------------------- sessions


async def test_a_session_is_never_the_one_that_somebody_else_has_chosen(town: Town) -> None:
    """Fixation: a secret that is planted before the sign-in is worth nothing after it, at each step of it."""
    planted = "A" * 43
    browser = Browser(town.app, cookies={COOKIE: planted})
    await browser.post("/sign-in", page="/sign-in", email=OWNER, password=PASSWORD)
    half = browser.cookies[COOKIE]
    assert half != planted
    done = await browser.post("/sign-in/factor", page="/sign-in/factor", code=demo_code(town.clock.now()))
    assert done.status == 303, done.text
    whole = browser.cookies[COOKIE]
    assert len({planted, half, whole}) == 3
    town.clock.forward(minutes=6)
    proven = await browser.post("/step-up", page="/step-up", code=demo_code(town.clock.now()))
    assert proven.status == 303, proven.text
    newest = browser.cookies[COOKIE]
    for secret, inside in ((planted, False), (half, False), (whole, False), (newest, True)):
        reply = await Browser(town.app, cookies={COOKIE: secret}).get("/profile")
        assert (reply.status == 200) is inside


async def test_a_sign_in_ends_the_session_that_was_there_before(town: Town) -> None:
    before = await town.browser(OWNER)
    old = before.cookies[COOKIE]
    await before.ask("GET", "/")
    other = Browser(town.app, cookies=dict(before.cookies))
    other.cookies.pop("tillbridge_portal_door", None)
    # Somebody who is in is led on by the page; the form comes from a browser that was there earlier.
    door = Browser(town.app)
    page = (await door.get("/sign-in")).text
    token = page.partition('name="token" value="')[2].partition('"')[0]
    both = Browser(town.app, cookies=door.cookies | {COOKIE: old})
    assert (await both.post("/sign-in", token=token, email=AUDITOR, password=PASSWORD)).status == 303
    assert (await Browser(town.app, cookies={COOKIE: old}).get("/profile")).status == 303
    assert "auditor@bakery.example" in (await both.get("/profile")).text


async def test_a_code_is_used_once_whatever_it_is_for(town: Town) -> None:
    code = demo_code(town.clock.now())
    first, other = Browser(town.app), Browser(town.app)
    for browser in (first, other):
        await browser.post("/sign-in", page="/sign-in", email=OWNER, password=PASSWORD)
    assert (await first.post("/sign-in/factor", page="/sign-in/factor", code=code)).status == 303
    assert (await other.post("/sign-in/factor", page="/sign-in/factor", code=code)).status == 422
    assert (await first.post("/step-up", page="/step-up", code=code)).status == 422


async def test_codes_are_guessed_ten_times_an_hour_over_all_sessions(town: Town) -> None:
    statuses = []
    for number in range(12):
        browser = await town.browser(OWNER, half=True)
        statuses.append((await browser.post("/sign-in/factor", page="/sign-in/factor", code=f"{number:06d}")).status)
    assert statuses == [422] * 10 + [429] * 2
    late = await town.browser(OWNER, half=True)
    assert (await late.post("/sign-in/factor", page="/sign-in/factor", code=demo_code(town.clock.now()))).status == 429


@pytest.mark.parametrize(("age", "fresh"), [(timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False)])
async def test_a_fresh_proof_is_fresh_for_five_minutes(town: Town, age: timedelta, fresh: bool) -> None:
    owner = await town.browser(OWNER)
    town.clock.forward(seconds=age.total_seconds())
    for page in (
        "/people/invite",
        f"/locations/{town.ids['location_id']}/close",
        f"/people/{town.ids['person_id']}/remove",
    ):
        reply = await owner.get(page)
        assert (reply.status == 200) is fresh, page
        assert fresh or reply.location.startswith("/step-up?next=/")
    reply = await town.send(owner, f"/interfaces/{town.ids['head']}/pin")
    assert (reply.status == 200) is fresh


async def test_every_form_that_needs_a_fresh_proof_asks_for_it(town: Town) -> None:
    """With an old proof nothing changes of people, groups, links, PINs, licences, moves and closings."""
    owner = await town.browser(OWNER, proven=False)
    before, asked = await town.rows("session", "attempt"), 0
    for door in town.doors("POST"):
        if door.template.startswith(("/people", "/interfaces")) and not door.template.endswith(
            ("/consent", "/withdraw", "/guard", "/close", "/again", "/keys/{key_id}/revoke", "/test", "/replay")
        ):
            reply = await ask(town, owner, door)
            assert reply.status in {303, 404}, (door, reply.status)
            assert reply.status == 404 or reply.location.startswith("/step-up"), (door, reply.location)
            asked += 1
    assert asked > 10
    assert await town.rows("session", "attempt") == before


# ---------------------------------------------------------------- links of letters


async def test_a_link_for_a_new_password_is_used_once_by_one(either: Town) -> None:
    browser = Browser(either.app)
    await browser.post("/password/forgotten", page="/password/forgotten", email=AUDITOR)
    (text,) = [text for to, _, text in await letters(either.house) if to == AUDITOR]
    link = text.partition("?link=")[2].split()[0]
    guests = [Browser(either.app, f"192.0.2.{number}") for number in range(4)]
    pages = [(await guest.get(f"/password/new?link={link}")).text for guest in guests]
    tokens = [page.partition('name="token" value="')[2].partition('"')[0] for page in pages]
    replies = await at_once(
        *(
            guest.post("/password/new", token=token, link=link, password=f"password number {number}")
            for number, (guest, token) in enumerate(zip(guests, tokens, strict=True))
        )
    )
    won = [number for number, reply in enumerate(replies) if reply.status == 303]
    assert len(won) == 1
    right = [
        number
        for number in range(4)
        if (await sign_in(either, f"password number {number}", source=f"198.51.100.{number}")).status == 303
    ]
    assert right == won


async def test_a_disabled_person_comes_in_by_no_way(town: Town) -> None:
    browser = Browser(town.app)
    await browser.post("/password/forgotten", page="/password/forgotten", email=AUDITOR)
    (text,) = [text for to, _, text in await letters(town.house) if to == AUDITOR]
    link = text.partition("?link=")[2].split()[0]
    half = await town.browser(AUDITOR, half=True)
    async with town.house.database.writing() as connection:
        await connection.execute(update(person).where(person.c.email == AUDITOR).values(state="disabled"))
    assert (await sign_in(town, PASSWORD)).status == 422
    assert (await browser.get(f"/password/new?link={link}")).status == 404
    assert (await half.get("/sign-in/factor")).status == 303
