"""The statements about what was guessed at locations."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger import sets
from tillbridge.portal.storage.columns import Instant
from tillbridge.portal.storage.line import Asked, Line, Row
from tillbridge.portal.vouchers.guessing import Guess, Window
from tillbridge.portal.vouchers.tables import voucher_guessing

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Scope = tuple[str, str]
"""A location and what is guessed there."""


async def windows(
    connection: AsyncConnection, location_ids: Collection[str], now: datetime, *, locked: bool = False
) -> Mapping[Scope, Window]:
    """What was guessed at these locations and still counts, by location and kind."""
    line = Line(connection)
    asked = ask_windows(line, location_ids, now, locked=locked)
    await line.run()
    return windows_in(asked)


def ask_windows(line: Line, location_ids: Collection[str], now: datetime, *, locked: bool = False) -> Asked | None:
    """Will read what was guessed, for `windows_in`."""
    if not location_ids:
        return None
    values = {"locations": sorted(location_ids), "now": now}
    return line.ask(_windows(locked=locked, postgresql=line.postgresql), values)


def windows_in(asked: Asked | None) -> Mapping[Scope, Window]:
    """What was guessed, by location and kind."""
    return {} if asked is None else {(row["location_id"], row["kind"]): _window(row) for row in asked.rows}


@cache
def _windows(*, locked: bool, postgresql: bool) -> Select[Any]:
    here = sets.one_of(voucher_guessing.c.location_id, "locations", postgresql=postgresql)
    statement = select(voucher_guessing).where(here, voucher_guessing.c.until > bindparam("now", type_=Instant))
    if locked:
        statement = statement.order_by(voucher_guessing.c.location_id, voucher_guessing.c.kind).with_for_update()
    return statement


async def keep_windows(connection: AsyncConnection, changed: Mapping[Scope, Window]) -> None:
    """Writes down what was guessed.

    Two processes may begin the window of one location in the same moment, and then the later one counts: each voucher's
    own counter, which guards the money, is exact.
    """
    if not changed:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(voucher_guessing)
    statement = statement.on_conflict_do_update(
        index_elements=["location_id", "kind"],
        set_={name: statement.excluded[name] for name in ("moments", "paused_until", "until")},
    )
    rows = [
        {
            "location_id": location_id,
            "kind": kind,
            "moments": [(one - _EPOCH) // _MICROSECOND for one in window.moments],
            "paused_until": window.paused_until,
            "until": window.until,
        }
        for (location_id, kind), window in sorted(changed.items(), key=lambda item: item[0])
    ]
    await connection.execute(statement, rows)


async def release(connection: AsyncConnection, location_id: str, kind: Guess) -> None:
    """Lets a location that had to pause go on; what was guessed there is forgotten."""
    where = (voucher_guessing.c.location_id == location_id) & (voucher_guessing.c.kind == kind.value)
    await connection.execute(delete(voucher_guessing).where(where))


def _window(row: Row) -> Window:
    return Window(tuple(_EPOCH + one * _MICROSECOND for one in row["moments"]), row["paused_until"])
