"""Customers as CSV and as a workbook: read rightly by Excel, and by nobody taken for a formula."""

import asyncio
import csv
import io
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from tillbridge.portal.audit.log import Entry
from tillbridge.portal.customers import store
from tillbridge.portal.customers.forms import major
from tillbridge.portal.customers.model import Customer, Event
from tillbridge.portal.customers.sealing import Sealer
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.language import Catalogue

CSV_TYPE: Final = "text/csv; charset=utf-8"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

MARK: Final = "\ufeff"
"""The byte order mark by which Excel knows UTF-8."""

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would work out instead of showing (OWASP, "CSV Injection")."""

COLUMNS: Final = (
    *("number", "aliases", "name", "contact", "email", "phone", "address", "birthday", "consent", "note"),
    *("balance", "currency", "points", "location", "legacy"),
)

_AT_ONCE: Final = 500
_CHUNK: Final = 64 * 1024


class Exports:
    """Writes out the customers that a person may read."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def note(self, person: Person, form: str) -> None:
        """Notes in the audit log that all customers are exported; before the first one is."""
        if not person.may_somewhere(Area.CUSTOMERS):
            person.require(Area.CUSTOMERS, Action.VIEW)
        entry = Entry(Event.LIST_EXPORTED, person.home, after={"form": form})
        async with self._house.database.writing() as connection:
            await self._house.audit.note(connection, person.actor, entry)

    async def as_csv(self, person: Person, t: Catalogue) -> AsyncIterator[str]:
        """The head and every customer, some hundred at a time."""
        yield MARK + _lines(t, [[t(f"customers.column.{name}") for name in COLUMNS]])
        async for rows in self._rows(person, t):
            yield _lines(t, [[_safe(cell) for cell in row] for row in rows])

    async def as_xlsx(self, person: Person, t: Catalogue) -> AsyncIterator[bytes]:
        """The same as a workbook, in which every cell is a text: nothing in it is ever worked out."""
        with tempfile.TemporaryDirectory(prefix="tillbridge-export-") as folder:
            path = Path(folder) / "customers.xlsx"
            book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": folder})
            sheet, line = book.add_worksheet(t("customers.title")), 0
            await asyncio.to_thread(_write, sheet, line, [[t(f"customers.column.{name}") for name in COLUMNS]])
            async for rows in self._rows(person, t):
                await asyncio.to_thread(_write, sheet, line + 1, rows)
                line += len(rows)
            await asyncio.to_thread(book.close)
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK):
                    yield chunk

    async def _rows(self, person: Person, t: Catalogue) -> AsyncIterator[list[list[str]]]:
        sealer = Sealer(self._house.vault, person.home)
        reach, after = person.reach(Area.CUSTOMERS, Action.VIEW), ""
        places: dict[str, tuple[str, str]] = {}
        while True:
            # A connection for each part: a slow reader must not keep one for itself.
            async with self._house.database.reading() as connection:
                where = store.within(person.home, reach)
                found = await store.page_after(connection, sealer, where, after, _AT_ONCE)
                aliases = await store.aliases_of(connection, [one.id for one in found])
                for location_id in {one.location_id for one in found} - places.keys():
                    place = await locations.find(connection, location_id)
                    places[location_id] = ("", "EUR") if place is None else (place.number.digits, place.currency)
            if not found:
                return
            after = found[-1].number
            yield [_row(one, aliases.get(one.id, ()), places[one.location_id], t) for one in found]


def workbook(rows: Sequence[Sequence[str]], title: str) -> bytes:
    """A small workbook of texts."""
    page = io.BytesIO()
    book = xlsxwriter.Workbook(page, {"in_memory": True})
    _write(book.add_worksheet(title), 0, rows)
    book.close()
    return page.getvalue()


def person_rows(facts: Mapping[str, Any], t: Catalogue) -> list[list[str]]:
    """What is kept about one customer, a line each, for that customer to read."""
    rows: list[list[str]] = []
    for name, value in facts.items():
        match value:
            case dict():
                rows += [[str(key), str(text)] for key, text in value.items()]
            case list() if name == "movements":
                rows += [[t("customers.export.movements"), *map(str, one.values())] for one in value]
            case list():
                rows.append([t(f"customers.export.{name}"), ", ".join(map(str, value))])
            case _:
                rows.append([t(f"customers.export.{name}"), str(value)])
    return rows


def _row(one: Customer, aliases: Sequence[str], place: tuple[str, str], t: Catalogue) -> list[str]:
    fields, (number, code) = one.fields, place
    consent = t("customers.yes" if fields.consent else "customers.no")
    texts = (fields.name, fields.contact, fields.email, fields.phone, fields.address, fields.birthday)
    balance = major(one.balance_minor, code, t("format.decimal"))
    legacy = json.dumps(fields.legacy, ensure_ascii=False, sort_keys=True) if fields.legacy else ""
    return [
        *(one.number, ", ".join(aliases), *texts, consent, fields.note),
        *(balance, code, str(one.points), number, legacy),
    ]


def _lines(t: Catalogue, rows: Sequence[Sequence[str]]) -> str:
    page = io.StringIO()
    # Where a comma is part of a number, spreadsheets expect a semicolon between two cells.
    between = ";" if t("format.decimal") == "," else ","
    csv.writer(page, delimiter=between, lineterminator="\r\n").writerows(rows)
    return page.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


def _write(sheet: Any, begin: int, rows: Sequence[Sequence[str]]) -> None:  # noqa: ANN401  # xlsxwriter ships no types
    for line, row in enumerate(rows, begin):
        for column, cell in enumerate(row):
            sheet.write_string(line, column, cell)
