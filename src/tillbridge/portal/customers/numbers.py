"""Hands out 7-digit customer numbers: each once, and none that a 1.0 which is still to be converted has."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.model import NUMBER_DIGITS
from tillbridge.portal.customers.tables import customer, customer_series, customer_v1
from tillbridge.portal.locations.tables import location

FIRST: Final = 1_000_001
LAST: Final = 10**NUMBER_DIGITS - 1

_AT_ONCE: Final = 1000


async def draw(connection: AsyncConnection, tenant_id: str, count: int) -> list[str]:
    """That many numbers nobody has, in ascending order. They are drawn for good, also where they are not used.

    The merchant's series stays locked until the end of the transaction. `BridgeError(RECORD_CONFLICT)` when all nine
    million are used up.
    """
    next_number = await _locked_series(connection, tenant_id)
    drawn: list[str] = []
    while len(drawn) < count:
        block = [f"{number:0{NUMBER_DIGITS}d}" for number in range(next_number, min(next_number + _AT_ONCE, LAST + 1))]
        if not block:
            raise BridgeError(Code.RECORD_CONFLICT, "every customer number of seven digits is used up")
        busy = await _busy(connection, tenant_id, block)
        for number in block:
            next_number += 1
            if number not in busy:
                drawn.append(number)
            if len(drawn) == count:
                break
    series = update(customer_series).where(customer_series.c.tenant_id == tenant_id)
    await connection.execute(series.values(next_number=next_number))
    return drawn


async def _locked_series(connection: AsyncConnection, tenant_id: str) -> int:
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    fresh = make(customer_series).values(tenant_id=tenant_id, next_number=FIRST)
    await connection.execute(fresh.on_conflict_do_nothing())
    locked = select(customer_series.c.next_number).where(customer_series.c.tenant_id == tenant_id).with_for_update()
    return int((await connection.execute(locked)).scalar_one())


async def _busy(connection: AsyncConnection, tenant_id: str, block: list[str]) -> set[str]:
    own = select(customer.c.number).where(
        customer.c.tenant_id == tenant_id, customer.c.number.between(block[0], block[-1])
    )
    old = (
        select(customer_v1.c.number)
        .join(location, location.c.id == customer_v1.c.location_id)
        .where(location.c.tenant_id == tenant_id, customer_v1.c.number.in_(block))
    )
    return set(await connection.scalars(own)) | set(await connection.scalars(old))
