"""Whether the audit log is still what it was: for `tillbridge portal audit verify`.

Whoever has every right in the database can change a row, take one out or slip one in, and even compute new hashes. What
they cannot do is sign: so the chain is held against the signed heads, against the anchor beside the keys, and against
anchors that were exported and kept elsewhere.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from tillbridge.portal.audit import store
from tillbridge.portal.audit.chain import AUDIT, Head, is_ours, sign, to_text
from tillbridge.portal.audit.sealing import kept_anchor
from tillbridge.portal.chains.anchor import read_head
from tillbridge.portal.chains.walk import MOST_FAULTS, Dating, Fault, FaultKind, Walk, by_position
from tillbridge.portal.house import House

__all__ = ["Fault", "FaultKind", "Verdict", "export_anchor", "verify"]

_DATING: Final = Dating("at", slack=timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `sealed` entries are in the chain, `waiting` ones not yet; `newest_head` is the last signed day.

    `faults` is empty for a log that is as it was; the first is the first wrong position, and at most `MOST_FAULTS` are
    named.
    """

    sealed: int
    waiting: int
    newest_head: date | None
    faults: Sequence[Fault]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


async def verify(house: House, anchors: Sequence[Path] = ()) -> Verdict:
    """Reads the whole log and holds it against everything that was signed.

    `anchors` are files that `export_anchor` made. `BridgeError(FILE_UNREADABLE)` for one that is none.
    """
    witnesses, faults = await _witnesses(house, anchors)
    async with house.database.reading() as connection:
        try:
            found = await store.heads(connection)
        except ValueError:
            found = []
            faults.append(Fault(FaultKind.HEAD_FORGED, None, detail="a stored head cannot be read"))
        for head in found:
            if not is_ours(house.vault, head):
                faults.append(Fault(FaultKind.HEAD_FORGED, head.link.position, detail=f"head of {head.day}"))
        check = Walk(AUDIT, _DATING, [head for head in found if is_ours(house.vault, head)], witnesses)
        async for sealed in store.walk(connection):
            check.take(sealed)
        for entry_id in await store.never_queued(connection, MOST_FAULTS):
            check.faults.append(Fault(FaultKind.INSERTED, None, entry_id, "it came past the portal"))
        for entry_id in await store.gone_unsealed(connection, MOST_FAULTS):
            check.faults.append(Fault(FaultKind.REMOVED, None, entry_id, "it was gone before it was sealed"))
        waiting = await store.waiting(connection)
    newest = found[-1].day if found else None
    return Verdict(check.count, waiting, newest, by_position([*faults, *check.end()]))


async def export_anchor(house: House) -> str:
    """The end of the chain, signed: to be kept where nobody reaches who reaches the portal."""
    async with house.database.reading() as connection:
        end = await store.end_of_chain(connection)
    return to_text(sign(house.vault, house.runtime.clock.now().date(), end))


async def _witnesses(house: House, anchors: Sequence[Path]) -> tuple[list[Head], list[Fault]]:
    faults: list[Fault] = []
    witnesses = [await asyncio.to_thread(read_head, house, AUDIT, path) for path in anchors]
    try:
        kept = await asyncio.to_thread(kept_anchor, house)
    except ValueError as error:
        kept = None
        faults.append(Fault(FaultKind.HEAD_FORGED, None, detail=f"beside the keys: {error}"))
    return witnesses if kept is None else [*witnesses, kept], faults
