"""The statements about what was printed."""

from dataclasses import dataclass, field

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.printing.model import Medium, Printed
from tillbridge.portal.printing.tables import voucher_printing
from tillbridge.portal.vouchers.systems_model import Life
from tillbridge.portal.vouchers.tables import voucher


@dataclass(frozen=True, slots=True)
class Row:
    """A voucher as it is stored, with its place in its batch."""

    id: str
    position: int
    number: str = field(repr=False)
    pin_sealed: bytes | None = field(repr=False)


async def rows_of(connection: AsyncConnection, batch_id: str, first: int, last: int) -> list[Row]:
    """The vouchers from one place of a batch to another, but those that were replaced."""
    statement = (
        select(voucher.c.id, voucher.c.number, voucher.c.pin_sealed, voucher.c.life)
        .where(voucher.c.batch_id == batch_id)
        .order_by(voucher.c.id)
        .limit(last - first + 1)
        .offset(first - 1)
    )
    rows = enumerate(await connection.execute(statement), first)
    return [Row(row.id, at, row.number, row.pin_sealed) for at, row in rows if row.life != Life.RETIRED.value]


async def pin_of(connection: AsyncConnection, voucher_id: str) -> bytes | None:
    """A voucher's sealed PIN; None where it has none."""
    sealed: bytes | None = await connection.scalar(select(voucher.c.pin_sealed).where(voucher.c.id == voucher_id))
    return sealed


async def add(connection: AsyncConnection, printing_id: str, batch_id: str, one: Printed) -> None:
    """Writes down that a part was handed out."""
    values = {"id": printing_id, "batch_id": batch_id, "first": one.first, "last": one.last, "pins": one.pins}
    values |= {"medium": one.medium.value, "made_at": one.made_at, "made_by": one.made_by}
    await connection.execute(insert(voucher_printing).values(values))


async def printed(connection: AsyncConnection, batch_id: str) -> tuple[Printed, ...]:
    """The parts of a batch that were handed out, the newest first."""
    statement = select(voucher_printing).where(voucher_printing.c.batch_id == batch_id)
    rows = await connection.execute(statement.order_by(voucher_printing.c.id.desc()))
    return tuple(Printed(row.first, row.last, Medium(row.medium), row.pins, row.made_at, row.made_by) for row in rows)
