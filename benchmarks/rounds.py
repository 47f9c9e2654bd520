"""Interleaved rounds and what is made of them.

A shared computer is fast in one second and slow in the next. Contenders that take turns meet the same seconds, so that
the ratio within a round holds although neither time does; the median over the rounds drops those that were hit.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

T = TypeVar("T")


def in_turns(number: int, contenders: Sequence[Callable[[], T]]) -> Iterator[list[T]]:
    """The results of each round, in the contenders' order; every other round runs them backwards."""
    for turn in range(number):
        order = range(len(contenders)) if turn % 2 == 0 else reversed(range(len(contenders)))
        results = {place: contenders[place]() for place in order}
        yield [results[place] for place in range(len(contenders))]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds with the lowest and the highest."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of these rounds."""
        return cls(median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        return f"median of {self.rounds} rounds, {self.low:.2f} to {self.high:.2f}"


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round, one contender's figure over the other's."""
    return [one / other for one, other in zip(over, under, strict=True)]
