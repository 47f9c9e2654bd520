"""Forms that other sites send (CSRF): every form of the assembled portal refuses what is not of its own page."""

from typing import Final

import pytest

from tests.portal.browser import Browser, Reply
from tests.portal.security.settling import upload
from tests.portal.security.test_doors import FILLED
from tests.portal.security.town import OWNER, STAFF, Door, Town

BEFORE_THE_SESSION: Final = frozenset(
    {
        "/sign-in",
        "/sign-in/passkey",
        "/sign-in/factor",
        "/sign-in/factor/passkey",
        "/password/forgotten",
        "/password/new",
        "/shop-test-payment/{reference}",
        "/shop/{slug}/balance",
        "/shop/{slug}/buy/{design_id}",
        "/shop/{slug}/notify/{service}",
        *(f"/shop/{{slug}}/order/{{secret}}/{part}" for part in ("place", "resend", "line/{number}")),
    }
)
"""Forms without a session: bound to a cookie of the browser's own or to a session half opened, or signed for a page."""

BY_A_SECRET: Final = frozenset({"/invitation"})
"""Its form holds the invitation itself: nobody can forge it who does not have it."""

OTHER_TYPES: Final = (
    "text/plain",
    "application/json",
    "multipart/form-data; boundary=b",
    "",
    "application/x-www-form-urlencodedx",
)

REFUSED: Final = frozenset({403})


def fields_of(town: Town) -> dict[str, str]:
    return FILLED | {"location": town.ids["location_id"], "email": OWNER, "password": "warme-semmeln-am-morgen"}


async def forge(town: Town, browser: Browser, door: Door, token: str | None) -> Reply:
    path = door.path(town.ids)
    if path.startswith("/customers/upload"):
        return await upload(town, browser, path, b"number;name\r\n1;x\r\n", token=token or "")
    return await browser.post(path, **fields_of(town), **({} if token is None else {"token": token}))


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (OWNER, "none"),
        (OWNER, "another session's"),
        (STAFF, "another browser's door"),
        (STAFF, "odd"),
    ],
)
async def test_a_form_without_its_sessions_token_changes_nothing(town: Town, who: str, kind: str) -> None:
    victim, attacker = await town.browser(who), await town.browser(who)
    stranger = Browser(town.app)
    page = (await stranger.get("/sign-in")).text
    token = {
        "none": None,
        "another session's": town.token_of(attacker),
        "another browser's door": page.partition('name="token" value="')[2].partition('"')[0],
        "odd": "ÿ" * 43,
    }[kind]
    await victim.get("/sign-in")
    before, seen = await town.rows(), 0
    for door in town.doors("POST"):
        if door.template in BY_A_SECRET:
            continue
        reply = await forge(town, victim, door, token)
        if door.template.startswith("/sign-in/factor"):
            assert (reply.status, reply.location.partition("?")[0]) == (303, "/sign-in"), door
        else:
            assert reply.status in REFUSED, (door, reply.status)
        seen += 1
    assert seen > 60
    assert await town.rows() == before


async def test_the_forms_before_a_session_take_no_token_of_another_browser(town: Town) -> None:
    own, other = Browser(town.app), Browser(town.app)
    foreign = (await other.get("/sign-in")).text.partition('name="token" value="')[2].partition('"')[0]
    await own.get("/sign-in")
    half = await town.browser(OWNER, half=True)
    before = await town.rows()
    for template in sorted(BEFORE_THE_SESSION):
        browser = half if template.startswith("/sign-in/factor") else own
        for token in (None, "", foreign):
            assert (await forge(town, browser, Door("POST", template), token)).status == 403, template
    assert await town.rows() == before


async def test_a_session_of_the_half_way_has_no_token_for_the_rest(town: Town) -> None:
    """The token of a session that waits for its factor is worth nothing once it has come."""
    half = await town.browser(OWNER, half=True)
    early = town.token_of(half)
    whole = await town.browser(OWNER)
    assert (await whole.post("/sign-out", token=early)).status == 403


async def test_a_form_comes_as_a_form_and_as_nothing_else(town: Town) -> None:
    """A page of another site may send text/plain without being asked, which can be made to look like much."""
    victim = await town.browser(OWNER)
    body, before = f"token={town.token_of(victim)}&name=x".encode(), await town.rows()
    doors = [door for door in town.doors("POST") if door.template not in BY_A_SECRET | BEFORE_THE_SESSION]
    for number, door in enumerate(doors):
        if "/upload/" in door.template:
            continue
        for media_type in OTHER_TYPES if door.template == "/profile" else OTHER_TYPES[number % 5 :][:1]:
            headers = {"content-type": media_type, "origin": "http://127.0.0.1:8480"}
            reply = await victim.ask("POST", door.path(town.ids), body, headers)
            assert reply.status == 400, (door, media_type, reply.status)
    assert await town.rows() == before


async def test_a_page_of_another_site_is_refused_even_with_the_right_token(town: Town) -> None:
    for headers in [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8480.evil.example"},
        {"origin": "https://127.0.0.1:8480"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
    ]:
        victim = await town.browser(OWNER)
        body = f"token={town.token_of(victim)}&name=Eve".encode()
        form = {"content-type": "application/x-www-form-urlencoded", **headers}
        before = await town.rows()
        assert (await victim.ask("POST", "/profile", body, form)).status == 403
        assert await town.rows() == before


async def test_a_cookie_is_no_key_to_the_interface_for_programs(town: Town) -> None:
    owner = await town.browser(OWNER)
    document = (await owner.get("/v1/openapi.json")).text
    assert document.startswith('{"openapi"')
    paths = ["/v1/token", "/v1/token/session", "/v1/link/rotation", "/v1/pairing/start"]
    before = await town.rows("attempt", "pairing_failure")
    for path in paths:
        reply = await owner.ask("POST", path, b"{}", {"content-type": "application/json", "accept": "application/json"})
        assert 400 <= reply.status < 500, (path, reply.status)
    reply = await owner.get("/v1/services", accept="application/json")
    assert reply.status == 401
    assert await town.rows("attempt", "pairing_failure") == before


async def test_no_page_changes_anything_by_being_looked_at(town: Town) -> None:
    """A picture in a letter can have a browser load any page."""
    owner, seen = await town.browser(OWNER), 0
    before = await town.rows("audit_entry", "audit_unsealed", "attempt")
    for door in town.doors("GET"):
        if not door.template.endswith("/events"):
            await owner.get(door.path(town.ids))
            seen += 1
    assert seen > 70
    assert await town.rows("audit_entry", "audit_unsealed", "attempt") == before
