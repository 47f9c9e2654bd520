"""Where an attempt to pay stands, by HiPay's numbers and sums (HOSTED.md, section 4)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from tillbridge.psp.hipay.hosted.model import Attempt


class Meaning(StrEnum):
    """What an attempt means to whoever waits for the money. `open` says that nothing is decided."""

    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


DISPUTED: Final = frozenset({129, 134, 180, 181})
"""Charged back in the older numbering, a dispute that was lost, a chargeback of a part and of all."""

REFUNDED: Final = frozenset({125, 183})
FAILED: Final = frozenset({109, 110, 111, 113, 114, 134, 151, 163, 173, 178})
CANCELLED: Final = frozenset({115, 143, 175})
CANCELLED_BY_BUYER: Final = "4000008"
UNWANTED_STATES: Final = frozenset({"declined", "error"})


def meaning(attempt: Attempt) -> Meaning:
    """What it means. Money counts before numbers: what was captured is paid, and nothing is without it."""
    if attempt.status in DISPUTED:
        return Meaning.DISPUTED
    if attempt.captured.minor:
        all_back = attempt.refunded.minor >= attempt.captured.minor
        return Meaning.REFUNDED if attempt.status in REFUNDED or all_back else Meaning.PAID
    if attempt.status in CANCELLED or (attempt.reason == CANCELLED_BY_BUYER and attempt.status in FAILED):
        return Meaning.CANCELLED
    if attempt.status in FAILED or attempt.state in UNWANTED_STATES:
        return Meaning.FAILED
    return Meaning.OPEN


def together(attempts: Sequence[Attempt]) -> Meaning:
    """What all attempts to pay one order mean: money first, then what is open, then how the last one has ended."""
    found = [meaning(one) for one in attempts]
    for first in (Meaning.DISPUTED, Meaning.PAID, Meaning.REFUNDED, Meaning.OPEN):
        if first in found:
            return first
    return found[-1] if found else Meaning.OPEN
