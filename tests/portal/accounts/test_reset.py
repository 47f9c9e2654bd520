"""A forgotten password: the letter, its link, and what an outsider learns."""

import asyncio
import re

import pytest
from sqlalchemy import func, select

from tests.portal.accounts.front_door import (
    EMAIL,
    OTHER,
    app_of,
    bare,
    change,
    inside,
    join,
    letters,
    sign_in,
    signed_in,
)
from tests.portal.browser import Browser, Reply
from tests.portal.clock import HandClock
from tests.portal.shops import merchant
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.service import create_admin
from tillbridge.portal.accounts.tables import attempt, password_link
from tillbridge.portal.house import House
from tillbridge.portal.mail.tables import letter

ASK = "/password/forgotten"


@pytest.fixture
async def anna(house: House) -> str:
    return await join(house, await merchant(house), language=Language.DE)


async def ask(browser: Browser, email: str = EMAIL) -> Reply:
    return await browser.post(ASK, page=ASK, email=email)


async def link_of(house: House) -> str:
    found = re.search(r"http://127\.0\.0\.1:8480(/password/new\?link=\S+)", (await letters(house))[-1][2])
    assert found is not None
    return found[1]


async def use(browser: Browser, link: str, password: str = OTHER, **form: str) -> Reply:
    return await browser.post("/password/new", page=link, link=link.partition("=")[2], password=password, **form)


@pytest.mark.usefixtures("anna")
async def test_the_link_in_the_letter_sets_a_password_once_and_ends_every_session(house: House) -> None:
    before = await signed_in(house)
    browser = Browser(app_of(house))
    assert (await ask(browser)).location == f"{ASK}?done=sent"
    recipient, subject, text = (await letters(house))[0]
    assert recipient == EMAIL
    assert subject == "tillbridge: neues Passwort"
    assert "Guten Tag Anna Sommer," in text
    link = await link_of(house)
    assert EMAIL in (await browser.get(link)).text
    reply = await use(browser, link)
    assert reply.location == "/sign-in?done=password_set"
    assert not await inside(before)
    assert (await sign_in(browser)).status == 422
    assert (await sign_in(browser, password=OTHER)).status == 303
    fresh = Browser(app_of(house))
    assert (await use(fresh, "/sign-in", "x")).status == 404
    again = await fresh.get(link)
    assert again.status == 404
    assert "not valid any more" in again.text
    assert [subject for _, subject, _ in await letters(house)][1:] == ["tillbridge: Ihr Passwort wurde geändert"]


@pytest.mark.usefixtures("anna")
async def test_user_enumeration_a_known_and_an_unknown_address_get_the_same_answer(house: House) -> None:
    browser = Browser(app_of(house))
    answers = []
    for email in (EMAIL, "nobody@sommer.example", "not an address", ""):
        reply = await ask(browser, email)
        answers.append((reply.status, reply.location, bare(await browser.follow(reply))))
    assert len(set(answers)) == 1
    assert len(await letters(house)) == 1


async def test_who_is_disabled_or_not_yet_in_gets_no_letter(house: House, anna: str) -> None:
    browser = Browser(app_of(house))
    for state in ("disabled", "invited"):
        await change(house, anna, state=state)
        await ask(browser)
    assert await letters(house) == []


@pytest.mark.usefixtures("anna")
async def test_a_link_runs_out_after_an_hour(house: House, clock: HandClock) -> None:
    browser = Browser(app_of(house))
    await ask(browser)
    link = await link_of(house)
    page = await browser.get(link)
    clock.forward(minutes=59, seconds=59)
    assert (await browser.get(link)).status == 200
    clock.forward(seconds=1)
    token = page.text.split('name="token" value="')[1].split('"')[0]
    late = await browser.post("/password/new", token=token, link=link.partition("=")[2], password=OTHER)
    assert late.status == 404
    assert (await sign_in(browser)).status == 303


@pytest.mark.usefixtures("anna")
async def test_a_newer_link_kills_the_older_one(house: House) -> None:
    browser = Browser(app_of(house))
    await ask(browser)
    older = await link_of(house)
    await ask(browser)
    assert (await browser.get(older)).status == 404
    assert (await browser.get(await link_of(house))).status == 200


@pytest.mark.usefixtures("anna")
async def test_a_link_that_two_use_at_the_same_moment_works_for_one(house: House) -> None:
    await ask(Browser(app_of(house)))
    link = await link_of(house)
    browsers = [Browser(app_of(house)) for _ in range(4)]
    # All of them have the form before the first one sends it.
    tokens = [await one.token_of(link) for one in browsers]
    async with asyncio.TaskGroup() as group:
        tries = [
            group.create_task(use(one, link, f"{number} green bottles", token=token))
            for number, (one, token) in enumerate(zip(browsers, tokens, strict=True))
        ]
    assert sorted(one.result().status for one in tries) == [303, 404, 404, 404]


@pytest.mark.usefixtures("anna")
async def test_a_password_that_breaks_a_rule_leaves_the_link_as_it_is(house: House) -> None:
    browser = Browser(app_of(house))
    await ask(browser)
    link = await link_of(house)
    reply = await use(browser, link, "short")
    assert "too short" in reply.text
    assert (await use(browser, link)).status == 303


@pytest.mark.usefixtures("anna")
async def test_a_mailbox_gets_three_letters_an_hour_and_a_source_has_twenty_tries(house: House) -> None:
    browser = Browser(app_of(house))
    replies = [await ask(browser) for _ in range(5)]
    assert {reply.status for reply in replies} == {303}
    assert len(await letters(house)) == 3
    async with house.database.writing() as connection:
        await connection.execute(attempt.update().where(attempt.c.subject == "reset/127.0.0.1").values(tries=20))
    assert (await ask(browser, "nobody@sommer.example")).status == 429


@pytest.mark.usefixtures("anna")
async def test_host_header_the_link_names_the_settings_address_whatever_the_request_says(house: House) -> None:
    browser = Browser(app_of(house))
    evil = await browser.ask("GET", ASK, headers={"host": "evil.example"})
    assert evil.status in {400, 403, 421}
    page = await browser.ask("GET", ASK, headers={"host": "localhost:8480", "x-forwarded-host": "evil.example"})
    token = page.text.split('name="token" value="')[1].split('"')[0]
    body = f"token={token}&email=anna%40sommer.example".encode()
    kind = {"content-type": "application/x-www-form-urlencoded", "host": "localhost:8480"}
    assert (await browser.ask("POST", ASK, body, kind | {"x-forwarded-host": "evil.example"})).status == 303
    text = (await letters(house))[0][2]
    assert "http://127.0.0.1:8480/password/new?link=" in text
    assert "evil" not in text
    assert "localhost" not in text


@pytest.mark.usefixtures("anna")
async def test_neither_table_holds_the_link_in_clear(house: House) -> None:
    await ask(Browser(app_of(house)))
    secret = (await link_of(house)).partition("=")[2]
    async with house.database.reading() as connection:
        for table in (password_link, letter):
            assert secret not in str((await connection.execute(select(table))).all())


@pytest.mark.usefixtures("anna")
async def test_csrf_these_forms_are_of_our_own_pages(house: House) -> None:
    browser = Browser(app_of(house))
    for path in (ASK, "/password/new"):
        assert (await browser.post(path, email=EMAIL, link="x", password=OTHER)).status == 403
        assert (await browser.post(path, token="x", email=EMAIL, link="x", password=OTHER)).status == 403
    assert await letters(house) == []


async def test_the_operators_first_person_chooses_a_password_by_a_link(house: House, clock: HandClock) -> None:
    made = await create_admin(house, "Op@Portal.example", "Olga Operator", None)
    assert made.link is not None
    link = made.link.removeprefix("http://127.0.0.1:8480")
    browser = Browser(app_of(house))
    clock.forward(hours=23)
    assert (await use(browser, link)).status == 303
    assert (await sign_in(browser, "op@portal.example", OTHER)).status == 303
    assert await inside(browser)


async def test_the_operators_first_person_is_made_with_a_password_and_once(house: House) -> None:
    made = await create_admin(house, "op@portal.example", "Olga Operator", OTHER)
    assert made.link is None
    assert (await sign_in(Browser(app_of(house)), "op@portal.example", OTHER)).status == 303
    for email, name, password, code in (
        ("OP@portal.example", "Olga", OTHER, Code.RECORD_CONFLICT),
        ("no address", "Olga", OTHER, Code.FIELD_INVALID),
        ("x@portal.example", " ", OTHER, Code.FIELD_INVALID),
        ("x@portal.example", "Olga", "short", Code.FIELD_INVALID),
    ):
        with pytest.raises(BridgeError) as caught:
            await create_admin(house, email, name, password)
        assert caught.value.code is code
    async with house.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(password_link)) == 0
