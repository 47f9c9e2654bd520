"""The words of recovery (docs/reference/voucher-sealing.md, section 4)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.link.recovery_messages import ToldKind, ToldState


class Cause(StrEnum):
    """Why it began. `ANCHOR`: the database is older than the anchor beside the keys. `PERSON`: somebody said so."""

    ANCHOR = "anchor"
    PERSON = "person"


class Verdict(StrEnum):
    """What came of an action that a connector told.

    `WAITING`: the credit for it may yet be told by another till. `KNOWN`: the backup had it. `SHORT`: there was not so
    much on the voucher. `DIFFERS`: the portal knows the key otherwise.
    """

    WAITING = "waiting"
    KNOWN = "known"
    BOOKED = "booked"
    TAKEN_BACK = "taken_back"
    SHORT = "short"
    UNKNOWN_VOUCHER = "unknown_voucher"
    DIFFERS = "differs"


CASES: Final = frozenset({Verdict.SHORT, Verdict.UNKNOWN_VOUCHER, Verdict.DIFFERS})
"""A person has to look at these."""


class RecoveryEvent(StrEnum):
    """What the audit log says of it."""

    BEGUN = "recovery.begun"
    TOLD = "recovery.told"
    ENDED = "recovery.ended"
    SETTLED = "recovery.settled"
    DOUBTED = "recovery.doubted"


@dataclass(frozen=True, slots=True)
class Recovery:
    """One voucher system that hears again what it had answered."""

    id: str
    system_id: str
    cause: Cause
    begun_by: str
    begun_at: datetime
    since: datetime
    ended_at: datetime | None = None
    ended_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A location that has something to tell, perhaps. `told_at`: since when all of it is told."""

    recovery_id: str
    location_id: str
    name: str
    reached: int
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """An action as a connector told it, and what came of it. `short` is what of it could not be booked."""

    id: str
    recovery_id: str
    location_id: str
    key: str
    kind: ToldKind
    state: ToldState
    number: str = field(repr=False)
    currency: str
    taken: int
    balance: int | None
    transaction_ref: str
    station: str
    operator: str
    answered_at: datetime
    told_at: datetime
    verdict: Verdict = Verdict.WAITING
    short: int = 0

    @property
    def scope(self) -> tuple[str, str]:
        """Its location and its key."""
        return self.location_id, self.key


@dataclass(frozen=True, slots=True)
class Standing:
    """How a recovery stands: who has told, how many actions came of it, and the open cases."""

    recovery: Recovery
    system_name: str
    tenant_id: str
    places: tuple[Place, ...]
    counts: dict[Verdict, int]
    cases: tuple[Line, ...]

    @property
    def waiting(self) -> tuple[Place, ...]:
        """Locations that have not told everything yet."""
        return tuple(one for one in self.places if one.told_at is None)
