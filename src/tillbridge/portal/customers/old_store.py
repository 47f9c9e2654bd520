"""The statements about 1.0 online, and about which of the four states a location is in."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.customers.bulk import ROWS_AT_ONCE, insert_rows
from tillbridge.portal.customers.model import Base, OldCustomer
from tillbridge.portal.customers.tables import customer_acceptance, customer_base, customer_v1
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.locations.tables import location

_NAMES = ("number", "name", "contact", "email", "phone", "balance_minor", "points", "note", "legacy")


async def find_base(connection: AsyncConnection, location_id: str, *, locked: bool = False) -> Base | None:
    """The 1.0 online of a location; `locked` keeps others from changing or freezing it meanwhile."""
    statement = select(customer_base).where(customer_base.c.location_id == location_id)
    found = await connection.execute(statement.with_for_update() if locked else statement)
    row = found.mappings().one_or_none()
    if row is None:
        return None
    return Base(location_id, row["revision"], row["declared_balance"], row["conversion_id"], row["readable_until"])


async def ensure_base(connection: AsyncConnection, location_id: str, base_id: str) -> Base:
    """The same, locked, and made if there is none yet."""
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    fresh = make(customer_base).values(id=base_id, location_id=location_id, revision=0)
    await connection.execute(fresh.on_conflict_do_nothing())
    found = await find_base(connection, location_id, locked=True)
    if found is None:
        raise AssertionError("a row that was just written is there")
    return found


async def replace_rows(
    connection: AsyncConnection, location_id: str, rows: Sequence[OldCustomer], declared_balance: int | None
) -> None:
    """Puts these rows in the place of all that 1.0 had. The base must be locked by the caller."""
    await connection.execute(delete(customer_v1).where(customer_v1.c.location_id == location_id))
    names = ("location_id", "position", *_NAMES)
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[begin : begin + ROWS_AT_ONCE]
        values = [(location_id, row.position, *(getattr(row, name) for name in _NAMES)) for row in part]
        await insert_rows(connection, customer_v1, names, values)
    await connection.execute(
        update(customer_base)
        .where(customer_base.c.location_id == location_id)
        .values(revision=customer_base.c.revision + 1, declared_balance=declared_balance)
    )


async def read_rows(
    connection: AsyncConnection, location_id: str, *, after: int = 0, limit: int = ROWS_AT_ONCE
) -> list[OldCustomer]:
    """The rows behind that line, in their order."""
    rows = await connection.execute(
        select(customer_v1)
        .where(customer_v1.c.location_id == location_id, customer_v1.c.position > after)
        .order_by(customer_v1.c.position)
        .limit(limit)
    )
    return [OldCustomer(row["position"], *(row[name] for name in _NAMES)) for row in rows.mappings()]


async def all_rows(connection: AsyncConnection, location_id: str) -> AsyncIterator[list[OldCustomer]]:
    """Every row, some thousands at a time."""
    after = 0
    while rows := await read_rows(connection, location_id, after=after):
        yield rows
        after = rows[-1].position


async def totals(connection: AsyncConnection, location_id: str) -> tuple[int, int, int]:
    """Rows, the sum of balances in minor units, and the sum of points."""
    sums = (func.count(), func.sum(customer_v1.c.balance_minor), func.sum(customer_v1.c.points))
    row = (await connection.execute(select(*sums).where(customer_v1.c.location_id == location_id))).one()
    return int(row[0]), int(row[1] or 0), int(row[2] or 0)


async def hold(connection: AsyncConnection, location_id: str, conversion_id: str) -> bool:
    """Makes 1.0 read-only for this conversion; False if another one holds it already."""
    free = (customer_base.c.location_id == location_id) & customer_base.c.conversion_id.is_(None)
    held = await connection.execute(update(customer_base).where(free).values(conversion_id=conversion_id))
    return held.rowcount == 1


async def let_go(connection: AsyncConnection, conversion_id: str, readable_until: datetime | None = None) -> None:
    """Ends the hold of a conversion: 1.0 can be written again, or (after a success) be read until then."""
    held = update(customer_base).where(customer_base.c.conversion_id == conversion_id)
    await connection.execute(held.values(conversion_id=None, readable_until=readable_until))


async def switch(connection: AsyncConnection, location_id: str, before: CustomerBase, after: CustomerBase) -> bool:
    """Puts a location from one state into another; False if it is not in that state."""
    there = (location.c.id == location_id) & (location.c.customer_base == before.value)
    done = await connection.execute(update(location).where(there).values(customer_base=after.value))
    return done.rowcount == 1


async def remove_expired(connection: AsyncConnection, now: datetime) -> int:
    """Removes the rows of every 1.0 that need not be readable any more; returns how many bases that were."""
    expired = customer_base.c.readable_until <= now
    ids = list(await connection.scalars(select(customer_base.c.location_id).where(expired)))
    if ids:
        await connection.execute(delete(customer_v1).where(customer_v1.c.location_id.in_(ids)))
        await connection.execute(delete(customer_base).where(expired))
    return len(ids)


async def remove_positions(connection: AsyncConnection, location_id: str, positions: Sequence[int]) -> None:
    """Removes the rows that an erased customer came from."""
    chosen = (customer_v1.c.location_id == location_id) & customer_v1.c.position.in_(positions)
    await connection.execute(delete(customer_v1).where(chosen))


async def accepted_edition(connection: AsyncConnection, location_id: str) -> int:
    """The newest edition of the table of functions that was accepted for a location; 0 for none."""
    newest = select(func.max(customer_acceptance.c.edition)).where(customer_acceptance.c.location_id == location_id)
    return (await connection.execute(newest)).scalar_one() or 0


async def any_expired(connection: AsyncConnection, now: datetime) -> bool:
    """Whether there is a 1.0 that need not be readable any more."""
    expired = select(customer_base.c.id).where(customer_base.c.readable_until <= now)
    return (await connection.execute(expired.limit(1))).first() is not None
