"""The statements about what stands elsewhere and belongs on the page of exceptions as well.

What waits at connectors, what was lost without a connection, and what a recovery left behind.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.links.model import IN_USE, LATE_UNSENT
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations.tables import location
from tillbridge.portal.partners.tables import partner
from tillbridge.portal.recovery.model import CASES
from tillbridge.portal.recovery.tables import line, place, recovery
from tillbridge.portal.risk.model import Kind
from tillbridge.portal.risk.tables import voucher_offline
from tillbridge.portal.validity.cases_model import (
    LOOKED_BACK,
    MOST,
    SILENCE,
    Receipt,
    Restored,
    Shortfall,
    Unsent,
    Wanted,
)
from tillbridge.portal.validity.cases_store import read, receipts, within
from tillbridge.portal.vouchers.tables import voucher, voucher_location, voucher_system

EDGE: Final = timedelta(hours=1)
"""So much of the time that connectors tell again is not held against them: their clocks may be wrong."""

_TOLD_STATES: Final = sorted(
    one.value
    for one in (
        OperationState.INTERIM,
        OperationState.CONFIRMED,
        OperationState.PUT_BACK,
        OperationState.LOADED,
        OperationState.REVERSED,
    )
)
"""What a connector tells of: what was refused moved nothing."""


async def unsent(connection: AsyncConnection, wanted: Wanted) -> Sequence[Unsent]:
    """Connectors that have something for the portal and have not got it here for minutes, by their locations' names."""
    statement: Select[Any] = (
        select(
            link.c.id,
            link.c.location_id,
            link.c.unsent_count,
            link.c.open_put_backs,
            link.c.oldest_unsent_seconds,
            link.c.last_contact_at,
            location.c.name,
        )
        .join(voucher_location, voucher_location.c.location_id == link.c.location_id)
        .join(location, location.c.id == link.c.location_id)
        .where(
            voucher_location.c.system_id == wanted.system_id,
            link.c.state.in_(sorted(one.value for one in IN_USE)),
            link.c.oldest_unsent_seconds.is_not(None),
            link.c.last_contact_at.is_not(None),
            or_(link.c.unsent_count > 0, link.c.open_put_backs > 0),
            within(wanted, link.c.location_id),
        )
        .order_by(location.c.name, link.c.location_id)
    )
    found = [_unsent(row) for row in await connection.execute(statement)]
    return [one for one in found if wanted.now - one.since >= timedelta(seconds=LATE_UNSENT)][: MOST + 1]


async def unfinished(connection: AsyncConnection, wanted: Wanted) -> Sequence[Receipt]:
    """Receipts without an end for over six hours that are no case yet, the oldest first."""
    statement = receipts(wanted, operation.c.created_at).where(
        operation.c.state == OperationState.INTERIM.value,
        operation.c.created_at >= wanted.before,
        operation.c.created_at <= wanted.now - SILENCE,
    )
    return await read(connection, statement.order_by(operation.c.created_at, operation.c.id))


async def short(connection: AsyncConnection, wanted: Wanted) -> Sequence[Shortfall]:
    """What was taken without a connection lately and could not be had, the newest first; nothing that was cancelled."""
    account = voucher_offline
    back = account.alias("back")
    given_back = exists().where(back.c.operation_id == account.c.operation_id, back.c.kind == Kind.GIVEN_BACK.value)
    statement = (
        select(
            account.c.transaction_ref,
            account.c.asked,
            account.c.loss,
            account.c.reason,
            account.c.accepted_at,
            operation.c.voucher_id,
            func.coalesce(voucher.c.number, "").label("number"),
            func.coalesce(location.c.name, "").label("name"),
        )
        .join(operation, operation.c.id == account.c.operation_id)
        .outerjoin(voucher, voucher.c.id == operation.c.voucher_id)
        .outerjoin(location, location.c.id == account.c.location_id)
        .where(
            account.c.system_id == wanted.system_id,
            account.c.kind == Kind.TAKEN.value,
            account.c.loss > 0,
            account.c.booked_at >= wanted.now - LOOKED_BACK,
            ~given_back,
            within(wanted, account.c.location_id),
        )
        .order_by(account.c.booked_at.desc(), account.c.id.desc())
        .limit(MOST + 1)
    )
    return [
        Shortfall(
            row.name, row.voucher_id, row.number, row.transaction_ref, row.asked, row.loss, row.reason, row.accepted_at
        )
        for row in await connection.execute(statement)
    ]


async def restored(connection: AsyncConnection, wanted: Wanted, *, bookings: bool) -> Restored | None:
    """What the last recovery of the system left behind; None if it was long ago, or nothing is left.

    `bookings`: with those that no connector named again, for which the ledger is searched.
    """
    newest = (
        select(recovery.c.id, recovery.c.since, recovery.c.begun_at)
        .where(recovery.c.system_id == wanted.system_id)
        .order_by(recovery.c.id.desc())
        .limit(1)
    )
    one = (await connection.execute(newest)).one_or_none()
    if one is None or one.begun_at < wanted.now - LOOKED_BACK:
        return None
    found = Restored(
        one.begun_at,
        await _silent(connection, wanted, one.id),
        await _cases(connection, wanted, one.id),
        await _missing(connection, wanted, one.id, one.since, one.begun_at) if bookings else (),
    )
    return None if found.settled else found


async def _silent(connection: AsyncConnection, wanted: Wanted, recovery_id: str) -> Sequence[str]:
    statement = (
        select(location.c.name)
        .join(place, place.c.location_id == location.c.id)
        .where(place.c.recovery_id == recovery_id, place.c.told_at.is_(None), within(wanted, place.c.location_id))
        .order_by(location.c.name, location.c.id)
    )
    return list(await connection.scalars(statement))


async def _cases(connection: AsyncConnection, wanted: Wanted, recovery_id: str) -> int:
    statement = select(func.count()).where(
        line.c.recovery_id == recovery_id,
        line.c.verdict.in_(sorted(one.value for one in CASES)),
        line.c.settled_at.is_(None),
        within(wanted, line.c.location_id),
    )
    return int(await connection.scalar(statement) or 0)


async def _missing(
    connection: AsyncConnection, wanted: Wanted, recovery_id: str, since: datetime, begun_at: datetime
) -> Sequence[Receipt]:
    """Of locations that have told everything; what partners booked there no connector knows of."""
    statement = (
        receipts(wanted, operation.c.created_at)
        .join(place, (place.c.location_id == operation.c.location_id) & (place.c.recovery_id == recovery_id))
        .where(
            place.c.told_at.is_not(None),
            operation.c.created_at >= since + EDGE,
            operation.c.created_at < begun_at,
            operation.c.state.in_(_TOLD_STATES),
            ~_was_told(),
            func.coalesce(entry.c.station, "").not_in(_partners(wanted)),
        )
    )
    return await read(connection, statement.order_by(operation.c.created_at, operation.c.id))


def _was_told() -> ColumnElement[bool]:
    return exists().where(line.c.location_id == operation.c.location_id, line.c.key == operation.c.key)


def _partners(wanted: Wanted) -> Select[Any]:
    return (
        select(partner.c.name)
        .join(voucher_system, voucher_system.c.tenant_id == partner.c.tenant_id)
        .where(voucher_system.c.id == wanted.system_id)
    )


def _unsent(row: Row[Any]) -> Unsent:
    since: datetime = row.last_contact_at - timedelta(seconds=row.oldest_unsent_seconds)
    return Unsent(row.location_id, row.name, row.id, row.unsent_count, row.open_put_backs, since, row.last_contact_at)
