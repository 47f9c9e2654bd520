"""The receipts of payments, in every form, and the printer that they are handed to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import structlog

from tillbridge.connector.receipts.escpos import ANY_PRINTER, render_escpos
from tillbridge.connector.receipts.html import render_html, render_ticket_html
from tillbridge.connector.receipts.printing import Printer
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.connector.receipts.store import Print, PrintStore
from tillbridge.connector.receipts.text import Row, lay_out, lay_out_ticket, render_text
from tillbridge.domain.card import hide_card_numbers
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import Aborted, Approved, Declined, Outcome
from tillbridge.domain.receipt import Copy, Receipt, Slip, build_receipt
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.effects import Clock
from tillbridge.runtime.sqlite import Committer
from tillbridge.upstream.write_keys import WriteKey

log = structlog.get_logger(__name__)


class Form(StrEnum):
    """How a receipt is written."""

    TEXT = "text"
    HTML = "html"
    ESCPOS = "escpos"


class Source(StrEnum):
    """Who made the receipt: we did, or the terminal sent its own."""

    BUILT = "built"
    TERMINAL = "terminal"


MEDIA_TYPES = {
    Form.TEXT: "text/plain; charset=utf-8",
    Form.HTML: "text/html; charset=utf-8",
    Form.ESCPOS: "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which receipt of a payment. `language` None is the shop's own; `columns` None is the width of the settings."""

    copy: Copy = Copy.CUSTOMER
    source: Source = Source.BUILT
    language: Language | None = None
    columns: int | None = None
    duplicate: bool = False


class ReceiptDesk:
    """Receipts over one engine. `committer` is the journal's, for the notes of what was printed."""

    def __init__(self, engine: Engine, committer: Committer, settings: ReceiptSettings, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._store = PrintStore(committer)
        self._printer = None if settings.printer is None else Printer(settings.printer)
        self._one_at_a_time = asyncio.Lock()

    @property
    def has_printer(self) -> bool:
        """Whether a printer stands in the settings."""
        return self._printer is not None

    @property
    def language(self) -> Language:
        """The shop's own language for receipts."""
        return self._settings.language

    async def printed(self, payment_id: str, copy: Copy) -> bool:
        """Whether this side of a payment was printed before, so that the next one is a copy."""
        return await self._store.printed(payment_id, copy)

    async def receipt(self, payment_id: str, wish: Wish, form: Form) -> bytes:
        """The receipt of a payment that is over.

        `BridgeError`: STILL_RUNNING while it is not, FIELD_INVALID where the terminal sent no slip of its own.
        """
        payment = await self._over(payment_id)
        match form:
            case Form.TEXT:
                return render_text(self._rows(payment, wish)).encode()
            case Form.ESCPOS:
                profile = ANY_PRINTER if self._printer is None else self._printer.profile
                return await _on_paper(self._rows(payment, wish), profile)
            case Form.HTML if wish.source is Source.TERMINAL:
                return render_ticket_html(_ticket(payment)).encode()
            case Form.HTML:
                return render_html(self._built(payment, wish)).encode()

    async def written(self, receipt: Receipt, form: Form, columns: int | None = None) -> bytes:
        """Something else than a payment's receipt, in one of the forms; `columns` None is the width of the settings."""
        match form:
            case Form.TEXT:
                return render_text(self._laid_out(receipt, columns)).encode()
            case Form.ESCPOS:
                profile = ANY_PRINTER if self._printer is None else self._printer.profile
                return await _on_paper(self._laid_out(receipt, columns), profile)
            case Form.HTML:
                return render_html(receipt).encode()

    async def hand_over(self, receipt: Receipt) -> None:
        """Hands something else than a payment's receipt to the printer. `BridgeError(PRINTER_UNAVAILABLE)`."""
        if self._printer is None:
            raise BridgeError(Code.PRINTER_UNAVAILABLE, "no printer stands in the settings", place="receipts.printer")
        slip = await _on_paper(self._laid_out(receipt, None), self._printer.profile)
        await self._printer.print(slip, lambda: None)

    def own_lines(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The shop's lines above and below."""
        return self._settings.header, self._settings.footer

    def local(self, moment: datetime) -> datetime:
        """A moment in the shop's own time zone."""
        return self._local(moment)

    async def print(self, payment_id: str, wish: Wish, key: WriteKey) -> Print:
        """Hands a receipt to the printer; from the second one of the same copy on it is marked as such.

        `BridgeError`: as `receipt`, and PRINTER_UNAVAILABLE where there is no printer, or it takes nothing.
        """
        payment = await self._over(payment_id)
        printer = self._printer
        if printer is None:
            raise BridgeError(Code.PRINTER_UNAVAILABLE, "no printer stands in the settings", place="receipts.printer")
        rows = {marked: self._rows(payment, _marked(wish, marked)) for marked in (False, True)}
        slips = {marked: await _on_paper(those, printer.profile) for marked, those in rows.items()}
        # One after the other: a repeat that comes meanwhile must not hear that it is printed before it is.
        async with self._one_at_a_time:
            return await self._print_once(printer, payment, wish.copy, slips, key)

    async def _print_once(
        self, printer: Printer, payment: Payment, copy: Copy, slips: Mapping[bool, bytes], key: WriteKey
    ) -> Print:
        begun = await self._store.begin(payment.id, copy, self._clock.now(), key)
        if begun.replayed:
            return begun
        left = False

        def began() -> None:
            nonlocal left
            left = True

        try:
            await printer.print(slips[begun.duplicate], began)
        except Exception as error:
            log.warning("receipt_not_printed", payment=payment.id, cause=str(error))
            await self._store.failed(begun, key, left=left)
            raise
        return begun

    async def _over(self, payment_id: str) -> Payment:
        payment = await self._engine.inquire(payment_id)
        if payment.running or payment.outcome is None:
            raise BridgeError(Code.STILL_RUNNING, "there is no receipt before its end", payment_id=payment.id)
        return payment

    def _laid_out(self, receipt: Receipt, columns: int | None) -> list[Row]:
        return lay_out(receipt, columns or self._settings.columns)

    def _rows(self, payment: Payment, wish: Wish) -> list[Row]:
        if wish.source is Source.TERMINAL:
            return lay_out_ticket(_ticket(payment))
        return lay_out(self._built(payment, wish), wish.columns or self._settings.columns)

    def _built(self, payment: Payment, wish: Wish) -> Receipt:
        assert payment.outcome is not None  # noqa: S101  # `_over` has looked
        slip = Slip(
            kind=payment.kind,
            outcome=payment.outcome,
            asked=payment.amount,
            at=self._local(payment.closed_at or payment.accepted_at),
            terminal=payment.terminal,
            payment_id=payment.id,
            order_id=payment.order_id,
            header=self._settings.header,
            footer=self._settings.footer,
        )
        return build_receipt(slip, wish.copy, wish.language or self._settings.language, duplicate=wish.duplicate)

    def _local(self, moment: datetime) -> datetime:
        zone = self._engine.settings.time_zone
        return moment.astimezone(None if zone is None else ZoneInfo(zone))


async def _on_paper(rows: list[Row], profile: str) -> bytes:
    # In a thread: the first one loads a library for a quarter of a second, in which payments go on.
    return await asyncio.to_thread(render_escpos, rows, profile)


def _marked(wish: Wish, duplicate: bool) -> Wish:
    return Wish(wish.copy, wish.source, wish.language, wish.columns, duplicate)


def _ticket(payment: Payment) -> str:
    """The terminal's own slip, as it came; the driver has hidden the card number in it (law 7)."""
    outcome: Outcome | None = payment.outcome
    ticket = outcome.ticket if isinstance(outcome, Approved | Declined | Aborted) else None
    if ticket is None:
        raise BridgeError(Code.FIELD_INVALID, "the terminal sent no slip of its own", place="source")
    return hide_card_numbers(ticket)
