"""What the journal learns of a claim, always in one job with the move that it belongs to; and the claims of a day."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.connector.vouchers.model import Action, Case, State
from tillbridge.connector.vouchers.moves import LINE, NOTHING_NEW, Found, move
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.engine.journal.records import to_micros

Job = Callable[[sqlite3.Connection], None]

BOOKED: Final = frozenset({State.DONE, State.CONFIRM_QUEUED, State.CONFIRMED})
"""The provider owes the shop what was taken."""

OF_SPAN: Final = "WHERE claim.claimed_at >= ? AND claim.claimed_at < ? ORDER BY claim.claimed_at, action.seq"


@dataclass(frozen=True, slots=True)
class Learned:
    """What was heard of a provider. What is None, or empty, stays as it was."""

    asked: int | None = None
    before: int | None = None
    after: int | None = None
    looked: bool = False
    token: str = ""
    said: str = ""


NOTHING_HEARD: Final = Learned()


def moved(key: str, to: State, at: datetime, learned: Learned, found: Found = NOTHING_NEW) -> Job:
    """The action moves, and what was heard is kept with it. `Elsewhere` as `move`."""

    def job(connection: sqlite3.Connection) -> None:
        micros = to_micros(at)
        move(connection, key, to, micros, found, _words(learned))
        _keep(connection, key, micros, learned)

    return job


def noted(key: str, at: datetime, learned: Learned, case: Case | None = None) -> Job:
    """Something that was heard and moves nothing."""

    def job(connection: sqlite3.Connection) -> None:
        micros = to_micros(at)
        _keep(connection, key, micros, learned)
        connection.execute("UPDATE action SET open_case = coalesce(?, open_case) WHERE key = ?", (case, key))
        row = connection.execute("SELECT state FROM action WHERE key = ?", (key,)).fetchone()
        words = {**_words(learned), **({} if case is None else {"case": case.value})}
        connection.execute(LINE, (key, row[0], micros, json.dumps(words, ensure_ascii=False)))

    return job


def check_back(action: Action) -> None:
    """Whether what was taken may go back at all.

    `BridgeError`: PROVIDER_UNKNOWN where a person has to decide first, VOUCHER_RUNNING where it is not known yet,
    PROVIDER_MUST_FINISH where the provider takes nothing back.
    """
    if action.claim is not None:
        _check(action.key, action.state, action.claim.name, action.claim.reversible, action.case is not None)


def check_end(connection: sqlite3.Connection, receipt: int, *, cancelled: bool) -> None:
    """Whether a receipt can be closed or cancelled, as far as vouchers of others are on it. `BridgeError` as above."""
    rows = connection.execute(
        "SELECT key, state, provider_name, takes_back AND token != '', open_case FROM claim"
        " JOIN action ON action.key = action_key WHERE receipt_id = ? AND NOT set_aside ORDER BY seq",
        (receipt,),
    ).fetchall()
    for key, state, name, reversible, case in rows:
        unknown = case == Case.PROVIDER_UNKNOWN
        if cancelled or unknown:
            _check(key, State(state), name, bool(reversible), unknown)


def _check(key: str, state: State, name: str, reversible: bool, unknown: bool) -> None:  # two facts of a row
    members = {"provider": name, "key": key}
    match state:
        case State.UNKNOWN if unknown:
            raise BridgeError(Code.PROVIDER_UNKNOWN, "a person has to decide about it", place="key", members=members)
        case State.INTENT | State.SENT | State.UNKNOWN:
            detail = "the provider has not answered yet"
            raise BridgeError(Code.VOUCHER_RUNNING, detail, place="key", retry_after=1, members=members)
        case State.DONE | State.CONFIRM_QUEUED | State.CONFIRMED if not reversible:
            raise BridgeError(Code.PROVIDER_MUST_FINISH, "it takes nothing back", place="key", members=members)
        case _:
            return


def _keep(connection: sqlite3.Connection, key: str, micros: int, learned: Learned) -> None:
    connection.execute(
        "UPDATE claim SET asked = coalesce(?, asked), balance_before = coalesce(?, balance_before),"
        " balance_after = coalesce(?, balance_after), looked_at = CASE WHEN ? THEN ? ELSE looked_at END,"
        " token = CASE WHEN ? != '' THEN ? ELSE token END, said = CASE WHEN ? != '' THEN ? ELSE said END"
        " WHERE action_key = ?",
        (
            *(learned.asked, learned.before, learned.after),
            *(learned.looked, micros),
            *(learned.token, learned.token, learned.said, learned.said),
            key,
        ),
    )


def _words(learned: Learned) -> Mapping[str, object]:
    told = {"asked": learned.asked, "before": learned.before, "after": learned.after, "said": learned.said or None}
    return {name: value for name, value in told.items() if value is not None}
