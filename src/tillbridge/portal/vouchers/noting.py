"""Notes what a person has to look at later, in the transaction in which it happens (`portal/validity`)."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import sets
from tillbridge.portal.validity.tables import voucher_alarm, voucher_late_put_back
from tillbridge.portal.vouchers.guessing import Guess, Window
from tillbridge.portal.vouchers.model import KeptOperation
from tillbridge.portal.vouchers.operations import Scope
from tillbridge.runtime.effects import Ids


def is_late(before: KeptOperation | None, after: KeptOperation) -> bool:
    """Whether an action was put back after its receipt had been closed."""
    closed = before is not None and before.state is OperationState.CONFIRMED
    return closed and after.state is OperationState.PUT_BACK


async def note_late(connection: AsyncConnection, closed: Mapping[str, datetime | None], now: datetime) -> None:
    """Notes put-backs after closing: `closed` has when each action was confirmed, by its id."""
    rows = [{"operation_id": one, "confirmed_at": at, "put_back_at": now} for one, at in sorted(closed.items())]
    await sets.add(connection, voucher_late_put_back, rows, unless=("operation_id",))


async def note_alarms(connection: AsyncConnection, windows: Mapping[Scope, Window], ids: Ids, now: datetime) -> None:
    """Notes each location that has to pause from now on because of wrong PINs."""
    rows = [
        {"id": ids.new(), "location_id": location_id, "at": now, "until": window.paused_until}
        for (location_id, kind), window in sorted(windows.items(), key=lambda item: item[0])
        if kind == Guess.PIN and window.paused_until is not None
    ]
    await sets.add(connection, voucher_alarm, rows)
