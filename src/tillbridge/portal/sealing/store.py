"""The SQL of the chain over the ledger, and nothing that decides."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.chains.chain import Row
from tillbridge.portal.chains.store import ChainTables, Sealed
from tillbridge.portal.ledger.tables import allocation, entry, lot
from tillbridge.portal.sealing.chain import MADE, TAKEN
from tillbridge.portal.sealing.tables import ledger_head, ledger_seal, ledger_sealing

CHAIN: Final = ChainTables(entry, ledger_seal, ledger_head, lock=7_455_303)

PAGE: Final = 5000
"""Entries of one page of a sweep: a statement of some milliseconds, however long the ledger is."""

_REACHED: Final = "reached"


@dataclass(frozen=True, slots=True)
class Strange:
    """An entry without a seal, and when it was booked."""

    entry_id: str
    booked_at: datetime


async def reached(connection: AsyncConnection) -> str:
    """Up to which id everything is sealed; "" for the beginning."""
    query = select(ledger_sealing.c.entry_id).where(ledger_sealing.c.name == _REACHED)
    return (await connection.execute(query)).scalar_one_or_none() or ""


async def reach(connection: AsyncConnection, entry_id: str) -> None:
    """Sets it."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(ledger_sealing).values(name=_REACHED, entry_id=entry_id)
    changed = made.on_conflict_do_update(index_elements=["name"], set_={"entry_id": entry_id})
    await connection.execute(changed)


async def unsealed(connection: AsyncConnection, after: str, count: int) -> list[str]:
    """The ids of entries behind this one that are committed and have no seal, in their order."""
    query = (
        select(entry.c.id)
        .where(entry.c.id > after, ~exists().where(ledger_seal.c.entry_id == entry.c.id))
        .order_by(entry.c.id)
        .limit(count)
    )
    return list((await connection.execute(query)).scalars())


async def without_seal(connection: AsyncConnection, entry_ids: Sequence[str]) -> list[str]:
    """Those of these entries that still have none."""
    sealed = await connection.execute(select(ledger_seal.c.entry_id).where(ledger_seal.c.entry_id.in_(entry_ids)))
    taken = set(sealed.scalars())
    return [one for one in entry_ids if one not in taken]


async def swept(connection: AsyncConnection, after: str) -> tuple[list[str], str | None]:
    """One page of the whole ledger behind this id: what of it has no seal, and where the next begins (None: over)."""
    ids = select(entry.c.id).where(entry.c.id > after).order_by(entry.c.id).limit(PAGE).subquery()
    edge = (await connection.execute(select(func.count(), func.max(ids.c.id)).select_from(ids))).one()
    last = edge[1] or ""
    query = select(entry.c.id).where(
        entry.c.id > after, entry.c.id <= last, ~exists().where(ledger_seal.c.entry_id == entry.c.id)
    )
    found = list((await connection.execute(query.order_by(entry.c.id))).scalars())
    return found, None if edge[0] < PAGE else last


async def whole(connection: AsyncConnection, entry_ids: Sequence[str]) -> list[Row]:
    """These entries with everything of them that is hashed, in this order; one that is not there is left out."""
    rows = await connection.execute(select(entry).where(entry.c.id.in_(entry_ids)))
    found = {row["id"]: dict(row) for row in rows.mappings()}
    return await _with_lots(connection, [found[one] for one in entry_ids if one in found])


async def pages(connection: AsyncConnection) -> AsyncIterator[Sequence[Sealed]]:
    """The chain from its beginning, with everything that is hashed, as it is stored."""
    async for page in CHAIN.pages(connection):
        rows = await _with_lots(connection, [one.row for one in page if one.row is not None])
        by_id = {row["id"]: row for row in rows}
        yield [one if one.row is None else replace(one, row=by_id[one.row["id"]]) for one in page]


async def oldest_running(connection: AsyncConnection) -> tuple[datetime | None, bool]:
    """When the oldest transaction that may still commit an entry began, and whether that is known of all of them.

    SQLite has one writer, and this is it. PostgreSQL hides from one role when another's transactions began.
    """
    if connection.dialect.name != "postgresql":
        return None, True
    row = (await connection.execute(_RUNNING)).one()
    return row.oldest, not row.hidden


_RUNNING: Final = text(
    "select min(xact_start) as oldest, count(*) filter (where xact_start is null and backend_xid is not null) > 0"
    " as hidden from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    # Who has read for so long without writing anything (a backup) will not write.
    " and (backend_xid is not null or xact_start > now() - interval '5 minutes')"
)


async def waiting(connection: AsyncConnection) -> int:
    """How many entries wait to be sealed."""
    query = select(func.count()).select_from(entry).where(~exists().where(ledger_seal.c.entry_id == entry.c.id))
    return int((await connection.execute(query)).scalar_one())


async def strange(connection: AsyncConnection, before: datetime, count: int) -> list[Strange]:
    """Entries without a seal that say that they were booked before this moment."""
    query = (
        select(entry.c.id, entry.c.booked_at)
        .where(entry.c.booked_at < before, ~exists().where(ledger_seal.c.entry_id == entry.c.id))
        .order_by(entry.c.id)
        .limit(count)
    )
    return [Strange(row.id, row.booked_at) for row in await connection.execute(query)]


async def _with_lots(connection: AsyncConnection, rows: Sequence[Row]) -> list[Row]:
    ids = [row["id"] for row in rows]
    taken: defaultdict[str, list[Row]] = defaultdict(list)
    made: defaultdict[str, list[Row]] = defaultdict(list)
    if ids:
        for row in (await connection.execute(select(allocation).where(allocation.c.entry_id.in_(ids)))).mappings():
            taken[row["entry_id"]].append(dict(row))
        for row in (await connection.execute(select(lot).where(lot.c.entry_id.in_(ids)))).mappings():
            made[row["entry_id"]].append(dict(row))
    return [{**row, TAKEN: taken[row["id"]], MADE: made[row["id"]]} for row in rows]
