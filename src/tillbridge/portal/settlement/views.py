"""Says settlement in the words of pages: tables of texts, and charts with what they show in figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.locations.views import day
from tillbridge.portal.settlement import charts
from tillbridge.portal.settlement.liability import AGES, Owed
from tillbridge.portal.settlement.model import NOWHERE, Day, days_of, next_month
from tillbridge.portal.settlement.sales import MOST_ROWS, Turnover
from tillbridge.portal.settlement.service import Claims, Liability, Sales
from tillbridge.portal.settlement.store import Place
from tillbridge.portal.vouchers.pages_forms import month_name
from tillbridge.web.words import Words

Cells = tuple[str, ...]

MOST_DAYS: Final = 92
"""Days that one report of sales may be about."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a page's table; `number` stands to the right."""

    name: str
    number: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A table of a page: the first cell of a row names it, `last` is the line of sums, `cut` says what is left out."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Cells, ...]
    last: Cells = ()
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """What is drawn of one thing, with its name and its style."""

    name: str
    style: str
    bars: tuple[charts.Bar, ...] = ()
    line: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: what it is called, what can be seen in it, what its highest value is, and its series."""

    id: str
    title: str
    said: str
    most: str
    first: str
    last: str
    series: tuple[Series, ...]


def name_of(words: Words, places: Mapping[str, Place], location_id: str) -> str:
    """A location's name; the company's where it is none."""
    place = places.get(location_id)
    return words.t("settlement.company") if place is None else place.name


# ------------------------------------------------------------ time


def month_of(text: str, now: datetime, zone: str) -> str:
    """The month that was asked for, such as "2026-11"; the present one where the text names none."""
    try:
        return days_of(text)[0][: len("2026-11")] if len(text) == len("2026-11") else business_day(now, zone)[:7]
    except BridgeError:
        return business_day(now, zone)[: len("2026-11")]


def months_back(now: datetime, zone: str, count: int = 13) -> list[str]:
    """The present month and those before it, the newest first."""
    month = date.fromisoformat(business_day(now, zone)).replace(day=1)
    found = []
    for _ in range(count):
        found.append(month.isoformat()[: len("2026-11")])
        month = (month - timedelta(days=1)).replace(day=1)
    return found


def span_of(asked: Mapping[str, str], now: datetime, zone: str) -> tuple[str, str]:
    """From which day to which a report is about: this month, unless two days are named that make sense."""
    today = business_day(now, zone)
    try:
        first, last = (days_of(asked.get(name, ""))[0] for name in ("first", "last"))
    except BridgeError:
        return f"{today[:7]}-01", today
    longest = date.fromisoformat(first) + timedelta(days=MOST_DAYS - 1)
    return (first, min(last, longest.isoformat())) if first <= last else (f"{today[:7]}-01", today)


# ------------------------------------------------------------ charts


def chart_list(words: Words, days: Sequence[Day], code: str, *, prefix: str = "") -> list[Chart]:
    """Circulation, redemptions and liability of these days; `prefix` sets them apart where several are on a page."""
    if not days:
        return []
    known, t = [one.blocked or 0 for one in days], words.t
    owed, money = [one.closing for one in days], _money(words, code)
    redeemed = [-one.redeemed for one in days]
    found = [
        _chart(words, days, "circulation", [one.vouchers for one in days], words.count, _line),
        _chart(words, days, "redemptions", redeemed, money, _bars),
        _chart(words, days, "liability", owed, money, _line, beside=(t("settlement.chart.blocked"), known)),
    ]
    return [replace(one, id=f"{prefix}{one.id}") for one in found]


def chart_table(words: Words, days: Sequence[Day], code: str) -> Shown:
    """The same in figures, the newest day first."""
    t = words.t
    names = ("circulation", "redemptions", "loads", "liability", "blocked")
    return Shown(
        t("settlement.chart.table"),
        (Column(t("settlement.paper.day")), *(Column(t(f"settlement.chart.{name}"), number=True) for name in names)),
        tuple(
            (
                day(words, date.fromisoformat(one.day)),
                words.count(one.vouchers),
                amount(words, -one.redeemed, code),
                amount(words, one.loaded, code),
                amount(words, one.closing, code),
                "\N{EN DASH}" if one.blocked is None else amount(words, one.blocked, code),
            )
            for one in reversed(days)
        ),
    )


_Drawn = Callable[[str, Sequence[int], Sequence[int]], Series]


def _chart(  # what a chart is made of
    words: Words,
    days: Sequence[Day],
    name: str,
    values: Sequence[int],
    said: Callable[[int], str],
    drawn: _Drawn,
    *,
    beside: tuple[str, Sequence[int]] | None = None,
) -> Chart:
    t, title = words.t, words.t(f"settlement.chart.{name}")
    series = [drawn(title, values, () if beside is None else beside[1])]
    if beside is not None and any(beside[1]):
        series.append(Series(beside[0], "second", line=charts.line(beside[1], values)))
    first, last = (day(words, date.fromisoformat(days[at].day)) for at in (0, -1))
    told = t("settlement.chart.said", first=first, last=last, least=said(min(values)), most=said(max(values)))
    latest = t("settlement.chart.latest", value=said(values[-1]))
    return Chart(name, title, f"{told} {latest}", said(max(0, *values)), first, last, tuple(series))


def _line(name: str, values: Sequence[int], among: Sequence[int]) -> Series:
    return Series(name, "main", line=charts.line(values, among), area=charts.area(values))


def _bars(name: str, values: Sequence[int], _: Sequence[int]) -> Series:
    return Series(name, "main", bars=charts.bars(values))


def _money(words: Words, code: str) -> Callable[[int], str]:
    return lambda minor: amount(words, minor, code)


# ------------------------------------------------------------ tables


def claims_tables(words: Words, found: Claims) -> tuple[Shown, Shown]:
    """What is claimed, and what is left of it between each two locations."""
    t, code = words.t, found.system.currency
    tables = []
    for name, pairs in (("claims", found.claims), ("net", found.net)):
        rows = [
            (name_of(words, found.places, claimer), name_of(words, found.places, owner), amount(words, minor, code))
            for (claimer, owner), minor in pairs.items()
        ]
        columns = (
            Column(t(f"settlement.{name}.to")),
            Column(t(f"settlement.{name}.from")),
            Column(t("settlement.paper.amount"), number=True),
        )
        tables.append(Shown(t(f"settlement.{name}"), columns, tuple(sorted(rows))))
    return tables[0], tables[1]


def liability_table(words: Words, found: Liability) -> Shown:
    """From the opening to the closing credit, location by location."""
    code, t = found.system.currency, words.t
    every = [*found.rows, *([] if found.rest is None else [found.rest])]
    total = _sum(every)
    kinds = [kind for kind in EntryKind if kind in total.moved]

    def cells(name: str, one: Owed) -> Cells:
        moved = (amount(words, one.moved.get(kind, 0), code) for kind in kinds)
        return name, amount(words, one.opening, code), *moved, amount(words, one.closing, code)

    return Shown(
        t("settlement.liability.proof"),
        (
            Column(t("settlement.paper.location")),
            Column(t("settlement.liability.opening"), number=True),
            *(Column(t(f"vouchers.kind.{kind}"), number=True) for kind in kinds),
            Column(t("settlement.liability.closing"), number=True),
        ),
        tuple(cells(_owner(words, found, one), one) for one in every),
        cells(t("settlement.paper.sum"), total),
    )


def circulation_table(words: Words, found: Liability) -> Shown:
    """What is in circulation at this moment, and what of it is blocked."""
    code, t = found.system.currency, words.t
    every = [*found.rows, *([] if found.rest is None else [found.rest])]

    def cells(name: str, one: Owed) -> Cells:
        return name, *(amount(words, minor, code) for minor in (one.remaining, one.blocked, one.active))

    names = ("total", "blocked", "active")
    return Shown(
        t("settlement.circulation"),
        (
            Column(t("settlement.paper.location")),
            *(Column(t(f"settlement.circulation.{name}"), number=True) for name in names),
        ),
        tuple(cells(_owner(words, found, one), one) for one in every),
        cells(t("settlement.paper.sum"), _sum(every)),
    )


def ageing_table(words: Words, found: Liability) -> Shown:
    """How old the credit is that the shown locations loaded."""
    code, t = found.system.currency, words.t
    bounds = [0, *AGES]
    names = [t("settlement.ageing.months", first=first, last=last) for first, last in zip(bounds, AGES, strict=False)]
    names.append(t("settlement.ageing.older", months=AGES[-1]))
    sums = [sum(ages[at] for ages in found.ages.values()) for at in range(len(names))]
    return Shown(
        t("settlement.ageing"),
        (Column(t("settlement.paper.location")), *(Column(name, number=True) for name in names)),
        tuple(
            (name_of(words, found.places, place), *(amount(words, minor, code) for minor in ages))
            for place, ages in found.ages.items()
        ),
        (t("settlement.paper.sum"), *(amount(words, minor, code) for minor in sums)),
    )


def sales_tables(words: Words, found: Sales) -> tuple[Shown, Shown]:
    """By station and operator over the whole time, and day by day."""
    t = words.t
    stations = _turnover(
        words,
        found,
        t("settlement.sales.stations"),
        (t("settlement.paper.location"), t("settlement.paper.station"), t("settlement.paper.operator")),
        [((name_of(words, found.places, one.location_id), one.station, one.operator), one) for one in found.stations],
    )
    days = _turnover(
        words,
        found,
        t("settlement.sales.days"),
        (t("settlement.paper.day"), t("settlement.paper.location")),
        [
            ((day(words, date.fromisoformat(one.day)), name_of(words, found.places, one.location_id)), one)
            for one in found.days
        ],
    )
    return stations, days


def _turnover(words: Words, found: Sales, caption: str, names: Cells, rows: Sequence[tuple[Cells, Turnover]]) -> Shown:
    code, t = found.system.currency, words.t
    figures = ("loads", "sold", "redemptions", "redeemed")
    counted = [one for _, one in rows]
    totals = [sum(getattr(one, name) for one in counted) for name in figures]

    def said(values: Sequence[int]) -> Cells:
        loads, sold, redemptions, redeemed = values
        money = [amount(words, minor, code) for minor in (sold, redeemed)]
        return words.count(loads), money[0], words.count(redemptions), money[1]

    return Shown(
        caption,
        (
            *(Column(name) for name in names),
            *(Column(t(f"settlement.sales.{name}"), number=True) for name in figures),
        ),
        tuple((*cells, *said((one.loads, one.sold, one.redemptions, one.redeemed))) for cells, one in rows[:MOST_ROWS]),
        (t("settlement.paper.sum"), *[""] * (len(names) - 1), *said(totals)),
        t("settlement.sales.cut", count=words.count(len(rows) - MOST_ROWS)) if len(rows) > MOST_ROWS else "",
    )


def month_choices(words: Words, now: datetime, zone: str) -> list[tuple[str, str]]:
    """The last months, for a choice."""
    return [(month, month_name(words.t, month)) for month in months_back(now, zone)]


def is_over(month: str, closed: str) -> bool:
    """Whether all days of a month are closed."""
    return closed >= days_of(month)[1] and next_month(month) > month


def _owner(words: Words, found: Liability, one: Owed) -> str:
    if one is found.rest:
        return words.t("settlement.others")
    return name_of(words, found.places, one.owner_id)


def _sum(every: Sequence[Owed]) -> Owed:
    total = Owed(NOWHERE)
    for one in every:
        total = total.plus(one)
    return total
