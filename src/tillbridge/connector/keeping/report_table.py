"""A day's report as a table for a spreadsheet, in the reader's words; a cell is never taken for a formula."""

from collections.abc import Iterator
from typing import Final

from tillbridge.connector.console import spreadsheet
from tillbridge.connector.console.words import Words
from tillbridge.connector.keeping.day_report import DayReport
from tillbridge.domain.money import Money

COLUMNS: Final = ("what", "terminal", "kind", "payment", "order", "count", "ours", "theirs", "currency", "place")


def table(report: DayReport, words: Words) -> str:
    """The head, the totals, the terminals' own totals and every difference, a line each."""
    head = [words.t(f"day_report.csv.{name}") for name in COLUMNS]
    cells = [[spreadsheet.safe(cell) for cell in row] for row in _rows(report, words)]
    return spreadsheet.MARK + spreadsheet.lines(words, [head, *cells])


def _rows(report: DayReport, words: Words) -> Iterator[list[str]]:
    t = words.t
    for one in report.totals:
        amount = _major(Money(one.minor, one.currency), words)
        what, kind = t("day_report.csv.total"), words.kind(one.kind)
        yield [what, one.terminal, kind, "", "", str(one.count), amount, "", one.currency.code, ""]
    for line in report.closings:
        what, side = t("day_report.csv.closing"), t(f"side.{line.side}")
        amounts = [_major(line.ours, words), _major(line.theirs, words), line.ours.currency.code]
        count = f"{line.our_count} / {line.their_count}"
        yield [what, line.terminal, side, line.payment_id, "", count, *amounts, ""]
    for found in report.differences:
        unit = found.ours or found.theirs
        amounts = [_major(found.ours, words), _major(found.theirs, words), "" if unit is None else unit.currency.code]
        what = t(f"difference.{found.difference}")
        yield [what, found.terminal or "", "", found.payment_id or "", found.order_id or "", "", *amounts, found.place]


def _major(money: Money | None, words: Words) -> str:
    return "" if money is None else money.major(words.t("format.decimal"))
