"""Customer bases of 1.0 to start a test with, and what a test asks about the outcome."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.people import owner
from tillbridge.portal.customers import job_store, old_store, store
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.customers.model import Customer, Job, OldCustomer, Remedy
from tillbridge.portal.customers.planning import SourceHash
from tillbridge.portal.customers.sealing import Sealer
from tillbridge.portal.customers.tables import customer, customer_key, customer_token
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Person

EVERY_REMEDY = frozenset(Remedy)

_NAMES = (
    "Jörg Müller",
    "Žofie Nováková",
    "Łukasz Wójcik",
    "Élodie Lefèvre-Brûlé",
    "O'Brien & Söhne",
    "李小龍",
    "Ñandú 🥐",
)


def row(position: int, **fields: object) -> OldCustomer:
    """A row of 1.0 that converts just so, but for what is given."""
    plain = OldCustomer(
        position=position,
        number=f"{2_000_000 + position}",
        name=f"Customer {position}",
        contact="",
        email=f"c{position}@shop.example",
        phone=f"+49 30 {5_000_000 + position}",
        balance_minor=100 + position,
        points=position % 7,
        note="",
        legacy={},
    )
    return replace(plain, **fields)  # type: ignore[arg-type]  # the names are checked by replace itself


def odd_rows(count: int, seed: int) -> list[OldCustomer]:
    """Rows as old systems have them: duplicates, nine digits, odd characters, columns that 2.0 has no place for."""
    chance = random.Random(seed)
    rows: list[OldCustomer] = []
    for position in range(2, count + 2):
        fields: dict[str, object] = {"legacy": {"Größe": str(position)}} if chance.random() < 0.2 else {}
        fields["name"] = f"{chance.choice(_NAMES)} {position}"
        fields["balance_minor"] = chance.randrange(-5_000, 100_000)
        match chance.randrange(10):
            case 0:
                fields["number"] = str(chance.randrange(10**8, 10**9))
            case 1 if rows:
                fields |= {"number": rows[-1].number, "name": rows[-1].name.upper(), "note": f"again {position}"}
            case 2 if rows:
                fields["number"] = rows[-1].number
            case 3:
                fields |= {"email": "no address", "note": "x" * 2001, "number": f"Kd {position}"}
            case _:
                pass
        rows.append(row(position, **fields))
    return rows


async def v1(house: House, location_id: str, rows: Sequence[OldCustomer], declared: int | None = None) -> None:
    """Puts these rows into a location's 1.0 online."""
    async with house.database.writing() as connection:
        await old_store.ensure_base(connection, location_id, house.runtime.ids.new())
        await old_store.replace_rows(connection, location_id, rows, declared)


async def licensed(_: AsyncConnection, __: str, ___: datetime) -> bool:
    return True


async def unlicensed(_: AsyncConnection, __: str, ___: datetime) -> bool:
    return False


def chief(house: House, tenant_id: str) -> Person:
    """The owner, who has just proven who it is."""
    return owner(tenant_id, stepped_up_at=house.runtime.clock.now())


async def reported(
    house: House, person: Person, location_id: str, remedies: Iterable[Remedy] = EVERY_REMEDY, *, at_once: int = 2000
) -> Job:
    """A finished dry run."""
    asked = await Conversions(house, licensed).dry_run(person, location_id, frozenset(remedies))
    while await Converter(house, rows_at_once=at_once).step():
        pass
    return await job(house, asked.id)


async def asked_to_convert(house: House, person: Person, location_id: str, *, at_once: int = 2000) -> Job:
    """A conversion that waits for its worker, after a dry run with every remedy."""
    report = await reported(house, person, location_id, at_once=at_once)
    conversions = Conversions(house, licensed)
    async with house.database.writing() as connection:
        await conversions.accept_functions(connection, location_id, person)
    return await conversions.convert(person, location_id, report.id)


async def converted(house: House, person: Person, location_id: str) -> Job:
    """A conversion that was worked on to its end."""
    asked = await asked_to_convert(house, person, location_id)
    while await Converter(house).step():
        pass
    return await job(house, asked.id)


async def job(house: House, job_id: str) -> Job:
    async with house.database.reading() as connection:
        found = await job_store.find(connection, job_id)
    assert found is not None
    return found


async def v1_hash(house: House, location_id: str) -> str:
    source = SourceHash()
    async with house.database.reading() as connection:
        async for rows in old_store.all_rows(connection, location_id):
            source.add(rows)
    return source.value


async def state(house: House, location_id: str) -> CustomerBase:
    async with house.database.reading() as connection:
        found = await connection.execute(select(location.c.customer_base).where(location.c.id == location_id))
    return CustomerBase(found.scalar_one())


async def everybody(house: House, tenant_id: str) -> list[Customer]:
    """Every living customer with aliases, by number."""
    sealer = Sealer(house.vault, tenant_id)
    found: list[Customer] = []
    async with house.database.reading() as connection:
        where = customer.c.tenant_id == tenant_id
        while page := await store.page_after(connection, sealer, where, found[-1].number if found else "", 1000):
            aliases = await store.aliases_of(connection, [one.id for one in page])
            found += [replace(one, aliases=aliases.get(one.id, ())) for one in page]
    return found


async def traces(house: House) -> int:
    """Rows of 2.0 of any kind."""
    async with house.database.reading() as connection:
        counts = [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (customer, customer_key, customer_token)
        ]
    return sum(count or 0 for count in counts)


async def writable(house: House, location_id: str) -> bool:
    """Whether 1.0 can be written."""
    async with house.database.reading() as connection:
        base = await old_store.find_base(connection, location_id)
    return base is not None and base.conversion_id is None and base.readable_until is None
