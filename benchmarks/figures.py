"""A figure with its goal, and the table that `make bench` prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

WIDTH: Final = 150
"""Columns of the table: the same on a screen and in a file."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, in one unit, and the most that it may be; `goal` None is for figures without one.

    `unit` "x" marks a ratio of two measurements. `detail` says what the ratio was made of and how far the rounds lay
    apart.
    """

    benchmark: str
    what: str
    measured: float
    unit: str
    goal: float | None
    detail: str

    @property
    def of_goal(self) -> float | None:
        """The share of the goal that was used up; above 1 it is missed."""
        return None if self.goal is None else self.measured / self.goal

    @property
    def met(self) -> bool | None:
        """Whether the goal was met, None without a goal."""
        return None if self.goal is None else self.measured <= self.goal


@dataclass(frozen=True, slots=True)
class Bench:
    """What every benchmark is given.

    `quick` asks for a run that only proves that the benchmark works. `folder` is an empty folder on a real disk.
    `peer` is the Python of the environment in which the published client is installed, None where there is none.
    """

    quick: bool
    folder: Path
    peer: Path | None

    def choose(self, full: int, quick: int) -> int:
        """How often, or how many: `full` for a real run."""
        return quick if self.quick else full


def quantity(value: float, unit: str) -> str:
    """A measured value as people read it."""
    if unit == "x":
        return f"{value:.2f} x"
    if value >= 1000:
        return f"{value:,.0f} {unit}"
    return f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def print_table(figures: Sequence[Figure]) -> None:
    """One row per figure, as Markdown would have it too, so that it can be pasted into the docs."""
    table = Table(title="Figures of tillbridge", title_justify="left")
    for name in ("figure", "measured", "goal", "measured / goal", "met"):
        table.add_column(name, overflow="fold")
    table.add_column("how it came about", overflow="fold", style="dim")
    for figure in figures:
        table.add_row(*_cells(figure))
    Console(width=WIDTH).print(table)


def markdown(figures: Sequence[Figure]) -> str:
    """The same table for the docs."""
    lines = ["| figure | measured | goal | measured / goal | met | how it came about |", "| --- " * 6 + "|"]
    lines.extend(f"| {' | '.join(_cells(figure))} |" for figure in figures)
    return "\n".join(lines) + "\n"


def _cells(figure: Figure) -> tuple[str, ...]:
    of_goal = figure.of_goal
    return (
        figure.what,
        quantity(figure.measured, figure.unit),
        "-" if figure.goal is None else f"at most {quantity(figure.goal, figure.unit)}",
        "-" if of_goal is None else f"{of_goal:.2f}",
        {True: "yes", False: "NO", None: "-"}[figure.met],
        figure.detail,
    )
