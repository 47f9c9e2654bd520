"""What stands on a statement's papers, cell by cell: the PDF and the workbook write the same sheet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.customers.forms import major
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.settlement.claims import claims_of, of_location
from tillbridge.portal.settlement.model import NOWHERE, Line, Span, Statement, Sum
from tillbridge.portal.settlement.store import Place
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.language import Catalogue

AMOUNT: Final = 2.2
NAME: Final = 4.0


@dataclass(frozen=True, slots=True)
class Heading:
    """What a statement's papers need besides itself: names by location, the language, and when it was made."""

    system: VoucherSystem
    places: Mapping[str, Place]
    language: Language
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `share` is its width beside the others'."""

    name: str
    share: float
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; `last` is the line with the sums."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    last: tuple[str, ...] = ()
    none: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole paper. Of `tables` the last one has a page of its own in a workbook."""

    title: str
    language: Language
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = field(default=())


def sheet_of(statement: Statement, heading: Heading) -> Sheet:
    """The paper of a statement, in the language of its heading."""
    writer = _Writer(statement, heading)
    kind = "month" if statement.span is Span.MONTH else "day"
    notes = [writer.t("settlement.paper.claims")]
    if statement.span is Span.DAY and statement.lines is None:
        notes.append(writer.t("settlement.paper.too_many"))
    if not statement.number:
        notes.append(writer.t("settlement.paper.provisional.text"))
    bookings = writer.by_day() if statement.lines is None else writer.singles(statement.lines)
    return Sheet(
        writer.t(f"settlement.paper.title.{kind}"),
        heading.language,
        writer.facts(),
        (writer.totals(), writer.counterparts(), bookings),
        tuple(notes),
    )


class _Writer:
    """Says amounts, days and names of one statement."""

    def __init__(self, statement: Statement, heading: Heading) -> None:
        self.t: Catalogue = CATALOGUES[heading.language]
        self._statement = statement
        self._heading = heading
        self._zone = ZoneInfo(heading.system.time_zone)
        self._own = statement.location_id

    def facts(self) -> tuple[tuple[str, str], ...]:
        """The lines above the tables."""
        system, own = self._heading.system, self._heading.places[self._own]
        number = self._statement.number or self.t("settlement.paper.provisional")
        return (
            (self.t("settlement.paper.number"), number),
            (self.t("settlement.paper.location"), f"{own.name} ({own.number})"),
            (self.t("settlement.paper.system"), system.name),
            (self.t("settlement.paper.period"), self._period()),
            (self.t("settlement.paper.currency"), system.currency),
            (self.t("settlement.paper.zone"), system.time_zone),
            (self.t("settlement.paper.made"), self._moment(self._heading.made_at)),
        )

    def totals(self) -> Table:
        """By kind what was booked here, and how the credit that was loaded here changed."""
        booked: dict[EntryKind, int] = {}
        credit: dict[EntryKind, int] = {}
        for one in self._statement.sums:
            if one.place_id == self._own:
                booked[one.kind] = booked.get(one.kind, 0) + one.amount
            if one.owner_id == self._own:
                credit[one.kind] = credit.get(one.kind, 0) + one.amount
        rows = tuple(
            (self.t(f"vouchers.kind.{kind}"), self._amount(booked.get(kind, 0)), self._amount(credit.get(kind, 0)))
            for kind in EntryKind
            if kind in booked or kind in credit
        )
        return Table(
            self.t("settlement.paper.totals"),
            (
                Column(self.t("settlement.paper.what"), NAME),
                Column(self.t("settlement.paper.booked_here"), AMOUNT, right=True),
                Column(self.t("settlement.paper.credit_change"), AMOUNT, right=True),
            ),
            rows,
            (self.t("settlement.paper.sum"), self._amount(sum(booked.values())), self._amount(sum(credit.values()))),
            self.t("settlement.paper.nothing"),
        )

    def counterparts(self) -> Table:
        """With whom the location has claims, and what is left of them."""
        found = of_location(claims_of(self._statement.sums), self._own)
        rows = tuple(
            (self._name(other), self._amount(ours), self._amount(theirs), self._amount(ours - theirs))
            for other, (ours, theirs) in sorted(found.items(), key=lambda each: (self._name(each[0]), each[0]))
        )
        ours, theirs = (sum(pair[side] for pair in found.values()) for side in (0, 1))
        return Table(
            self.t("settlement.paper.counterparts"),
            (
                Column(self.t("settlement.paper.counterpart"), NAME),
                Column(self.t("settlement.paper.claimed"), AMOUNT, right=True),
                Column(self.t("settlement.paper.owed"), AMOUNT, right=True),
                Column(self.t("settlement.paper.net"), AMOUNT, right=True),
            ),
            rows,
            (self.t("settlement.paper.sum"), *map(self._amount, (ours, theirs, ours - theirs))),
            self.t("settlement.paper.no_claims"),
        )

    def singles(self, lines: Sequence[Line]) -> Table:
        """Each booking by itself."""
        columns = (
            Column(self.t("settlement.paper.time"), 3.0),
            Column(self.t("settlement.paper.voucher"), 2.0),
            Column(self.t("settlement.paper.what"), 3.0),
            Column(self.t("settlement.paper.where"), NAME),
            Column(self.t("settlement.paper.station"), 2.0),
            Column(self.t("settlement.paper.operator"), 2.0),
            Column(self.t("settlement.paper.amount"), AMOUNT, right=True),
            Column(self.t("settlement.paper.counterpart"), NAME),
            Column(self.t("settlement.paper.claim"), AMOUNT, right=True),
        )
        rows = tuple(
            (
                "" if one.at is None else self._moment(one.at),
                masked(one.number),
                self.t(f"vouchers.kind.{one.kind}"),
                self._name(one.here_id),
                one.station,
                one.operator,
                self._amount(one.amount),
                *self._claim(one),
            )
            for one in lines
        )
        return self._bookings(columns, rows, lines)

    def by_day(self) -> Table:
        """What was booked alike, day by day."""
        columns = (
            Column(self.t("settlement.paper.day"), 2.0),
            Column(self.t("settlement.paper.what"), 3.0),
            Column(self.t("settlement.paper.where"), NAME),
            Column(self.t("settlement.paper.amount"), AMOUNT, right=True),
            Column(self.t("settlement.paper.counterpart"), NAME),
            Column(self.t("settlement.paper.claim"), AMOUNT, right=True),
        )
        rows = tuple(
            (
                self._day(one.day),
                self.t(f"vouchers.kind.{one.kind}"),
                self._name(one.place_id),
                self._amount(one.amount),
                *self._claim(one),
            )
            for one in self._statement.sums
        )
        return self._bookings(columns, rows, self._statement.sums)

    def _bookings(
        self, columns: tuple[Column, ...], rows: tuple[tuple[str, ...], ...], all_of_them: Iterable[Line | Sum]
    ) -> Table:
        claims = sum(self._signed(one) for one in all_of_them)
        empty = ("",) * (len(columns) - 2)
        last = (self.t("settlement.paper.sum"), *empty, self._amount(claims))
        return Table(self.t("settlement.paper.bookings"), columns, rows, last, self.t("settlement.paper.nothing"))

    def _claim(self, one: Line | Sum) -> tuple[str, str]:
        """The other location of a booking and what is claimed from it; two empty cells where there is none."""
        other = one.owner_id if one.place_id == self._own else one.place_id
        if other == self._own or not one.claim:
            return "", ""
        return self._name(other), self._amount(self._signed(one))

    def _signed(self, one: Line | Sum) -> int:
        """What the location claims for a booking; below zero where another claims it from the location."""
        return one.claim if one.place_id == self._own else -one.claim

    def _name(self, location_id: str) -> str:
        if location_id == NOWHERE:
            return self.t("settlement.company")
        place = self._heading.places.get(location_id)
        return location_id if place is None else place.name

    def _amount(self, minor: int) -> str:
        return major(minor, self._heading.system.currency, self.t("format.decimal"))

    def _period(self) -> str:
        period = self._statement.period
        if self._statement.span is Span.DAY:
            return self._day(period)
        year, _, month = period.partition("-")
        return self.t(f"maintenance.month.{int(month)}", year=year)

    def _day(self, day: str) -> str:
        return date.fromisoformat(day).strftime(self.t("format.date"))

    def _moment(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{local.strftime(self.t('format.date'))} {local:%H:%M:%S}"
