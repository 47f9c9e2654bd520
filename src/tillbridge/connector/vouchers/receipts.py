"""The till's receipts, as far as vouchers have to do with them: whether one is open is for the till alone to say."""

import sqlite3
from enum import StrEnum
from typing import Final

from tillbridge.connector.vouchers.model import Kind, State, Wanted
from tillbridge.connector.vouchers.moves import move
from tillbridge.connector.vouchers.providers.claims import check_end
from tillbridge.domain.errors import BridgeError, Code

REMEMBERED: Final = 6 * 3600 * 1_000_000
"""Microseconds in which a number that comes again after its end is the same receipt and no new one: a message that
was late on its way must not take money for a receipt that is over. Tills that count anew each day come later."""


class ReceiptState(StrEnum):
    """What the till has said of a receipt."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


_CONFIRMED: Final = frozenset({State.DONE})
_NOT_KNOWN: Final = frozenset({State.INTENT, State.SENT, State.UNKNOWN})
_PUT_BACK: Final = _NOT_KNOWN | {State.DONE, State.CONFIRM_QUEUED, State.CONFIRMED}
_REVERSED: Final = _NOT_KNOWN | {State.DONE}


def receipt_for(connection: sqlite3.Connection, wanted: Wanted, micros: int) -> int:
    """The row of the receipt that an action belongs to, made where it is new.

    `BridgeError`: VOUCHER_VOIDED where the receipt was cancelled, ALREADY_CLOSED for a payment where it was closed.
    """
    found = _newest(connection, wanted.receipt, micros)
    if found is None:
        return _new(connection, wanted.receipt, ReceiptState.OPEN, micros)
    number, state = found
    match state:
        case ReceiptState.CANCELLED:
            raise BridgeError(Code.VOUCHER_VOIDED, "the receipt was cancelled", place="receipt")
        case ReceiptState.CLOSED if wanted.kind is Kind.REDEEM:
            raise BridgeError(Code.ALREADY_CLOSED, "the receipt was closed", place="receipt")
        case _:
            return number


def end(connection: sqlite3.Connection, ref: str, to: ReceiptState, micros: int) -> list[str]:
    """Closes or cancels the receipt and moves what belongs to it; all of it or nothing.

    `BridgeError(VOUCHER_RUNNING)` where it is to be closed and one of its payments is not known yet; for vouchers of
    other makers as `check_end`.
    """
    found = _newest(connection, ref, micros)
    number = _new(connection, ref, to, micros) if found is None else found[0]
    rows = connection.execute(
        "SELECT key, kind, state FROM action WHERE receipt_id = ? AND NOT set_aside ORDER BY seq", (number,)
    ).fetchall()
    check_end(connection, number, cancelled=to is ReceiptState.CANCELLED)
    actions = [(key, Kind(kind), State(state)) for key, kind, state in rows]
    if to is ReceiptState.CLOSED:
        _check_known(actions)
    connection.execute("UPDATE receipt SET state = ?, changed_at = ? WHERE id = ?", (to, micros, number))
    for key, kind, state in actions:
        onward = _onward(kind, state, to)
        if onward is not None:
            move(connection, key, onward, micros, words={"receipt": to.value})
    return [key for key, _, _ in actions]


def _check_known(actions: list[tuple[str, Kind, State]]) -> None:
    waiting = [key for key, kind, state in actions if kind is Kind.REDEEM and state in _NOT_KNOWN]
    if waiting:
        detail = "a payment by voucher of this receipt is not known yet: wait, or put it back"
        raise BridgeError(Code.VOUCHER_RUNNING, detail, place="receipt", retry_after=1, members={"keys": waiting})


def _onward(kind: Kind, state: State, to: ReceiptState) -> State | None:
    match kind, to:
        case Kind.REDEEM, ReceiptState.CLOSED:
            return State.CONFIRM_QUEUED if state in _CONFIRMED else None
        case Kind.REDEEM, ReceiptState.CANCELLED:
            return State.PUTBACK_QUEUED if state in _PUT_BACK else None
        case Kind.LOAD, ReceiptState.CANCELLED:
            return State.REVERSE_QUEUED if state in _REVERSED else None
        case _:
            return None


def _newest(connection: sqlite3.Connection, ref: str, micros: int) -> tuple[int, ReceiptState] | None:
    """The receipt that this number means now; None where it is a new one."""
    row = connection.execute(
        "SELECT id, state, changed_at FROM receipt WHERE ref = ? ORDER BY id DESC LIMIT 1", (ref,)
    ).fetchone()
    if row is None:
        return None
    state = ReceiptState(row[1])
    over = state is not ReceiptState.OPEN and micros - row[2] > REMEMBERED
    return None if over else (int(row[0]), state)


def _new(connection: sqlite3.Connection, ref: str, state: ReceiptState, micros: int) -> int:
    made = connection.execute("INSERT INTO receipt (ref, state, changed_at) VALUES (?, ?, ?)", (ref, state, micros))
    return int(made.lastrowid or 0)
