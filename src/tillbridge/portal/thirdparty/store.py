"""The statements about what tills of other makers asked for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.partners.tables import partner_key
from tillbridge.portal.thirdparty.model import GivenBack
from tillbridge.portal.thirdparty.tables import third_party_cancel, third_party_redemption, third_party_repeat
from tillbridge.portal.vouchers.tables import voucher

_LOADED = (EntryKind.LOAD.value, EntryKind.LOAD_REVERSAL.value, EntryKind.REISSUE_IN.value)
_STANDS = (OperationState.INTERIM.value, OperationState.CONFIRMED.value)


@dataclass(frozen=True, slots=True)
class Booking:
    """What a redemption of this form was of: the voucher's number, and the entry that booked it."""

    number: str
    entry_id: str


async def partner_of(connection: AsyncConnection, key_id: str) -> str | None:
    """The partner that a key belongs to."""
    found: str | None = await connection.scalar(select(partner_key.c.partner_id).where(partner_key.c.id == key_id))
    return found


async def loaded_in_all(connection: AsyncConnection, voucher_id: str) -> int:
    """All that was loaded, less what was reversed; what was taken over from a replaced voucher counts as loaded."""
    statement = select(func.coalesce(func.sum(entry.c.amount), 0)).where(
        entry.c.voucher_id == voucher_id, entry.c.kind.in_(_LOADED)
    )
    return int(await connection.scalar(statement) or 0)


# ------------------------------------------------------------ redemptions


async def add_redemption(connection: AsyncConnection, operation_id: str, partner_id: str, *, referenced: bool) -> None:
    """Notes that an action was asked for in this form."""
    values = {"operation_id": operation_id, "partner_id": partner_id, "referenced": referenced}
    await connection.execute(insert(third_party_redemption).values(values))


async def booking_of(connection: AsyncConnection, operation_id: str) -> Booking | None:
    """What was booked for an action; None where it was not asked for in this form."""
    statement = (
        select(voucher.c.number, entry.c.id)
        .select_from(third_party_redemption)
        .join(entry, entry.c.operation_id == third_party_redemption.c.operation_id)
        .join(voucher, voucher.c.id == entry.c.voucher_id)
        .where(third_party_redemption.c.operation_id == operation_id)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else Booking(row.number, row.id)


@dataclass(frozen=True, slots=True)
class Equal:
    """What makes two requests equal: branch, voucher and amount, since a moment. `but` is the new one itself."""

    location_id: str
    voucher_id: str
    amount: int
    since: datetime
    but: str


async def earlier(connection: AsyncConnection, equal: Equal) -> tuple[str, datetime] | None:
    """The last equal redemption that still stands, with the moment of its request. The voucher must be locked."""
    statement = (
        select(operation.c.id, operation.c.created_at)
        .join(third_party_redemption, third_party_redemption.c.operation_id == operation.c.id)
        .where(
            operation.c.voucher_id == equal.voucher_id,
            operation.c.location_id == equal.location_id,
            operation.c.taken == equal.amount,
            operation.c.state.in_(_STANDS),
            operation.c.created_at > equal.since,
            operation.c.id != equal.but,
        )
        .order_by(operation.c.created_at.desc(), operation.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else (row.id, row.created_at)


async def note_repeat(connection: AsyncConnection, operation_id: str, other_at: datetime) -> None:
    """Puts a redemption before a person, once."""
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(third_party_repeat)
    values = {"operation_id": operation_id, "other_at": other_at}
    await connection.execute(statement.values(values).on_conflict_do_nothing())


# ------------------------------------------------------------ cancellations


async def given_before(
    connection: AsyncConnection, operation_id: str, reference: str, asked: int | None
) -> GivenBack | None:
    """What the same cancellation came to before. The action must be locked."""
    same = (
        (third_party_cancel.c.operation_id == operation_id)
        & (third_party_cancel.c.reference == reference)
        & (third_party_cancel.c.asked == (asked or 0))
    )
    row = (await connection.execute(select(third_party_cancel).where(same))).mappings().one_or_none()
    return None if row is None else GivenBack(row["asked"] or None, row["given"], row["balance"], replayed=True)


async def add_cancel(
    connection: AsyncConnection, cancel_id: str, operation_id: str, reference: str, given: GivenBack, now: datetime
) -> None:
    """Writes a cancellation down."""
    values = {
        "id": cancel_id,
        "operation_id": operation_id,
        "reference": reference,
        "asked": given.asked or 0,
        "given": given.given,
        "balance": given.balance,
        "booked_at": now,
    }
    await connection.execute(insert(third_party_cancel).values(values))
