"""Tells one computer from two by the numbers of their token requests (docs/reference/portal-tokens.md, section 5).

A connector counts its token requests and writes the number down before it sends one, so the numbers of one computer
only grow. A disk that was restored falls back once and then grows again. Two computers with one disk's content go on
from the same number: their two runs interleave, and what the portal sees falls back, comes forward, and falls back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

REMEMBERED: Final = timedelta(hours=24)
"""A fall is forgotten after a day: a connector asks every few minutes, so two of them show themselves much sooner."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The last number, and the run that was left when the numbers fell, if they did lately."""

    counter: int | None = None
    left: int | None = None
    fell_at: datetime | None = None


def follow(runs: Runs, number: int, now: datetime) -> tuple[Runs, bool]:
    """What is known after a request with this number, and whether two runs have interleaved."""
    if runs.fell_at is not None and now - runs.fell_at >= REMEMBERED:
        runs = Runs(runs.counter)
    if runs.counter is None:
        return Runs(number), False
    if number <= runs.counter:
        # The first fall may be a restored disk; a second one soon after it is the other computer again.
        return Runs(number, runs.counter, now), runs.left is not None
    # A jump over the run that was left is that run going on. Counting up to it step by step is not.
    came_back = runs.left is not None and runs.counter < runs.left < number and number != runs.counter + 1
    return Runs(number, runs.left, runs.fell_at), came_back
