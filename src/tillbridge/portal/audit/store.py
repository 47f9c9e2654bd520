"""The SQL of the chain over the audit log, and nothing that decides."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.tables import audit_entry, audit_head, audit_seal, audit_unsealed
from tillbridge.portal.chains.chain import Link, Row
from tillbridge.portal.chains.store import ChainTables, Sealed

_CHAIN: Final = ChainTables(audit_entry, audit_seal, audit_head, lock=7_455_302)

sealing_alone = _CHAIN.sealing_alone
end_of_chain = _CHAIN.end_of_chain
newest_day = _CHAIN.newest_day
add_head = _CHAIN.add_head
heads = _CHAIN.heads


async def anything_unsealed(connection: AsyncConnection) -> bool:
    """Whether there is an entry to seal."""
    return bool((await connection.execute(select(exists(_queue(audit_entry.c.id))))).scalar())


async def unsealed(connection: AsyncConnection, count: int) -> Sequence[Row]:
    """The next entries to seal, by their ids: in the order in which they were made, as far as they are committed."""
    query = _queue(*audit_entry.c).order_by(audit_unsealed.c.entry_id).limit(count)
    found = await connection.execute(query)
    return [dict(row) for row in found.mappings()]


async def seal(connection: AsyncConnection, sealed: Sequence[tuple[str, Link]]) -> None:
    """Appends links with the entries that they are for, and takes those out of the queue."""
    await _CHAIN.append(connection, sealed)
    ids = [entry_id for entry_id, _ in sealed]
    await connection.execute(delete(audit_unsealed).where(audit_unsealed.c.entry_id.in_(ids)))


async def walk(connection: AsyncConnection) -> AsyncIterator[Sealed]:
    """The chain from its beginning, with the entries, as they are stored."""
    async for page in _CHAIN.pages(connection):
        for sealed in page:
            yield sealed


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
