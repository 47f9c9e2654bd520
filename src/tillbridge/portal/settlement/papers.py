"""Writes a sheet as a PDF and as a workbook. Both have the same cells in the same order."""

import io
from collections.abc import Sequence
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
from fpdf import FPDF

from tillbridge.portal.documents.paper import FAMILY, finished, paper
from tillbridge.portal.settlement.sheets import Column, Sheet, Table
from tillbridge.web.language import Catalogue

LONGEST_TITLE: Final = 31
"""Characters of a sheet's name, as spreadsheet programs have it."""

_MARGIN: Final = 12.0
_LINE: Final = 4.2
_SMALL: Final = 7.5
_GREY: Final = 235
_GAP: Final = 4.0
_PADDING: Final = 3.2
_FOOT: Final = 8.0


def pdf(sheet: Sheet, t: Catalogue) -> bytes:
    """The sheet as a PDF, with the number of each page below it."""
    document = paper(sheet.title, language=str(sheet.language), orientation="landscape")
    document.set_margin(_MARGIN)
    document.c_margin = _PADDING / 2
    document.set_auto_page_break(auto=False)
    writer = _Pages(document, t)
    writer.head(sheet)
    for table in sheet.tables:
        writer.table(table)
    writer.notes(sheet.notes)
    writer.feet()
    return finished(document)


def xlsx(sheet: Sheet, summary: str) -> bytes:
    """The sheet as a workbook of texts: a page with the facts and sums, of this name, and one with the bookings."""
    page = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(page, options)
    strong = book.add_format({"bold": True})
    right = book.add_format({"align": "right"})
    strong_right = book.add_format({"bold": True, "align": "right"})
    formats = _Formats(strong, right, strong_right)
    first = _Cells(book.add_worksheet(summary[:LONGEST_TITLE]), formats)
    first.line([sheet.title], strong=True)
    for name, value in sheet.facts:
        first.line([name, value])
    *sums, bookings = sheet.tables
    for table in sums:
        first.table(table)
    for note in sheet.notes:
        first.line([note])
    _Cells(book.add_worksheet(bookings.title[:LONGEST_TITLE]), formats).table(bookings)
    book.close()
    return page.getvalue()


class _Pages:
    """Draws line after line, and begins a new page where one is full."""

    def __init__(self, document: FPDF, t: Catalogue) -> None:
        self._pdf = document
        self._t = t
        document.add_page()

    def head(self, sheet: Sheet) -> None:
        """The title and the facts."""
        self._pdf.set_font(FAMILY, "B", 15)
        self._pdf.cell(0, 9, sheet.title, new_x="LMARGIN", new_y="NEXT")
        for name, value in sheet.facts:
            self._pdf.set_font(FAMILY, "B", 9)
            self._pdf.cell(50, 5, name)
            self._pdf.set_font(FAMILY, "", 9)
            self._pdf.cell(0, 5, value, new_x="LMARGIN", new_y="NEXT")

    def table(self, table: Table) -> None:
        """A table; its heading is drawn again on each page."""
        self._room(6 * _LINE)
        self._pdf.set_y(self._pdf.get_y() + _GAP)
        self._pdf.set_font(FAMILY, "B", 10)
        self._pdf.cell(0, 6, table.title, new_x="LMARGIN", new_y="NEXT")
        if not table.rows:
            self._pdf.set_font(FAMILY, "", _SMALL)
            self._pdf.cell(0, 5, table.none, new_x="LMARGIN", new_y="NEXT")
            return
        widths = self._widths(table.columns)
        names = [column.name for column in table.columns]
        self._row(names, table.columns, widths, strong=True)
        self._pdf.set_font(FAMILY, "", _SMALL)
        for row in (*table.rows, table.last):
            cells = self._wrapped(row, widths)
            if self._room(max(map(len, cells)) * _LINE):
                self._row(names, table.columns, widths, strong=True)
                self._pdf.set_font(FAMILY, "", _SMALL)
            if row is table.last:
                self._row(row, table.columns, widths, strong=True)
            else:
                self._cells(cells, table.columns, widths, fill=False)

    def notes(self, notes: Sequence[str]) -> None:
        """Sentences below the tables."""
        self._room(4 * _LINE * len(notes))
        self._pdf.set_y(self._pdf.get_y() + _GAP)
        self._pdf.set_font(FAMILY, "", _SMALL)
        for note in notes:
            self._pdf.multi_cell(0, _LINE, note, new_x="LMARGIN", new_y="NEXT")

    def feet(self) -> None:
        """The number below each page."""
        self._pdf.set_font(FAMILY, "", _SMALL)
        pages = len(self._pdf.pages)
        for number in range(1, pages + 1):
            self._pdf.page = number
            self._pdf.set_y(self._pdf.h - _FOOT)
            self._pdf.cell(0, _LINE, self._t("settlement.paper.page", page=number, pages=pages), align="R")

    def _row(self, row: Sequence[str], columns: Sequence[Column], widths: Sequence[float], *, strong: bool) -> None:
        self._pdf.set_font(FAMILY, "B" if strong else "", _SMALL)
        self._cells(self._wrapped(row, widths), columns, widths, fill=strong)

    def _cells(
        self, cells: Sequence[Sequence[str]], columns: Sequence[Column], widths: Sequence[float], *, fill: bool
    ) -> None:
        top, height = self._pdf.get_y(), _LINE * max(map(len, cells))
        self._pdf.set_fill_color(_GREY)
        self._pdf.set_draw_color(_GREY)
        left = self._pdf.l_margin
        if fill:
            self._pdf.rect(left, top, sum(widths), height, style="F")
        for texts, column, width in zip(cells, columns, widths, strict=True):
            for number, text in enumerate(texts):
                self._pdf.set_xy(left, top + number * _LINE)
                self._pdf.cell(width, _LINE, text, align="R" if column.right else "L")
            left += width
        self._pdf.set_y(top + height)
        self._pdf.line(self._pdf.l_margin, top + height, left, top + height)

    def _wrapped(self, row: Sequence[str], widths: Sequence[float]) -> list[list[str]]:
        """Each cell as the lines that it takes."""
        return [self._lines(text, width - _PADDING) for text, width in zip(row, widths, strict=True)]

    def _lines(self, text: str, width: float) -> list[str]:
        if self._pdf.get_string_width(text) <= width:
            return [text]
        found = self._pdf.multi_cell(width + _PADDING, _LINE, text, dry_run=True, output="LINES")
        return list(found) if isinstance(found, list) else [text]

    def _widths(self, columns: Sequence[Column]) -> list[float]:
        unit = self._pdf.epw / sum(column.share for column in columns)
        return [column.share * unit for column in columns]

    def _room(self, height: float) -> bool:
        """Begins a new page if so much does not fit on this one; whether it did."""
        if self._pdf.get_y() + height <= self._pdf.h - _MARGIN - _FOOT:
            return False
        self._pdf.add_page()
        return True


class _Formats:
    """The looks of a workbook's cells."""

    def __init__(self, strong: object, right: object, strong_right: object) -> None:
        self._by = {(True, False): strong, (False, True): right, (True, True): strong_right, (False, False): None}

    def of(self, *, strong: bool, right: bool) -> object:
        """The look of such a cell."""
        return self._by[strong, right]


class _Cells:
    """Writes a worksheet from top to bottom. Every cell is a text: no zero is lost, and nothing is worked out."""

    def __init__(self, sheet: Any, formats: _Formats) -> None:  # noqa: ANN401  # xlsxwriter ships no types
        self._sheet = sheet
        self._formats = formats
        self._at = 0
        sheet.set_column(0, 8, 20)

    def line(self, cells: Sequence[str], columns: Sequence[Column] = (), *, strong: bool = False) -> None:
        """A line of cells."""
        for number, cell in enumerate(cells):
            right = number < len(columns) and columns[number].right
            self._sheet.write_string(self._at, number, cell, self._formats.of(strong=strong, right=right))
        self._at += 1

    def table(self, table: Table) -> None:
        """A table with its title above it."""
        self.line([table.title], strong=True)
        if not table.rows:
            self.line([table.none])
            return
        self.line([column.name for column in table.columns], table.columns, strong=True)
        for row in table.rows:
            self.line(row, table.columns)
        self.line(table.last, table.columns, strong=True)
