"""Holds a chain as it is stored against what must be there, and against everything that was signed.

Whoever has every right in the database can change a row, take one out or slip one in, and even compute new hashes. What
they cannot do is sign: so the chain is held against the signed heads, against the anchor beside the keys, and against
heads that were exported and kept elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.portal.chains.chain import START, Chain, Head, Link
from tillbridge.portal.chains.store import Sealed

MOST_FAULTS: Final = 20
"""Faults that are named; where there are more, these are enough to know."""


class FaultKind(StrEnum):
    """What is wrong with a chain."""

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
class Dating:
    """`column` says when an entry was made. One that is sealed after the head of a day was made since then.

    `slack` is how long before the end of the signed day it may still have been: entries that were on their way.
    """

    column: str
    slack: timedelta


class Walk:
    """One position after the other."""

    def __init__(self, chain: Chain, dating: Dating, heads: Sequence[Head], witnesses: Sequence[Head]) -> None:
        self.count = 0
        self.faults: list[Fault] = []
        self._chain = chain
        self._dating = dating
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
        if not gap and self._chain.following(self._end, row) != sealed.link:
            self._fault(FaultKind.CHANGED, position, sealed.entry_id)
        while self._days and self._days[-1].link.position < position:
            self._closed = closed_until(self._days.pop(), self._dating)
        if self._closed is not None and row[self._dating.column] < self._closed:
            made = row[self._dating.column].isoformat()
            self._fault(FaultKind.BACKDATED, position, sealed.entry_id, f"at {made}")

    def _witness(self, link: Link) -> None:
        for head in self._witnesses.get(link.position, ()):
            if head.link != link:
                self._fault(FaultKind.CHANGED, link.position, "", f"the head of {head.day} says otherwise")

    def _fault(self, kind: FaultKind, position: int, entry_id: str, detail: str = "") -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(kind, position, entry_id, detail))


def closed_until(head: Head, dating: Dating) -> datetime:
    """Up to when nothing can be made any more after this head was signed, in UTC."""
    return datetime.combine(head.day + timedelta(days=1), time.min, UTC) - dating.slack


def by_position(faults: Sequence[Fault]) -> list[Fault]:
    """The first wrong position first, and no more than are named."""
    return sorted(faults, key=lambda one: (one.position is None, one.position or 0))[:MOST_FAULTS]
