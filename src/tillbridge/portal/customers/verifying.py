"""Compares what a conversion wrote with what it meant, before anything of it is committed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers import old_store, store
from tillbridge.portal.customers.preparing import Prepared
from tillbridge.portal.customers.sealing import Sealer, fingerprint


async def verify(
    connection: AsyncConnection, sealer: Sealer, location_id: str, prepared: Sequence[Prepared], at_once: int
) -> None:
    """Reads back every customer that was written, opens it with its key and compares it; then counts and sums.

    `BridgeError(CONVERSION_FAILED)` for the first difference.
    """
    count = balance = points = 0
    for begin in range(0, len(prepared), at_once):
        part = prepared[begin : begin + at_once]
        rows = await store.written(connection, location_id, part[0].row.id, part[-1].row.id)
        aliases = await store.aliases_between(connection, part[0].row.id, part[-1].row.id)
        tokens = await store.tokens_between(connection, part[0].row.id, part[-1].row.id)
        await asyncio.to_thread(_compare, sealer, part, rows, aliases)
        if tokens != sum(len(one.row.tokens) for one in part):
            raise _differs("what customers are found by")
        count += len(rows)
        balance += sum(row["balance_minor"] for row in rows)
        points += sum(row["points"] for row in rows)
    _, old_balance, old_points = await old_store.totals(connection, location_id)
    if (count, balance, points) != (len(prepared), old_balance, old_points):
        raise _differs("the counts and sums")
    positions = sum(len(one.row.v1_positions) for one in prepared)
    if positions != (await old_store.totals(connection, location_id))[0]:
        raise _differs("the number of rows")


def _compare(
    sealer: Sealer,
    part: Sequence[Prepared],
    rows: Sequence[Mapping[str, Any]],
    aliases: Mapping[str, Sequence[str]],
) -> None:
    meant = {one.row.id: one.fingerprint for one in part}
    found = {row["id"]: _fingerprint(sealer, row, aliases.get(row["id"], ())) for row in rows}
    if meant != found:
        raise _differs("a customer's record")


def _fingerprint(sealer: Sealer, row: Mapping[str, Any], aliases: Sequence[str]) -> bytes:
    plain = sealer.unseal(row["sealed"], sealer.key(row["id"], row["key"]), row["id"])
    numbers = (row["number"], row["balance_minor"], row["points"])
    return fingerprint(plain, *numbers, sorted(aliases), row["v1_positions"])


def _differs(what: str) -> BridgeError:
    return BridgeError(Code.CONVERSION_FAILED, f"{what} differ from the source")
