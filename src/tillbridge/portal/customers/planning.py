"""Decides what becomes of each row of 1.0: pure, the same answer for the same rows, used by dry run and conversion."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tillbridge.portal.customers.model import (
    LONGEST,
    REMEDIES,
    Fields,
    Finding,
    OldCustomer,
    Reason,
    Remedy,
    Report,
)
from tillbridge.portal.customers.normal import is_email, is_number, same_person
from tillbridge.portal.customers.tables import LONGEST_ALIAS

ORIGINAL: Final = "1.0 "
"""How the name of a legacy field begins that holds what a field of 1.0 said."""


@dataclass(slots=True)
class Planned:
    """A customer of 2.0 to be made of one or more rows. `number` None: a new one is drawn, and the old is an alias."""

    number: str | None
    fields: Fields
    balance_minor: int
    points: int
    positions: list[int]
    aliases: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversion would do."""

    customers: Sequence[Planned]
    report: Report


class SourceHash:
    """A hash over rows in their order: equal for equal contents, whichever database they came from."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, rows: Iterable[OldCustomer]) -> None:
        """Takes the next rows."""
        for row in rows:
            parts = (row.position, row.number, row.name, row.contact, row.email, row.phone, row.balance_minor)
            text = repr((*parts, row.points, row.note, sorted(row.legacy.items())))
            self._hash.update(text.encode("utf-8", "surrogatepass") + b"\n")

    @property
    def value(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()


class Planner:
    """Takes rows in their order. `taken` are numbers of this merchant's customers that are in 2.0 already."""

    def __init__(self, taken: Collection[str], remedies: frozenset[Remedy]) -> None:
        self._taken = taken
        self._remedies = remedies
        self._by_number: dict[str, list[Planned]] = {}
        self._customers: list[Planned] = []
        self._findings: list[Finding] = []
        self._rows = self._merged = self._renumbered = self._aside = 0
        self._balance = self._points = 0

    def take(self, rows: Iterable[OldCustomer]) -> None:
        """Plans these rows."""
        for row in rows:
            self._rows += 1
            self._balance += row.balance_minor
            self._points += row.points
            self._plan(row)

    def finish(self, declared_balance: int | None) -> Plan:
        """The whole plan; `declared_balance` is what the old system says that all balances come to."""
        if declared_balance is not None and declared_balance != self._balance:
            self._find(0, "", Reason.SUM_DIFFERS, "balance")
        report = Report(
            rows_read=self._rows,
            to_create=len(self._customers),
            merged=self._merged,
            renumbered=self._renumbered,
            set_aside=self._aside,
            balance_minor=self._balance,
            points=self._points,
            declared_balance=declared_balance,
            findings=self._findings,
        )
        return Plan(self._customers, report)

    def _plan(self, row: OldCustomer) -> None:
        if not row.name.strip():
            self._find(row.position, row.number, Reason.NAME_MISSING, "name")
        made = Planned(row.number, self._fields(row), row.balance_minor, row.points, [row.position])
        earlier = self._by_number.setdefault(row.number, [])
        same = next((one for one in earlier if row.number and same_person(one.fields.name, row.name)), None)
        if same is not None:
            self._find(row.position, row.number, Reason.SAME_TWICE, str(same.positions[0]))
            self._merged += 1
            _merge(same, made)
            return
        self._number(made, row, earlier)
        earlier.append(made)
        self._customers.append(made)

    def _number(self, made: Planned, row: OldCustomer, earlier: Sequence[Planned]) -> None:
        if not is_number(row.number):
            self._find(row.position, row.number, Reason.NUMBER_UNFIT, "number")
        elif row.number in self._taken:
            self._find(row.position, row.number, Reason.NUMBER_TAKEN, "number")
        elif earlier:
            self._find(row.position, row.number, Reason.NUMBER_TWICE, str(earlier[0].positions[0]))
        else:
            return
        if len(row.number) > LONGEST_ALIAS:
            self._find(row.position, row.number[:LONGEST_ALIAS], Reason.NUMBER_LONG, "number")
        self._renumbered += 1
        made.number = None
        if row.number:
            made.aliases.add(row.number)

    def _fields(self, row: OldCustomer) -> Fields:
        aside: dict[str, str] = {}
        kept = {name: getattr(row, name) for name in ("name", "contact", "email", "phone", "note")}
        for name, value in kept.items():
            reason = _wrong(name, value)
            if reason is not None:
                self._find(row.position, row.number, reason, name)
                aside[f"{ORIGINAL}{name}"] = value
                kept[name] = "" if reason is Reason.EMAIL_BAD else value[: LONGEST[name]]
        if aside:
            self._aside += 1
        return Fields(**kept, legacy=_with(row.legacy, aside))

    def _find(self, position: int, number: str, reason: Reason, place: str) -> None:
        blocks = REMEDIES[reason] not in self._remedies
        self._findings.append(Finding(position, number, reason, place, blocks))


def _wrong(name: str, value: str) -> Reason | None:
    if name == "email" and value and not is_email(value):
        return Reason.EMAIL_BAD
    return Reason.FIELD_LONG if len(value) > LONGEST[name] else None


def _merge(into: Planned, other: Planned) -> None:
    """Adds a second row of the same person: sums are added, and what says something else is kept in legacy."""
    into.balance_minor += other.balance_minor
    into.points += other.points
    into.positions += other.positions
    into.fields = merged_fields(into.fields, other.fields, f"{ORIGINAL}line {other.positions[0]} ")


def merged_fields(one: Fields, other: Fields, label: str) -> Fields:
    """The fields of the first, filled up with the second's; where both say something, the second's goes to legacy."""
    changes: dict[str, str] = {}
    aside: dict[str, str] = {}
    for name in ("name", "contact", "email", "phone", "address", "birthday", "note"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if theirs and not mine:
            changes[name] = theirs
        elif theirs and theirs != mine:
            aside[f"{label}{name}"] = theirs
    differing = {name: text for name, text in other.legacy.items() if one.legacy.get(name) != text}
    aside |= {f"{label}{name}" if name in one.legacy else name: text for name, text in differing.items()}
    # Consent is personal and freely given: it holds only where both records have it.
    return replace(one, **changes, consent=one.consent and other.consent, legacy=_with(one.legacy, aside))


def _with(legacy: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str]:
    """Both, with a number behind the name of a field that is there already: nothing is written over."""
    both = dict(legacy)
    for name, text in more.items():
        free, count = name, 2
        while free in both:
            free, count = f"{name} ({count})", count + 1
        both[free] = text
    return both
