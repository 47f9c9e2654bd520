"""Services are seen and switched on their page; what has to be done first is said there."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.portal.browser import Browser
from tests.portal.clock import HandClock
from tests.portal.locations.drafts import draft
from tests.portal.locations.persons import Standing, owner, somebody
from tests.portal.locations.test_service import founded
from tests.portal.services.given import GivenLinks
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service, ServiceState
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.licences.tables import licence
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.locations.tables import location
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.rights import Person
from tillbridge.portal.services.answers import documents
from tillbridge.portal.services.feature import feature
from tillbridge.portal.services.registry import Registry

FORM = {"service": "customer_base", "to": "on"}


def browser(house: House, person: Person, links: GivenLinks, language: str = "en") -> Browser:
    registry = Registry(links, Maintenance(house))
    return Browser(portal_app(house, Standing(person), [feature(house, registry)]), language=language)


async def ready(house: House) -> tuple[str, str, GivenLinks]:
    """A merchant whose one location lacks nothing for the customer base but its switch."""
    tenant_id = (await founded(house))[0]
    made = await Locations(house, opened=[Licences(house).allot_everything]).create(owner(tenant_id), None, draft())
    async with house.database.writing() as connection:
        await connection.execute(update(location).where(location.c.id == made.id).values(customer_base="v2"))
    return tenant_id, made.id, GivenLinks({made.id: LinkState.ACTIVE})


async def standing(house: House, links: GivenLinks, location_id: str) -> ServiceState:
    async with house.database.reading() as connection:
        registry = Registry(links, Maintenance(house))
        told = await registry.standing_of(connection, location_id, Service.CUSTOMER_BASE, house.runtime.clock.now())
    return told.state


async def test_a_service_is_switched_on_and_off(house: House) -> None:
    tenant_id, shop, links = await ready(house)
    seen = browser(house, owner(tenant_id), links)
    assert await standing(house, links, shop) is ServiceState.OFF
    on = await seen.follow(await seen.post(f"/services/{shop}", page=f"/services/{shop}", **FORM))
    assert "The service is switched on." in on.text
    assert await standing(house, links, shop) is ServiceState.ON
    await seen.post(f"/services/{shop}", page=f"/services/{shop}", **FORM)
    off = await seen.post(f"/services/{shop}", page=f"/services/{shop}", service="customer_base", to="off")
    assert off.status == 303
    assert await standing(house, links, shop) is ServiceState.OFF
    async with house.database.reading() as connection:
        logs = select(audit_entry.c.event).where(audit_entry.c.event.like("service.%")).order_by(audit_entry.c.id)
        # Switching on what is on is no event.
        assert list(await connection.scalars(logs)) == ["service.switched_on", "service.switched_off"]


async def test_without_pairing_a_service_is_refused_and_not_queued(house: House) -> None:
    tenant_id, shop, links = await ready(house)
    seen = browser(house, owner(tenant_id), links)
    for state, number in (
        (LinkState.NOT_PAIRED, "P201"),
        (LinkState.PIN_OPEN, "P201"),
        (LinkState.REVOKED, "P202"),
        (LinkState.SUSPENDED, "P203"),
    ):
        links.known = {shop: state}
        reply = await seen.post(f"/services/{shop}", page=f"/services/{shop}", **FORM)
        assert reply.status in {401, 403}
        assert "The service was not switched on. Customer base:" in reply.text
        assert number in reply.text
    links.known = {shop: LinkState.ACTIVE}
    assert await standing(house, links, shop) is ServiceState.OFF


async def test_the_switch_waits_for_licence_and_conversion_but_not_for_maintenance(
    house: House, clock: HandClock
) -> None:
    tenant_id, shop, links = await ready(house)
    seen = browser(house, owner(tenant_id), links)

    async def press() -> int:
        return (await seen.post(f"/services/{shop}", page=f"/services/{shop}", **FORM)).status

    async def write(statement: object) -> None:
        async with house.database.writing() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]

    await write(update(licence).values(withdrawn_at=clock.now()))
    await write(update(location).values(customer_base="v1_online"))
    assert await press() == 403
    assert await standing(house, links, shop) is ServiceState.NEEDS_LICENCE
    await write(update(licence).values(withdrawn_at=None))
    assert await press() == 409
    assert await standing(house, links, shop) is ServiceState.NEEDS_CONVERSION
    await write(update(location).values(customer_base="v2"))
    async with house.database.writing() as connection:
        until = clock.now() + timedelta(hours=2)
        await Maintenance(house).switch_on(
            connection, owner(tenant_id), Component.PORTAL, until=until, reason="Umbau", zone="Europe/Berlin"
        )
    assert await press() == 303
    assert await standing(house, links, shop) is ServiceState.MAINTENANCE
    assert "Expected until" in (await seen.get(f"/services/{shop}")).text


async def test_what_is_not_built_has_no_switch(house: House) -> None:
    tenant_id, shop, links = await ready(house)
    seen = browser(house, owner(tenant_id), links)
    page = await seen.get(f"/services/{shop}")
    later = page.text.partition("Not available yet")[2]
    assert all(f"<li>{name}</li>" in later for name in ("Digital receipts", "Reports", "Online orders"))
    assert "Customer base" not in later
    assert "Third-party vouchers" not in later
    assert "Web vouchers" not in later
    assert page.text.count("<button") == 4  # three switches, and that of signing out
    reply = await seen.post(f"/services/{shop}", page=f"/services/{shop}", service="reports", to="on")
    assert reply.status == 503
    for form in ({"service": "gold", "to": "on"}, {"service": "reports", "to": "maybe"}, {}):
        assert (await seen.post(f"/services/{shop}", page=f"/services/{shop}", **form)).status == 400


async def test_who_may_see_and_switch(house: House) -> None:
    tenant_id, shop, links = await ready(house)
    foreign = (await founded(house, "Café"))[1]
    reader = browser(house, somebody(tenant_id, "services.view"), links)
    assert (await reader.get(f"/services/{shop}")).text.count("<button") == 1
    token = {"token": "the-token-of-this-test"}
    assert (await reader.post(f"/services/{shop}", **token, **FORM)).status == 403
    assert (await browser(house, owner(tenant_id), links).get(f"/services/{foreign}")).status == 404
    assert (await browser(house, owner(tenant_id), links).post(f"/services/{shop}", token="no", **FORM)).status == 403
    assert (await browser(house, somebody(tenant_id, "audit.view"), links).get("/services")).status == 403
    assert await standing(house, links, shop) is ServiceState.OFF
    narrow = somebody(tenant_id, "services.edit", locations=frozenset({shop}))
    assert (await browser(house, narrow, links).get("/services")).location == f"/services/{shop}"


async def test_every_state_has_its_words(house: House) -> None:
    tenant_id, shop, links = await ready(house)
    for language in CATALOGUES:
        seen = browser(house, owner(tenant_id), links, language)
        for state in LinkState:
            links.known = {shop: state}
            assert (await seen.get(f"/services/{shop}")).status == 200
        assert (await seen.get("/services")).status == 200


async def test_what_a_connector_is_told(house: House) -> None:
    _, shop, links = await ready(house)
    links.known = {}
    now = house.runtime.clock.now()
    catalogue = CATALOGUES[next(one for one in CATALOGUES if one == "en")]
    async with house.database.reading() as connection:
        told = await Registry(links, Maintenance(house)).standing(connection, shop, now)
        with pytest.raises(BridgeError) as caught:
            await Registry(links, Maintenance(house)).require(connection, shop, Service.CUSTOMER_BASE, now)
    assert (caught.value.code, caught.value.place) == (Code.NOT_PAIRED, "customer_base")
    (one,) = [one for one in documents(catalogue, told, "sales", now) if one["service"] == "customer_base"]
    assert one == {
        "service": "customer_base",
        "name": "Customer base",
        "state": "needs_pairing",
        "scope": "customers:read customers:write",
        "code": "not_paired",
        "number": "P201",
        "text": "Customer base: the till of this location has to be connected to the portal first.",
        "who": "Whoever may edit the till interface can do this, under Interfaces.",
        "until": None,
        "retry_after_s": None,
    }
