"""The SQL of the chain over the audit log, and nothing that decides."""

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, delete, exists, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.chain import START, Head, Link, Row
from tillbridge.portal.audit.tables import audit_entry, audit_head, audit_seal, audit_unsealed

BATCH: Final = 2000
"""Entries that are read at a time: a million of them never stand in memory together."""

_LOCK: Final = 7_455_302
"""PostgreSQL's advisory lock of the sealer, held by one transaction at a time."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A position of the chain as it is stored; `row` None where its entry is missing."""

    link: Link
    entry_id: str
    row: Row | None


async def sealing_alone(connection: AsyncConnection) -> bool:
    """Whether nobody else seals until this transaction is over; on SQLite one writes at a time anyway."""
    if connection.dialect.name != "postgresql":
        return True
    return bool((await connection.execute(text("select pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})).scalar())


async def anything_unsealed(connection: AsyncConnection) -> bool:
    """Whether there is an entry to seal."""
    return bool((await connection.execute(select(exists(_queue(audit_entry.c.id))))).scalar())


async def unsealed(connection: AsyncConnection, count: int) -> Sequence[Row]:
    """The next entries to seal, by their ids: in the order in which they were made, as far as they are committed."""
    query = _queue(*audit_entry.c).order_by(audit_unsealed.c.entry_id).limit(count)
    found = await connection.execute(query)
    return [dict(row) for row in found.mappings()]


async def end_of_chain(connection: AsyncConnection) -> Link:
    """The last link; `START` for a chain of nothing."""
    query = select(audit_seal.c.position, audit_seal.c.hash).order_by(audit_seal.c.position.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return START if row is None else Link(row.position, bytes.fromhex(row.hash))


async def seal(connection: AsyncConnection, sealed: Sequence[tuple[str, Link]]) -> None:
    """Appends links with the entries that they are for, and takes those out of the queue."""
    rows = [{"position": link.position, "entry_id": entry_id, "hash": link.hash.hex()} for entry_id, link in sealed]
    await connection.execute(insert(audit_seal), rows)
    ids = [entry_id for entry_id, _ in sealed]
    await connection.execute(delete(audit_unsealed).where(audit_unsealed.c.entry_id.in_(ids)))


async def newest_day(connection: AsyncConnection) -> date | None:
    """The last day that has a signed head."""
    day = (await connection.execute(select(func.max(audit_head.c.day)))).scalar()
    return None if day is None else date.fromisoformat(day)


async def add_head(connection: AsyncConnection, head: Head, now: datetime) -> None:
    """Appends a head, unless its day has one."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(audit_head).values(
        day=head.day.isoformat(),
        position=head.link.position,
        hash=head.link.hash.hex(),
        key_name=head.key_name,
        signature=base64.b64encode(head.signature).decode(),
        signed_at=now,
    )
    await connection.execute(made.on_conflict_do_nothing())


async def heads(connection: AsyncConnection) -> list[Head]:
    """Every signed head as it is stored, by day. `ValueError` where one is no longer even that."""
    found = await connection.execute(select(audit_head).order_by(audit_head.c.day))
    return [
        Head(
            date.fromisoformat(row.day),
            Link(row.position, bytes.fromhex(row.hash)),
            row.key_name,
            base64.b64decode(row.signature, validate=True),
        )
        for row in found
    ]


async def walk(connection: AsyncConnection, batch: int = BATCH) -> AsyncIterator[Sealed]:
    """The chain from its beginning, with the entries, as they are stored."""
    entry = audit_entry.c
    query = (
        select(audit_seal.c.position, audit_seal.c.entry_id, audit_seal.c.hash, *entry)
        .join_from(audit_seal, audit_entry, entry.id == audit_seal.c.entry_id, isouter=True)
        .order_by(audit_seal.c.position)
        .limit(batch)
    )
    position: int | None = None
    while True:
        # From the first position that there is, so that one that was made up before it is seen as well.
        begun = query if position is None else query.where(audit_seal.c.position > position)
        rows = (await connection.execute(begun)).mappings().all()
        for row in rows:
            yield Sealed(Link(row["position"], _bytes(row["hash"])), row["entry_id"], dict(row) if row["id"] else None)
        if len(rows) < batch:
            return
        position = rows[-1]["position"]


async def never_queued(connection: AsyncConnection, count: int) -> list[str]:
    """Entries that are neither sealed nor waiting for it: they came past the portal."""
    query = (
        select(audit_entry.c.id)
        .where(
            ~exists().where(audit_seal.c.entry_id == audit_entry.c.id),
            ~exists().where(audit_unsealed.c.entry_id == audit_entry.c.id),
        )
        .order_by(audit_entry.c.id)
        .limit(count)
    )
    return list((await connection.execute(query)).scalars())


async def gone_unsealed(connection: AsyncConnection, count: int) -> list[str]:
    """Ids in the queue whose entry is no more."""
    query = select(audit_unsealed.c.entry_id).where(~exists().where(audit_entry.c.id == audit_unsealed.c.entry_id))
    return list((await connection.execute(query.order_by(audit_unsealed.c.entry_id).limit(count))).scalars())


async def waiting(connection: AsyncConnection) -> int:
    """How many entries wait to be sealed."""
    return int((await connection.execute(select(func.count()).select_from(audit_unsealed))).scalar() or 0)


def _queue(*columns: Any) -> Select[Any]:  # noqa: ANN401  # whichever columns of an entry are asked for
    """What is in the queue and really is to be sealed: a stray id in there holds nothing up."""
    joined = select(*columns).join_from(audit_unsealed, audit_entry, audit_unsealed.c.entry_id == audit_entry.c.id)
    return joined.where(~exists().where(audit_seal.c.entry_id == audit_unsealed.c.entry_id))


def _bytes(text: str) -> bytes:
    """A stored hash; what is no longer hexadecimal fits nothing."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
