"""Two merchants to try everything with: a bakery with branches and a franchisee, and a café of one shop.

The passwords are printed and known to everybody. An empty portal is filled; one with merchants is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.accounts import factor_store
from tillbridge.portal.accounts.founding import add_invited, found_tenant
from tillbridge.portal.accounts.grants import EVERYTHING, Grant, Scope
from tillbridge.portal.accounts.model import Factor, FactorKind
from tillbridge.portal.accounts.people_model import Group, Invitee
from tillbridge.portal.accounts.service import activate, add_person, prepare_password
from tillbridge.portal.accounts.totp import code_at, seal_secret
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.customers.model import OldCustomer
from tillbridge.portal.customers.old_store import ensure_base, replace_rows, switch
from tillbridge.portal.demo_access import PASSWORD, VOUCHERS
from tillbridge.portal.demo_plan import (
    BAKERY,
    BAKERY_SHOPS,
    CAFE,
    CAFE_SHOP,
    DEMO_NUMBER,
    GENERATOR,
    OLD_CUSTOMERS,
    OPERATOR,
    PEOPLE,
    DemoEvent,
    PlannedPerson,
    PlannedShop,
)
from tillbridge.portal.demo_shop import open_shop
from tillbridge.portal.demo_vouchers import add_vouchers
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.locations import store as locations_store
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.maintenance import store as maintenance_store
from tillbridge.portal.maintenance.defaults import DEFAULTS, found_defaults
from tillbridge.portal.maintenance.model import MaintenanceEvent, Window

ENDING_SOON: Final = timedelta(days=20)
"""How long the reports of one shop are licensed, so that the start page has something to say."""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody who can sign in: `role` is the stock group and where it holds, in English."""

    email: str
    password: str
    role: str


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """Who can sign in to the demonstration, and the location that its connector is to be paired with.

    `vouchers` are numbers with their PINs, activated and empty.
    """

    people: tuple[DemoPerson, ...]
    location_number: LocationNumber
    vouchers: tuple[tuple[str, str], ...]


async def is_filled(house: House) -> bool:
    """Whether this portal has merchants already, of the demonstration or real ones."""
    async with house.database.reading() as connection:
        return await _merchants(connection)


async def demo_data(house: House) -> DemoAccess:
    """Fills an empty portal: all of it or nothing.

    `BridgeError(RECORD_CONFLICT)` if there are merchants already; its detail says whether they are the demonstration's.
    """
    password_hash = await prepare_password(PASSWORD, email=PEOPLE[0].email, name=PEOPLE[0].name)
    async with house.database.writing() as connection:
        # Whoever comes second waits here, and then finds what the first one has made.
        await locations_store.lock_numbers(connection)
        await _require_empty(connection)
        shops = await _merchant(house, connection, BAKERY, BAKERY_SHOPS, DEMO_NUMBER)
        shops |= await _merchant(house, connection, CAFE, (CAFE_SHOP,), None)
        groups = {
            BAKERY: await found_tenant(house, connection, shops[BAKERY_SHOPS[0].key].tenant_id),
            CAFE: await found_tenant(house, connection, shops[CAFE_SHOP.key].tenant_id),
        }
        for person in PEOPLE:
            await _person(house, connection, person, groups[person.merchant][person.group], shops, password_hash)
        await _operator(house, connection, password_hash)
        await _customers(house, connection, shops)
        await add_vouchers(house, connection, BAKERY, [shops[one.key] for one in BAKERY_SHOPS])
        await open_shop(house, connection, shops[BAKERY_SHOPS[0].key].id)
        await found_defaults(house, connection)
        await _own_window(house, connection, shops[BAKERY_SHOPS[0].key].tenant_id)
    people = (
        *(DemoPerson(one.email, PASSWORD, one.role) for one in PEOPLE),
        DemoPerson(OPERATOR[0], PASSWORD, "Operator of the portal"),
    )
    return DemoAccess(people, DEMO_NUMBER, VOUCHERS)


def demo_code(now: datetime) -> str:
    """The one-time password of everybody in the demonstration who has a generator, at this moment."""
    return code_at(GENERATOR, now)


async def _merchants(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(tenant.c.id).limit(1))).first() is not None


async def _require_empty(connection: AsyncConnection) -> None:
    if not await _merchants(connection):
        return
    known = await locations_store.find_by_number(connection, DEMO_NUMBER)
    if known is not None and known.name == BAKERY_SHOPS[0].draft.name:
        raise BridgeError(Code.RECORD_CONFLICT, "the demonstration is here already; nothing was changed")
    raise BridgeError(Code.RECORD_CONFLICT, "this portal has merchants already; the demonstration is for an empty one")


async def _merchant(
    house: House,
    connection: AsyncConnection,
    name: str,
    plan: Sequence[PlannedShop],
    number: LocationNumber | None,
) -> dict[str, Location]:
    """A merchant with its locations, by their keys; the first one is the head office, with this number."""
    tenant_id, now = house.runtime.ids.new(), house.runtime.clock.now()
    await connection.execute(
        insert(tenant).values(id=tenant_id, name=name, pin_digits=4, confirm_pairing=False, created_at=now)
    )
    await house.audit.note(connection, PORTAL, Entry(DemoEvent.MADE, tenant_id, subject=name))
    locations = Locations(house)
    head = await locations.found(connection, tenant_id, plan[0].draft, PORTAL, number)
    made = {plan[0].key: head}
    for shop in plan[1:]:
        made[shop.key] = await locations.create_below(connection, head, shop.draft, PORTAL)
    for shop in plan:
        await _licences(house, connection, shop, made[shop.key], now)
        if shop.customer_base is not CustomerBase.NONE:
            await switch(connection, made[shop.key].id, CustomerBase.NONE, shop.customer_base)
    return made


async def _licences(house: House, connection: AsyncConnection, shop: PlannedShop, one: Location, now: datetime) -> None:
    licences = Licences(house)
    endless = tuple(product for product in Product if product not in shop.unlicensed | shop.ending)
    await licences.allot_in(connection, one, endless, Span(now, None), PORTAL)
    for product in sorted(shop.ending):
        await licences.allot_in(connection, one, (product,), Span(now, now + ENDING_SOON), PORTAL)


async def _person(  # who, in which group, where, and with which password
    house: House,
    connection: AsyncConnection,
    planned: PlannedPerson,
    group: Group,
    shops: dict[str, Location],
    password_hash: str,
) -> None:
    grant = EVERYTHING if planned.shop is None else Grant(Scope.LOCATION, shops[planned.shop].id)
    invitee = Invitee(planned.email, planned.name, Language.DE)
    colleague = await add_invited(house, connection, invitee, group, grant)
    # No language of their own: each reader's browser decides, since the demonstration is for everybody.
    await activate(connection, colleague.id, planned.name, None, password_hash)
    if planned.generator:
        await _generator(house, connection, colleague.id)


async def _operator(house: House, connection: AsyncConnection, password_hash: str) -> None:
    email, name = OPERATOR
    person_id = await add_person(
        house, connection, email, name, tenant_id=None, operator=True, password_hash=password_hash
    )
    await _generator(house, connection, person_id)


async def _generator(house: House, connection: AsyncConnection, person_id: str) -> None:
    """A second factor that is set up already, so that nobody needs a telephone to try what asks for one."""
    now, factor_id = house.runtime.clock.now(), house.runtime.ids.new()
    sealed = seal_secret(house.vault, factor_id, GENERATOR)
    one = Factor(
        id=factor_id,
        person_id=person_id,
        kind=FactorKind.TOTP,
        name="",
        created_at=now,
        confirmed_at=now,
        last_used_at=None,
        sealed_secret=sealed,
        last_step=0,
        credential_id=None,
        public_key=None,
        sign_count=None,
        rp_id=None,
    )
    await factor_store.add_factor(connection, one)


async def _customers(house: House, connection: AsyncConnection, shops: dict[str, Location]) -> None:
    for shop in BAKERY_SHOPS:
        if shop.customer_base is not CustomerBase.V1_ONLINE:
            continue
        location_id = shops[shop.key].id
        await ensure_base(connection, location_id, house.runtime.ids.new())
        rows = [
            OldCustomer(line, number, name, "", email, phone, balance, points, note, {})
            for line, (number, name, email, phone, balance, points, note) in enumerate(OLD_CUSTOMERS, start=1)
        ]
        await replace_rows(connection, location_id, rows, sum(row.balance_minor for row in rows))


async def _own_window(house: House, connection: AsyncConnection, tenant_id: str) -> None:
    """The bakery's own maintenance, besides the portal's: its shop each third Wednesday."""
    shop = DEFAULTS[-1]
    window = Window(house.runtime.ids.new(), tenant_id, shop, 0, house.runtime.clock.now())
    await maintenance_store.add_window(connection, window)
    after = maintenance_store.plan_columns(shop)
    entry = Entry(MaintenanceEvent.WINDOW_MADE, tenant_id, subject=window.id, after=after)
    await house.audit.note(connection, PORTAL, entry)
