"""A list of payments that a merchant has downloaded from the payment service, as comma separated values.

Every service names its columns as it likes: the usual names are known, in any order, and other columns are passed by.
docs/reference/keeping.md, section 6.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from tillbridge.connector.keeping.psp import PspRow, PspState
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, currency, parse_major
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.durable import read_bounded

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_LINES: Final = 200_000
"""A day of the busiest shop has some thousand."""

MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 4096
LONGEST_ID: Final = 200

ID_COLUMNS: Final = (
    *("order id", "orderid", "order", "order number", "merchant order id", "merchant reference", "order reference"),
    *("payment id", "payment", "reference"),
)
AMOUNT_COLUMNS: Final = ("captured amount", "operation amount", "amount", "order amount")
CURRENCY_COLUMNS: Final = ("currency", "order currency")
STATE_COLUMNS: Final = ("status", "state", "result")

NOT_TAKEN: Final = frozenset({
    *("refused", "declined", "cancelled", "canceled", "expired", "error", "failed", "failure", "blocked", "denied"),
    *("111", "113", "114", "115", "178"),
})  # fmt: skip
"""States that say that no money was taken, in small letters; every other one counts as taken."""


@dataclass(frozen=True, slots=True)
class PspList:
    """A list that was read. What it does not name is missing at the service: a merchant downloads whole days."""

    name: str
    listed: tuple[PspRow, ...]
    complete: bool = True

    def rows(self, payments: Sequence[Payment], since: datetime, until: datetime) -> Sequence[PspRow]:
        """See `PspDay.rows`: all of it, for the list itself is what was downloaded for these days."""
        del payments, since, until
        return self.listed


class Fault(StrEnum):
    """What is wrong with a list, for pages that say it in their reader's language."""

    FILE = "file"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NO_TABLE = "no_table"
    EMPTY = "empty"
    NO_ID_COLUMN = "no_id_column"
    NO_AMOUNT_COLUMN = "no_amount_column"
    NO_CURRENCY_COLUMN = "no_currency_column"
    CELLS = "cells"
    NO_ID = "no_id"
    AMOUNT = "amount"


class ListUnreadable(BridgeError):
    """A list that makes no sense; `line` counts from 1, None where the file as a whole is meant."""

    def __init__(self, fault: Fault, name: str, line: int | None, why: str) -> None:
        place = name if line is None else f"{name}, line {line}"
        super().__init__(Code.FILE_UNREADABLE, why, place=place)
        self.fault = fault
        self.line = line


def read_list(path: Path) -> PspList:
    """The list in this file. `ListUnreadable` names the line and the column of what makes no sense."""
    try:
        content = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise ListUnreadable(Fault.FILE, str(path), None, f"it cannot be read: {error.strerror}") from None
    if content is None:
        raise ListUnreadable(Fault.FILE, str(path), None, "there is no such file")
    return replace(list_of(content, str(path)), name=path.name)


def list_of(content: bytes, name: str, at: Callable[[int], str] | None = None) -> PspList:
    """The list in these bytes; see `read_list`. `at` says in a reader's own words on which line something stands."""
    if len(content) > MOST_BYTES:
        raise ListUnreadable(Fault.TOO_LARGE, name, None, f"it has more than {MOST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        why = "it is not UTF-8: download it, or save it, as CSV UTF-8"
        raise ListUnreadable(Fault.NOT_UTF8, name, line, why) from None
    return PspList(name, tuple(_rows(text, name, at or (lambda line: f"{name}, line {line}"))))


@dataclass(frozen=True, slots=True)
class _Columns:
    ids: tuple[int, ...]
    amount: int
    currency: int
    state: int | None
    count: int


def _rows(text: str, name: str, at: Callable[[int], str]) -> Iterator[PspRow]:
    head = text.split("\n", 1)[0]
    between = max(";,\t", key=head.count)
    csv.field_size_limit(LONGEST_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    columns: _Columns | None = None
    try:
        for cells in lines:
            line = lines.line_num
            if lines.line_num > MOST_LINES:
                raise ListUnreadable(Fault.TOO_LARGE, name, line, f"it has more than {MOST_LINES} lines")
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells, name, line)
            else:
                yield replace(_row(cells, columns, name, line), place=at(line))
    except csv.Error as error:
        raise ListUnreadable(Fault.NO_TABLE, name, lines.line_num, f"it is no table: {error}") from None
    if columns is None:
        raise ListUnreadable(Fault.EMPTY, name, None, "it is empty")


def _columns(cells: list[str], name: str, line: int) -> _Columns:
    if len(cells) > MOST_COLUMNS:
        raise ListUnreadable(Fault.TOO_LARGE, name, line, f"it has more than {MOST_COLUMNS} columns")
    names = [" ".join(cell.strip().lower().replace("_", " ").replace("-", " ").split()) for cell in cells]

    def find(wanted: Sequence[str]) -> int | None:
        return next((names.index(one) for one in wanted if one in names), None)

    ids = tuple(number for number, one in enumerate(names) if one in ID_COLUMNS)
    amount, unit, state = find(AMOUNT_COLUMNS), find(CURRENCY_COLUMNS), find(STATE_COLUMNS)
    if not ids:
        raise ListUnreadable(
            Fault.NO_ID_COLUMN, name, line, "no column is called order id, merchant reference or payment id"
        )
    if amount is None:
        raise ListUnreadable(Fault.NO_AMOUNT_COLUMN, name, line, "no column is called amount")
    if unit is None:
        raise ListUnreadable(Fault.NO_CURRENCY_COLUMN, name, line, "no column is called currency")
    return _Columns(ids, amount, unit, state, len(cells))


def _row(cells: list[str], columns: _Columns, name: str, line: int) -> PspRow:
    if len(cells) != columns.count:
        why = f"it has {len(cells)} cells, the first line has {columns.count}"
        raise ListUnreadable(Fault.CELLS, name, line, why)
    ids = tuple(dict.fromkeys(one for number in columns.ids if (one := cells[number].strip().lstrip("'"))))
    if not ids or any(len(one) > LONGEST_ID for one in ids):
        why = "no order number or payment id stands in it, or one that is too long"
        raise ListUnreadable(Fault.NO_ID, name, line, why)
    state = "" if columns.state is None else cells[columns.state].strip().lower()
    try:
        amount: Money = parse_major(cells[columns.amount].strip(), currency(cells[columns.currency].strip().upper()))
    except BridgeError as error:
        raise ListUnreadable(Fault.AMOUNT, name, line, error.detail) from None
    return PspRow("", ids, amount, PspState.NOT_TAKEN if state in NOT_TAKEN else PspState.TAKEN)
