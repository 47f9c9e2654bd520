"""How an action moves from one state to another, inside a job of the journal."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillbridge.connector.vouchers.model import ENDED, MOVES, QUEUED, RUNNING, Case, Claim, Elsewhere, State
from tillbridge.connector.vouchers.rows import write_refusal
from tillbridge.domain.errors import BridgeError

LINE: Final = "INSERT INTO history (key, state, at, words) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Found:
    """What a move learned. Nothing is taken away: what is None stays as it was."""

    taken: int | None = None
    balance: int | None = None
    refusal: BridgeError | None = None
    case: Case | None = None
    settled: bool = False


NOTHING_NEW: Final = Found()

_CLAIM: Final = """
INSERT INTO claim (action_key, provider_prefix, provider_name, takes_back, idempotent, claimed_at)
    VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (action_key) DO UPDATE SET provider_prefix = excluded.provider_prefix,
    provider_name = excluded.provider_name, takes_back = excluded.takes_back, idempotent = excluded.idempotent,
    claimed_at = excluded.claimed_at, asked = NULL, balance_before = NULL, balance_after = NULL, looked_at = NULL,
    token = '', said = ''"""


def begin_claim(connection: sqlite3.Connection, key: str, claim: Claim, micros: int) -> None:
    """The provider's part of a new action, or of one that is asked for anew, inside a job."""
    promised = (claim.prefix, claim.name, claim.reverse, claim.idempotent)
    connection.execute(_CLAIM, (key, *promised, micros))


def move(
    connection: sqlite3.Connection,
    key: str,
    to: State,
    micros: int,
    found: Found = NOTHING_NEW,
    words: Mapping[str, object] | None = None,
) -> None:
    """The move itself, inside a job. `Elsewhere` where the action does not stand where it begins."""
    sources = f" {' '.join(sorted(MOVES[to]))} "
    queued = micros if to in QUEUED else None
    moved = connection.execute(
        """UPDATE action SET state = ?, changed_at = ?, queued_at = ?, taken = coalesce(?, taken),
            balance = coalesce(?, balance), refusal = ?, open_case = ?,
            pin_sealed = CASE WHEN ? THEN pin_sealed END,
            offline_pin = CASE WHEN ? THEN NULL ELSE offline_pin END,
            offline = CASE WHEN ? AND offline = 'open' THEN 'told' ELSE offline END
            WHERE key = ? AND instr(?, ' ' || state || ' ') > 0 AND NOT set_aside""",
        (
            to,
            micros,
            queued,
            found.taken,
            found.balance,
            None if found.refusal is None else write_refusal(found.refusal),
            found.case,
            to in RUNNING,
            to in ENDED,
            to in ENDED,
            key,
            sources,
        ),
    )
    if moved.rowcount != 1:
        raise Elsewhere
    more = {"code": found.refusal.code.value} if found.refusal is not None else {}
    told = {name: value for name, value in (("taken", found.taken), ("case", found.case)) if value is not None}
    connection.execute(LINE, (key, to, micros, json.dumps({**told, **more, **(words or {})}, ensure_ascii=False)))
