"""The SQL of a chain: its seals and its heads, and nothing that decides."""

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.chains.chain import START, Head, Link, Row

BATCH: Final = 2000
"""Entries that are read at a time: a million of them never stand in memory together."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A position of the chain as it is stored; `row` None where its entry is missing."""

    link: Link
    entry_id: str
    row: Row | None


@dataclass(frozen=True, slots=True)
class ChainTables:
    """The tables of one chain. `lock` is PostgreSQL's advisory lock of its sealer, for one transaction at a time."""

    entry: Table
    seal: Table
    head: Table
    lock: int

    async def sealing_alone(self, connection: AsyncConnection) -> bool:
        """Whether nobody else seals until this transaction is over; on SQLite one writes at a time anyway."""
        if connection.dialect.name != "postgresql":
            return True
        asked = await connection.execute(text("select pg_try_advisory_xact_lock(:lock)"), {"lock": self.lock})
        return bool(asked.scalar())

    async def end_of_chain(self, connection: AsyncConnection) -> Link:
        """The last link; `START` for a chain of nothing."""
        seal = self.seal.c
        query = select(seal.position, seal.hash).order_by(seal.position.desc()).limit(1)
        row = (await connection.execute(query)).first()
        return START if row is None else Link(row.position, bytes.fromhex(row.hash))

    async def hash_at(self, connection: AsyncConnection, position: int) -> bytes | None:
        """The hash that is stored at this position; None if there is none."""
        found = await connection.execute(select(self.seal.c.hash).where(self.seal.c.position == position))
        kept = found.scalar_one_or_none()
        return None if kept is None else _bytes(kept)

    async def append(self, connection: AsyncConnection, sealed: Sequence[tuple[str, Link]]) -> None:
        """Appends links with the entries that they are for."""
        rows = [{"position": link.position, "entry_id": entry_id, "hash": link.hash.hex()} for entry_id, link in sealed]
        await connection.execute(insert(self.seal), rows)

    async def newest_day(self, connection: AsyncConnection) -> date | None:
        """The last day that has a signed head."""
        day = (await connection.execute(select(func.max(self.head.c.day)))).scalar()
        return None if day is None else date.fromisoformat(day)

    async def add_head(self, connection: AsyncConnection, head: Head, now: datetime) -> None:
        """Appends a head, unless its day has one."""
        dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
        made = dialect.insert(self.head).values(
            day=head.day.isoformat(),
            position=head.link.position,
            hash=head.link.hash.hex(),
            key_name=head.key_name,
            signature=base64.b64encode(head.signature).decode(),
            signed_at=now,
        )
        await connection.execute(made.on_conflict_do_nothing())

    async def heads(self, connection: AsyncConnection) -> list[Head]:
        """Every signed head as it is stored, by day. `ValueError` where one is no longer even that."""
        found = await connection.execute(select(self.head).order_by(self.head.c.day))
        return [
            Head(
                date.fromisoformat(row.day),
                Link(row.position, bytes.fromhex(row.hash)),
                row.key_name,
                base64.b64decode(row.signature, validate=True),
            )
            for row in found
        ]

    async def pages(self, connection: AsyncConnection, batch: int = BATCH) -> AsyncIterator[Sequence[Sealed]]:
        """The chain from its beginning, with the entries, as they are stored: so many positions at a time."""
        entry, seal = self.entry.c, self.seal.c
        query = (
            select(seal.position, seal.entry_id, seal.hash, *entry)
            .join_from(self.seal, self.entry, entry.id == seal.entry_id, isouter=True)
            .order_by(seal.position)
            .limit(batch)
        )
        position: int | None = None
        while True:
            # From the first position that there is, so that one that was made up before it is seen as well.
            begun = query if position is None else query.where(seal.position > position)
            rows = (await connection.execute(begun)).mappings().all()
            yield [
                Sealed(Link(row["position"], _bytes(row["hash"])), row["entry_id"], dict(row) if row["id"] else None)
                for row in rows
            ]
            if len(rows) < batch:
                return
            position = rows[-1]["position"]


def _bytes(text: str) -> bytes:
    """A stored hash; what is no longer hexadecimal fits nothing."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
