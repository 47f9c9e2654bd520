"""Who is let through which door: every route of the assembled portal, asked by those for whom it is not.

The routes are read from the portal itself, so a new one is asked too. A new name in an address fails these tests until
`settling.py` says what stands for it.
"""

from typing import Final

import pytest
from sqlalchemy import update

from tests.portal.browser import Browser, Reply
from tests.portal.security.settling import upload
from tests.portal.security.town import (
    COOKIE,
    FRANCHISEE,
    NEIGHBOUR,
    NEWCOMER,
    OWNER,
    STAFF,
    Door,
    Town,
)
from tillbridge.portal.accounts.rights_tables import support_access
from tillbridge.portal.accounts.tables import person, session

FOR_ANYBODY: Final = frozenset(
    {
        "/healthz",
        "/invitation",
        "/invitation/accepted",
        "/language/{language}",
        "/maintenance/calendar.ics",
        "/maintenance/calendar/{token:str}.ics",
        "/passkeys/options",
        "/password/forgotten",
        "/password/new",
        "/profile/factors/passkey",
        "/profile/factors/totp/confirm",
        "/profile/recovery-codes",
        "/shop-test-payment/{reference}",
        "/shop/{slug}",
        "/shop/{slug}/balance",
        "/shop/{slug}/buy/{design_id}",
        "/shop/{slug}/cart",
        *(f"/shop/{{slug}}/gift/{{secret}}{part}" for part in ("", "/vouchers.pdf")),
        "/shop/{slug}/notify/{service}",
        "/shop/{slug}/order/{secret}",
        *(f"/shop/{{slug}}/order/{{secret}}/{part}" for part in ("back", "place", "resend", "vouchers.pdf")),
        "/shop/{slug}/order/{secret}/line/{number}",
        "/shop/{slug}/pictures/{picture_id}",
        "/shop/{slug}/terms",
        "/sign-in",
        "/sign-in/factor",
        "/sign-in/factor/passkey",
        "/sign-in/passkey",
        "/step-up/passkey",
    }
)
"""Pages that ask for no session: what they show is the same for all, or whoever knows a secret link may see it."""

OWN: Final = frozenset(
    {
        "/",
        "/profile",
        "/profile/factors",
        "/profile/password",
        "/profile/sessions",
        "/step-up",
    }
)
"""Pages about whoever reads them: everybody who is signed in has them, and sees nothing of anybody else there."""

LISTS: Final = frozenset({"/maintenance", "/locations", "/services", "/licences", "/connectors", "/people/groups"})
"""Lists that somebody without a right may open and finds empty; `test_nobody_reads_a_neighbours_name` reads them."""

ABOUT_ONESELF: Final = ("/profile", "/step-up", "/sign-out")
"""Forms about oneself."""

STAFFS: Final = ("/operator", "/licences")
"""What the operator's staff does for every merchant without being asked in."""

SHARED: Final = (
    "/vouchers/systems/{system_id}",
    "/vouchers/systems/{system_id}/types",
    "/vouchers/systems/{system_id}/validity",
    "/vouchers/systems/{system_id}/exceptions",
    *(f"/vouchers/systems/{{system_id}}/reports{part}" for part in ("", "/statements", "/claims")),
    *(f"/vouchers/systems/{{system_id}}/reports{part}" for part in ("/liability", "/sales")),
    "/vouchers/write-offs/{run_id}",
    "/vouchers/batches/{batch_id}",
    "/vouchers/one/{voucher_id}",
    "/shops/{shop_id}",
    *(f"/shops/{{shop_id}}/figures{ends}" for ends in ("", ".csv", ".xlsx")),
)
"""What the locations of a voucher system have in common, whoever owns them."""

HELPING: Final = "/vouchers/one/{voucher_id}/"
"""A card may be reported as lost, or its PIN blocked, at any location that takes it: each of them may help with it."""

HIDDEN: Final = frozenset({403, 404})
NOTED: Final = ("audit_entry", "audit_unsealed", "session", "attempt", "spent_challenge", "used_proof")
"""Tables in which a refused request may leave a trace of itself."""


FILLED: Final = {
    "accepted": "yes",
    "amount": "1.00",
    "answer": "accept",
    "attempt": "0123456789abcdef" * 2,
    "component": "shop",
    "email": "new@bakery.example",
    "hours": "2",
    "language": "en",
    "name": "x",
    "number": "1",
    "reason": "because",
    "revision": "1",
    "scope": "tenant",
    "service": "reports",
    "sure": "yes",
    "to": "on",
    "state": "v1_offline",
}
"""So much of each form that it is not refused for what is missing before anybody looks whose it is."""


async def ask(town: Town, browser: Browser, door: Door) -> Reply:
    """Goes through a door as a person with a page of the own session in front of him does."""
    path = door.path(town.ids)
    if door.method == "GET":
        return await browser.get(path)
    if path.startswith("/customers/upload"):
        return await upload(town, browser, path, b"number;name\r\n1;x\r\n")
    return await town.send(browser, path, **FILLED, location=town.ids["location_id"], group=town.ids["group_id"])


def guarded(town: Town, method: str) -> list[Door]:
    return [door for door in town.doors(method) if door.template not in FOR_ANYBODY]


def with_ids(town: Town) -> list[Door]:
    """The doors behind which something of one merchant's lies."""
    return [door for method in ("GET", "POST") for door in guarded(town, method) if door.parts]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_is_sent_to_the_sign_in(town: Town, method: str) -> None:
    before, stranger, doors = await town.rows(*NOTED), Browser(town.app), guarded(town, method)
    for door in doors:
        path = door.path(town.ids)
        reply = await (stranger.get(path) if method == "GET" else stranger.post(path, token="x"))
        assert (reply.status, reply.location.partition("?")[0]) == (303, "/sign-in"), door
    assert len(doors) > 50
    assert await town.rows(*NOTED) == before


async def test_a_program_without_a_session_hears_it_in_its_own_way(town: Town) -> None:
    for door in guarded(town, "GET"):
        reply = await Browser(town.app).get(door.path(town.ids), accept="application/json")
        assert (reply.status, reply.headers["content-type"]) == (401, "application/problem+json"), door


async def test_a_password_alone_opens_nothing_where_a_second_factor_is_waited_for(town: Town) -> None:
    half = await town.browser(OWNER, half=True)
    before = await town.rows(*NOTED)
    for method in ("GET", "POST"):
        for door in guarded(town, method):
            reply = await ask(town, half, door)
            assert (reply.status, reply.location.partition("?")[0]) == (303, "/sign-in"), door
    assert await town.rows(*NOTED) == before


@pytest.mark.parametrize(
    "ended",
    ["disabled", "idle", "over", "signed out"],
)
async def test_a_session_that_has_ended_opens_nothing(town: Town, ended: str) -> None:
    browser = await town.browser(OWNER)
    async with town.house.database.writing() as connection:
        match ended:
            case "disabled":
                await connection.execute(update(person).where(person.c.email == OWNER).values(state="disabled"))
            case "idle":
                town.clock.forward(hours=12)
            case "over":
                await connection.execute(update(session).values(ends_at=town.clock.now()))
            case _:
                pass
    if ended == "signed out":
        kept = dict(browser.cookies)
        assert (await town.send(browser, "/sign-out")).status == 303
        assert COOKIE not in browser.cookies
        browser.cookies = kept
    for door in guarded(town, "GET"):
        reply = await browser.get(door.path(town.ids))
        assert (reply.status, reply.location.partition("?")[0]) == (303, "/sign-in"), door


async def test_an_owner_comes_through_so_that_the_refusals_below_mean_something(town: Town) -> None:
    owner = await town.browser(OWNER)
    statuses = {
        str(door): (await ask(town, owner, door)).status
        for door in with_ids(town)
        if door.method == "GET" and not door.template.endswith("/events")
    }
    assert {door: status for door, status in statuses.items() if status not in {200, 303}} == {}
    assert len(statuses) > 25


async def test_another_merchants_owner_finds_nothing(town: Town) -> None:
    neighbour, before = await town.browser(NEIGHBOUR), await town.rows(*NOTED)
    for door in with_ids(town):
        if not door.template.startswith("/operator"):
            assert_hidden(town, await ask(town, neighbour, door), door)
    assert await town.rows(*NOTED) == before


async def test_a_franchisee_finds_nothing_of_the_other_locations(town: Town) -> None:
    franchisee, before = await town.browser(FRANCHISEE), await town.rows(*NOTED)
    for door in with_ids(town):
        if door.template in SHARED:
            assert (await franchisee.get(door.path(town.ids))).status == 200
            continue
        if door.template.startswith(HELPING):
            continue
        assert_hidden(town, await ask(town, franchisee, door), door)
    assert await town.rows(*NOTED) == before


async def test_somebody_without_a_right_finds_nothing(town: Town) -> None:
    newcomer, before = await town.browser(NEWCOMER), await town.rows(*NOTED)
    for method in ("GET", "POST"):
        for door in guarded(town, method):
            if door.template not in OWN | LISTS and not (method == "POST" and door.template.startswith(ABOUT_ONESELF)):
                assert_hidden(town, await ask(town, newcomer, door), door)
    assert await town.rows(*NOTED) == before


def assert_hidden(town: Town, reply: Reply, door: Door) -> None:
    """Refused; or sent back to a page of the same address, which then refuses."""
    if reply.status == 303:
        assert reply.location == door.path(town.ids).removesuffix("/pin"), (door, reply.location)
        return
    assert reply.status in HIDDEN, (door, reply.status, reply.text[-2000:])


async def test_what_is_a_neighbours_looks_like_what_there_is_not(town: Town) -> None:
    """Nobody learns from an answer that something exists: not from its status, and not from a word of it."""
    neighbour, seen = await town.browser(NEIGHBOUR), []
    for door in with_ids(town):
        if door.method == "POST" or door.template.endswith("/events"):
            continue
        foreign = await neighbour.get(door.path(town.ids))
        missing = {name: "f" * 32 if len(value) == 32 else value for name, value in town.ids.items()}
        absent = await neighbour.get(door.path(missing))
        assert (foreign.status, _bare(foreign, door.path(town.ids))) == (
            absent.status,
            _bare(absent, door.path(missing)),
        )
        seen.append(door)
    assert len(seen) > 25


def _bare(reply: Reply, path: str) -> str:
    """A page without its own address, which stands in the links that switch the language."""
    return reply.text.replace(path, "") + reply.headers.get("location", "").replace(path.removesuffix("/pin"), "")


async def test_nobody_reads_a_neighbours_name(town: Town) -> None:
    """Every list, as the neighbour and as somebody without a right sees it."""
    secrets = ("Lindenhof", "Filiale", "Tarek", "Anna Berger", "Brotzeit", town.ids["link_id"], town.ids["token"])
    for who in (NEIGHBOUR, NEWCOMER):
        browser, read = await town.browser(who), 0
        for door in guarded(town, "GET"):
            if door.parts or door.template.startswith("/audit/export"):
                continue
            page = (await browser.get(door.template)).text
            assert [secret for secret in secrets if secret in page] == [], (who, door)
            read += 1
        assert read > 25
    assert "Lindenhof" in (await (await town.browser(OWNER)).get("/locations")).text


async def test_staff_finds_nothing_of_a_merchant_until_it_helps_and_again_after_it(town: Town) -> None:
    staff = await town.browser(STAFF)
    doors = [door for door in with_ids(town) if not door.template.startswith(STAFFS)]
    for door in doors:
        assert_hidden(town, await ask(town, staff, door), door)
    assert (await town.send(staff, f"/operator/help/{town.ids['tenant_id']}")).status == 303
    inside = await staff.get(f"/locations/{town.ids['location_id']}")
    assert (inside.status, "Filiale Hafen" in inside.text) == (200, True)
    async with town.house.database.writing() as connection:
        await connection.execute(update(support_access).values(ends_at=town.clock.now()))
    before = await town.rows(*NOTED)
    for door in doors:
        assert_hidden(town, await ask(town, staff, door), door)
    assert await town.rows(*NOTED) == before


async def test_help_opens_neither_people_nor_money_nor_licences(town: Town) -> None:
    staff = await town.browser(STAFF)
    await town.send(staff, f"/operator/help/{town.ids['tenant_id']}")
    before = await town.rows(*NOTED)
    for door in guarded(town, "POST"):
        if door.template.startswith(("/people", "/connectors", "/locations")) and not door.template.endswith(
            "configuration"
        ):
            assert (await ask(town, staff, door)).status in HIDDEN, door
    assert await town.rows(*NOTED) == before


async def test_an_access_for_another_merchant_is_not_to_be_had(town: Town) -> None:
    staff = await town.browser(STAFF)
    refused = await town.send(staff, f"/operator/help/{town.ids['neighbour']}")
    assert refused.status in HIDDEN
    for who in (OWNER, NEIGHBOUR, NEWCOMER):
        browser = await town.browser(who)
        assert (await town.send(browser, f"/operator/help/{town.ids['tenant_id']}")).status in HIDDEN
