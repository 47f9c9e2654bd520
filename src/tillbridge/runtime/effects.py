"""What the world gives us: time, unique ids and chance. Handed in from outside, so that tests own all three.

Waiting is the event loop's (`asyncio.timeout`, `asyncio.sleep`): under `runtime.manual.ManualLoop` that time is
manual as well, and `Clock` reads the same hands.
"""

import random
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

_TAIL_BITS: Final = 74
"""What a UUID of version 7 leaves to chance."""

_STEP_BITS: Final = 32
"""Chance in the step between two ids of one millisecond: too wide to guess, too narrow to use up the tail."""


class Clock(Protocol):
    """Wall time in UTC and a monotonic count of seconds."""

    def now(self) -> datetime:
        """The wall clock, in UTC; it may jump when somebody sets it."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; the origin means nothing."""
        ...


class Ids(Protocol):
    """Makes ids that no other machine and no later start makes again."""

    def new(self) -> str:
        """32 lower-case hexadecimal digits, ordered by time (UUID version 7, RFC 9562)."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The computer's monotonic clock, in seconds."""
        return time.monotonic()


class TimeOrderedIds:
    """UUID version 7: 48 bits of milliseconds, then chance. Time order keeps the journal's index in one hot page.

    Within a millisecond, and while the wall clock stands behind where it already was, the next id counts on from the
    last one by a random step (RFC 9562, section 6.2, method 2), so that a later id is always the larger one.
    """

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._milliseconds = -1
        self._tail = 0

    def new(self) -> str:
        """A new id; see `Ids.new`."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if milliseconds > self._milliseconds:
            # One bit less than there is room for, so that counting on never runs over.
            self._milliseconds, self._tail = milliseconds, self._chance.getrandbits(_TAIL_BITS - 1)
        else:
            self._tail += 1 + self._chance.getrandbits(_STEP_BITS)
        high, low = self._tail >> 62, self._tail & (1 << 62) - 1
        value = (self._milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
        return f"{value:032x}"


def _system_ids() -> Ids:
    return TimeOrderedIds(SystemClock(), secrets.SystemRandom())


@dataclass(frozen=True, slots=True)
class Runtime:
    """The effects that a composition hands down. The defaults are the real ones."""

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=_system_ids)
    chance: random.Random = field(default_factory=secrets.SystemRandom)
