"""Sessions: how long they last, what is kept of them, and how they are ended."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select
from starlette.requests import Request

from tests.portal.accounts.front_door import app_of, change, inside, join, sign_in, signed_in
from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.shops import merchant
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.agent import agent_of
from tillbridge.portal.accounts.feature import doorkeeper, tidy
from tillbridge.portal.accounts.rights_tables import support_access
from tillbridge.portal.accounts.secrets import hashed
from tillbridge.portal.accounts.tables import session
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.settings import ListenSettings, PortalSettings
from tillbridge.portal.source import source_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
async def anna(house: House) -> str:
    return await join(house, await merchant(house))


@pytest.mark.usefixtures("anna")
async def test_an_idle_session_ends_after_twelve_hours(house: House, clock: HandClock) -> None:
    browser = await signed_in(house)
    for _ in range(3):
        clock.forward(hours=12, seconds=-1)
        assert await inside(browser)
    clock.forward(hours=12)
    assert not await inside(browser)


@pytest.mark.usefixtures("anna")
async def test_no_session_lasts_longer_than_thirty_days(house: House, clock: HandClock) -> None:
    browser = await signed_in(house)
    for _ in range(30 * 4 - 1):
        clock.forward(hours=6)
        async with house.database.writing() as connection:
            await store.seen(connection, hashed(browser.cookies["tillbridge_portal"]), clock.now())
    assert await inside(browser)
    clock.forward(hours=6)
    assert not await inside(browser)


@pytest.mark.usefixtures("anna")
async def test_that_it_is_used_is_written_once_a_minute(house: House, clock: HandClock) -> None:
    browser = await signed_in(house)
    opened = clock.now()

    async def last_seen() -> object:
        async with house.database.reading() as connection:
            return await connection.scalar(select(session.c.last_seen_at))

    clock.forward(seconds=59)
    await inside(browser)
    assert await last_seen() == opened
    clock.forward(seconds=1)
    await inside(browser)
    assert await last_seen() == opened + timedelta(minutes=1)


@pytest.mark.usefixtures("anna")
async def test_the_database_holds_nothing_that_opens_a_session(house: House) -> None:
    browser = await signed_in(house)
    secret = browser.cookies["tillbridge_portal"]
    async with house.database.reading() as connection:
        row = (await connection.execute(select(session))).one()
    assert secret not in str(tuple(row))
    assert not await inside(Browser(app_of(house), cookies={"tillbridge_portal": row.id}))


async def test_a_disabled_person_is_out_with_the_next_request(house: House, anna: str) -> None:
    browser = await signed_in(house)
    await change(house, anna, state="disabled")
    assert not await inside(browser)


@pytest.mark.usefixtures("anna")
async def test_the_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    browser = Browser(app_of(house))
    header = (await sign_in(browser)).headers["set-cookie"].lower()
    assert header.startswith("tillbridge_portal=")
    for part in ("httponly", "samesite=lax", "path=/", "max-age=2592000"):
        assert part in header
    assert "secure" not in header
    assert "domain" not in header


async def test_over_https_the_cookie_goes_nowhere_else_and_comes_from_nowhere_else(house: House, anna: str) -> None:
    settings = house.settings.model_copy(update={"address": "https://portal.example"})
    other = House(settings, house.database, house.vault, house.runtime, house.audit, house.post)
    browser = Browser(app_of(other))
    header = (await sign_in(browser)).headers["set-cookie"]
    assert header.startswith("__Host-tillbridge_portal=")
    assert "; Secure" in header
    assert await inside(browser)
    # A neighbour's cookie of the plain name is none.
    secret = browser.cookies["__Host-tillbridge_portal"]
    assert not await inside(Browser(app_of(other), cookies={"tillbridge_portal": secret}))
    assert anna


@pytest.mark.usefixtures("anna")
async def test_the_list_says_where_and_with_what_and_ends_one(house: House) -> None:
    here = await signed_in(house)
    there = Browser(app_of(house), source="192.0.2.7")
    page = await there.ask("GET", "/sign-in", headers={"user-agent": FIREFOX})
    token = page.text.split('name="token" value="')[1].split('"')[0]
    body = f"token={token}&email=anna%40sommer.example&password=seven+brown+loaves".encode()
    kind = {"content-type": "application/x-www-form-urlencoded", "user-agent": FIREFOX}
    assert (await there.ask("POST", "/sign-in", body, kind)).status == 303
    listed = (await here.get("/profile/sessions")).text
    assert "Firefox, Linux" in listed
    assert "192.0.2.7" in listed
    assert listed.count("this browser") == 1
    async with house.database.reading() as connection:
        handles = {row.source: row.handle for row in await connection.execute(select(session))}
    ended = await here.post(f"/profile/sessions/{handles['192.0.2.7']}/end", page="/profile/sessions")
    assert ended.location == "/profile/sessions?done=ended"
    assert not await inside(there)
    assert await inside(here)
    own = await here.post(f"/profile/sessions/{handles['127.0.0.1']}/end", page="/profile/sessions")
    assert own.location == "/sign-in?done=signed_out"
    assert not await inside(here)


@pytest.mark.usefixtures("anna")
async def test_all_others_are_ended_at_once(house: House) -> None:
    browsers = [await signed_in(house) for _ in range(3)]
    await browsers[0].post("/profile/sessions/end-others", page="/profile/sessions")
    assert [await inside(browser) for browser in browsers] == [True, False, False]


@pytest.mark.usefixtures("anna")
async def test_somebody_elses_session_is_not_found(house: House) -> None:
    await join(house, await merchant(house, "Other"), "bert@other.example", "Bert")
    anna, bert = await signed_in(house), await signed_in(house, "bert@other.example")
    async with house.database.reading() as connection:
        wanted = session.c.id == hashed(anna.cookies["tillbridge_portal"])
        handle = await connection.scalar(select(session.c.handle).where(wanted))
    assert (await bert.post(f"/profile/sessions/{handle}/end", page="/profile/sessions")).status == 404
    assert await inside(anna)


@pytest.mark.usefixtures("anna")
async def test_csrf_a_form_without_the_sessions_token_is_refused(house: House) -> None:
    browser, other = await signed_in(house), await signed_in(house)
    token = (await other.get("/profile")).text.split('name="token" value="')[1].split('"')[0]
    for path in ("/profile/sessions/end-others", "/profile/sessions/x/end", "/sign-out", "/profile"):
        assert (await browser.post(path)).status == 403
        assert (await browser.post(path, token=token)).status == 403
    assert await inside(browser)


@pytest.mark.usefixtures("anna")
async def test_what_is_over_is_cleared(house: House, clock: HandClock) -> None:
    await signed_in(house)
    clock.forward(hours=11)
    await signed_in(house)
    clock.forward(hours=1)
    await tidy(house)
    async with house.database.reading() as connection:
        assert len((await connection.execute(select(session.c.id))).all()) == 1


def _request(client: str, *headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": raw, "client": (client, 1)})


def test_the_source_behind_a_proxy_is_what_the_proxy_itself_wrote(tmp_path: object) -> None:
    asked = _request("10.0.0.1", ("x-forwarded-for", "6.6.6.6, 192.0.2.7"))
    plain = PortalSettings(data=str(tmp_path))  # type: ignore[arg-type]  # pydantic makes a path of it
    behind = plain.model_copy(update={"listen": ListenSettings(behind_proxy=True)})
    assert source_of(asked, plain) == "10.0.0.1"
    assert source_of(asked, behind) == "192.0.2.7"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120 Safari/537 Edg/120", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU) Version/17 Mobile Safari/604", "Safari, iPhone"),
        ("curl/8.5\t<b>", "curl/8.5 <b>"),
        ("", ""),
    ],
)
def test_browsers_are_called_as_people_call_them(said: str, shown: str) -> None:
    assert agent_of(_request("127.0.0.1", ("user-agent", said))) == shown


async def test_staff_has_rights_where_support_access_is_open_and_loses_them_when_it_ends(
    house: House, clock: HandClock
) -> None:
    tenant_id, staff_id = await merchant(house), await join(house, None, "op@portal.example", "Olga", operator=True)
    browser = await signed_in(house, "op@portal.example")
    session_id = hashed(browser.cookies["tillbridge_portal"])
    async with house.database.writing() as connection:
        await store.set_helping(connection, session_id, tenant_id)
    cookie = f"tillbridge_portal={browser.cookies['tillbridge_portal']}".encode()
    asked = Request({"type": "http", "headers": [(b"cookie", cookie)], "client": ("192.0.2.7", 1)})

    async def helping() -> Person:
        found = await doorkeeper(house).visit(asked)
        assert found is not None
        return found.person

    before = await helping()
    assert (before.operator, before.tenant_id, before.on_behalf_of, before.reaches) == (True, None, "", {})
    async with house.database.writing() as connection:
        await connection.execute(
            insert(support_access).values(
                id=house.runtime.ids.new(),
                tenant_id=tenant_id,
                location_id=None,
                reason="the till is silent",
                opened_by=staff_id,
                opened_at=clock.now(),
                ends_at=clock.now() + timedelta(hours=2),
            )
        )
    during = await helping()
    assert (during.tenant_id, during.on_behalf_of, during.source) == (tenant_id, "Bäckerei Sommer", "192.0.2.7")
    assert during.may(Area.POS_INTERFACE, Action.EDIT)
    assert not during.may(Area.PEOPLE, Action.EDIT)
    assert during.actor.on_behalf_of == "Bäckerei Sommer"
    clock.forward(hours=2)
    assert await helping() == before
