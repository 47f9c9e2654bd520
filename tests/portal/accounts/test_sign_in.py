"""Signing in with a password: who comes in, who does not, and what a guesser learns."""

import asyncio
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from tests.portal.accounts.front_door import (
    EMAIL,
    OTHER,
    PASSWORD,
    app_of,
    bare,
    change,
    inside,
    join,
    sign_in,
    signed_in,
)
from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.shops import merchant
from tillbridge.portal.accounts import passwords
from tillbridge.portal.accounts.tables import attempt, person, session
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House


@pytest.fixture
async def anna(house: House) -> str:
    return await join(house, await merchant(house))


async def test_the_right_password_opens_the_portal(house: House, anna: str) -> None:
    browser = Browser(app_of(house))
    assert not await inside(browser)
    reply = await sign_in(browser)
    assert (reply.status, reply.location) == (303, "/")
    assert "welcome Anna Sommer" in (await browser.get("/")).text
    async with house.database.reading() as connection:
        row = (await connection.execute(select(audit_entry))).one()
    assert (row.event, row.actor_id, row.subject) == ("account.signed_in", anna, EMAIL)


@pytest.mark.usefixtures("anna")
async def test_an_address_is_the_same_however_it_is_typed(house: House) -> None:
    assert (await sign_in(Browser(app_of(house)), " Anna@SOMMER.example ")).status == 303


@pytest.mark.usefixtures("anna")
async def test_one_comes_back_to_the_page_that_was_asked_for(house: House) -> None:
    browser = Browser(app_of(house))
    asked = await browser.get("/delicate?a=1")
    assert asked.location == "/sign-in?next=/delicate%3Fa%3D1"
    reply = await browser.post("/sign-in", page=asked.location, email=EMAIL, password=PASSWORD, next="/delicate?a=1")
    assert reply.location == "/delicate?a=1"


@pytest.mark.usefixtures("anna")
async def test_open_redirect_next_never_leads_to_another_site(house: House) -> None:
    foreign = ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/evil")
    for elsewhere in foreign:
        browser = Browser(app_of(house))
        page = await browser.get(f"/sign-in?next={quote(elsewhere, safe='')}")
        assert "evil" not in page.text.split("<footer")[0]
        assert (await sign_in(browser, next=elsewhere)).location == "/"
        # And the page of somebody who is in already does not lead there either.
        assert (await browser.get(f"/sign-in?next={quote(elsewhere, safe='')}")).location == "/"


async def test_user_enumeration_every_refusal_is_the_same_answer(house: House, anna: str) -> None:
    tenant_id = await merchant(house, "Other")
    await change(house, await join(house, tenant_id, "bert@sommer.example", "Bert"), state="disabled")
    await change(
        house, await join(house, tenant_id, "cara@sommer.example", "Cara"), state="invited", password_hash=None
    )
    await change(house, anna, locks=1, locked_until=house.runtime.clock.now().replace(year=2100))
    browser = Browser(app_of(house))
    answers = {}
    for email in ("nobody@sommer.example", "bert@sommer.example", "cara@sommer.example", EMAIL):
        for password in (PASSWORD, OTHER):
            reply = await sign_in(browser, email, password)
            answers[email, password] = (reply.status, bare(reply).replace(email, ""))
    assert {status for status, _ in answers.values()} == {422}
    assert len(set(answers.values())) == 1


def test_nobodys_hash_costs_what_a_persons_does() -> None:
    parameters = passwords._NOBODYS.rpartition("$")[0].rpartition("$")[0]
    assert parameters == "$argon2id$v=19$m=19456,t=2,p=1"
    assert not passwords._HASHER.check_needs_rehash(passwords._NOBODYS)


async def test_a_locked_account_refuses_the_right_password_for_5_then_15_then_60_minutes(
    house: House, anna: str, clock: HandClock
) -> None:
    browser = Browser(app_of(house))
    await change(house, anna, failures=4)
    for minutes in (5, 15, 60, 60):
        assert (await sign_in(browser, password=OTHER)).status == 422
        assert (await sign_in(browser)).status == 422
        clock.forward(minutes=minutes, seconds=-1)
        assert (await sign_in(browser)).status == 422
        clock.forward(seconds=1)
        await change(house, anna, failures=4)
    assert (await sign_in(browser)).status == 303
    async with house.database.reading() as connection:
        row = (await connection.execute(select(person.c.failures, person.c.locks, person.c.locked_until))).one()
        locked = select(func.count()).where(audit_entry.c.event == "account.locked")
        assert await connection.scalar(locked) == 4
    assert tuple(row) == (0, 0, None)


@pytest.mark.usefixtures("anna")
async def test_the_fifth_wrong_password_in_a_row_locks(house: House) -> None:
    browser = Browser(app_of(house))
    for _ in range(4):
        await sign_in(browser, password=OTHER)
    assert (await sign_in(browser)).status == 303
    other = Browser(app_of(house))
    for _ in range(5):
        await sign_in(other, password=OTHER)
    assert (await sign_in(other)).status == 422


async def test_guesses_at_the_same_moment_are_all_counted(house: House, anna: str) -> None:
    browsers = [Browser(app_of(house), source=f"192.0.2.{number}") for number in range(8)]
    async with asyncio.TaskGroup() as group:
        for browser in browsers:
            group.create_task(sign_in(browser, password=OTHER))
    async with house.database.reading() as connection:
        row = (await connection.execute(select(person).where(person.c.id == anna))).one()
    assert (row.failures, row.locks) == (5, 1)
    assert row.locked_until is not None


@pytest.mark.usefixtures("anna")
async def test_one_source_has_twenty_wrong_tries_an_hour_whoever_is_tried(house: House, clock: HandClock) -> None:
    browser = Browser(app_of(house), source="192.0.2.9")
    async with house.database.writing() as connection:
        await connection.execute(attempt.insert().values(subject="sign-in/192.0.2.9", began_at=clock.now(), tries=19))
    assert (await sign_in(browser, "nobody@sommer.example")).status == 422
    refused = await sign_in(browser)
    assert refused.status == 429
    assert "Too many tries" in refused.text
    assert (await sign_in(Browser(app_of(house), source="192.0.2.10"))).status == 303
    clock.forward(hours=1)
    assert (await sign_in(browser)).status == 303


@pytest.mark.usefixtures("anna")
async def test_the_right_password_uses_up_no_try(house: House) -> None:
    for _ in range(3):
        assert (await sign_in(Browser(app_of(house)))).status == 303
    async with house.database.reading() as connection:
        assert await connection.scalar(select(attempt.c.tries)) == 0


async def test_a_hash_of_old_parameters_is_renewed(house: House, anna: str) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await change(house, anna, password_hash=weak)
    assert (await sign_in(Browser(app_of(house)))).status == 303
    async with house.database.reading() as connection:
        stored = await connection.scalar(select(person.c.password_hash))
    assert stored is not None
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await sign_in(Browser(app_of(house)))).status == 303


@pytest.mark.usefixtures("anna")
async def test_session_fixation_a_sign_in_takes_no_secret_from_the_browser(house: House) -> None:
    planted = "A" * 43
    browser = Browser(app_of(house), cookies={"tillbridge_portal": planted})
    await sign_in(browser)
    assert browser.cookies["tillbridge_portal"] != planted
    assert not await inside(Browser(app_of(house), cookies={"tillbridge_portal": planted}))


@pytest.mark.usefixtures("anna")
async def test_session_fixation_signing_in_again_ends_the_session_before(house: House) -> None:
    browser = await signed_in(house)
    before = dict(browser.cookies)
    second = Browser(app_of(house), cookies=dict(before))
    # Somebody else's sign-in in the same browser: the page is opened from the door cookie alone.
    second.cookies.pop("tillbridge_portal")
    page = await second.get("/sign-in")
    token = page.text.split('name="token" value="')[1].split('"')[0]
    second.cookies["tillbridge_portal"] = before["tillbridge_portal"]
    assert (await second.post("/sign-in", token=token, email=EMAIL, password=PASSWORD)).status == 303
    assert second.cookies["tillbridge_portal"] != before["tillbridge_portal"]
    assert not await inside(Browser(app_of(house), cookies=before))
    assert await inside(second)


@pytest.mark.usefixtures("anna")
async def test_csrf_a_sign_in_form_from_elsewhere_is_refused(house: House) -> None:
    browser = Browser(app_of(house))
    assert (await browser.post("/sign-in", email=EMAIL, password=PASSWORD)).status == 403
    foreign = Browser(app_of(house))
    page = (await foreign.get("/sign-in")).text
    token = page.split('name="token" value="')[1].split('"')[0]
    await browser.get("/sign-in")
    assert (await browser.post("/sign-in", token=token, email=EMAIL, password=PASSWORD)).status == 403
    assert not await inside(browser)


async def test_an_oversized_form_is_refused_and_nothing_is_counted(house: House, anna: str) -> None:
    browser = Browser(app_of(house))
    huge = await browser.post("/sign-in", page="/sign-in", email=EMAIL, password="x" * 70_000)
    assert huge.status == 413
    many = await browser.post("/sign-in", page="/sign-in", **{f"f{number}": "" for number in range(200)})
    assert many.status == 400
    async with house.database.reading() as connection:
        assert await connection.scalar(select(person.c.failures).where(person.c.id == anna)) == 0
        assert await connection.scalar(select(func.count()).select_from(attempt)) == 0


@pytest.mark.usefixtures("anna")
async def test_an_endless_password_is_wrong_and_not_hashed(house: House) -> None:
    assert (await sign_in(Browser(app_of(house)), password="x" * 5000)).status == 422


@pytest.mark.usefixtures("anna")
async def test_sql_and_templates_in_what_is_typed_stay_text(house: House) -> None:
    reply = await sign_in(Browser(app_of(house)), "' or 1=1 -- {{ 7*7 }}<b>@x.example", "' or '1'='1")
    assert reply.status == 422
    assert b"&lt;b&gt;" in reply.body
    assert b"49" not in reply.body.split(b"</form>")[0].split(b'name="email"')[1]


@pytest.mark.usefixtures("anna")
async def test_a_zero_byte_is_refused_like_anything_wrong(house: House) -> None:
    browser = Browser(app_of(house))
    assert (await sign_in(browser, "anna\x00@sommer.example", "\x00")).status == 400
    assert (await sign_in(browser, EMAIL, "\x00" * 20)).status == 400
    assert (await browser.post("/password/forgotten", page="/password/forgotten", email="\x00")).status == 400
    assert (await browser.get("/password/new?link=%00")).status == 400
    inside_now = await signed_in(house)
    for path in ("/profile/sessions/\x00/end", "/profile/factors/\x00/remove"):
        reply = await inside_now.post(path, page="/profile")
        assert reply.status == 400, reply.text


@pytest.mark.usefixtures("anna")
async def test_signing_out_ends_the_session_and_not_only_the_cookie(house: House) -> None:
    browser = await signed_in(house)
    kept = dict(browser.cookies)
    assert (await browser.post("/sign-out")).status == 403
    reply = await browser.post("/sign-out", page="/profile")
    assert reply.location == "/sign-in?done=signed_out"
    assert "tillbridge_portal" not in browser.cookies
    assert "You are signed out" in (await browser.follow(reply)).text
    assert not await inside(Browser(app_of(house), cookies=kept))
    async with house.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(session)) == 0


@pytest.mark.usefixtures("anna")
async def test_every_page_before_the_sign_in_speaks_four_languages(house: House) -> None:
    browser = Browser(app_of(house))
    for language in ("de", "fr", "cs", "en"):
        browser.language = language
        for path in ("/sign-in", "/sign-in?done=signed_out", "/password/forgotten", "/password/new?link=none"):
            page = await browser.get(path)
            assert page.status in {200, 404}, page.text
            assert f'lang="{language}"' in page.text


async def test_the_address_of_a_form_leads_back_to_its_page(house: House) -> None:
    browser = Browser(app_of(house))
    for page in ("/sign-in", "/sign-in/factor", "/step-up"):
        assert (await browser.get(f"{page}/passkey")).location == page
