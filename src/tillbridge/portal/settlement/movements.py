"""What changed whose credit, read from the ledger by sets: nothing here looks at one entry after another.

A load changes the credit of the location that made its lot; everything else that of the lots that it took from or gave
back to. What is put back counts where it had been redeemed.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Subquery, case, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import allocation, entry, lot
from tillbridge.portal.settlement.model import NOWHERE, Line, Sum
from tillbridge.portal.vouchers.tables import voucher

_ORIGINAL: Final = entry.alias("original")


def within(system_id: str, first: str, last: str) -> ColumnElement[bool]:
    """The entries of a voucher system from one day to another, both counted."""
    return (voucher.c.system_id == system_id) & entry.c.business_day.between(first, last)


def movements(where: ColumnElement[bool]) -> Subquery:
    """Each change of a lot by these entries: entry_id, day, kind, place_id, owner_id, amount."""
    made = select(*_columns(entry.c.location_id, lot.c.amount)).select_from(
        entry.join(voucher, voucher.c.id == entry.c.voucher_id).join(lot, lot.c.entry_id == entry.c.id)
    )
    place = case((entry.c.kind == EntryKind.PUT_BACK.value, _ORIGINAL.c.location_id), else_=entry.c.location_id)
    moved = select(*_columns(place, -allocation.c.amount)).select_from(
        entry.join(voucher, voucher.c.id == entry.c.voucher_id)
        .join(allocation, allocation.c.entry_id == entry.c.id)
        .join(lot, lot.c.id == allocation.c.lot_id)
        .outerjoin(_ORIGINAL, _ORIGINAL.c.id == entry.c.reverses)
    )
    return union_all(made.where(where), moved.where(where)).subquery("moved")


def _columns(place: ColumnElement[Any], amount: ColumnElement[int]) -> Sequence[ColumnElement[Any]]:
    return (
        entry.c.id.label("entry_id"),
        entry.c.business_day.label("day"),
        entry.c.kind.label("kind"),
        func.coalesce(place, NOWHERE).label("place_id"),
        func.coalesce(lot.c.location_id, NOWHERE).label("owner_id"),
        amount.label("amount"),
    )


async def sums(connection: AsyncConnection, where: ColumnElement[bool]) -> tuple[Sum, ...]:
    """What was booked alike, added up by day, place, owner and kind."""
    moved = movements(where)
    keys = (moved.c.day, moved.c.place_id, moved.c.owner_id, moved.c.kind)
    rows = await connection.execute(
        select(*keys, func.sum(moved.c.amount).label("amount"), func.count().label("parts")).group_by(*keys)
    )
    return tuple(
        sorted(
            Sum(row.day, row.place_id, row.owner_id, EntryKind(row.kind), int(row.amount), row.parts) for row in rows
        )
    )


async def total(connection: AsyncConnection, where: ColumnElement[bool]) -> tuple[int, int]:
    """How many entries there are, and what they add up to by themselves, without their lots."""
    row = (
        await connection.execute(
            select(func.count(), func.coalesce(func.sum(entry.c.amount), 0))
            .select_from(entry.join(voucher, voucher.c.id == entry.c.voucher_id))
            .where(where)
        )
    ).one()
    return int(row[0]), int(row[1])


async def lines(
    connection: AsyncConnection, where: ColumnElement[bool], location_ids: Collection[str]
) -> tuple[Line, ...]:
    """The single bookings that concern these locations, in the order in which they happened."""
    moved = movements(where)
    keys = (moved.c.entry_id, moved.c.place_id, moved.c.owner_id)
    concerns = or_(moved.c.place_id.in_(sorted(location_ids)), moved.c.owner_id.in_(sorted(location_ids)))
    parts = select(*keys, func.sum(moved.c.amount).label("part")).where(concerns).group_by(*keys).subquery("parts")
    rows = await connection.execute(
        select(parts.c.place_id, parts.c.owner_id, parts.c.part, entry, voucher.c.number)
        .select_from(
            parts.join(entry, entry.c.id == parts.c.entry_id).join(voucher, voucher.c.id == entry.c.voucher_id)
        )
        .order_by(entry.c.booked_at, entry.c.id, parts.c.owner_id)
    )
    return tuple(
        Line(
            at=row["booked_at"],
            number=row["number"],
            kind=EntryKind(row["kind"]),
            here_id=row["location_id"] or NOWHERE,
            station=row["station"],
            operator=row["operator"],
            place_id=row["place_id"],
            owner_id=row["owner_id"],
            amount=int(row["part"]),
        )
        for row in rows.mappings()
    )


async def vouchers_gained(connection: AsyncConnection, system_id: str, day: str) -> int:
    """By how many vouchers more there was credit at the end of a day than at its beginning."""
    span = (
        select(entry.c.voucher_id, func.min(entry.c.seq).label("first"), func.max(entry.c.seq).label("last"))
        .join(voucher, voucher.c.id == entry.c.voucher_id)
        .where(within(system_id, day, day))
        .group_by(entry.c.voucher_id)
        .subquery("span")
    )
    begins, ends = entry.alias("begins"), entry.alias("ends")
    had = case((begins.c.balance_after - begins.c.amount > 0, 1), else_=0)
    has = case((ends.c.balance_after > 0, 1), else_=0)
    statement = select(func.coalesce(func.sum(has - had), 0)).select_from(
        span.join(begins, (begins.c.voucher_id == span.c.voucher_id) & (begins.c.seq == span.c.first)).join(
            ends, (ends.c.voucher_id == span.c.voucher_id) & (ends.c.seq == span.c.last)
        )
    )
    return int(await connection.scalar(statement) or 0)
