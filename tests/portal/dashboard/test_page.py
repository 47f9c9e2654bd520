"""The start page: how the shops stand, what there is to do, and what to do first."""

from datetime import date

from sqlalchemy import event, update

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.locations.drafts import draft
from tests.portal.locations.persons import Standing, owner, somebody, staff
from tests.portal.locations.test_service import founded
from tests.portal.services.given import GivenLinks
from tests.portal.shops import shop
from tillbridge.portal.app import portal_app
from tillbridge.portal.dashboard.feature import feature
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.locations.tables import location
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.rights import Person


def browser(house: House, person: Person, links: GivenLinks | None = None, language: str = "en") -> Browser:
    app = portal_app(house, Standing(person), [feature(links or GivenLinks(), Maintenance(house))])
    return Browser(app, language=language)


async def test_whoever_has_connected_nothing_is_told_how_to_begin(house: House) -> None:
    tenant_id, head = await founded(house)
    page = (await browser(house, owner(tenant_id)).get("/")).text
    assert "Connect your first shop" in page
    assert 'href="/interfaces"' in page
    reader = (await browser(house, somebody(tenant_id, "locations.view")).get("/")).text
    assert "Ask an owner of your company" in reader
    connected = (await browser(house, owner(tenant_id), GivenLinks({head: LinkState.ACTIVE})).get("/")).text
    assert "Connect your first shop" not in connected
    assert "Nothing right now." in connected


async def test_what_there_is_to_do(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    person = owner(tenant_id, stepped_up_at=clock.now())
    await Licences(house).allot(person, head, Product.REPORTS, date(2026, 3, 1), date(2026, 3, 31))
    branch = await Locations(house).create(person, None, draft("Am See"))
    closed = await Locations(house).create(person, None, draft("Am Teich"))
    await Locations(house).close(person, closed.id, "")
    async with house.database.writing() as connection:
        await connection.execute(update(location).where(location.c.id == branch.id).values(customer_base="v1_online"))
    links = GivenLinks({head: LinkState.SILENT, branch.id: LinkState.ACTIVE, closed.id: LinkState.REVOKED})
    page = (await browser(house, person, links).get("/")).text
    assert "Reports, last day 2026-03-31" in page
    assert "Tills are silent" in page
    assert "Convert the customer base" in page
    assert "Am See" in page
    assert "Am Teich" not in page


async def test_nobody_reads_of_what_is_not_theirs(house: House, clock: HandClock) -> None:
    tenant_id, head = await founded(house)
    person = owner(tenant_id, stepped_up_at=clock.now())
    branch = await Locations(house).create(person, None, draft("Am See"))
    await Licences(house).allot(person, head, Product.REPORTS, date(2026, 3, 1), date(2026, 3, 31))
    async with house.database.writing() as connection:
        await connection.execute(update(location).values(customer_base="v1_online"))
    narrow = somebody(tenant_id, "locations.view", locations=frozenset({branch.id}))
    page = (await browser(house, narrow, GivenLinks({head: LinkState.SILENT})).get("/")).text
    assert "Zentrale" not in page
    assert "Convert the customer base" not in page
    assert "Quick ways" not in page


async def test_staff_who_help_nobody_see_no_merchant(house: House) -> None:
    await founded(house)
    page = (await browser(house, staff()).get("/")).text
    assert "You are helping nobody right now" in page
    assert "Bäckerei" not in page


async def test_the_page_speaks_the_readers_language(house: House) -> None:
    tenant_id, head = await founded(house)
    for language in ("de", "fr", "cs", "en"):
        for state in LinkState:
            reply = await browser(house, owner(tenant_id), GivenLinks({head: state}), language).get("/")
            assert reply.status == 200
        assert (await browser(house, staff(), language=language).get("/")).status == 200


async def test_each_block_is_one_question_however_many_locations_there_are(house: House) -> None:
    tenant_id, head = await founded(house)
    for n in range(30):
        await shop(house, tenant_id, 2_000_000 + n, client_number=n + 2, parent_id=head, kind="branch")
    seen = browser(house, owner(tenant_id))
    asked: list[str] = []
    event.listen(house.database._reader.sync_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    page = await seen.get("/")
    assert page.status == 200
    # Locations, windows, licences, vouchers, exceptions.
    assert len([one for one in asked if one.lstrip().lower().startswith("select")]) == 5
