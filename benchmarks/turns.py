"""Whose time a payment's time was: the terminal's, or the bridge's. Reads what a `tcp_tap` has noted."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from benchmarks.tcp_tap import TERMINAL, TILL

POLL_NS: Final = 500_000_000
"""The touch-screen wire asks a terminal where it stands every half second, while the customer is busy. Those pauses are
the wire's; of the last one, after which the terminal has ended, what goes beyond the half second is the bridge's."""

Noted = tuple[str, int, int]
"""Side, nanoseconds and number of bytes of what passed."""


@dataclass(frozen=True, slots=True)
class Share:
    """Milliseconds of one payment that were the bridge's.

    `before` the first byte on the wire, `between` the terminal's words and the bridge's next ones, and `after` the
    terminal's last word until the till has the whole answer.
    """

    before: float
    between: float
    after: float

    @property
    def added(self) -> float:
        """All of the time in which the terminal did not have the word."""
        return self.before + self.between + self.after


def share(noted: Sequence[Noted], asked: int, answered: int) -> Share:
    """What of the time from `asked` to `answered` was the bridge's; RuntimeError if nothing passed in it."""
    within = [one for one in noted if asked <= one[1] <= answered]
    # A word of one byte (ACK, EOT) is no answer: what follows the last real one is nothing that the till waits for.
    while within and (within[-1][0] == TILL or within[-1][2] == 1):
        within.pop()
    if not within:
        raise RuntimeError("a payment was answered, and nothing had passed on its wire")
    gaps = [
        later - earlier
        for (side, earlier, _), (next_side, later, _) in pairwise(within)
        if side == TERMINAL and next_side == TILL
    ]
    polls = [gap - POLL_NS for gap in gaps if gap >= POLL_NS]
    between = sum(gap for gap in gaps if gap < POLL_NS) + sum(polls[-1:])
    return Share((within[0][1] - asked) / 1e6, between / 1e6, (answered - within[-1][1]) / 1e6)
