"""What an answer proves about the money, and what a door says of an outcome: one table of codes for both.

Rules: protocols/mypos_xml/README.md, section 3. Only what is certain closes a payment; a doubt never becomes a refusal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.domain.outcome import (
    Aborted,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.mypos_xml.messages import Answer, Result, Root, holds_card_number, shown

LONGEST_REASON: Final = 60
"""Characters of a terminal's own words that are kept with a refusal."""


class Code(IntEnum):
    """The values of `status`, by the vendor's names for them."""

    TRANSACTION_SUCCESS = 0
    TRANSACTION_CANCELED = 1
    TRANSACTION_DECLINED = 2
    TRANSACTION_FAILED = 3
    DEVICE_NOT_ACTIVATED = 4
    NO_DATA_FOUND = 5
    INVALID_CURRENCY = 6
    INVALID_AMOUNT = 7
    COMMUNICATION_ERROR = 8
    INVALID_E_RECEIPT_CREDENTIAL = 9
    COMPLETE_TRANSACTION_PENDING = 10


_REFUSALS: Final[Mapping[int, DeclineReason]] = MappingProxyType(
    {
        Code.TRANSACTION_DECLINED: DeclineReason.REFUSED,
        Code.TRANSACTION_FAILED: DeclineReason.FAILED,
        Code.DEVICE_NOT_ACTIVATED: DeclineReason.CONFIGURATION,
        Code.NO_DATA_FOUND: DeclineReason.FAILED,
        Code.INVALID_CURRENCY: DeclineReason.CONFIGURATION,
        Code.INVALID_AMOUNT: DeclineReason.FAILED,
        Code.INVALID_E_RECEIPT_CREDENTIAL: DeclineReason.FAILED,
    }
)
_STATUS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the till asked for, as far as an answer can be held against it: hardly more than the root, on this wire.

    `amount` is what an approval of it stands for, because no answer names one.
    """

    root: Root
    amount: Money
    failed_is_unknown: bool = False


def judge(asked: Asked, answer: Answer) -> Outcome:
    """The outcome that this answer proves; in doubt wherever it proves nothing."""
    if answer.bad_xml:
        # Accepted for any request, because the terminal answers so whatever was asked; nothing was shown to anybody.
        return NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, "the terminal could not use the message (bad XML)")
    if answer.conflicts:
        names = ", ".join(sorted(answer.conflicts))
        return InDoubt(DoubtReason.ANSWER_CONTRADICTORY, f"two values for {names}")
    if answer.root is not asked.root:
        what = f"a {answer.root}" if answer.root else "something that this wire does not know"
        return InDoubt(DoubtReason.ANSWER_MISMATCH, f"asked for a {asked.root}, the answer is about {what}")
    match (answer.result or "").upper():
        case Result.OK:
            return _done(asked, answer)
        case Result.ERROR:
            return _failed(asked, answer)
        case _:
            return InDoubt(DoubtReason.ANSWER_UNREADABLE, f"the result is neither OK nor ERROR: {_words(answer)}")


def oddities(answer: Answer) -> tuple[str, ...]:
    """What is odd about an answer without speaking against it, for the log."""
    odd = []
    if (answer.result or "").upper() == Result.OK and not answer.ref:
        odd.append("approved without a reference")
    if answer.ref and holds_card_number(answer.ref):
        odd.append("the reference looks like a card number and is not kept")
    code = _code(answer)
    expected = _NAMES.get(code)
    if expected and answer.status_text and answer.status_text != expected:
        odd.append(f"status {code} beside the text {shown(answer.status_text)[:LONGEST_REASON]}")
    return tuple(odd)


def _done(asked: Asked, answer: Answer) -> Outcome:
    if answer.status and _code(answer) != Code.TRANSACTION_SUCCESS:
        return InDoubt(DoubtReason.ANSWER_CONTRADICTORY, f"OK beside a status of failure: {_words(answer)}")
    ref = answer.ref or None
    return Approved(asked.amount, reference=None if ref is None or holds_card_number(ref) else ref)


def _failed(asked: Asked, answer: Answer) -> Outcome:
    code = _code(answer)
    if not answer.status:
        return InDoubt(DoubtReason.ANSWER_UNREADABLE, f"ERROR without a status: {_words(answer)}")
    if code == Code.TRANSACTION_SUCCESS:
        return InDoubt(DoubtReason.ANSWER_CONTRADICTORY, f"ERROR beside the status of success: {_words(answer)}")
    if code == Code.TRANSACTION_CANCELED:
        return Aborted(wire_reason=_reason(answer))
    if code == Code.TRANSACTION_FAILED and asked.failed_is_unknown:
        return InDoubt(DoubtReason.ANSWER_NOT_FINAL, f"failed, which this shop takes for unknown: {_words(answer)}")
    reason = _REFUSALS.get(code)
    if reason is not None:
        return Declined(reason, _reason(answer))
    if code in _NAMES:
        return InDoubt(DoubtReason.ANSWER_NOT_FINAL, f"the terminal cannot say how it ended: {_words(answer)}")
    return InDoubt(DoubtReason.ANSWER_UNREADABLE, f"a status that nobody knows: {_words(answer)}")


_NAMES: Final[Mapping[int, str]] = MappingProxyType({code.value: code.name for code in Code})


NO_CODE: Final = -1
"""Stands for a status that is absent, empty or no number."""


def _code(answer: Answer) -> int:
    status = answer.status or ""
    return int(status) if _STATUS.fullmatch(status) else NO_CODE


def _reason(answer: Answer) -> str:
    """The code with the terminal's own word for it, or the vendor's."""
    code = _code(answer)
    word = shown(answer.status_text or "")[:LONGEST_REASON] or _NAMES.get(code, "")
    return f"{code} {word}".strip()


def _words(answer: Answer) -> str:
    """An answer in a technician's words, masked."""
    named = {
        "result": answer.result,
        "status": answer.status,
        "status_text": answer.status_text,
        "ref": answer.ref,
    }
    return ", ".join(f"{name} {shown(text)[:LONGEST_REASON]!r}" for name, text in named.items() if text is not None)


# ---------------------------------------------------------------- the other way: what a door says


_REFUSAL_CODES: Final[Mapping[DeclineReason, Code]] = MappingProxyType(
    {
        DeclineReason.REFUSED: Code.TRANSACTION_DECLINED,
        DeclineReason.REFERRAL: Code.TRANSACTION_DECLINED,
        DeclineReason.UNSPECIFIED: Code.TRANSACTION_DECLINED,
        DeclineReason.FAILED: Code.TRANSACTION_FAILED,
        DeclineReason.CONFIGURATION: Code.DEVICE_NOT_ACTIVATED,
    }
)


def failure(root: Root, code: int, text: str | None = None) -> Answer:
    """An answer of failure; `text` None is the vendor's name of the code."""
    named = text if text is not None else _NAMES.get(code, "")
    return Answer(root, Result.ERROR, str(code), named, "")


def told(root: Root, payment_id: str, outcome: Outcome) -> Answer:
    """What a till hears of an outcome. A doubt is code 8 and never one that a till could take for a refusal."""
    match outcome:
        case Approved():
            return Answer(root, Result.OK, ref=payment_id)
        case Declined(reason=reason):
            return failure(root, _REFUSAL_CODES[reason])
        case Aborted():
            return failure(root, Code.TRANSACTION_CANCELED)
        case NotStarted():
            return failure(root, Code.TRANSACTION_FAILED)
        case InDoubt():
            return failure(root, Code.COMMUNICATION_ERROR)
