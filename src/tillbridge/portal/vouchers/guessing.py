"""What guessing costs: wrong PINs and unknown numbers (docs/reference/vouchers.md, section 6). Pure.

Four digits stand for money, so that the portal counts: fifteen tries at one voucher, then a person has to look at it;
and thirty an hour at one location, over all vouchers together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

ROUND: Final = 5
"""Wrong PINs in a row until nothing is judged for a while."""

LOCKS: Final = (timedelta(minutes=5), timedelta(minutes=60))
"""How long after the first round and after the second; after the third a person has to help."""

SPAN: Final = timedelta(hours=1)
PAUSE: Final = timedelta(minutes=60)
MOST_AN_HOUR: Final = 30
"""Wrong PINs, or unknown numbers, at one location: a shop with a long queue stays far below it."""


class Guess(StrEnum):
    """What is guessed."""

    PIN = "pin"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PinGuard:
    """The wrong PINs of one voucher since the last right one, and until when none is judged."""

    misses: int = 0
    locked_until: datetime | None = None
    blocked: bool = False

    @property
    def tries_left(self) -> int:
        """Tries until the next lock; 0 right after the one that locked it."""
        return 0 if self.blocked else -self.misses % ROUND if self.misses else ROUND

    def refuse(self, now: datetime) -> None:
        """Nothing while a PIN may be judged; else `BridgeError`: VOUCHER_PIN_BLOCKED, VOUCHER_PIN_LOCKED (`until`)."""
        if self.blocked:
            raise BridgeError(Code.VOUCHER_PIN_BLOCKED)
        if self.locked_until is not None and now < self.locked_until:
            raise waiting(Code.VOUCHER_PIN_LOCKED, self.locked_until, now)

    def missed(self, now: datetime) -> "PinGuard":
        """After a wrong PIN."""
        misses = self.misses + 1
        rounds, rest = divmod(misses, ROUND)
        if rest:
            return PinGuard(misses)
        if rounds > len(LOCKS):
            return PinGuard(misses, blocked=True)
        return PinGuard(misses, now + LOCKS[rounds - 1])


@dataclass(frozen=True, slots=True)
class Window:
    """What was guessed at one location within the last hour, and until when it may not go on."""

    moments: tuple[datetime, ...] = ()
    paused_until: datetime | None = None

    def refuse(self, now: datetime) -> None:
        """Nothing while the location may go on; else `BridgeError(VOUCHER_RATE)` with `until`."""
        if self.paused_until is not None and now < self.paused_until:
            raise waiting(Code.VOUCHER_RATE, self.paused_until, now)

    def missed(self, now: datetime, kind: Guess) -> "Window":
        """After one more.

        The thirtieth wrong PIN pauses for an hour. The thirtieth unknown number pauses until the first of them is an
        hour old: a till that reads damaged cards is not to stand still for longer than it must.
        """
        moments = (*(one for one in self.moments if now - one < SPAN), now)
        if len(moments) < MOST_AN_HOUR:
            return Window(moments)
        if kind is Guess.PIN:
            return Window((), now + PAUSE)
        return Window(moments, moments[-MOST_AN_HOUR] + SPAN)

    @property
    def until(self) -> datetime | None:
        """When nothing of it counts any more; None for an empty one."""
        ends = [one + SPAN for one in self.moments[-1:]] + ([self.paused_until] if self.paused_until else [])
        return max(ends, default=None)


def waiting(code: Code, until: datetime, now: datetime) -> BridgeError:
    """A refusal that passes by itself at a moment that is named."""
    seconds = max(1, -((now - until) // timedelta(seconds=1)))
    return BridgeError(code, retry_after=seconds, members={"until": until.isoformat()})
