"""A location with customers in 1.0 online is paired: the conversion follows by itself, or stands in the way."""

import pytest
from sqlalchemy import update

from tests.portal.clock import HandClock
from tests.portal.customers import bases
from tests.portal.links.opening import pair
from tests.portal.shops import merchant, shop
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.customers.at_pairing import AtPairing
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.customers.model import Licensed, OldCustomer
from tillbridge.portal.customers.tables import customer_v1
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations.model import CustomerBase


@pytest.fixture
async def tenant(house: House) -> str:
    return await merchant(house)


@pytest.fixture
async def place(house: House, tenant: str) -> str:
    return await shop(house, tenant, 1, customer_base="v1_online")


async def paired(house: House, tenant: str, place: str, rows: list[OldCustomer]) -> Links:
    """A location whose functions were accepted and whose connector has called for the first time."""
    await bases.v1(house, place, rows)
    links = Links(house)
    async with house.database.writing() as connection:
        await Conversions(house, bases.licensed).accept_functions(connection, place, bases.chief(house, tenant))
    made = await pair(house, links, place, conversion_due=True)
    async with house.database.writing() as connection:
        await links.acknowledge(connection, made.opened.link, PORTAL)
    return links


async def settled(house: House, links: Links, place: str, licensed: Licensed = bases.licensed) -> LinkState:
    """The state once neither the portal nor its worker has anything left to do."""
    at_pairing, worker = AtPairing(house, links, Conversions(house, licensed)), Converter(house)
    for _ in range(4):
        await at_pairing.step()
        while await worker.step():
            pass
    async with house.database.reading() as connection:
        return await links.state(connection, place)


async def test_the_customers_are_converted_and_the_link_becomes_active(house: House, tenant: str, place: str) -> None:
    links = await paired(house, tenant, place, [bases.row(position) for position in range(2, 32)])
    async with house.database.reading() as connection:
        assert await links.state(connection, place) is LinkState.CONVERTING
    assert await settled(house, links, place) is LinkState.SILENT  # active; its connector has not reported yet
    assert await bases.state(house, place) is CustomerBase.V2
    assert len(await bases.everybody(house, tenant)) == 30


async def test_what_stands_in_the_way_is_a_report_and_no_new_pin_is_needed(
    house: House, tenant: str, place: str
) -> None:
    links = await paired(house, tenant, place, [bases.row(2), bases.row(3, number="2000002", name="Another")])
    before = await bases.v1_hash(house, place)
    assert await settled(house, links, place) is LinkState.CONVERSION_FAILED
    assert await bases.state(house, place) is CustomerBase.V1_ONLINE
    assert (await bases.v1_hash(house, place), await bases.writable(house, place)) == (before, True)
    await bases.converted(house, bases.chief(house, tenant), place)
    assert await settled(house, links, place) is LinkState.SILENT


async def test_a_licence_that_ended_meanwhile_stops_it(house: House, tenant: str, place: str) -> None:
    links = await paired(house, tenant, place, [bases.row(2)])
    assert await settled(house, links, place, bases.unlicensed) is LinkState.CONVERSION_FAILED
    assert await bases.state(house, place) is CustomerBase.V1_ONLINE


async def test_an_older_report_does_not_count(house: House, tenant: str, place: str, clock: HandClock) -> None:
    """What was blocked before the pairing was mended since: the portal looks again."""
    await bases.v1(house, place, [bases.row(2), bases.row(3, number="2000002", name="Another")])
    await bases.reported(house, bases.chief(house, tenant), place, ())
    clock.forward(hours=1)
    async with house.database.writing() as connection:
        await connection.execute(update(customer_v1).where(customer_v1.c.name == "Another").values(number="2000003"))
    links = await paired(house, tenant, place, [bases.row(2), bases.row(3)])
    assert await settled(house, links, place) is LinkState.SILENT
