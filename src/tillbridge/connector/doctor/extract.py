"""The newest payments and events of a journal, without anything that says who paid, who sold, or what was bought."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.doctor.journal import reading
from tillbridge.engine.journal.records import from_micros

PAYMENTS: Final = 200
"""The newest payments of a bundle: a day of a busy till."""

EVENTS: Final = 1000
"""The newest events: about five for each of those payments."""

_COLUMNS: Final = (
    *("id", "kind", "stage", "terminal", "door", "register", "currency", "asked_minor", "approved_minor", "online"),
    *("partial_allowed", "keyless", "parent_id", "warnings"),
)
"""What is told of a payment as it stands. Left out: the caller's login, order numbers and keys, which a till makes of
whatever it likes, and the notes, which hold the cart and the customer."""

_OF_OUTCOME: Final = frozenset({"reason", "wire_reason", "detail", "contract", "by", "signature"})
"""What is told of an outcome. Left out: the receipt, the card, the authorisation code."""

_OF_EVENT: Final = frozenset({"reason", "wire_reason", "detail", "progress", "stage", "outcome", "cause", "taken"})
"""What is told of an event. Left out: the names of persons and what they wrote."""


def journal_extract(path: Path) -> dict[str, Any]:
    """The extract as it goes into a bundle. Raises `sqlite3.Error` for a journal that cannot be read."""
    with reading(path) as connection:
        return {
            "version": connection.execute("PRAGMA user_version").fetchone()[0],
            "payments": list(_payments(connection)),
            "events": list(_events(connection)),
        }


def _payments(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    rows = connection.execute(
        f"SELECT {', '.join(_COLUMNS)}, outcome, accepted_at, closed_at FROM operation ORDER BY seq DESC LIMIT ?",  # noqa: S608  # names of this file's own
        (PAYMENTS,),
    )
    for row in rows:
        told = {name: row[name] for name in _COLUMNS}
        told["accepted_at"] = _moment(row["accepted_at"])
        told["closed_at"] = _moment(row["closed_at"])
        told["outcome"] = _only(row["outcome"], _OF_OUTCOME - {"by"} if row["stage"] != "aborted" else _OF_OUTCOME)
        yield told


def _events(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    rows = connection.execute(
        "SELECT seq, operation_id, terminal, type, at, cause, detail FROM event ORDER BY seq DESC LIMIT ?", (EVENTS,)
    )
    for row in rows:
        person = row["cause"] == "person"
        yield {
            "seq": row["seq"],
            "payment": row["operation_id"],
            "terminal": row["terminal"],
            "type": row["type"],
            "at": _moment(row["at"]),
            "cause": row["cause"],
            "detail": {} if person else _only(row["detail"], _OF_EVENT),
        }


def _only(text: str | None, names: frozenset[str]) -> dict[str, Any]:
    """Of a JSON object, the plain members of these names."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {"unreadable": True}
    if not isinstance(value, Mapping):
        return {}
    return {
        name: one for name, one in value.items() if name in names and isinstance(one, str | int | bool | type(None))
    }


def _moment(micros: int | None) -> str | None:
    # In ISO 8601 and not in microseconds: sixteen digits in a row look like a card number.
    return None if micros is None else _iso(from_micros(micros))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
