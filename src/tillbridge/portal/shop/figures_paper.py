"""A shop's figures as files for a spreadsheet: CSV and a workbook with the same cells."""

import csv
import io

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from tillbridge.portal.customers.exporting import FORMULAS, MARK
from tillbridge.portal.customers.forms import major
from tillbridge.portal.shop.model import said
from tillbridge.portal.shop.statistics import Figures, Sold
from tillbridge.web.language import Catalogue

Rows = list[list[str]]


def cells(found: Figures, currency: str, t: Catalogue) -> Rows:
    """Every table below the other, with an empty line between them."""
    decimal = t("format.decimal")
    views, orders, amount = (t(f"shop.figures.{name}") for name in ("views", "orders", "amount"))
    looked = [views] if found.whole else []
    rows: Rows = [[t("shop.figures.day"), *looked, orders, amount, t("shop.column.currency")]]
    for one in found.days:
        seen = [str(one.views)] if found.whole else []
        money = major(one.amount, currency, decimal)
        rows.append([one.day.isoformat(), *seen, str(one.orders), money, currency])
    for title, sold in (("design", found.designs), ("location", found.locations)):
        rows += [[], [t(f"shop.figures.{title}"), t("shop.vouchers"), amount, t("shop.column.currency")]]
        rows += [_sold(one, currency, decimal, t.language) for one in sold]
    return rows


def csv_of(rows: Rows) -> bytes:
    """In UTF-8, every cell in quotation marks; what a spreadsheet would work out is marked as text."""
    page = io.StringIO()
    page.write(MARK)
    writer = csv.writer(page, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return page.getvalue().encode()


def xlsx_of(rows: Rows, title: str) -> bytes:
    """A workbook of texts: none of its cells is a formula."""
    page = io.BytesIO()
    book = xlsxwriter.Workbook(page, {"in_memory": True})
    sheet = book.add_worksheet(title[:31])
    sheet.set_column(0, 4, 20)
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            sheet.write_string(number, place, cell)
    book.close()
    return page.getvalue()


def _sold(one: Sold, currency: str, decimal: str, language: str) -> list[str]:
    return [said(one.names, language), str(one.vouchers), major(one.amount, currency, decimal), currency]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULAS) else cell
