"""One-time passwords, recovery codes and the fresh proof."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.portal.accounts.front_door import (
    EMAIL,
    OTHER,
    PASSWORD,
    app_of,
    inside,
    join,
    letters,
    sign_in,
    signed_in,
)
from tests.portal.browser import Browser, Reply
from tests.portal.clock import HandClock
from tests.portal.shops import merchant
from tillbridge.portal.accounts import totp
from tillbridge.portal.accounts.recovery import code_hash
from tillbridge.portal.accounts.tables import attempt, factor, recovery_code
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.vault import open_vault

FACTORS = "/profile/factors"
TOTP = f"{FACTORS}/totp"

_CODES = re.compile(r'<li class="code">([0-9A-Z-]+)</li>')


@pytest.fixture
async def anna(house: House) -> str:
    return await join(house, await merchant(house))


async def begin(browser: Browser, password: str = PASSWORD) -> str:
    """Asks for a generator; returns its secret as the page shows it."""
    reply = await browser.post(TOTP, page=FACTORS, password=password)
    assert reply.status == 303, reply.text
    page = (await browser.get(reply.location)).text
    found = re.search(r'<span class="code">([A-Z2-7 ]+)</span>', page)
    assert found is not None
    return found[1].replace(" ", "")


def code_at(secret: str, moment: datetime) -> str:
    return pyotp.TOTP(secret).at(moment)


async def enrol(browser: Browser, clock: HandClock) -> tuple[str, list[str]]:
    """Adds a generator; returns its secret and the recovery codes."""
    secret = await begin(browser)
    reply = await browser.post(f"{TOTP}/confirm", page=TOTP, code=code_at(secret, clock.now()))
    assert reply.status == 200, reply.text
    return secret, _CODES.findall(reply.text)


async def half(house: House) -> Browser:
    browser = Browser(app_of(house))
    reply = await sign_in(browser)
    assert reply.location == "/sign-in/factor?next=/"
    return browser


async def answer(browser: Browser, code: str, **form: str) -> Reply:
    return await browser.post("/sign-in/factor", page="/sign-in/factor", code=code, **form)


@pytest.mark.usefixtures("anna")
async def test_after_enrolment_the_password_alone_opens_nothing(house: House, clock: HandClock) -> None:
    secret, codes = await enrol(await signed_in(house), clock)
    assert len(set(codes)) == 10
    browser = await half(house)
    for path in ("/", "/profile", "/profile/factors", "/profile/sessions", "/delicate"):
        assert (await browser.get(path)).location.startswith("/sign-in?next=")
    clock.forward(seconds=30)
    kept = dict(browser.cookies)
    reply = await answer(browser, code_at(secret, clock.now()), next="/delicate")
    assert reply.location == "/delicate"
    assert (await browser.follow(reply)).text == "delicate"
    # Session fixation: the half session's secret is not the whole one's.
    assert browser.cookies["tillbridge_portal"] != kept["tillbridge_portal"]
    assert not await inside(Browser(app_of(house), cookies=kept))


@pytest.mark.usefixtures("anna")
async def test_a_replayed_one_time_password_is_refused(house: House, clock: HandClock) -> None:
    secret, _ = await enrol(await signed_in(house), clock)
    assert (await answer(await half(house), code_at(secret, clock.now()))).status == 422  # used by the enrolment
    clock.forward(seconds=30)
    code = code_at(secret, clock.now())
    assert (await answer(await half(house), code)).status == 303
    refused = await answer(await half(house), code)
    assert refused.status == 422
    assert "used already" in refused.text
    # An earlier step than the last used one is refused as well, though it would be within the drift.
    earlier = code_at(secret, clock.now() - timedelta(seconds=30))
    assert (await answer(await half(house), earlier)).status == 422


@pytest.mark.usefixtures("anna")
async def test_a_wrong_second_factor_is_limited_also_over_several_sign_ins(house: House, clock: HandClock) -> None:
    secret, codes = await enrol(await signed_in(house), clock)
    browser = await half(house)
    for _ in range(5):
        assert (await answer(browser, "000000")).status == 422
    async with house.database.writing() as connection:
        await connection.execute(attempt.update().where(attempt.c.subject.like("factor/%")).values(tries=10))
    clock.forward(seconds=30)
    for code in (code_at(secret, clock.now()), codes[0]):
        assert (await answer(await half(house), code)).status == 429
    clock.forward(hours=1)
    assert (await answer(await half(house), code_at(secret, clock.now()))).status == 303


@pytest.mark.usefixtures("anna")
async def test_a_half_session_waits_ten_minutes(house: House, clock: HandClock) -> None:
    secret, _ = await enrol(await signed_in(house), clock)
    browser = await half(house)
    clock.forward(minutes=10)
    reply = await browser.get("/sign-in/factor")
    assert reply.location.startswith("/sign-in?")
    assert secret


@pytest.mark.usefixtures("anna")
async def test_the_database_holds_neither_secret_nor_codes_in_clear(house: House, clock: HandClock) -> None:
    secret, codes = await enrol(await signed_in(house), clock)
    async with house.database.reading() as connection:
        held = str((await connection.execute(select(factor))).all()) + str(
            (await connection.execute(select(recovery_code))).all()
        )
        told = str((await connection.execute(select(audit_entry))).all())
    for text in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert text not in held
        assert text not in told
    assert [subject for _, subject, _ in await letters(house)] == ["tillbridge: second factor added"]


@pytest.mark.usefixtures("anna")
async def test_the_picture_says_what_the_page_says(house: House) -> None:
    browser = await signed_in(house)
    assert (await browser.get(f"{TOTP}.svg")).status == 404
    await begin(browser)
    picture = await browser.get(f"{TOTP}.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.headers["cache-control"] == "no-store"
    assert picture.body.startswith(b"<?xml")
    assert b"style=" not in picture.body


@pytest.mark.usefixtures("anna")
async def test_the_first_factor_is_added_by_the_password_and_a_further_one_by_a_fresh_proof(
    house: House, clock: HandClock
) -> None:
    browser = await signed_in(house)
    wrong = await browser.post(TOTP, page=FACTORS, password=OTHER)
    assert wrong.status == 422
    assert "The current password is not right" in wrong.text
    secret, _ = await enrol(browser, clock)
    clock.forward(minutes=6)
    led = await browser.post(TOTP, page=FACTORS, password=PASSWORD)
    assert led.location == f"/step-up?next={FACTORS}"
    await browser.post("/step-up", page=led.location, code=code_at(secret, clock.now()))
    assert (await browser.post(TOTP, page=FACTORS, password="")).status == 409


@pytest.mark.usefixtures("anna")
async def test_a_generator_that_was_shown_waits_ten_minutes_and_counts_for_nothing(
    house: House, clock: HandClock
) -> None:
    browser = await signed_in(house)
    secret = await begin(browser)
    assert (await sign_in(Browser(app_of(house)))).location == "/"
    token = (await browser.get(TOTP)).text.split('name="token" value="')[1].split('"')[0]
    assert (await browser.post(f"{TOTP}/confirm", token=token, code="000000")).status == 422
    clock.forward(minutes=10)
    late = await browser.post(f"{TOTP}/confirm", token=token, code=code_at(secret, clock.now()))
    assert late.location == f"{FACTORS}?next=/"
    assert "second factor" in (await browser.follow(late)).text
    assert (await sign_in(Browser(app_of(house)))).location == "/"


@pytest.mark.usefixtures("anna")
async def test_a_delicate_page_asks_for_a_fresh_proof_and_forgets_it_after_five_minutes(
    house: House, clock: HandClock
) -> None:
    browser = await signed_in(house)
    needed = await browser.get("/delicate")
    assert needed.location == "/step-up?next=/delicate"
    led = await browser.follow(needed)
    assert led.location == f"{FACTORS}?next=/delicate&done=needed"
    assert "needs a second factor" in (await browser.follow(led)).text
    secret, _ = await enrol(browser, clock)
    assert (await browser.get("/delicate")).text == "delicate"
    clock.forward(minutes=5, seconds=1)
    assert (await browser.get("/delicate")).location == "/step-up?next=/delicate"
    kept = dict(browser.cookies)
    page = "/step-up?next=/delicate"
    assert (await browser.post("/step-up", page=page, code="000000", next="/delicate")).status == 422
    code = code_at(secret, clock.now())
    reply = await browser.post("/step-up", page=page, code=code, next="/delicate")
    assert (await browser.follow(reply)).text == "delicate"
    # Session fixation: the secret before the proof opens nothing after it.
    assert not await inside(Browser(app_of(house), cookies=kept))
    # Open redirect, and the same code once more.
    again = await browser.post("/step-up", page=page, code=code, next="//evil.example")
    assert again.status == 422
    assert 'value="//evil' not in again.text
    clock.forward(seconds=30)
    late = await browser.post("/step-up", page=page, code=code_at(secret, clock.now()), next="//evil.example")
    assert late.location == "/"


@pytest.mark.usefixtures("anna")
async def test_a_recovery_code_opens_once_and_lets_the_lost_factor_be_replaced(house: House, clock: HandClock) -> None:
    _, codes = await enrol(await signed_in(house), clock)
    clock.forward(hours=1)
    browser = await half(house)
    typed = codes[0].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert (await answer(browser, typed)).status == 303
    assert (await answer(await half(house), codes[0])).status == 422
    # It is no fresh proof for anything else.
    assert (await browser.get("/delicate")).location == "/step-up?next=/delicate"
    page = (await browser.get(FACTORS)).text
    assert "Still valid: 9" in page
    found = re.search(rf'action="({FACTORS}/[0-9a-f]{{32}}/remove)"', page)
    assert found is not None
    assert (await browser.post(found[1], page=FACTORS)).location == f"{FACTORS}?done=removed"
    assert (await sign_in(Browser(app_of(house)))).location == "/"
    subjects = [subject for _, subject, _ in await letters(house)]
    assert subjects[-2:] == ["tillbridge: recovery code used", "tillbridge: second factor removed"]


@pytest.mark.usefixtures("anna")
async def test_removing_a_factor_needs_a_fresh_proof_and_ends_all_others(house: House, clock: HandClock) -> None:
    first = await signed_in(house)
    browser = await signed_in(house)
    await enrol(browser, clock)
    async with house.database.reading() as connection:
        factor_id = await connection.scalar(select(factor.c.id))
    assert (await first.post(f"{FACTORS}/{factor_id}/remove", page=FACTORS)).location.startswith("/step-up")
    assert (await browser.post(f"{FACTORS}/{'0' * 32}/remove", page=FACTORS)).status == 404
    assert (await browser.post(f"{FACTORS}/{factor_id}/remove", page=FACTORS)).status == 303
    assert await inside(browser)
    assert not await inside(first)
    async with house.database.reading() as connection:
        assert (await connection.execute(select(recovery_code))).all() == []


@pytest.mark.usefixtures("anna")
async def test_new_recovery_codes_replace_the_old_ones(house: House, clock: HandClock) -> None:
    browser = await signed_in(house)
    _, codes = await enrol(browser, clock)
    fresh = _CODES.findall((await browser.post("/profile/recovery-codes", page=FACTORS)).text)
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)
    assert (await answer(await half(house), codes[0])).status == 422
    assert (await answer(await half(house), fresh[0])).status == 303
    clock.forward(minutes=6)
    assert (await browser.post("/profile/recovery-codes", page=FACTORS)).location.startswith("/step-up")


async def test_somebody_elses_factor_is_not_found(house: House, anna: str, clock: HandClock) -> None:
    await enrol(await signed_in(house), clock)
    await join(house, await merchant(house, "Other"), "bert@other.example", "Bert")
    bert = await signed_in(house, "bert@other.example")
    await enrol(bert, clock)
    async with house.database.reading() as connection:
        factor_id = await connection.scalar(select(factor.c.id).where(factor.c.person_id == anna))
    assert (await bert.post(f"{FACTORS}/{factor_id}/remove", page=FACTORS)).status == 404
    assert (await sign_in(Browser(app_of(house)), EMAIL)).location == "/sign-in/factor?next=/"


@pytest.mark.usefixtures("anna")
async def test_csrf_every_form_of_these_pages_needs_its_sessions_token(house: House, clock: HandClock) -> None:
    browser = await signed_in(house)
    await enrol(browser, clock)
    paths = (TOTP, f"{TOTP}/confirm", f"{FACTORS}/passkey", f"{FACTORS}/x/remove", "/profile/recovery-codes")
    for path in (*paths, "/step-up", "/step-up/passkey"):
        assert (await browser.post(path, code="000000", credential="{}", password=PASSWORD)).status == 403, path
    waiting = await half(house)
    for path in ("/sign-in/factor", "/sign-in/factor/passkey"):
        assert (await waiting.post(path, code="000000", credential="{}")).status == 403, path
    async with house.database.reading() as connection:
        assert (await connection.execute(select(attempt).where(attempt.c.subject.like("factor/%")))).all() == []


@given(st.integers(0, 2**33), st.integers(-100, 100))
def test_a_code_is_taken_within_one_step_either_way(moment: int, off: int) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    now, shown = datetime.fromtimestamp(moment + 200, UTC), datetime.fromtimestamp(moment + 200 + off, UTC)
    here, there = (int(one.timestamp()) // 30 for one in (now, shown))
    code = code_at(secret, shown)
    expected = [step for step in (here - 1, here, here + 1) if pyotp.TOTP(secret).generate_otp(step) == code]
    assert (there in expected) == (abs(here - there) <= 1)
    assert totp.step_of(secret, f" {code[:3]} {code[3:]}", now) == (expected[-1] if expected else None)


@given(st.text(max_size=40))
def test_only_six_plain_digits_have_the_form_of_a_one_time_password(text: str) -> None:
    assert totp.is_code(text) == (len("".join(text.split())) == 6 and "".join(text.split()).encode().isdigit())


def test_the_same_code_of_two_people_is_kept_differently(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    assert code_hash(vault, "a", "ABCD-EFGH-JKMN") != code_hash(vault, "b", "ABCD-EFGH-JKMN")
