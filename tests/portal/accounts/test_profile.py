"""One's own account, and what is accepted as a password."""

import re
import unicodedata
from collections.abc import Callable

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
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import passwords
from tillbridge.portal.accounts.model import clean_email, clean_name
from tillbridge.portal.accounts.own_rights import own_rights
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import Area, Person, Reach, Right


@pytest.fixture
async def anna(house: House) -> str:
    return await join(house, await merchant(house))


async def change_password(browser: Browser, current: str, password: str) -> Reply:
    path = "/profile/password"
    return await browser.post(path, page=path, current=current, password=password)


@pytest.mark.usefixtures("anna")
async def test_name_and_language_change_what_every_page_says(house: House) -> None:
    browser = await signed_in(house)
    reply = await browser.post("/profile", page="/profile", name="Anna  Winter", language="cs")
    assert reply.location == "/profile?done=saved"
    page = (await browser.follow(reply)).text
    assert "Anna Winter" in page
    assert "Uloženo." in page
    async with house.database.reading() as connection:
        wanted = select(audit_entry).where(audit_entry.c.event == "account.profile_changed")
        row = (await connection.execute(wanted)).one()
    assert row.before == {"name": "Anna Sommer", "language": None}
    assert row.after == {"name": "Anna Winter", "language": "cs"}


@pytest.mark.usefixtures("anna")
async def test_header_injection_a_name_is_one_printable_line(house: House) -> None:
    browser = await signed_in(house)
    for name in ("", "x" * 101, "Anna\r\nBcc: all@evil.example", "Anna\u202eevil"):
        reply = await browser.post("/profile", page="/profile", name=name, language="")
        assert reply.status == 400
        assert "at most 100 characters" in reply.text
    async with house.database.reading() as connection:
        assert await connection.scalar(select(person.c.name)) == "Anna Sommer"


@pytest.mark.usefixtures("anna")
async def test_template_injection_a_name_stays_text(house: House) -> None:
    browser = await signed_in(house)
    await browser.post("/profile", page="/profile", name="{{ 7*7 }}<script>{0}</script>", language="de")
    page = await browser.get("/profile")
    assert b"{{ 7*7 }}&lt;script&gt;{0}&lt;/script&gt;" in page.body
    await change_password(browser, PASSWORD, OTHER)
    assert "Guten Tag {{ 7*7 }}<script>{0}</script>," in (await letters(house))[0][2]


@pytest.mark.usefixtures("anna")
async def test_a_language_that_is_not_spoken_is_refused(house: House) -> None:
    browser = await signed_in(house)
    assert (await browser.post("/profile", page="/profile", name="Anna", language="xx")).status == 400


@pytest.mark.usefixtures("anna")
async def test_a_changed_password_ends_all_others_at_once(house: House) -> None:
    browser, other = await signed_in(house), await signed_in(house)
    kept = dict(browser.cookies)
    reply = await change_password(browser, PASSWORD, OTHER)
    assert reply.location == "/profile?done=password"
    assert await inside(browser)
    assert not await inside(other)
    # The secret of this session is another one as well: whoever copied it is out.
    assert not await inside(Browser(app_of(house), cookies=kept))
    assert (await sign_in(Browser(app_of(house)))).status == 422
    assert (await sign_in(Browser(app_of(house)), password=OTHER)).status == 303
    assert [subject for _, subject, _ in await letters(house)] == ["tillbridge: your password was changed"]


@pytest.mark.usefixtures("anna")
async def test_a_password_is_changed_by_who_knows_the_current_one(house: House) -> None:
    browser, other = await signed_in(house), await signed_in(house)
    wrong = await change_password(browser, OTHER, OTHER)
    assert wrong.status == 422
    assert "The current password is not right" in wrong.text
    for _ in range(9):
        await change_password(browser, OTHER, OTHER)
    assert (await change_password(browser, PASSWORD, OTHER)).status == 429
    assert await inside(other)


@pytest.mark.usefixtures("anna")
async def test_a_password_that_breaks_a_rule_is_said_and_nothing_ends(house: House) -> None:
    browser, other = await signed_in(house), await signed_in(house)
    for password, said in (
        ("short", "too short"),
        ("x" * 257, "too long"),
        ("Password1234", "Very many people"),
        ("anna@sommer.example", "your name or your address"),
    ):
        reply = await change_password(browser, PASSWORD, password)
        assert reply.status == 400
        assert said in reply.text
    assert await inside(other)


@pytest.mark.usefixtures("anna")
async def test_csrf_the_password_form_needs_its_sessions_token(house: House) -> None:
    browser = await signed_in(house)
    assert (await browser.post("/profile/password", current=PASSWORD, password=OTHER)).status == 403
    assert (await sign_in(Browser(app_of(house)))).status == 303


@pytest.mark.usefixtures("anna")
async def test_every_page_of_the_profile_speaks_four_languages(house: House) -> None:
    browser = await signed_in(house)
    for language in ("de", "fr", "cs", "en"):
        browser.language = language
        for path in ("/profile", "/profile/password", "/profile/factors", "/profile/sessions"):
            page = await browser.get(path)
            assert page.status == 200, page.text
            assert f'lang="{language}"' in page.text
            # Without a script and a style of its own: the policy would refuse them.
            assert not re.search(r"<script(?! src=)|<style| style=| on[a-z]+=", page.body.decode())


async def test_one_sees_what_one_may_do_and_where(house: House) -> None:
    tenant_id = await merchant(house)
    shops = [await shop(house, tenant_id, 10 + at, client_number=at + 1, name=f"Shop {at}") for at in range(7)]
    everywhere, some = Reach(everywhere=True), Reach(locations=frozenset(shops))
    reaches = {
        Right.parse("locations.edit"): some,
        Right.parse("reports.view"): everywhere,
        Right.parse("services.view"): Reach(locations=frozenset(shops[:1])),
    }
    given = {right: reach for right, reach in reaches.items() if right is not None}
    who = Person("1" * 32, "Sam", "sam@shop.example", None, tenant_id, given)
    async with house.database.reading() as connection:
        found = {one.area: one for one in await own_rights(connection, who)}
    assert list(found) == [Area.SERVICES, Area.LOCATIONS, Area.REPORTS]
    assert found[Area.REPORTS].view.everywhere
    assert not found[Area.REPORTS].edit.everywhere
    assert list(found[Area.SERVICES].view.names) == ["Shop 0"]
    assert found[Area.SERVICES].edit.names == []
    assert (len(found[Area.LOCATIONS].edit.names), found[Area.LOCATIONS].edit.more) == (5, 2)
    assert found[Area.LOCATIONS].view == found[Area.LOCATIONS].edit


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("elevenchars", "too_short"),
        ("x" * 257, "too_long"),
        ("passwort1234", "too_common"),
        ("PASSWORD-1234", "too_common"),
        ("ababababababab", "too_common"),
        ("anna.sommer@bakery.example", "too_personal"),
        ("Anna Sommer 1", "too_personal"),
        ("sommersommer", "too_personal"),
    ],
)
def test_what_is_no_password(password: str, rule: str) -> None:
    with pytest.raises(BridgeError) as caught:
        passwords.check_rules(password, email="anna.sommer@bakery.example", name="Anna Sommer")
    assert (caught.value.code, caught.value.detail, caught.value.place) == (Code.FIELD_INVALID, rule, "password")


@given(st.text(st.sampled_from("abcxyzäöüéèçěščřžýáíß"), min_size=5, max_size=40))
def test_a_passphrase_needs_no_digits_or_signs_and_is_the_same_in_either_spelling(text: str) -> None:
    phrase = f"meadow {text} lantern"
    taken = passwords.check_rules(phrase, email=EMAIL, name="Anna Sommer")
    assert taken == passwords.check_rules(unicodedata.normalize("NFD", phrase), email=EMAIL, name="Anna Sommer")


async def test_one_password_in_two_spellings_is_one_password() -> None:
    made = await passwords.make_hash(unicodedata.normalize("NFD", "Prärieläufer Ü"))
    assert (await passwords.compare(made, unicodedata.normalize("NFC", "Prärieläufer Ü"))).right
    assert not (await passwords.compare(made, "Prarielaufer U")).right
    assert not (await passwords.compare(None, "Prärieläufer Ü")).right


def test_the_common_passwords_are_long_enough_to_matter() -> None:
    assert len(passwords._common()) >= 200


def _stored(clean: Callable[[str], str], text: str) -> str | BridgeError:
    try:
        return clean(text)
    except BridgeError as error:
        return error


@pytest.mark.parametrize(("clean", "place"), [(clean_email, "email"), (clean_name, "name")])
@given(text=st.text(max_size=120) | st.emails())
def test_an_address_and_a_name_are_stored_in_one_form_or_refused(
    clean: Callable[[str], str], place: str, text: str
) -> None:
    match _stored(clean, text):
        case BridgeError() as error:
            assert (error.code, error.place) == (Code.FIELD_INVALID, place)
        case str(stored):
            assert clean(stored) == stored
            assert stored.isprintable()
            assert 1 <= len(stored) <= 190


async def test_an_address_has_one_account_whichever_merchant_it_is_of(house: House, anna: str) -> None:
    other = await merchant(house, "Other")
    with pytest.raises(BridgeError) as caught:
        await join(house, other, EMAIL.upper())
    assert caught.value.code is Code.RECORD_CONFLICT
    async with house.database.reading() as connection:
        assert (await connection.scalars(select(person.c.id))).all() == [anna]
