"""Business days of the shop: where one begins and ends, and what each terminal took on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.domain.money import MAX_MINOR, Currency, Money
from tillbridge.domain.operation import Kind
from tillbridge.engine.engine import Engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Totals

IN: Final = (Kind.SALE, Kind.CAPTURE)
"""Kinds by which money came in."""

OUT: Final = (Kind.REFUND,)
"""Kinds by which money went back. What was voided stands beside them: it may have been of either sort."""

BAR: Final = 100
"""Units of the longest bar of a chart."""


@dataclass(frozen=True, slots=True)
class Span:
    """A business day: from `since` until just before `until`, in UTC."""

    day: date
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Sum:
    """How many operations and how much money."""

    count: int
    money: Money


@dataclass(frozen=True, slots=True)
class DayLine:
    """One terminal's day in one currency. `bar_in` and `bar_out` are parts of `BAR` for the chart."""

    terminal: str
    taken: Sum
    given_back: Sum
    voided: Sum
    bar_in: int
    bar_out: int


def day_of(moment: datetime, settings: EngineSettings) -> Span:
    """The business day that a moment belongs to."""
    return span(date.fromisoformat(settings.business_day(moment)), settings)


def span(day: date, settings: EngineSettings) -> Span:
    """That business day; where clocks are changed it is an hour shorter or longer. `OverflowError` at time's end."""
    return Span(day, _begins(day, settings), _begins(day + timedelta(days=1), settings))


def read_day(text: str | None, settings: EngineSettings) -> Span | None:
    """The day that somebody entered ("2026-05-16"); None where it is none."""
    try:
        return span(date.fromisoformat(text or ""), settings)
    except (ValueError, OverflowError):
        return None


async def between(engine: Engine, since: datetime, until: datetime) -> list[Totals]:
    """Approved money of what was accepted from `since` until just before `until`."""
    later = {(one.terminal, one.kind, one.currency): one for one in await engine.totals(until)}
    found = []
    for one in await engine.totals(since):
        after = later.get((one.terminal, one.kind, one.currency))
        count, minor = (0, 0) if after is None else (after.count, after.minor)
        if one.count > count:
            found.append(Totals(one.terminal, one.kind, one.currency, one.count - count, one.minor - minor))
    return found


def sum_of(totals: Iterable[Totals], kinds: Sequence[Kind], unit: Currency) -> Sum:
    """What these kinds come to in one currency."""
    fitting = [one for one in totals if one.kind in kinds and one.currency == unit]
    # A sum beyond what an amount may be is shown as that limit: no shop comes near it.
    return Sum(sum(one.count for one in fitting), Money(min(sum(one.minor for one in fitting), MAX_MINOR), unit))


def day_lines(totals: Sequence[Totals]) -> list[DayLine]:
    """A line for each terminal and currency, with the bars of each currency on a scale of its own."""
    pairs = sorted({(one.currency.code, one.terminal) for one in totals})
    units = {one.currency.code: one.currency for one in totals}
    lines = []
    for code, terminal in pairs:
        here = [one for one in totals if one.terminal == terminal]
        most = max(_largest(totals, units[code]), 1)
        taken, given_back = sum_of(here, IN, units[code]), sum_of(here, OUT, units[code])
        bars = (taken.money.minor * BAR // most, given_back.money.minor * BAR // most)
        lines.append(DayLine(terminal, taken, given_back, sum_of(here, (Kind.VOID,), units[code]), *bars))
    return lines


def _largest(totals: Sequence[Totals], unit: Currency) -> int:
    terminals = {one.terminal for one in totals}
    each = [[one for one in totals if one.terminal == name] for name in terminals]
    return max((sum_of(here, kinds, unit).money.minor for here in each for kinds in (IN, OUT)), default=0)


def _begins(day: date, settings: EngineSettings) -> datetime:
    zone = None if settings.time_zone is None else ZoneInfo(settings.time_zone)
    local = datetime.combine(day, time(settings.business_day_starts_hour), zone)
    return local.astimezone(UTC)
