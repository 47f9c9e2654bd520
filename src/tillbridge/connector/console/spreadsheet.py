"""Payments as a table for a spreadsheet: read rightly by Excel, and by nobody taken for a formula."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from typing import Final

from tillbridge.connector.console.words import Words
from tillbridge.domain.money import Money
from tillbridge.domain.outcome import Approved
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.reading import PAGE_LIMIT, Filter
from tillbridge.protocols.contract import Payment

MEDIA_TYPE: Final = "text/csv; charset=utf-8"

MARK: Final = "\ufeff"
"""The byte order mark by which Excel knows UTF-8."""

FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would work out instead of showing (OWASP, "CSV Injection")."""

COLUMNS: Final = (
    *("time", "utc", "id", "kind", "state", "terminal", "order", "till", "register", "door"),
    *("asked", "asked_minor", "approved", "approved_minor", "currency", "card", "authorization", "parent"),
)


async def table(engine: Engine, where: Filter, words: Words) -> AsyncIterator[str]:
    """The head and every payment that fits, newest first, a page of the journal at a time."""
    yield MARK + lines(words, [[words.t(f"csv.{name}") for name in COLUMNS]])
    before: str | None = None
    while found := engine.payments(before, PAGE_LIMIT, where):
        yield lines(words, ([safe(cell) for cell in _row(payment, words)] for payment in found))
        before = found[-1].id
        await asyncio.sleep(0)  # a year of payments must not hold up the one that runs


def lines(words: Words, rows: Iterator[list[str]] | list[list[str]]) -> str:
    """The rows as text, with what a spreadsheet of that language expects between two cells."""
    page = io.StringIO()
    # Where a comma is part of a number, spreadsheets expect a semicolon between two cells.
    between = ";" if words.t("format.decimal") == "," else ","
    csv.writer(page, delimiter=between, lineterminator="\r\n").writerows(rows)
    return page.getvalue()


def safe(cell: str) -> str:
    """A cell that no spreadsheet works out."""
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


def _row(payment: Payment, words: Words) -> list[str]:
    local = payment.accepted_at.astimezone(words.zone)
    approved = payment.outcome if isinstance(payment.outcome, Approved) else None
    card = None if approved is None or approved.card is None else approved.card.masked_pan
    money = payment.amount or (None if approved is None else approved.amount)
    return [
        f"{local:%Y-%m-%d %H:%M:%S}",
        f"{payment.accepted_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        payment.id,
        words.kind(payment.kind),
        words.stage(payment.stage),
        payment.terminal,
        payment.order_id or "",
        payment.caller,
        payment.register,
        payment.door,
        *_amounts(payment.amount, words),
        *_amounts(None if approved is None else approved.amount, words),
        "" if money is None else money.currency.code,
        card or "",
        (approved.authorization_code if approved is not None else None) or "",
        payment.parent or "",
    ]


def _amounts(money: Money | None, words: Words) -> tuple[str, str]:
    return ("", "") if money is None else (money.major(words.t("format.decimal")), str(money.minor))
