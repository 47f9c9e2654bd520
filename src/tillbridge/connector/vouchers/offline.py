"""Takes a voucher without a connection, within what the merchant allows (docs/reference/voucher-offline.md).

Whether it may be done is decided and written down in one job of the journal, so that two tills at once cannot both have
the last of a limit.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.connector.vouchers.model import Action, Offline, State
from tillbridge.connector.vouchers.moves import Found, move
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import to_micros
from tillbridge.link.offline_messages import OfflineTerms

_OF_NUMBER: Final = "SELECT count(*) FROM action WHERE number = ? AND offline = 'open' AND NOT set_aside"
_OF_DAY: Final = "SELECT coalesce(sum(amount), 0) FROM action WHERE station = ? AND offline_at >= ?"
_IN_ALL: Final = "SELECT coalesce(sum(amount), 0) FROM action WHERE offline = 'open' AND NOT set_aside"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A PIN that only the portal can open, and the key that it was sealed with."""

    key_id: str
    pin: str = field(repr=False)


def allowed(action: Action, refusal: BridgeError, terms: OfflineTerms | None) -> bool:
    """Whether a payment that was refused so may be taken all the same, as far as limits let it.

    Only where nothing was sent, or the portal is under maintenance and that is ticked; never where it is switched off,
    refuses the till, or may have booked something.
    """
    if action.offline is not Offline.WANTED or action.state is not State.SENT or terms is None:
        return False
    if not min(terms.per_voucher, terms.per_day, terms.open_total):
        return False
    maintained = refusal.code is Code.MAINTENANCE and terms.in_maintenance
    return refusal.code is Code.PORTAL_UNREACHABLE or maintained


def check(action: Action, terms: OfflineTerms) -> None:
    """What needs no look at the journal.

    `BridgeError(VOUCHER_OFFLINE_LIMIT)` for another currency or country, or for more than is allowed for one voucher.
    """
    if action.currency != terms.currency:
        raise _limit("another currency")
    if not action.number.startswith(terms.country):
        raise _limit("a voucher of another country")
    if action.amount > terms.per_voucher:
        raise _limit("more than is allowed for one voucher")


def accept(connection: sqlite3.Connection, action: Action, terms: OfflineTerms, sealed: Sealed, at: datetime) -> None:
    """Takes it, inside a job. `BridgeError(VOUCHER_OFFLINE_LIMIT)` where a limit is reached; `Elsewhere` as `move`."""
    if connection.execute(_OF_NUMBER, (action.number,)).fetchone()[0]:
        raise _limit("this voucher was taken before, and the portal has not heard of it yet")
    day = (action.station, to_micros(_midnight(at, terms.time_zone)))
    if connection.execute(_OF_DAY, day).fetchone()[0] + action.amount > terms.per_day:
        raise _limit("this till has taken so much today")
    if connection.execute(_IN_ALL).fetchone()[0] + action.amount > terms.open_total:
        raise _limit("too much is open that the portal has not heard of")
    words = {"offline": Offline.OPEN.value}
    move(connection, action.key, State.DONE, to_micros(at), Found(taken=action.amount), words)
    connection.execute(
        "UPDATE action SET offline = 'open', offline_at = ?, offline_pin = ?, offline_key = ? WHERE key = ?",
        (to_micros(at), sealed.pin, sealed.key_id, action.key),
    )


def _midnight(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)


def _limit(detail: str) -> BridgeError:
    return BridgeError(Code.VOUCHER_OFFLINE_LIMIT, detail)
