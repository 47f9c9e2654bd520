"""Which column is which field, and what each row of an uploaded table says."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Final

from tillbridge.domain.money import MAX_MINOR, Currency
from tillbridge.portal.customers.model import LONGEST
from tillbridge.portal.customers.normal import folded, is_email, is_number, printable
from tillbridge.portal.customers.sheets import Line


class Target(StrEnum):
    """Where an import goes."""

    V1 = "v1"
    V2 = "v2"


class Field(StrEnum):
    """What a column can be. A column that is none of them is kept under its own name."""

    NUMBER = "number"
    NAME = "name"
    CONTACT = "contact"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    BIRTHDAY = "birthday"
    CONSENT = "consent"
    BALANCE = "balance"
    POINTS = "points"
    NOTE = "note"


FIELDS: Final[Mapping[Target, tuple[Field, ...]]] = {
    Target.V1: tuple(one for one in Field if one not in {Field.ADDRESS, Field.BIRTHDAY, Field.CONSENT}),
    Target.V2: tuple(Field),
}


class RowFault(StrEnum):
    """Why a row cannot be read."""

    COLUMNS = "columns"
    CONTROL = "control"
    NUMBER = "number"
    NUMBER_TWICE = "number_twice"
    NUMBER_TAKEN = "number_taken"
    NAME = "name"
    LONG = "long"
    EMAIL = "email"
    BALANCE = "balance"
    POINTS = "points"
    BIRTHDAY = "birthday"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, with the reason and the column or field."""

    line: int
    fault: RowFault
    place: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read. `balance_minor` is in minor units; `legacy` are the columns that are no field."""

    line: int
    texts: Mapping[Field, str]
    balance_minor: int
    points: int
    consent: bool
    legacy: Mapping[str, str]

    def text(self, field: Field) -> str:
        """What a field says; nothing for a field that the table does not have."""
        return self.texts.get(field, "")


_NAMES: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.NUMBER: ("number", "customer number", "kundennummer", "nummer", "nr", "numero", "numero client", "cislo"),
    Field.NAME: ("name", "customer", "kunde", "nom", "client", "jmeno", "zakaznik", "firma", "company"),
    Field.CONTACT: ("contact", "ansprechpartner", "kontakt", "contact person", "kontaktni osoba"),
    Field.EMAIL: ("email", "e-mail", "mail", "courriel", "e-mail address"),
    Field.PHONE: ("phone", "telephone", "telefon", "mobile", "handy", "tel", "mobil"),
    Field.ADDRESS: ("address", "adresse", "anschrift", "adresa"),
    Field.BIRTHDAY: ("birthday", "geburtstag", "date de naissance", "anniversaire", "datum narozeni", "narozeniny"),
    Field.CONSENT: ("consent", "einwilligung", "consentement", "souhlas"),
    Field.BALANCE: ("balance", "saldo", "guthaben", "kontostand", "solde", "zustatek"),
    Field.POINTS: ("points", "punkte", "bonuspunkte", "body"),
    Field.NOTE: ("note", "notiz", "bemerkung", "remarque", "poznamka", "comment", "kommentar"),
}

DECIMALS: Final = (",", ".")
"""The marks before cents."""

_YES: Final = frozenset({"yes", "y", "1", "true", "ja", "oui", "ano", "x"})
_NO: Final = frozenset({"", "no", "n", "0", "false", "nein", "non", "ne"})
_POINTS: Final = re.compile(r"-?[0-9]{1,12}", re.ASCII)


def guess(head: Sequence[str], target: Target) -> dict[Field, int]:
    """Which column each field probably is, by the names of the columns in our four languages."""
    found: dict[Field, int] = {}
    for column, name in enumerate(head):
        plain = folded(name.strip().rstrip(":"))
        field = next((one for one in FIELDS[target] if plain in _NAMES[one]), None)
        if field is not None:
            found.setdefault(field, column)
    return found


class RowReader:
    """Reads rows by a mapping. `decimal` is the mark before cents, "," or "."; `taken` are numbers in use."""

    def __init__(
        self,
        head: Sequence[str],
        columns: Mapping[Field, int],
        target: Target,
        unit: Currency,
        decimal: str,
        taken: Iterable[str] = (),
    ) -> None:
        self._head = [name or f"#{place + 1}" for place, name in enumerate(head)]
        self._columns = columns
        self._target = target
        self._unit = unit
        self._decimal = decimal
        self._others = [place for place in range(len(head)) if place not in set(columns.values())]
        self._taken = frozenset(taken)
        self._seen: set[str] = set()

    def read(self, line: Line) -> Row | BadRow:
        """What a row says, or why it cannot be read."""
        if len(line.cells) > len(self._head):
            return BadRow(line.number, RowFault.COLUMNS, str(len(line.cells)))
        cells = [*line.cells, *([""] * (len(self._head) - len(line.cells)))]
        bad = next((place for place, cell in enumerate(cells) if "".join(printable(cell)) != cell), None)
        if bad is not None:
            return BadRow(line.number, RowFault.CONTROL, self._head[bad])
        texts = {field: cells[place] for field, place in self._columns.items()}
        balance, points = self._minor(texts.get(Field.BALANCE, "")), _points(texts.get(Field.POINTS, ""))
        fault = self._fault(texts, balance, points)
        if fault is not None or balance is None or points is None:
            return BadRow(line.number, *(fault or (RowFault.BALANCE, Field.BALANCE)))
        legacy = self._legacy(cells)
        return Row(line.number, texts, balance, points, folded(texts.get(Field.CONSENT, "")) in _YES, legacy)

    def _fault(
        self, texts: Mapping[Field, str], balance: int | None, points: int | None
    ) -> tuple[RowFault, str] | None:
        if balance is None:
            return RowFault.BALANCE, Field.BALANCE
        if points is None:
            return RowFault.POINTS, Field.POINTS
        if self._target is Target.V1:
            # 1.0 takes what the old system had; the dry run of the conversion says what does not fit 2.0.
            return None
        return _unfit(texts) or self._number_fault(texts.get(Field.NUMBER, ""))

    def _number_fault(self, number: str) -> tuple[RowFault, str] | None:
        if not number:
            return None
        if not is_number(number):
            return RowFault.NUMBER, Field.NUMBER
        if number in self._seen:
            return RowFault.NUMBER_TWICE, Field.NUMBER
        if number in self._taken:
            return RowFault.NUMBER_TAKEN, Field.NUMBER
        self._seen.add(number)
        return None

    def _minor(self, text: str) -> int | None:
        return signed_minor(text, self._decimal, self._unit) if text else 0

    def _legacy(self, cells: Sequence[str]) -> Mapping[str, str]:
        legacy: dict[str, str] = {}
        for place in self._others:
            if cells[place]:
                name = self._head[place]
                legacy[name if name not in legacy else f"{name} #{place + 1}"] = cells[place]
        return legacy


def signed_minor(text: str, decimal: str, unit: Currency) -> int | None:
    """An amount as people write it with this decimal mark, in minor units; None for what is no amount."""
    found = amount_pattern(decimal, unit.exponent).fullmatch(text.replace("\N{NO-BREAK SPACE}", " "))
    if found is None:
        return None
    whole = re.sub("[^0-9]", "", found["whole"])
    minor = int(whole + (found["fraction"] or "").ljust(unit.exponent, "0"))
    if minor > MAX_MINOR:
        return None
    return -minor if found["sign"] == "-" else minor


@cache
def amount_pattern(decimal: str, exponent: int) -> re.Pattern[str]:
    """Amounts with this decimal mark, groups of three and no more decimals than the currency has."""
    group = r"\." if decimal == "," else ","
    whole = rf"(?P<whole>[0-9]{{1,15}}|[0-9]{{1,3}}(?:[ '{group}][0-9]{{3}}){{1,4}})"
    fraction = rf"(?:[{re.escape(decimal)}](?P<fraction>[0-9]{{1,{exponent}}}))?" if exponent else "(?P<fraction>)"
    return re.compile(rf"(?P<sign>[+-]?){whole}{fraction}", re.ASCII)


def _points(text: str) -> int | None:
    if not text:
        return 0
    return int(text) if _POINTS.fullmatch(text) else None


def _unfit(texts: Mapping[Field, str]) -> tuple[RowFault, str] | None:
    """What 2.0 does not take, but for the number."""
    if not texts.get(Field.NAME, ""):
        return RowFault.NAME, Field.NAME
    long = next((field for field, text in texts.items() if len(text) > LONGEST.get(field, len(text))), None)
    if long is not None:
        return RowFault.LONG, long
    if (email := texts.get(Field.EMAIL, "")) and not is_email(email):
        return RowFault.EMAIL, Field.EMAIL
    if (birthday := texts.get(Field.BIRTHDAY, "")) and not is_day(birthday):
        return RowFault.BIRTHDAY, Field.BIRTHDAY
    if folded(texts.get(Field.CONSENT, "")) not in _YES | _NO:
        return RowFault.CONSENT, Field.CONSENT
    return None


def is_day(text: str) -> bool:
    """Whether this is a day such as 1984-02-29."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
