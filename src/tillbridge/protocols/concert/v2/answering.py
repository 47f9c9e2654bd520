"""What a door makes of a request, and of the outcome that its desk gives; protocols/concert/README.md, section 8."""

import re
from types import MappingProxyType
from typing import Final, assert_never

from tillbridge.domain.errors import Code
from tillbridge.domain.money import BY_NUMERIC, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.protocols.concert.v2.messages import (
    MAX_AMOUNT,
    MAX_RECEIPT,
    REPORT_LENGTH,
    Authorisation,
    Means,
    OperationType,
    Reply,
    Request,
    Status,
)
from tillbridge.protocols.concert.v2.settings import DoorSettings
from tillbridge.protocols.contract import PaymentRequest

WIRE: Final = "concert-v2"

KINDS: Final = MappingProxyType(
    {
        OperationType.DEBIT.value: Kind.SALE,
        OperationType.CREDIT.value: Kind.REFUND,
        OperationType.CANCELLATION.value: Kind.VOID,
        OperationType.PRE_AUTHORISATION.value: Kind.AUTHORIZATION,
    }
)

OCCUPIED: Final = frozenset(
    {
        Code.TERMINAL_BUSY,
        Code.TERMINAL_LOCKED,
        Code.DOOR_HELD,
        Code.CONNECTOR_STOPPING,
        Code.JOURNAL_UNAVAILABLE,
    }
)
"""Refusals that say "not now". The till gets NAK for its frame: nothing was started, and no card was refused."""

_NOT_PRINTABLE: Final = re.compile(r"[^\x20-\x7f]")


def caller(settings: DoorSettings, request: Request) -> str:
    """Who asks, as the desk knows it."""
    return f"{WIRE}:{settings.name or request.register}"


def payment_request(settings: DoorSettings, request: Request) -> PaymentRequest | None:
    """What to ask of the desk; None where a terminal says "function not implemented" or "function impossible".

    There is no cheque application behind a desk. What B012 asks for is not documented, so that it asks for nothing.
    Nothing in a request tells one payment from the next, so that every one of them is keyless.
    """
    kind, currency = KINDS.get(request.operation), BY_NUMERIC.get(request.currency)
    if kind is None or currency is None or request.means != Means.CARD or request.amount_minor == 0:
        return None
    return PaymentRequest(
        kind=kind,
        amount=Money(request.amount_minor, currency),
        caller=caller(settings, request),
        door=settings.name or WIRE,
        terminal=settings.terminal,
        register=request.register,
        online=request.authorisation is Authorisation.ONLINE,
        keyless=True,
    )


def reply_to(request: Request, outcome: Outcome) -> Reply | None:
    """The reply that tells this outcome; None where no reply could without lying.

    In doubt is told by silence. STAT 9 would be true as well, but tills know it only as the answer to A011, and one
    that takes whatever is not 0 for a refusal would have the customer pay twice.
    """
    match outcome:
        case Approved(amount=amount):
            return _accepted(request, outcome) if amount.minor <= MAX_AMOUNT else None
        case Declined() | Aborted() | NotStarted():
            return not_accepted(request)
        case InDoubt():
            return None
        case _:
            assert_never(outcome)


def not_accepted(request: Request) -> Reply:
    """STAT 7: no money was taken."""
    return _reply(request, Status.NOT_ACCEPTED)


def taken_for_processing(request: Request) -> Reply:
    """STAT 9, the reply at once: the terminal works on it, and this wire will not tell how it ended."""
    return _reply(request, Status.NOT_KNOWN)


def _reply(request: Request, status: Status) -> Reply:
    return Reply(
        register=request.register,
        status=status,
        amount_minor=request.amount_minor,
        currency=request.currency,
        means=request.means,
        report="" if request.ask_card_report else None,
    )


def _accepted(request: Request, outcome: Approved) -> Reply:
    masked = outcome.card.masked_pan if outcome.card is not None else None
    return Reply(
        register=request.register,
        status=Status.ACCEPTED,
        amount_minor=outcome.amount.minor,
        currency=outcome.amount.currency.numeric,
        means=request.means,
        report=(masked or "")[:REPORT_LENGTH] if request.ask_card_report else None,
        receipt=_receipt(outcome.ticket) if request.receipt and request.ask_card_report else None,
    )


def _receipt(ticket: str | None) -> str | None:
    """The slip as far as a frame can carry it; how its lines are to be ended is not documented."""
    return _NOT_PRINTABLE.sub(" ", ticket or "")[:MAX_RECEIPT] or None
