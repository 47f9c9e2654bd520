"""Rows of the vouchers' journal as values."""

import json
import sqlite3
from typing import Any, Final

from tillbridge.connector.vouchers.model import Action, Case, Claim, Kind, Line, Offline, State
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import from_micros

SELECT: Final = """
SELECT action.*, coalesce(receipt.ref, '') AS receipt, coalesce(receipt.state = 'open', 0) AS receipt_open,
    claim.*
FROM action LEFT JOIN receipt ON receipt.id = action.receipt_id LEFT JOIN claim ON claim.action_key = action.key """

_CODES: Final = {code.value: code for code in Code}


def write_refusal(error: BridgeError) -> str:
    """A refusal as the journal keeps it."""
    kept = {
        "code": error.code.value,
        "detail": error.detail,
        "place": error.place,
        "retry_after": error.retry_after,
        "members": dict(error.members),
    }
    return json.dumps(kept, ensure_ascii=False)


def read_refusal(text: str) -> BridgeError:
    """The refusal that was kept; a code of a later release is a fault of the portal here."""
    kept: dict[str, Any] = json.loads(text)
    return BridgeError(
        _CODES.get(kept["code"], Code.PORTAL_FAULT),
        kept["detail"],
        place=kept["place"],
        retry_after=kept["retry_after"],
        members=kept["members"],
    )


def read_action(row: sqlite3.Row) -> Action:
    """A row of `SELECT`."""
    return Action(
        key=row["key"],
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        number=row["number"],
        amount=row["amount"],
        currency=row["currency"],
        exact=bool(row["exact"]),
        receipt=row["receipt"],
        receipt_open=bool(row["receipt_open"]),
        station=row["station"],
        operator=row["operator"],
        portal=row["portal"],
        begun_at=from_micros(row["begun_at"]),
        changed_at=from_micros(row["changed_at"]),
        queued_at=None if row["queued_at"] is None else from_micros(row["queued_at"]),
        taken=row["taken"],
        balance=row["balance"],
        refusal=None if row["refusal"] is None else read_refusal(row["refusal"]),
        case=None if row["open_case"] is None else Case(row["open_case"]),
        has_pin=row["pin_sealed"] is not None,
        merchant=row["merchant"],
        set_aside=bool(row["set_aside"]),
        offline=None if row["offline"] is None else Offline(row["offline"]),
        offline_at=None if row["offline_at"] is None else from_micros(row["offline_at"]),
        loss=row["loss"],
        claim=None if row["action_key"] is None else _read_claim(row),
    )


def _read_claim(row: sqlite3.Row) -> Claim:
    return Claim(
        prefix=row["provider_prefix"],
        name=row["provider_name"],
        reverse=bool(row["takes_back"]),
        idempotent=bool(row["idempotent"]),
        asked=row["asked"],
        before=row["balance_before"],
        after=row["balance_after"],
        looked_at=None if row["looked_at"] is None else from_micros(row["looked_at"]),
        token=row["token"],
        said=row["said"],
    )


def read_line(row: sqlite3.Row) -> Line:
    """A row of `history`."""
    return Line(from_micros(row["at"]), State(row["state"]), json.loads(row["words"]))
