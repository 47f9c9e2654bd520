"""What a door says, in the words of this wire (README, section 7). Pure: a payment in, a body out."""

from collections.abc import Mapping
from typing import Final, TypeVar

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    BatchTotal,
    Declined,
    DeclineReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
    Side,
)
from tillbridge.protocols.contract import Payment
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen.profile import AmountStyle, Column, Profile

LOOK_FIRST: Final = "It is not known whether the card was charged: look at the terminal before you try again."
UNKNOWN: Final = "UNKNOWN"
DECLINED: Final = "DECLINED"
CANCELLED: Final = "CANCELLED"
"""Codes of our own for profiles that name none."""

BUSY: Final = "Terminal busy"
RUNNING: Final = "Started"
UNCLEAR: Final = "Unclear"
"""What a status says while nobody knows how the operation ended: to every till it means that it still runs."""

PAPER_OUT: Final = "Paper out"
UNKNOWN_ID: Final = "Unknown transaction"
WRONG_PASSWORD: Final = "Wrong password"  # noqa: S105 - what a till reads
NOT_OVER: Final = "Not finished"
UNCONFIRMED: Final = "Not confirmed"
DUPLICATE: Final = "Duplicate transaction"

_KINDS: Final = {
    Kind.SALE: "PAYMENT",
    Kind.REFUND: "REFUND",
    Kind.VOID: "REVERSAL",
    Kind.RECONCILIATION: "CLOSING",
    Kind.AUTHORIZATION: "PREAUTH",
    Kind.CAPTURE: "COMPLETION",
}
K = TypeVar("K")


def said(text: str, id_: str | None, profile: Profile, **more: object) -> JsonObject:
    """A status, or what is wrong."""
    known: JsonObject = {} if id_ is None else {profile.answer.id[0]: id_}
    return known | {profile.answer.status[0]: text} | more


def started(id_: str | None, text: str, profile: Profile, *, yes: bool) -> JsonObject:
    """The answer to a start."""
    known: JsonObject = {} if id_ is None else {profile.answer.id[0]: id_}
    return known | {profile.answer.started[0]: yes, profile.answer.status[0]: text}


def refusal(error: BridgeError) -> str:
    """A refusal in one line; `place` is the field that is wrong."""
    return str(error)


def progress_text(payment: Payment, profile: Profile) -> str:
    """What a status says of a payment that is not over."""
    if payment.progress is None:
        return RUNNING
    return _word_of(profile.states.progress, payment.progress) or RUNNING


def result(payment: Payment, id_: str, time: str, profile: Profile) -> JsonObject:
    """The result of a payment that is over, or in doubt for longer than a till waits."""
    names, outcome = profile.result, payment.outcome
    code, message = _code(outcome, profile)
    body: JsonObject = {
        profile.answer.id[0]: id_,
        names.kind[0]: _KINDS[payment.kind],
        names.code[0]: code,
        names.message[0]: message,
        names.time[0]: time,
        names.call_reversal[0]: False,
        names.reversed[0]: False,
    }
    if payment.order_id is not None:
        body[profile.request.invoice] = payment.order_id
    if isinstance(outcome, Approved):
        body |= _batch(outcome, profile) if payment.kind is Kind.RECONCILIATION else _card(outcome, profile)
    return body


def _card(outcome: Approved, profile: Profile) -> JsonObject:
    names, unit = profile.result, outcome.amount.currency
    decimal = profile.amount.style is AmountStyle.DECIMAL_TEXT
    card = outcome.card
    entry = None if card is None or card.entry_mode is None else _word_of(profile.entries, card.entry_mode)
    given: JsonObject = {
        names.amount[0]: outcome.amount.major() if decimal else outcome.amount.minor,
        names.currency[0]: int(unit.numeric),
        names.pan[0]: None if card is None else card.masked_pan,
        names.entry[0]: entry,
        names.aid[0]: None if card is None else card.aid,
        names.application[0]: None if card is None else card.application,
        names.cvm[0]: list(profile.codes.signature[:1]) if outcome.signature else None,
        names.authorization[0]: outcome.authorization_code,
        names.reference[0]: outcome.reference,
        names.contract[0]: outcome.contract,
    }
    return {name: value for name, value in given.items() if value is not None}


def _batch(outcome: Approved, profile: Profile) -> JsonObject:
    """Totals of one currency, because the wire has room for one; which others there are stands in the message."""
    units = list(dict.fromkeys(total.amount.currency for total in outcome.totals))
    unit = units[0] if units else outcome.amount.currency
    # A day without refunds has zeros in their column: a till that adds up what it reads must find a number.
    columns: JsonObject = {}
    for side in Side:
        columns |= _column(BatchTotal(side, 0, Money(0, unit)), profile)
    for total in outcome.totals:
        if total.amount.currency == unit:
            columns |= _column(total, profile)
    body: JsonObject = {profile.result.currency[0]: int(unit.numeric), profile.result.totals[0]: columns}
    if len(units) > 1:
        body[profile.result.message[0]] = "Totals also in " + ", ".join(other.code for other in units[1:])
    return body


def _column(total: BatchTotal, profile: Profile) -> JsonObject:
    names: dict[Side, Column] = {
        Side.DEBITS: profile.totals.debits,
        Side.CREDITS: profile.totals.credits,
        Side.ADJUSTMENTS: profile.totals.adjustments,
    }
    column = names[total.side]
    return {column.count[0]: total.count, column.amount[0]: total.amount.minor}


def _code(outcome: Outcome | None, profile: Profile) -> tuple[str, str]:
    codes = profile.codes
    match outcome:
        case Approved():
            return codes.approved[0], "Approved"
        case Declined(reason=reason):
            return _word_of(codes.declined, reason) or DECLINED, f"Declined ({reason})"
        case Aborted(by=by):
            meant = AbortedBy.CUSTOMER if by is AbortedBy.UNSPECIFIED else by
            return _word_of(codes.aborted, meant) or CANCELLED, f"Cancelled ({by})"
        case NotStarted(reason=reason):
            # Without the cause's detail: it speaks of addresses and ports, and a till prints what it reads.
            text = BUSY if reason is NotStartedReason.TERMINAL_BUSY else f"Not started ({reason})"
            return _word_of(codes.declined, DeclineReason.UNSPECIFIED) or DECLINED, text
        case InDoubt() | None:
            return (codes.unknown[0] if codes.unknown else UNKNOWN), LOOK_FIRST


def _word_of(words: Mapping[str, K], meant: K) -> str | None:
    return next((word for word, one in words.items() if one == meant), None)
