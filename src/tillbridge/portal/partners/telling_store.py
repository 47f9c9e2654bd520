"""The statements that find what receivers have not been told yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.locations.tables import location
from tillbridge.portal.partners.tables import webhook, webhook_cursor, webhook_told
from tillbridge.portal.vouchers.tables import voucher, voucher_system

_ROW: Final = 1
_with_hooks = select(webhook.c.tenant_id)
_reversed = entry.alias("reversed")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far one process has to go on: by time, and by the vouchers' ids."""

    looked_until: datetime
    counted_until: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A voucher as messages name it."""

    id: str
    tenant_id: str
    system: str
    currency: str
    number: str = field(repr=False)
    seq: int = 0
    balance: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """How much of a voucher's history has become messages."""

    seq: int
    messages: int


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the ledger as a message tells it."""

    id: str
    seq: int
    kind: EntryKind
    amount: int
    balance_after: int
    station: str
    operator: str
    transaction_ref: str
    business_day: str
    booked_at: datetime
    reverses: int | None
    location_number: str | None
    location_name: str | None


# ------------------------------------------------------------ whose turn it is


async def take_turn(connection: AsyncConnection, now: datetime, until: datetime) -> Cursor | None:
    """Where to go on, if nobody else is at it until then; None if somebody is."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    fresh = {"id": _ROW, "looked_until": now, "counted_until": "", "taken_until": now}
    await connection.execute(make(webhook_cursor).values(fresh).on_conflict_do_nothing())
    free = (webhook_cursor.c.id == _ROW) & (webhook_cursor.c.taken_until <= now)
    statement = update(webhook_cursor).where(free).values(taken_until=until)
    row = (
        await connection.execute(statement.returning(webhook_cursor.c.looked_until, webhook_cursor.c.counted_until))
    ).first()
    return None if row is None else Cursor(row.looked_until, row.counted_until)


async def end_turn(connection: AsyncConnection, cursor: Cursor, now: datetime) -> None:
    """Keeps how far this turn came, and lets the next one begin."""
    values = {"looked_until": cursor.looked_until, "counted_until": cursor.counted_until, "taken_until": now}
    await connection.execute(update(webhook_cursor).where(webhook_cursor.c.id == _ROW).values(values))


# ------------------------------------------------------------ what was not told yet


async def moved_since(connection: AsyncConnection, first_id: str, most: int) -> Sequence[str]:
    """Vouchers with entries from this id on that have not become messages, of merchants who have webhooks."""
    statement = (
        select(entry.c.voucher_id)
        .join(voucher, voucher.c.id == entry.c.voucher_id)
        .join(voucher_system, voucher_system.c.id == voucher.c.system_id)
        .outerjoin(webhook_told, webhook_told.c.voucher_id == entry.c.voucher_id)
        .where(
            entry.c.id >= first_id,
            voucher_system.c.tenant_id.in_(_with_hooks),
            entry.c.seq > func.coalesce(webhook_told.c.seq, 0),
        )
        .distinct()
        .order_by(entry.c.voucher_id)
        .limit(most)
    )
    return list(await connection.scalars(statement))


async def window_end(connection: AsyncConnection, after: str, size: int) -> str | None:
    """The id of the voucher `size` further on, among merchants who have webhooks; None if that is past the last."""
    statement = (
        select(voucher.c.id)
        .join(voucher_system, voucher_system.c.id == voucher.c.system_id)
        .where(voucher.c.id > after, voucher_system.c.tenant_id.in_(_with_hooks))
        .order_by(voucher.c.id)
        .limit(1)
        .offset(size - 1)
    )
    found: str | None = await connection.scalar(statement)
    return found


async def untold_between(connection: AsyncConnection, after: str, last: str | None) -> Sequence[str]:
    """Vouchers in this range of ids that have more entries than have become messages.

    What was booked before a merchant had any webhook is nobody's to be told.
    """
    since = (
        select(func.min(webhook.c.created_at))
        .where(webhook.c.tenant_id == voucher_system.c.tenant_id)
        .correlate(voucher_system)
        .scalar_subquery()
    )
    within = voucher.c.id > after
    statement = (
        select(voucher.c.id)
        .join(voucher_system, voucher_system.c.id == voucher.c.system_id)
        .join(entry, (entry.c.voucher_id == voucher.c.id) & (entry.c.seq == voucher.c.seq))
        .outerjoin(webhook_told, webhook_told.c.voucher_id == voucher.c.id)
        .where(
            within if last is None else within & (voucher.c.id <= last),
            voucher_system.c.tenant_id.in_(_with_hooks),
            voucher.c.seq > func.coalesce(webhook_told.c.seq, 0),
            entry.c.booked_at >= since,
        )
        .order_by(voucher.c.id)
    )
    return list(await connection.scalars(statement))


# ------------------------------------------------------------ one voucher


async def subject(connection: AsyncConnection, voucher_id: str) -> Subject | None:
    """A voucher with its system and how many entries it has."""
    statement = (
        select(voucher, voucher_system.c.tenant_id, voucher_system.c.name, voucher_system.c.currency)
        .join(voucher_system, voucher_system.c.id == voucher.c.system_id)
        .where(voucher.c.id == voucher_id)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    return Subject(
        id=row["id"],
        tenant_id=row["tenant_id"],
        system=row["name"],
        currency=row["currency"],
        number=row["number"],
        seq=row["seq"],
        balance=row["balance"],
    )


async def told_of(connection: AsyncConnection, voucher_id: str) -> Told:
    """How far a voucher has been told; nobody else tells of it until this transaction ends."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    fresh = {"voucher_id": voucher_id, "seq": 0, "messages": 0}
    await connection.execute(make(webhook_told).values(fresh).on_conflict_do_nothing())
    statement = select(webhook_told).where(webhook_told.c.voucher_id == voucher_id).with_for_update()
    row = (await connection.execute(statement)).mappings().one()
    return Told(row["seq"], row["messages"])


async def keep_told(connection: AsyncConnection, voucher_id: str, told: Told) -> None:
    """Writes down how far a voucher has been told."""
    values = {"seq": told.seq, "messages": told.messages}
    await connection.execute(update(webhook_told).where(webhook_told.c.voucher_id == voucher_id).values(values))


async def lines(
    connection: AsyncConnection, voucher_id: str, after: int, to: int, since: datetime, most: int
) -> Sequence[Line]:
    """A voucher's entries behind one `seq`, up to another, booked since then; in their order."""
    statement = (
        select(
            entry,
            _reversed.c.seq.label("reversed_seq"),
            location.c.number.label("location_number"),
            location.c.name.label("location_name"),
        )
        .outerjoin(_reversed, _reversed.c.id == entry.c.reverses)
        .outerjoin(location, location.c.id == entry.c.location_id)
        .where(entry.c.voucher_id == voucher_id, entry.c.seq > after, entry.c.seq <= to, entry.c.booked_at >= since)
        .order_by(entry.c.seq)
        .limit(most)
    )
    return [_line(row) for row in (await connection.execute(statement)).mappings()]


def _line(row: RowMapping) -> Line:
    return Line(
        id=row["id"],
        seq=row["seq"],
        kind=EntryKind(row["kind"]),
        amount=row["amount"],
        balance_after=row["balance_after"],
        station=row["station"],
        operator=row["operator"],
        transaction_ref=row["transaction_ref"],
        business_day=row["business_day"],
        booked_at=row["booked_at"],
        reverses=row["reversed_seq"],
        location_number=row["location_number"],
        location_name=row["location_name"],
    )
