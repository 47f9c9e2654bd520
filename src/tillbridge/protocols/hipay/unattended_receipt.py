"""The receipt of the unattended profile: every field there, as a text of its own fixed width (README, section 10).

What the terminal's wire does not tell stands there as blanks: a kiosk that cuts a line into columns finds each of them
where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.domain.card import EntryMode
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment
from tillbridge.protocols.strict_json import JsonObject


@dataclass(frozen=True, slots=True)
class Column:
    """A field's width in characters. `number`: filled with zeros in front, else with blanks behind."""

    width: int
    number: bool = False

    def put(self, text: str) -> str:
        """The text at this width. A number is never cut: half of an amount is another amount."""
        if not text:
            return " " * self.width
        return text.rjust(self.width, "0") if self.number else text[: self.width].ljust(self.width)


COLUMNS: Final[Mapping[str, Column]] = {
    "ticketHeader": Column(24),
    "localDate": Column(6),
    "localTime": Column(6),
    "acceptor": Column(24),
    "transactionType": Column(2),
    "contractNumber": Column(7, number=True),
    "SIRET": Column(14),
    "activity": Column(4),
    "paymentType": Column(2),
    "siteType": Column(2),
    "primaryAccountNumber": Column(19),
    "TASA": Column(2),
    "cardAppExpiry": Column(4),
    "serviceCode": Column(3),
    "crypto": Column(16),
    "currencyNumCode": Column(3, number=True),
    "acceptationSystemNum": Column(3, number=True),
    "transactionNumber": Column(6),
    "transactionFileNumber": Column(6),
    "readingMode": Column(1),
    "authorizationNumber": Column(6),
    "forceCode": Column(1),
    "amount": Column(8, number=True),
    "currencyAlphaCode": Column(3),
    "currencyFractionPart": Column(1),
    "counterValueAmount": Column(8),
    "counterValueCurrencyAlphaCode": Column(3),
    "counterValueCurrencyFractionPart": Column(1),
    "inclusiveAmount": Column(8),
    "ticketFooter": Column(24),
    "AID": Column(32),
    "label": Column(16),
}
"""Every field in the order of the wire's own list; the widths are ours."""

_TYPES: Final = {Kind.SALE: "00", Kind.REFUND: "20"}
"""Processing codes of ISO 8583: goods and services, return."""

_MODES: Final = {
    EntryMode.CONTACT: "C",
    EntryMode.CONTACTLESS: "S",
    EntryMode.MAGSTRIPE: "M",
    EntryMode.MANUAL: "K",
}


def receipt_of(payment: Payment, approved: Approved) -> JsonObject:
    """The receipt of an approved payment, with what is known of it."""
    card = approved.card
    known = {
        "localDate": _local(payment.closed_at, "%d%m%y"),
        "localTime": _local(payment.closed_at, "%H%M%S"),
        "transactionType": _TYPES.get(payment.kind, ""),
        "contractNumber": approved.contract or "",
        "primaryAccountNumber": (card.masked_pan if card is not None else None) or "",
        "readingMode": _MODES.get(card.entry_mode, "") if card is not None and card.entry_mode is not None else "",
        "currencyNumCode": approved.amount.currency.numeric,
        "authorizationNumber": approved.authorization_code or "",
        "amount": str(approved.amount.minor),
        "currencyAlphaCode": approved.amount.currency.code,
        "currencyFractionPart": str(approved.amount.currency.exponent),
        "AID": (card.aid if card is not None else None) or "",
        "label": (card.application if card is not None else None) or "",
    }
    return {name: column.put(known.get(name, "")) for name, column in COLUMNS.items()}


def _local(moment: datetime | None, form: str) -> str:
    """A moment by the clock on the wall, which is what stands on a receipt."""
    return "" if moment is None else moment.astimezone().strftime(form)


def ticket_of(approved: Approved) -> str | None:
    """The receipt's own text on one line, with `|` for each of its line breaks."""
    return None if approved.ticket is None else "|".join(approved.ticket.splitlines())
