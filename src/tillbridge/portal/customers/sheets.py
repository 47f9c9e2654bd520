"""Reads tables that people upload: CSV in the encodings of common programs, and XLSX. Bounded in every direction."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any, Final
from xml.parsers import expat

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from tillbridge.domain.errors import BridgeError, Code

MOST_ROWS: Final = 250_000
"""Rows of a file: more than twice the largest customer base that we convert."""

MOST_COLUMNS: Final = 60
LONGEST_CELL: Final = 4000
"""Characters of a cell: a note of two pages."""

LARGEST_UNPACKED: Final = 256 * 1024 * 1024
"""Bytes of a workbook when it is unpacked: about what 250,000 rows take. A file that swells further is an attack."""

MOST_PARTS: Final = 2000

LAST_ROW: Final = 1_048_576
"""The last row that a spreadsheet program knows; a workbook that names a later one would be read for ever."""

_HEAD_BYTES: Final = 4096
_LONGEST_PROLOGUE: Final = 64 * 1024
"""Bytes before the first element of a part: a line or two, and never so much."""

_DELIMITERS: Final = (";", ",", "\t", "|")
_ZIP: Final = b"PK\x03\x04"
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Sheet:
    """An uploaded file. `encoding` and `delimiter` are those that were found; both are "" for a workbook."""

    content: bytes
    encoding: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a file; `number` is its line as a text editor or a spreadsheet counts it."""

    number: int
    cells: Sequence[str]


def open_sheet(content: bytes) -> Sheet:
    """Finds out what this file is. `BridgeError(FILE_UNREADABLE)` for what is no table."""
    if not content.strip():
        raise _unreadable("the file is empty")
    if content.startswith(_ZIP):
        _check_workbook(content)
        return Sheet(content, "", "")
    encoding = _encoding(content)
    return Sheet(content, encoding, _delimiter(content[:_HEAD_BYTES].decode(encoding, errors="replace")))


def lines(sheet: Sheet) -> Iterator[Line]:
    """The rows of a file that hold anything, the head first. `BridgeError(FILE_UNREADABLE)` names the line."""
    source = _workbook_lines(sheet.content) if not sheet.encoding else _text_lines(sheet)
    for count, line in enumerate(source):
        if count > MOST_ROWS:
            raise _unreadable(f"a file may have {MOST_ROWS} rows", line.number)
        if len(line.cells) > MOST_COLUMNS:
            raise _unreadable(f"a row may have {MOST_COLUMNS} columns", line.number)
        if any(len(cell) > LONGEST_CELL for cell in line.cells):
            raise _unreadable(f"a cell may have {LONGEST_CELL} characters", line.number)
        yield line


def _encoding(content: bytes) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if b"\x00" in content:
        raise _unreadable("this is neither a text in UTF-8 or Windows-1252 nor a workbook")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(head: str) -> str:
    """The mark that parts the first line into the most cells, outside of quotation marks."""
    first = next(iter(head.splitlines()), "")
    counts = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: counts[mark])


def _text_lines(sheet: Sheet) -> Iterator[Line]:
    # Windows-1252 leaves five bytes without a character; a name with one of them is shown with a mark, not lost.
    errors = "replace" if sheet.encoding == "cp1252" else "strict"
    text = io.TextIOWrapper(io.BytesIO(sheet.content), encoding=sheet.encoding, errors=errors, newline="")
    reader = csv.reader(text, delimiter=sheet.delimiter, strict=True)
    number = 1
    while True:
        try:
            cells = next(reader, None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _unreadable(f"the file cannot be read from here on: {type(error).__name__}", number) from error
        if cells is None:
            return
        begun, number = number, reader.line_num + 1
        if any(cell.strip() for cell in cells):
            yield Line(begun, [_plain(cell) for cell in cells])


def _check_workbook(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise _unreadable("the workbook is too large when it is unpacked")
            for part in parts:
                with archive.open(part) as file:
                    if _declares(file):
                        raise _unreadable("the workbook holds XML with declarations of its own")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise _unreadable("the workbook is damaged or locked with a password") from error


def _declares(part: IO[bytes]) -> bool:
    """Whether XML has a document type of its own, in whatever encoding and behind whatever comment.

    Entities are declared there, and nothing that writes workbooks needs one. It stands before the first element.
    """
    found: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: found.append(True)
    parser.StartElementHandler = lambda *_: found.append(False)
    read = 0
    try:
        while not found and (piece := part.read(_HEAD_BYTES)):
            read += len(piece)
            if read > _LONGEST_PROLOGUE:
                return True
            parser.Parse(piece)
    except expat.ExpatError:
        # No XML, such as a picture; whatever reads it as XML later on fails at the same place.
        return found[:1] == [True]
    return found[:1] == [True]


def _workbook_lines(content: bytes) -> Iterator[Line]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet, seen = book.worksheets[0], 0
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            # A few bytes can say that a row stands at the end of the sheet, or a cell at the end of its row: all that
            # lies between is made up empty, and costs time without ever being a line.
            seen += len(row) + 1
            if number > LAST_ROW or seen > MOST_ROWS * MOST_COLUMNS:
                raise _unreadable("the workbook is too large, or nearly empty over a large area", number)
            cells = ["" if value is None else _plain(_text(value)) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield Line(number, cells)
    except (
        InvalidFileException,
        KeyError,
        ValueError,
        IndexError,
        TypeError,
        SyntaxError,
        zipfile.BadZipFile,
    ) as error:
        raise _unreadable(f"the workbook cannot be read: {type(error).__name__}") from error


def _text(value: Any) -> str:  # noqa: ANN401  # whatever a cell can hold
    match value:
        case None:
            return ""
        case datetime() | date():
            return value.strftime("%Y-%m-%d")
        case float():
            # A workbook keeps every number as a float; a spreadsheet shows fifteen digits of it, and so do we.
            return str(int(value)) if value.is_integer() else f"{value:.15g}"
        case _:
            return str(value)


def _plain(cell: str) -> str:
    """A cell without spaces around it, and without the mark that keeps a spreadsheet from working it out."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULAS) else cell


def _unreadable(detail: str, line: int | None = None) -> BridgeError:
    return BridgeError(Code.FILE_UNREADABLE, detail, place=None if line is None else f"line {line}")
