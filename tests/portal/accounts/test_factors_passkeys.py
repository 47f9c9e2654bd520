"""Passkeys: enrolment, sign-in, second factor and fresh proof, and every answer that is not the right one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.portal.accounts.authenticator import ORIGIN, Authenticator
from tests.portal.accounts.front_door import EMAIL, PASSWORD, app_of, change, inside, join, signed_in
from tests.portal.browser import Browser, Reply
from tests.portal.clock import HandClock
from tests.portal.shops import merchant
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import passkeys
from tillbridge.portal.accounts.tables import factor, spent_challenge
from tillbridge.portal.house import House

FACTORS = "/profile/factors"


@dataclass(slots=True)
class Window(Browser):
    """A browser at http://localhost, with a passkey at hand: that is a name, which passkeys need."""

    passkey: Authenticator = field(default_factory=Authenticator)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Any = None) -> Reply:
        here = {"host": "localhost:8480"} | ({"origin": ORIGIN} if method == "POST" else {})
        # Named, since a dataclass with slots is another class than the one that super() would look for.
        return await Browser.ask(self, method, path, body, {**(headers or {}), **here})

    async def options(self, purpose: str) -> str:
        reply = await self.ask("GET", f"/passkeys/options?for={purpose}", headers={"accept": "application/json"})
        assert reply.status == 200, reply.text
        return reply.body.decode()

    async def enrol(self, **form: str) -> Reply:
        answer = self.passkey.make(await self.options("enrol"))
        given = {"credential": answer, "name": "Telephone", "password": PASSWORD}
        return await self.post(f"{FACTORS}/passkey", page=FACTORS, **(given | form))


@pytest.fixture
async def anna(house: House) -> str:
    return await join(house, await merchant(house))


async def window(house: House, email: str = EMAIL, **given: Any) -> Window:
    """A browser that somebody signed in with a password."""
    opened = Window(app_of(house), **given)
    reply = await opened.post("/sign-in", page="/sign-in", email=email, password=PASSWORD)
    assert reply.status == 303
    return opened


async def enrolled(house: House, **given: Any) -> Window:
    opened = Window(app_of(house), cookies=(await signed_in(house)).cookies, **given)
    reply = await opened.enrol()
    assert reply.status == 200, reply.text
    return opened


async def by_passkey(browser: Window, answer: str, **form: str) -> Reply:
    return await browser.post("/sign-in/passkey", page="/sign-in", credential=answer, **form)


async def at_the_door(house: House, passkey: Authenticator) -> tuple[Window, str]:
    """A browser on the sign-in page, and what it is to ask its passkey."""
    browser = Window(app_of(house), passkey=passkey)
    await browser.get("/sign-in")
    return browser, await browser.options("sign_in")


async def test_a_passkey_alone_signs_in_and_is_a_fresh_proof(house: House, anna: str) -> None:
    owner = await enrolled(house)
    browser, options = await at_the_door(house, owner.passkey)
    assert "allowCredentials" not in json.loads(options) or json.loads(options)["allowCredentials"] == []
    reply = await by_passkey(browser, owner.passkey.prove(options), next="/delicate")
    assert reply.location == "/delicate"
    assert (await browser.follow(reply)).text == "delicate"
    async with house.database.reading() as connection:
        row = (await connection.execute(select(factor))).one()
    assert (row.person_id, row.name, row.rp_id, row.sign_count) == (anna, "Telephone", "localhost", 2)


@pytest.mark.usefixtures("anna")
async def test_a_passkey_is_the_second_factor_after_a_password(house: House) -> None:
    owner = await enrolled(house)
    browser = await window(house, passkey=owner.passkey)
    assert not await inside(browser)
    known = json.loads(await browser.options("factor"))["allowCredentials"]
    assert len(known) == 1
    page, answer = "/sign-in/factor?next=/delicate", owner.passkey.prove(await browser.options("factor"))
    reply = await browser.post("/sign-in/factor/passkey", page=page, credential=answer, next="/delicate")
    assert (await browser.follow(reply)).text == "delicate"


@pytest.mark.usefixtures("anna")
async def test_a_passkey_is_a_fresh_proof(house: House, clock: HandClock) -> None:
    browser = await enrolled(house)
    clock.forward(minutes=6)
    page, kept = "/step-up?next=/delicate", dict(browser.cookies)
    assert (await browser.get("/delicate")).location == page
    answer = browser.passkey.prove(await browser.options("step_up"))
    reply = await browser.post("/step-up/passkey", page=page, credential=answer, next="/delicate")
    assert (await browser.follow(reply)).text == "delicate"
    assert not await inside(Browser(app_of(house), cookies=kept))


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("counts", [True, False])
async def test_a_replayed_passkey_answer_is_refused(house: House, counts: bool) -> None:
    owner = await enrolled(house, passkey=Authenticator(counts=counts))
    browser, options = await at_the_door(house, owner.passkey)
    door = dict(browser.cookies)
    answer = owner.passkey.prove(options)
    assert (await by_passkey(browser, answer)).status == 303
    # The very same browser, with the cookie for which the challenge was made.
    thief = Window(app_of(house), cookies=door)
    assert (await by_passkey(thief, answer)).status == 422
    assert not await inside(thief)
    async with house.database.reading() as connection:
        # Two challenges were signed rightly: that of the enrolment and that of the sign-in.
        assert await connection.scalar(select(func.count()).select_from(spent_challenge)) == 2


@pytest.mark.usefixtures("anna")
async def test_a_challenge_is_of_one_browser_one_purpose_and_five_minutes(house: House, clock: HandClock) -> None:
    owner = await enrolled(house)
    browser, options = await at_the_door(house, owner.passkey)
    other, _ = await at_the_door(house, owner.passkey)
    assert (await by_passkey(other, owner.passkey.prove(options))).status == 422
    wrong_purpose = owner.passkey.prove(await owner.options("step_up"))
    assert (await by_passkey(browser, wrong_purpose)).status == 422
    clock.forward(minutes=5)
    assert (await by_passkey(browser, owner.passkey.prove(options))).status == 422
    assert (await by_passkey(browser, owner.passkey.prove(await browser.options("sign_in")))).status == 303


@pytest.mark.usefixtures("anna")
async def test_an_answer_that_is_wrong_in_one_place_is_refused(house: House) -> None:
    owner = await enrolled(house)
    passkey = owner.passkey
    browser, options = await at_the_door(house, passkey)
    for name, value in (
        ("origin", "https://evil.example"),
        ("rp_id", "evil.example"),
        ("verifies", False),
        ("credential_id", b"another"),
        ("user_handle", b"\x01" * 16),
        ("count", 0),
    ):
        right = getattr(passkey, name)
        setattr(passkey, name, value)
        refused = await by_passkey(browser, passkey.prove(options))
        assert refused.status == 422, name
        assert "This passkey was not accepted" in refused.text
        setattr(passkey, name, right)
    assert (await by_passkey(browser, passkey.prove(options))).status == 303


@pytest.mark.usefixtures("anna")
async def test_another_key_does_not_sign_for_this_one(house: House) -> None:
    owner = await enrolled(house)
    browser, options = await at_the_door(house, owner.passkey)
    forger = Authenticator(user_handle=owner.passkey.user_handle, count=10)
    assert (await by_passkey(browser, forger.prove(options))).status == 422


@pytest.mark.usefixtures("anna")
async def test_a_passkey_is_one_persons_second_factor(house: House) -> None:
    await enrolled(house)
    await join(house, await merchant(house, "Other"), "bert@other.example", "Bert")
    other = Authenticator(credential_id=b"credential-0002")
    reply = await (await window(house, "bert@other.example", passkey=other)).enrol()
    assert reply.status == 200
    stolen_password = await window(house, passkey=other)
    answer = other.prove(await stolen_password.options("factor"))
    page = "/sign-in/factor"
    refused = await stolen_password.post("/sign-in/factor/passkey", page=page, credential=answer)
    assert refused.status == 422
    assert not await inside(stolen_password)


async def test_a_disabled_person_comes_in_by_no_passkey(house: House, anna: str) -> None:
    owner = await enrolled(house)
    await change(house, anna, state="disabled")
    browser, options = await at_the_door(house, owner.passkey)
    assert (await by_passkey(browser, owner.passkey.prove(options))).status == 422


@pytest.mark.usefixtures("anna")
async def test_enrolment_wants_the_password_a_name_and_an_own_challenge(house: House) -> None:
    browser, other = await window(house), await window(house)
    assert (await browser.enrol(password="wrong wrong wrong")).status == 422
    assert "at most 100 characters" in (await browser.enrol(name="")).text
    foreign = browser.passkey.make(await other.options("enrol"))
    assert (await browser.enrol(credential=foreign)).status == 422
    for passkey in (Authenticator(verifies=False), Authenticator(origin="https://evil.example")):
        browser.passkey = passkey
        assert (await browser.enrol()).status == 422
    async with house.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(factor)) == 0
    browser.passkey = Authenticator()
    assert (await browser.enrol()).status == 200
    assert (await browser.enrol()).status == 409


@pytest.mark.usefixtures("anna")
async def test_under_a_number_there_are_no_passkeys(house: House) -> None:
    browser = Browser(app_of(house))
    await browser.post("/sign-in", page="/sign-in", email=EMAIL, password=PASSWORD)
    assert "Passkeys belong to a name" in (await browser.get(FACTORS)).text
    asked = await browser.ask("GET", "/passkeys/options?for=enrol", headers={"accept": "application/json"})
    assert asked.status == 401
    assert json.loads(asked.body)["code"] == Code.SIGN_IN_REFUSED


@pytest.mark.usefixtures("anna")
async def test_a_challenge_for_what_one_may_not_ask_is_not_given(house: House) -> None:
    browser = Window(app_of(house))
    await browser.get("/sign-in")
    for purpose in ("factor", "step_up", "enrol"):
        asked = f"/passkeys/options?for={purpose}"
        assert (await browser.ask("GET", asked, headers={"accept": "application/json"})).status == 401
    assert (await browser.get("/passkeys/options?for=everything")).status == 404


@pytest.mark.usefixtures("anna")
async def test_garbage_is_refused_like_a_wrong_answer(house: House) -> None:
    browser = Window(app_of(house))
    await browser.get("/sign-in")
    for garbage in ("", "{}", "[" * 5000, '{"id": 1}', json.dumps({"id": "a", "rawId": "a", "type": "x"})):
        body = urlencode({"credential": garbage})
        assert len(body) < 60_000
        assert (await by_passkey(browser, garbage)).status == 422


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ("clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject")


@given(st.fixed_dictionaries({"id": _JSON, "rawId": _JSON, "type": st.just("public-key")}), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_browser_says_is_read_or_refused(answer: dict[str, Any], chosen: st.DataObject) -> None:
    answer["response"] = chosen.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _JSON)))
    assert all(_read(read, json.dumps(answer)) for read in (passkeys._authentication, passkeys._registration))


def _read(read: Callable[[str], Any], answer: str) -> bool:
    """Whether it was read, or refused as it should be."""
    try:
        return isinstance(passkeys._signed_challenge(read(answer).response.client_data_json), bytes)
    except BridgeError as error:
        return error.code is Code.SIGN_IN_REFUSED
