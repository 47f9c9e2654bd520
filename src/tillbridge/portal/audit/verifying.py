"""Whether the audit log is still what it was: for `tillbridge portal audit verify`.

Whoever has every right in the database can change a row, take one out or slip one in, and even compute new hashes. What
they cannot do is sign: so the chain is held against the signed heads, against the anchor beside the keys, and against
anchors that were exported and kept elsewhere.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit import store
from tillbridge.portal.audit.chain import START, Head, Link, following, from_text, is_ours, sign, to_text
from tillbridge.portal.audit.sealing import LARGEST_ANCHOR, kept_anchor
from tillbridge.portal.audit.store import Sealed
from tillbridge.portal.house import House

MOST_FAULTS: Final = 20
"""Faults that are named; where there are more, these are enough to know."""


class FaultKind(StrEnum):
    """What is wrong with the log."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    BACKDATED = "backdated"
    CUT = "cut"
    HEAD_FORGED = "head_forged"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `position` is where in the chain (None: outside it), `entry_id` which entry."""

    kind: FaultKind
    position: int | None
    entry_id: str = ""
    detail: str = ""


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
        check = _Walk([head for head in found if is_ours(house.vault, head)], witnesses)
        async for sealed in store.walk(connection):
            check.take(sealed)
        for entry_id in await store.never_queued(connection, MOST_FAULTS):
            check.faults.append(Fault(FaultKind.INSERTED, None, entry_id, "it came past the portal"))
        for entry_id in await store.gone_unsealed(connection, MOST_FAULTS):
            check.faults.append(Fault(FaultKind.REMOVED, None, entry_id, "it was gone before it was sealed"))
        waiting = await store.waiting(connection)
    faults = sorted([*faults, *check.end()], key=lambda one: (one.position is None, one.position or 0))
    return Verdict(check.count, waiting, found[-1].day if found else None, faults[:MOST_FAULTS])


async def export_anchor(house: House) -> str:
    """The end of the chain, signed: to be kept where nobody reaches who reaches the portal."""
    async with house.database.reading() as connection:
        end = await store.end_of_chain(connection)
    return to_text(sign(house.vault, house.runtime.clock.now().date(), end))


async def _witnesses(house: House, anchors: Sequence[Path]) -> tuple[list[Head], list[Fault]]:
    faults: list[Fault] = []
    witnesses = [await asyncio.to_thread(_read, house, path) for path in anchors]
    try:
        kept = await asyncio.to_thread(kept_anchor, house)
    except ValueError as error:
        kept = None
        faults.append(Fault(FaultKind.HEAD_FORGED, None, detail=f"beside the keys: {error}"))
    return witnesses if kept is None else [*witnesses, kept], faults


def _read(house: House, path: Path) -> Head:
    try:
        with path.open(encoding="ascii") as file:
            head = from_text(file.read(LARGEST_ANCHOR))
    except (OSError, ValueError) as error:
        raise BridgeError(Code.FILE_UNREADABLE, "it is no anchor of an audit log", place=str(path)) from error
    if not is_ours(house.vault, head):
        raise BridgeError(Code.FILE_UNREADABLE, "it is not signed with a key of this portal", place=str(path))
    return head


class _Walk:
    """Holds what is stored against what must be there, one position after the other."""

    def __init__(self, heads: Sequence[Head], witnesses: Sequence[Head]) -> None:
        self.count = 0
        self.faults: list[Fault] = []
        self._end = START
        self._witnesses: dict[int, list[Head]] = {}
        for head in (*heads, *witnesses):
            self._witnesses.setdefault(head.link.position, []).append(head)
        # Heads alone stand for whole days that were over; an anchor is of the middle of one.
        self._days = sorted(heads, key=lambda head: (head.link.position, head.day), reverse=True)
        self._closed: datetime | None = None

    def take(self, sealed: Sealed) -> None:
        """The next position that is stored."""
        self.count += 1
        expected = self._end.position + 1
        position = sealed.link.position
        if position < expected:
            self._fault(FaultKind.INSERTED, position, sealed.entry_id, "before the first position")
            return
        if position > expected:
            self._fault(FaultKind.REMOVED, expected, "", f"up to {position - 1}")
        self._judge(sealed, gap=position > expected)
        # Goes on from what is stored, so that what was changed later is found as well.
        self._end = sealed.link
        self._witness(sealed.link)

    def end(self) -> list[Fault]:
        """Everything that is wrong, once the last position was taken."""
        missing = [position for position in self._witnesses if position > self._end.position]
        if missing:
            detail = f"position {max(missing)} was signed"
            self._fault(FaultKind.CUT, self._end.position + 1, "", detail)
        return self.faults

    def _judge(self, sealed: Sealed, *, gap: bool) -> None:
        position, row = sealed.link.position, sealed.row
        if row is None:
            self._fault(FaultKind.REMOVED, position, sealed.entry_id)
            return
        # What comes after a gap cannot be held against the hash before it: its own witnesses have to do.
        if not gap and following(self._end, row) != sealed.link:
            self._fault(FaultKind.CHANGED, position, sealed.entry_id)
        while self._days and self._days[-1].link.position < position:
            self._closed = datetime.combine(self._days.pop().day, time.min, UTC)
        if self._closed is not None and row["at"] < self._closed:
            self._fault(FaultKind.BACKDATED, position, sealed.entry_id, f"at {row['at'].isoformat()}")

    def _witness(self, link: Link) -> None:
        for head in self._witnesses.get(link.position, ()):
            if head.link != link:
                self._fault(FaultKind.CHANGED, link.position, "", f"the head of {head.day} says otherwise")

    def _fault(self, kind: FaultKind, position: int, entry_id: str, detail: str = "") -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(kind, position, entry_id, detail))
