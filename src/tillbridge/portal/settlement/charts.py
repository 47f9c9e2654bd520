"""Charts as shapes: what stands where in a drawing of a fixed size. The templates draw them, without any script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 160
_FINE: Final = 10
"""Places are counted in tenths of the drawing's units: whole numbers, as amounts are."""

_TOP: Final = 8 * _FINE
_BOTTOM: Final = (HEIGHT - 4) * _FINE
_BAR: Final = 4
_STEP: Final = 5
"""Of five parts of a day its bar has four."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, in the drawing's own units."""

    x: str
    y: str
    width: str
    height: str


def bars(values: Sequence[int]) -> tuple[Bar, ...]:
    """A bar for each value; what is below zero hangs below the line of zero."""
    if not values:
        return ()
    step, scale = WIDTH * _FINE // len(values), _Scale(values)
    width = step * _BAR // _STEP
    found = []
    for number, value in enumerate(values):
        high, low = scale.at(max(value, 0)), scale.at(min(value, 0))
        left = step * number + (step - width) // 2
        found.append(Bar(_said(left), _said(high), _said(width), _said(low - high)))
    return tuple(found)


def line(values: Sequence[int], among: Sequence[int] = ()) -> str:
    """The points of a line through these values, each in the middle of its day; `among` are values drawn beside."""
    if not values:
        return ""
    step, scale = WIDTH * _FINE // len(values), _Scale((*values, *among))
    return " ".join(
        f"{_said(step * number + step // 2)},{_said(scale.at(value))}" for number, value in enumerate(values)
    )


def area(values: Sequence[int]) -> str:
    """The same line as the border of an area above zero."""
    if not values:
        return ""
    step, zero = WIDTH * _FINE // len(values), _said(_Scale(values).at(0))
    last = step * (len(values) - 1) + step // 2
    return f"{_said(step // 2)},{zero} {line(values)} {_said(last)},{zero}"


class _Scale:
    """From values to heights: zero is always in the drawing."""

    def __init__(self, values: Sequence[int]) -> None:
        self._most = max(0, *values)
        self._span = max(self._most - min(0, *values), 1)

    def at(self, value: int) -> int:
        """How far from the top a value stands, in tenths."""
        return _TOP + (self._most - value) * (_BOTTOM - _TOP) // self._span


def _said(place: int) -> str:
    whole, tenth = divmod(place, _FINE)
    return f"{whole}.{tenth}" if tenth else str(whole)
