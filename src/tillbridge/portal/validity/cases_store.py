"""The statements about what a person has to look at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, false, func, or_, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.locations.tables import location
from tillbridge.portal.thirdparty.tables import third_party_repeat
from tillbridge.portal.validity.cases_model import (
    LOOKED_BACK,
    MOST,
    Adjusted,
    Alarm,
    CaseKind,
    Pause,
    Receipt,
    ShutVoucher,
    Verdict,
    Wanted,
)
from tillbridge.portal.validity.tables import voucher_alarm, voucher_case, voucher_late_put_back
from tillbridge.portal.vouchers.tables import voucher, voucher_guessing, voucher_location


async def open_cases(connection: AsyncConnection, wanted: Wanted) -> Sequence[Receipt]:
    """Receipts of which nobody said what became of them, the oldest first."""
    statement = receipts(wanted, operation.c.created_at).where(_is_open(wanted.before))
    return await read(connection, statement.order_by(operation.c.created_at, operation.c.id))


async def contested(connection: AsyncConnection, wanted: Wanted) -> Sequence[Receipt]:
    """Receipts that were closed after their money had gone back, and of which nobody has decided; the oldest first."""
    statement = receipts(wanted, operation.c.contested_at).where(_is_contested())
    return await read(connection, statement.order_by(operation.c.contested_at, operation.c.id))


async def repeated(connection: AsyncConnection, wanted: Wanted) -> Sequence[Receipt]:
    """Redemptions that a till of another maker may have asked for twice, the oldest first."""
    return await read(connection, _repeated(wanted).order_by(operation.c.created_at, operation.c.id))


async def late(connection: AsyncConnection, wanted: Wanted) -> Sequence[Receipt]:
    """What was put back after its receipt had been closed, the newest first."""
    note = voucher_late_put_back
    statement = (
        receipts(wanted, note.c.put_back_at)
        .join(note, note.c.operation_id == operation.c.id)
        .where(note.c.put_back_at >= wanted.now - LOOKED_BACK)
        .order_by(note.c.put_back_at.desc(), operation.c.id)
    )
    return await read(connection, statement)


async def find(connection: AsyncConnection, wanted: Wanted, operation_id: str) -> tuple[Receipt, CaseKind] | None:
    """One receipt that is to be decided, and why; None if it is none, or of another system."""
    statement = receipts(wanted, operation.c.created_at).where(operation.c.id == operation_id)
    for kind, is_one in ((CaseKind.OPEN, _is_open(wanted.before)), (CaseKind.CONTESTED, _is_contested())):
        found = await read(connection, statement.where(is_one))
        if found:
            return found[0], kind
    found = await read(connection, _repeated(wanted).where(operation.c.id == operation_id))
    return (found[0], CaseKind.DUPLICATE) if found else None


async def system_of(connection: AsyncConnection, operation_id: str) -> str | None:
    """The voucher system that an action belongs to; where it has no voucher, the one of its location."""
    statement = (
        select(func.coalesce(voucher.c.system_id, voucher_location.c.system_id))
        .select_from(operation)
        .outerjoin(voucher, voucher.c.id == operation.c.voucher_id)
        .outerjoin(voucher_location, voucher_location.c.location_id == operation.c.location_id)
        .where(operation.c.id == operation_id)
    )
    found: str | None = await connection.scalar(statement)
    return found


async def decide(connection: AsyncConnection, operation_id: str, system_id: str, verdict: Verdict) -> bool:
    """Writes a decision down; False if one was written before."""
    if verdict.kind is CaseKind.DUPLICATE:
        return await _decide_repeat(connection, operation_id, verdict)
    statement = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(voucher_case)
    fresh = (
        statement.values(
            operation_id=operation_id,
            kind=verdict.kind.value,
            system_id=system_id,
            decision=verdict.decision.value,
            evidence=verdict.evidence,
            reason=verdict.reason,
            decided_by=verdict.by,
            decided_at=verdict.at,
        )
        .on_conflict_do_nothing()
        .returning(voucher_case.c.operation_id)
    )
    return (await connection.execute(fresh)).first() is not None


async def _decide_repeat(connection: AsyncConnection, operation_id: str, verdict: Verdict) -> bool:
    waiting = (third_party_repeat.c.operation_id == operation_id) & third_party_repeat.c.decided_at.is_(None)
    fresh = (
        update(third_party_repeat)
        .where(waiting)
        .values(
            decision=verdict.decision.value,
            evidence=verdict.evidence,
            reason=verdict.reason,
            decided_by=verdict.by,
            decided_at=verdict.at,
        )
        .returning(third_party_repeat.c.operation_id)
    )
    return (await connection.execute(fresh)).first() is not None


def _repeated(wanted: Wanted) -> Select[Any]:
    """Nothing that has gone back in the meantime: neither of the two is one too many then."""
    return (
        receipts(wanted, third_party_repeat.c.other_at)
        .join(third_party_repeat, third_party_repeat.c.operation_id == operation.c.id)
        .where(
            third_party_repeat.c.decided_at.is_(None),
            operation.c.state == OperationState.CONFIRMED.value,
        )
    )


def _is_open(before: datetime) -> ColumnElement[bool]:
    return and_(operation.c.state == OperationState.INTERIM.value, operation.c.created_at < before)


def _is_contested() -> ColumnElement[bool]:
    decided = select(voucher_case.c.operation_id).where(voucher_case.c.kind == CaseKind.CONTESTED.value)
    return and_(operation.c.contested_at.is_not(None), operation.c.id.not_in(decided))


def receipts(wanted: Wanted, moment: ColumnElement[Any]) -> Select[Any]:
    """Actions of a system within a reader's reach; one without a voucher belongs where its location takes part."""
    return (
        select(
            operation.c.id,
            operation.c.location_id,
            operation.c.key,
            operation.c.state,
            operation.c.voucher_id,
            operation.c.taken,
            operation.c.transaction_ref,
            operation.c.created_at,
            moment.label("moment"),
            func.coalesce(voucher.c.number, "").label("number"),
            func.coalesce(location.c.name, "").label("name"),
            func.coalesce(entry.c.station, "").label("station"),
            func.coalesce(entry.c.operator, "").label("operator"),
        )
        .select_from(operation)
        .outerjoin(voucher, voucher.c.id == operation.c.voucher_id)
        .outerjoin(voucher_location, voucher_location.c.location_id == operation.c.location_id)
        .outerjoin(location, location.c.id == operation.c.location_id)
        .outerjoin(entry, entry.c.operation_id == operation.c.id)
        .where(
            or_(
                voucher.c.system_id == wanted.system_id,
                operation.c.voucher_id.is_(None) & (voucher_location.c.system_id == wanted.system_id),
            ),
            within(wanted, operation.c.location_id),
        )
        .limit(MOST + 1)
    )


def within(wanted: Wanted, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a location is one of those that the reader sees."""
    if wanted.reach.everywhere:
        return true()
    return column.in_(sorted(wanted.reach.locations)) if wanted.reach.locations else false()


async def read(connection: AsyncConnection, statement: Select[Any]) -> Sequence[Receipt]:
    """The receipts that a statement of `receipts` finds."""
    return [_receipt(row) for row in await connection.execute(statement)]


def _receipt(row: Row[Any]) -> Receipt:
    return Receipt(
        operation_id=row.id,
        location_id=row.location_id,
        location=row.name,
        key=row.key,
        state=OperationState(row.state),
        voucher_id=row.voucher_id,
        number=row.number,
        taken=row.taken,
        receipt=row.transaction_ref,
        station=row.station,
        operator=row.operator,
        at=row.created_at,
        moment=row.moment,
    )


# ------------------------------------------------------------ PINs, pauses, adjustments


async def shut(connection: AsyncConnection, wanted: Wanted) -> Sequence[ShutVoucher]:
    """Vouchers whose PIN nobody judges at this moment; those that wait for a person first."""
    locked = voucher.c.pin_locked_until > wanted.now
    statement = (
        select(voucher.c.id, voucher.c.number, voucher.c.pin_blocked, voucher.c.pin_locked_until)
        .where(
            voucher.c.system_id == wanted.system_id,
            voucher.c.pin_blocked | voucher.c.pin_locked_until.is_not(None),
            voucher.c.pin_blocked | locked,
        )
        .order_by(voucher.c.pin_blocked.desc(), voucher.c.pin_locked_until, voucher.c.id)
        .limit(MOST + 1)
    )
    rows = await connection.execute(statement)
    return [ShutVoucher(row.id, row.number, None if row.pin_blocked else row.pin_locked_until) for row in rows]


async def pauses(connection: AsyncConnection, wanted: Wanted) -> Sequence[Pause]:
    """Locations of the system that may not go on for a while, by their names."""
    guessing = voucher_guessing
    statement = (
        select(guessing.c.location_id, guessing.c.kind, guessing.c.paused_until, location.c.name)
        .join(voucher_location, voucher_location.c.location_id == guessing.c.location_id)
        .join(location, location.c.id == guessing.c.location_id)
        .where(
            voucher_location.c.system_id == wanted.system_id,
            guessing.c.paused_until > wanted.now,
            within(wanted, guessing.c.location_id),
        )
        .order_by(location.c.name, guessing.c.location_id, guessing.c.kind)
    )
    found: dict[str, Pause] = {}
    for row in await connection.execute(statement):
        so_far = found.get(row.location_id, Pause(row.location_id, row.name, (), row.paused_until))
        until = max(so_far.until, row.paused_until)
        found[row.location_id] = Pause(row.location_id, row.name, (*so_far.kinds, row.kind), until)
    return list(found.values())


async def alarms(connection: AsyncConnection, wanted: Wanted) -> Sequence[Alarm]:
    """Where redeeming had to pause lately, the newest first."""
    alarm = voucher_alarm
    statement = (
        select(location.c.name, alarm.c.at, alarm.c.until)
        .join(voucher_location, voucher_location.c.location_id == alarm.c.location_id)
        .join(location, location.c.id == alarm.c.location_id)
        .where(
            voucher_location.c.system_id == wanted.system_id,
            alarm.c.at >= wanted.now - LOOKED_BACK,
            within(wanted, alarm.c.location_id),
        )
        .order_by(alarm.c.at.desc(), alarm.c.id.desc())
        .limit(MOST + 1)
    )
    return [Alarm(row.name, row.at, row.until) for row in await connection.execute(statement)]


async def adjusted(connection: AsyncConnection, wanted: Wanted) -> Sequence[Adjusted]:
    """Credit that was changed by hand lately, the newest first."""
    statement = (
        select(voucher.c.id, voucher.c.number, entry.c.amount, entry.c.operator, entry.c.reason, entry.c.booked_at)
        .join(voucher, voucher.c.id == entry.c.voucher_id)
        .where(
            entry.c.kind == EntryKind.ADJUST.value,
            entry.c.booked_at >= wanted.now - LOOKED_BACK,
            voucher.c.system_id == wanted.system_id,
        )
        .order_by(entry.c.booked_at.desc(), entry.c.id.desc())
        .limit(MOST + 1)
    )
    rows = await connection.execute(statement)
    return [Adjusted(row.id, row.number, row.amount, row.operator, row.reason, row.booked_at) for row in rows]


# ------------------------------------------------------------ telling of alarms


async def untold(connection: AsyncConnection) -> Sequence[str]:
    """The ids of alarms of which nobody was told, the oldest first."""
    alarm = voucher_alarm
    return list(await connection.scalars(select(alarm.c.id).where(alarm.c.told_at.is_(None)).order_by(alarm.c.at)))


async def take_alarm(connection: AsyncConnection, alarm_id: str) -> tuple[str, Alarm] | None:
    """An alarm for this process alone, with its location's id; None if another has it or has told of it."""
    statement = select(voucher_alarm).where(voucher_alarm.c.id == alarm_id, voucher_alarm.c.told_at.is_(None))
    row = (await connection.execute(statement.with_for_update(skip_locked=True))).one_or_none()
    if row is None:
        return None
    name = await connection.scalar(select(location.c.name).where(location.c.id == row.location_id))
    return row.location_id, Alarm(name or "", row.at, row.until)


async def told_in_this_pause(connection: AsyncConnection, location_id: str, at: datetime) -> bool:
    """Whether somebody was told already of the pause that a location is in."""
    alarm = voucher_alarm
    same = (alarm.c.location_id == location_id) & (alarm.c.until > at) & alarm.c.told_at.is_not(None)
    return await connection.scalar(select(alarm.c.id).where(same).limit(1)) is not None


async def told(connection: AsyncConnection, alarm_id: str, now: datetime) -> None:
    """Somebody was told of it."""
    await connection.execute(update(voucher_alarm).where(voucher_alarm.c.id == alarm_id).values(told_at=now))
