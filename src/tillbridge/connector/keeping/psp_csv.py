"""A list of payments that a merchant has downloaded from the payment service, as comma separated values.

Every service names its columns as it likes: the usual names are known, in any order, and other columns are passed by.
docs/reference/keeping.md, section 6.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
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


def read_list(path: Path) -> PspList:
    """The list in this file. `BridgeError(FILE_UNREADABLE)` names the line and the column of what makes no sense."""
    try:
        content = read_bounded(path, MOST_BYTES)
    except OSError as error:
        raise _wrong(str(path), f"it cannot be read: {error.strerror}") from None
    if content is None:
        raise _wrong(str(path), "there is no such file")
    if len(content) > MOST_BYTES:
        raise _wrong(str(path), f"it has more than {MOST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _wrong(f"{path}, line {line}", "it is not UTF-8: download it, or save it, as CSV UTF-8") from None
    return PspList(path.name, tuple(_rows(text, str(path))))


@dataclass(frozen=True, slots=True)
class _Columns:
    ids: tuple[int, ...]
    amount: int
    currency: int
    state: int | None
    count: int


def _rows(text: str, path: str) -> Iterator[PspRow]:
    head = text.split("\n", 1)[0]
    between = max(";,\t", key=head.count)
    csv.field_size_limit(LONGEST_CELL)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    columns: _Columns | None = None
    try:
        for cells in lines:
            place = f"{path}, line {lines.line_num}"
            if lines.line_num > MOST_LINES:
                raise _wrong(place, f"it has more than {MOST_LINES} lines")
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells, place)
            else:
                yield _row(cells, columns, place)
    except csv.Error as error:
        raise _wrong(f"{path}, line {lines.line_num}", f"it is no table: {error}") from None
    if columns is None:
        raise _wrong(path, "it is empty")


def _columns(cells: list[str], place: str) -> _Columns:
    if len(cells) > MOST_COLUMNS:
        raise _wrong(place, f"it has more than {MOST_COLUMNS} columns")
    names = [" ".join(cell.strip().lower().replace("_", " ").replace("-", " ").split()) for cell in cells]

    def find(wanted: Sequence[str]) -> int | None:
        return next((names.index(name) for name in wanted if name in names), None)

    ids = tuple(number for number, name in enumerate(names) if name in ID_COLUMNS)
    amount, unit, state = find(AMOUNT_COLUMNS), find(CURRENCY_COLUMNS), find(STATE_COLUMNS)
    if not ids:
        raise _wrong(place, "no column is called order id, merchant reference or payment id")
    if amount is None:
        raise _wrong(place, "no column is called amount")
    if unit is None:
        raise _wrong(place, "no column is called currency")
    return _Columns(ids, amount, unit, state, len(cells))


def _row(cells: list[str], columns: _Columns, place: str) -> PspRow:
    if len(cells) != columns.count:
        raise _wrong(place, f"it has {len(cells)} cells, the first line has {columns.count}")
    ids = tuple(dict.fromkeys(name for number in columns.ids if (name := cells[number].strip().lstrip("'"))))
    if not ids or any(len(name) > LONGEST_ID for name in ids):
        raise _wrong(place, "no order number or payment id stands in it, or one that is too long")
    state = "" if columns.state is None else cells[columns.state].strip().lower()
    try:
        amount: Money = parse_major(cells[columns.amount].strip(), currency(cells[columns.currency].strip().upper()))
    except BridgeError as error:
        raise _wrong(place, error.detail) from None
    return PspRow(place, ids, amount, PspState.NOT_TAKEN if state in NOT_TAKEN else PspState.TAKEN)


def _wrong(place: str, why: str) -> BridgeError:
    return BridgeError(Code.FILE_UNREADABLE, why, place=place)
