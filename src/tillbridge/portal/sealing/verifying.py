"""Whether the ledger is still what it was: the second half of `tillbridge portal ledger verify`.

The first half (`ledger/verifying.py`) holds the rows against each other. This one holds them against what was signed
with a key that the database does not have (docs/reference/voucher-sealing.md).
"""

import asyncio
import email
import email.policy
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.chains.chain import Head, head_of, members_of
from tillbridge.portal.chains.walk import MOST_FAULTS, Dating, Fault, FaultKind, Walk, by_position, closed_until
from tillbridge.portal.house import House
from tillbridge.portal.sealing import store
from tillbridge.portal.sealing.chain import LEDGER
from tillbridge.portal.sealing.restored import kept_anchor
from tillbridge.portal.sealing.store import CHAIN
from tillbridge.portal.storage.database import Dialect

LARGEST_EXPORT: Final = 64 * 1024 * 1024
"""Bytes of a file of heads: some hundred years of them."""

_WHAT: Final = "heads of a ledger"
_NONE: Final = "it holds no heads of a ledger"
_DATING: Final = Dating("booked_at", slack=timedelta(0))
"""A day is signed an hour after it is over, so that nothing of it is on its way any more."""


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What was found. `sealed` entries are in the chain, `waiting` ones not yet; `newest_head` is the last signed day.

    `faults` is empty for a ledger that is as it was; the first is the first wrong position, and no more than
    `MOST_FAULTS` are named.
    """

    sealed: int
    waiting: int
    newest_head: date | None
    faults: Sequence[Fault]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


async def verify_chain(house: House, against: Path | None = None) -> ChainVerdict:
    """Reads the whole ledger and holds it against everything that was signed.

    `against` is a file that `export_heads` made, or a letter that was sent (as it was attached, or saved whole).
    `BridgeError(FILE_UNREADABLE)` if it is none.
    """
    witnesses, faults = await _witnesses(house, against)
    async with house.database.reading() as connection:
        if house.database.dialect is Dialect.POSTGRESQL:
            # What is sealed meanwhile must not be seen by one statement and missed by the next.
            _ = await connection.execution_options(isolation_level="REPEATABLE READ")
        stored = await _stored(connection, faults)
        ours = [head for head in stored if LEDGER.is_ours(house.vault, head)]
        for head in stored:
            if head not in ours:
                faults.append(Fault(FaultKind.HEAD_FORGED, head.link.position, detail=f"head of {head.day}"))
        walk = Walk(LEDGER, _DATING, ours, witnesses)
        async for page in store.pages(connection):
            for sealed in page:
                walk.take(sealed)
        faults += await _strange(connection, ours)
        waiting = await store.waiting(connection)
    newest = max((head.day for head in stored), default=None)
    return ChainVerdict(walk.count, waiting, newest, by_position([*faults, *walk.end()]))


async def export_heads(house: House) -> str:
    """Every signed head and the end of the chain, to be kept where nobody reaches who reaches the portal."""
    async with house.database.reading() as connection:
        stored = await CHAIN.heads(connection)
        end = await CHAIN.end_of_chain(connection)
    now = LEDGER.sign(house.vault, house.runtime.clock.now().date(), end)
    return heads_as_text((*stored, now))


def heads_as_text(heads: Iterable[Head]) -> str:
    """Heads as the file that `verify --against` reads."""
    return json.dumps({"version": 1, "of": _WHAT, "heads": [members_of(one) for one in heads]}, indent=1)


async def heads(house: House) -> Sequence[Head]:
    """Every signed head, by day. `BridgeError(RECORD_CONFLICT)` where one cannot be read any more."""
    async with house.database.reading() as connection:
        try:
            return await CHAIN.heads(connection)
        except ValueError:
            raise BridgeError(Code.RECORD_CONFLICT, "a stored head cannot be read: verify the ledger") from None


async def _witnesses(house: House, against: Path | None) -> tuple[list[Head], list[Fault]]:
    witnesses = [] if against is None else await asyncio.to_thread(_exported, house, against)
    try:
        kept = await asyncio.to_thread(kept_anchor, house)
    except ValueError as error:
        return witnesses, [Fault(FaultKind.HEAD_FORGED, None, detail=f"beside the keys: {error}")]
    return witnesses if kept is None else [*witnesses, kept], []


async def _stored(connection: AsyncConnection, faults: list[Fault]) -> list[Head]:
    try:
        return await CHAIN.heads(connection)
    except ValueError:
        faults.append(Fault(FaultKind.HEAD_FORGED, None, detail="a stored head cannot be read"))
        return []


async def _strange(connection: AsyncConnection, ours: Sequence[Head]) -> list[Fault]:
    """Entries that say that they are of a day that was signed, and are not in the chain."""
    if not ours:
        return []
    newest = max(ours, key=lambda head: head.day)
    found = await store.strange(connection, closed_until(newest, _DATING), MOST_FAULTS)
    return [
        Fault(FaultKind.INSERTED, None, one.entry_id, f"at {one.booked_at.isoformat()}, a day that was signed")
        for one in found
    ]


def _exported(house: House, path: Path) -> list[Head]:
    try:
        with path.open(encoding="utf-8") as file:
            kept = heads_in_text(file.read(LARGEST_EXPORT))
    except (OSError, ValueError) as error:
        raise BridgeError(Code.FILE_UNREADABLE, _NONE, place=str(path)) from error
    if not all(LEDGER.is_ours(house.vault, head) for head in kept):
        raise BridgeError(Code.FILE_UNREADABLE, "a head in it is not signed with a key of this portal", place=str(path))
    return [head for head in kept if head.link.position]


def heads_in_text(text: str) -> list[Head]:
    """The heads of an export, of what was attached to a letter, or of a letter that was saved whole."""
    try:
        return _heads_in(json.loads(text))
    except ValueError:
        pass
    # A file without a header is read as a letter that has only a text.
    message = email.message_from_string(text, policy=email.policy.default)
    for part in message.walk():
        if part.get_content_maintype() == "text":
            found = str(part.get_content())
            inner = found[found.find("{") : found.rfind("}") + 1]
            try:
                return _heads_in(json.loads(inner))
            except ValueError:
                continue
    raise ValueError(_NONE)


def _heads_in(read: object) -> list[Head]:
    match read:
        case {"version": 1, "of": str(what), "heads": [*found]} if what == _WHAT:
            return [head_of(one) for one in found]
    raise ValueError(_NONE)
