"""The audit log as a file: CSV, a spreadsheet, or JSON lines."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC
from enum import StrEnum
from typing import Final

from xlsxwriter import Workbook  # type: ignore[import-untyped]  # it ships no types

from tillbridge.portal.audit.reading import Noted

MOST_SHEET_ROWS: Final = 100_000
"""Rows of a spreadsheet: it is made in one piece; more of the log goes as CSV or JSON lines, which flow."""

COLUMNS: Final = (
    "time",
    "event",
    "actor_kind",
    "actor",
    "on_behalf_of",
    "location",
    "subject",
    "before",
    "after",
    "reason",
    "source",
    "id",
)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BYTE_ORDER_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
_LONGEST_CELL: Final = 32_767


class Form(StrEnum):
    """The kind of file, as its name ends."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


MEDIA_TYPES: Final = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.JSONL: "application/jsonl",
}


def csv_head() -> bytes:
    """The first line; the mark before it tells spreadsheet programs that the rest is UTF-8."""
    return (_BYTE_ORDER_MARK + _csv([COLUMNS])).encode()


def csv_lines(rows: Sequence[Noted]) -> bytes:
    """Lines of CSV. A cell that a spreadsheet would take for a formula is given an apostrophe (OWASP)."""
    return _csv([[_harmless(cell) for cell in _cells(row)] for row in rows]).encode()


def json_lines(rows: Sequence[Noted]) -> bytes:
    """One JSON object a line, with nothing changed."""
    return "".join(json.dumps(_members(row), ensure_ascii=False) + "\n" for row in rows).encode()


def spreadsheet(rows: Sequence[Noted]) -> bytes:
    """A workbook of one sheet; every cell is text, so that no program computes with it."""
    made = io.BytesIO()
    book = Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("audit")
    bold = book.add_format({"bold": True})
    for column, name in enumerate(COLUMNS):
        sheet.write_string(0, column, name, bold)
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(_cells(row)):
            sheet.write_string(number, column, cell[:_LONGEST_CELL])
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(rows)), len(COLUMNS) - 1)
    sheet.set_column(0, len(COLUMNS) - 1, 24)
    book.close()
    return made.getvalue()


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _members(row: Noted) -> dict[str, object]:
    at = row.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "time": at,
        "event": row.event,
        "actor_kind": row.actor_kind,
        "actor": row.actor_name,
        "on_behalf_of": row.on_behalf_of,
        "location": row.location,
        "subject": row.subject,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
        "source": row.source,
        "id": row.id,
    }


def _cells(row: Noted) -> list[str]:
    return [
        cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, sort_keys=True) if cell else ""
        for cell in _members(row).values()
    ]
