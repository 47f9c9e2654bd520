"""What an answer of the terminal proves about the money, and what a door says of an outcome; one table for both.

Rules: protocols/concert/README-V3.md, sections 3 and 4. A doubt is never turned into a refusal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tillbridge.domain.card import CardUse
from tillbridge.domain.money import BY_NUMERIC, Currency, Money
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    Outcome,
)
from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.messages import PAYING, Action, Answer, Detail, Status, parse_answer
from tillbridge.protocols.contract import LateResult

_REFUSALS: Final[Mapping[str, DeclineReason]] = MappingProxyType(
    {
        Detail.UNKNOWN: DeclineReason.UNSPECIFIED,
        Detail.PHONE_CALL: DeclineReason.REFERRAL,
        Detail.REFUSED: DeclineReason.REFUSED,
        Detail.FORBIDDEN: DeclineReason.REFUSED,
        Detail.NOT_COMPLETED: DeclineReason.FAILED,
        Detail.FORMAT_ERROR: DeclineReason.CONFIGURATION,
        Detail.SELECTION_ERROR: DeclineReason.CONFIGURATION,
        Detail.ACTION_UNKNOWN: DeclineReason.CONFIGURATION,
        Detail.CURRENCY_UNSUPPORTED: DeclineReason.CONFIGURATION,
    }
)
_ABORTS: Final[Mapping[str, AbortedBy]] = MappingProxyType(
    {
        Detail.ABANDONED: AbortedBy.CUSTOMER,
        Detail.OPERATOR_ABANDON: AbortedBy.CASHIER,
        Detail.INPUT_TIMEOUT: AbortedBy.TIMEOUT,
    }
)
_TAKEN: Final = frozenset({Detail.AUTHORISED, Detail.FORCED})
"""Details that speak of money taken: beside "not done" they contradict it, beside "done" they agree."""

_BESIDE_DONE: Final = _TAKEN | {Detail.UNKNOWN}
_REGISTER: Final = re.compile(r"[0-9]{1,2}", re.ASCII)
_OWN_REFERENCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
"""The form of this project's references: an answer that names another one of them belongs to another operation."""

_NEEDED_WHEN_DONE: Final = ("CA", "CB", "CD", "CE")
_NEEDED_OTHERWISE: Final = ("CA", "CD")
"""What an answer must hold to be taken for whole: real refusals come without amount and application."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the till asked for, as far as an answer is held against it.

    `actions` are the actions that the answer may name: more than one where it is not known which one terminals name.
    """

    actions: frozenset[Action]
    register: str
    amount: Money
    reference: str | None = None
    partial_allowed: bool = False
    immediate: bool = False


def settled(fields: Fields) -> bool:
    """Whether these elements can be a whole answer to a payment, so that a silence ends it."""
    return "AE" in fields and all(tag in fields for tag in _needed(fields.get("AE")))


def _needed(status: str | None) -> tuple[str, ...]:
    return _NEEDED_WHEN_DONE if status == Status.DONE else _NEEDED_OTHERWISE


def judge(asked: Asked, fields: Fields) -> Outcome:
    """The outcome that this answer proves; in doubt wherever it proves nothing."""
    answer = parse_answer(fields)
    if answer.conflicts & {"AE", "AF", "CA", "CB", "CD", "CE", "CF"}:
        return _doubt(DoubtReason.ANSWER_CONTRADICTORY, f"two values for {', '.join(sorted(answer.conflicts))}")
    missing = [tag for tag in ("AE", *_needed(answer.status)) if tag not in fields]
    if missing:
        return _doubt(DoubtReason.ANSWER_UNREADABLE, f"the answer ended without {', '.join(missing)}")
    if asked.immediate or answer.immediate or answer.status == Status.TAKEN:
        return _doubt(DoubtReason.ANSWER_NOT_FINAL, "taken into account only: the outcome comes later")
    strangers = _foreign(asked, answer)
    if strangers:
        return _doubt(DoubtReason.ANSWER_MISMATCH, strangers)
    if answer.status == Status.DONE:
        return _done(asked, answer)
    if answer.status == Status.NOT_DONE:
        return _not_done(answer)
    return _doubt(DoubtReason.ANSWER_UNREADABLE, "AE is none of 10, 01 and 11")


def _doubt(reason: DoubtReason, detail: str) -> InDoubt:
    return InDoubt(reason, detail)


def _foreign(asked: Asked, answer: Answer) -> str:
    """Why the answer belongs to another request, accepted or not; empty if nothing says so."""
    if not same_register(asked.register, answer.register):
        return "the answer is for another register"
    if answer.action not in asked.actions:
        return "the answer is for another action"
    if foreign_reference(asked.reference, answer.reference):
        return "the answer carries the reference of another operation"
    return ""


def same_register(asked: str, answered: str | None) -> bool:
    """Whether two register numbers are the same; `1` and `01` are."""
    if answered is None or not answered.isdecimal() or not asked.isdecimal():
        return asked == answered
    return int(asked) == int(answered)


def foreign_reference(asked: str | None, answered: str | None) -> bool:
    """Whether the answer names another operation of ours. A terminal's own text in that place proves nothing."""
    return answered not in (None, asked) and _OWN_REFERENCE.fullmatch(answered or "") is not None


def _done(asked: Asked, answer: Answer) -> Outcome:
    code = answer.detail.code if answer.detail else Detail.AUTHORISED
    if code not in _BESIDE_DONE:
        return _doubt(DoubtReason.ANSWER_CONTRADICTORY, "AE 10 beside an AF that speaks of a refusal")
    if answer.currency != asked.amount.currency.numeric:
        return _doubt(DoubtReason.ANSWER_MISMATCH, "accepted in another currency")
    if answer.minor is None:
        return _doubt(DoubtReason.ANSWER_UNREADABLE, "the accepted amount is no number")
    partial = asked.partial_allowed and 0 < answer.minor < asked.amount.minor
    if answer.minor != asked.amount.minor and not partial:
        return _doubt(DoubtReason.ANSWER_MISMATCH, f"asked for {asked.amount.minor}, accepted were {answer.minor}")
    return Approved(
        Money(answer.minor, asked.amount.currency),
        CardUse(answer.masked_pan, answer.entry_mode, answer.application, answer.aid),
        answer.authorization,
        answer.contract,
        answer.ticket,
    )


def _not_done(answer: Answer) -> Outcome:
    if answer.detail is None:
        return Declined(DeclineReason.UNSPECIFIED, None, answer.ticket)
    code = answer.detail.code
    if code in _TAKEN:
        return _doubt(DoubtReason.ANSWER_CONTRADICTORY, "AE 01 beside an AF that speaks of money taken")
    # The acquirer's own code, where there is one, is what a person quotes on the telephone.
    wire_reason = " ".join(filter(None, (code, answer.detail.response_code)))
    by = _ABORTS.get(code)
    if by is not None:
        return Aborted(by, wire_reason, answer.ticket)
    return Declined(_REFUSALS.get(code, DeclineReason.UNSPECIFIED), wire_reason, answer.ticket)


def late_result(fields: Fields, asked: Asked | None) -> LateResult | None:
    """An answer that nobody waited for, as evidence; None if it is about no payment.

    `asked` is what it answers where the line shows that: then the reference is that operation's, unless the answer
    names another one. Otherwise the answer is taken at its own word, and whoever uses it compares.
    """
    answer = parse_answer(fields)
    if asked is None:
        return _at_its_word(fields, answer)
    foreign = foreign_reference(asked.reference, answer.reference)
    return LateResult(
        outcome=judge(asked, fields),
        register=asked.register,
        amount=_amount(answer, asked.amount.currency),
        wire_reference=answer.reference if foreign else asked.reference,
    )


def _at_its_word(fields: Fields, answer: Answer) -> LateResult | None:
    unit = BY_NUMERIC.get(answer.currency or "")
    register = answer.register or ""
    if answer.action not in PAYING or unit is None or _REGISTER.fullmatch(register) is None:
        return None
    amount = _amount(answer, unit)
    own = answer.reference is not None and _OWN_REFERENCE.fullmatch(answer.reference)
    asked = Asked(frozenset({Action(answer.action)}), register, amount or Money(0, unit), answer.reference)
    return LateResult(judge(asked, fields), register.zfill(2), amount, answer.reference if own else None)


def _amount(answer: Answer, unit: Currency) -> Money | None:
    """A refusal may carry zero instead of its amount, and then has none to be matched by."""
    refused = answer.status == Status.NOT_DONE
    return None if answer.minor is None or (refused and answer.minor == 0) else Money(answer.minor, unit)


# ---------------------------------------------------------------- the other way: what a door says


_REFUSAL_CODES: Final = MappingProxyType(
    {
        DeclineReason.REFUSED: Detail.REFUSED,
        DeclineReason.FAILED: Detail.NOT_COMPLETED,
        DeclineReason.REFERRAL: Detail.PHONE_CALL,
        DeclineReason.CONFIGURATION: Detail.SELECTION_ERROR,
        DeclineReason.UNSPECIFIED: Detail.UNKNOWN,
    }
)
_ABORT_CODES: Final = MappingProxyType(
    {
        AbortedBy.CUSTOMER: Detail.ABANDONED,
        AbortedBy.CASHIER: Detail.OPERATOR_ABANDON,
        AbortedBy.TIMEOUT: Detail.INPUT_TIMEOUT,
        AbortedBy.UNSPECIFIED: Detail.ABANDONED,
    }
)


def detail_of(outcome: Declined | Aborted | NotStarted) -> Detail:
    """The first two characters of AF for an outcome without money."""
    match outcome:
        case Declined(reason=reason):
            return _REFUSAL_CODES[reason]
        case Aborted(by=by):
            return _ABORT_CODES[by]
        case NotStarted():
            return Detail.NOT_COMPLETED
