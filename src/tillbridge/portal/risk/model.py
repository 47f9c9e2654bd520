"""What a location may take without a connection, and what it lost by that (docs/reference/voucher-offline.md)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR

LONGEST_NUMBER: Final = 20
"""Characters of a merchant's number, as codes carry it."""

MOST_NUMBERS: Final = 50
"""Merchants' numbers of one system: those of the businesses that it grew out of."""


class RiskEvent(StrEnum):
    """What the audit log says of it."""

    LIMITS = "voucher_risk.limits_changed"
    NUMBER_ADDED = "voucher_risk.merchant_number_added"
    NUMBER_REMOVED = "voucher_risk.merchant_number_removed"


class Kind(StrEnum):
    """Lines of the account: what was taken and lost, and what is lost no more since the receipt was cancelled."""

    TAKEN = "taken"
    GIVEN_BACK = "given_back"


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Up to where a location takes vouchers without a connection, in minor units; all 0: not at all."""

    per_voucher: int = 0
    per_day: int = 0
    open_total: int = 0
    in_maintenance: bool = False

    @property
    def on(self) -> bool:
        """Whether anything can be taken at all."""
        return min(self.per_voucher, self.per_day, self.open_total) > 0

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)` unless each limit is from 0 to 10^12 and they rise in their order, or are 0."""
        found = (self.per_voucher, self.per_day, self.open_total)
        if any(not 0 <= one <= MAX_MINOR for one in found):
            raise BridgeError(Code.FIELD_INVALID, "a limit is an amount", place="limits")
        if any(found) and not self.on:
            raise BridgeError(Code.FIELD_INVALID, "all three limits are 0, or none of them is", place="limits")


@dataclass(frozen=True, slots=True)
class Account:
    """What a location took without a connection so far, in minor units; `loss` is its own."""

    taken: int = 0
    loss: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the account; `reason` is the code of why not all could be taken."""

    location_id: str
    kind: Kind
    asked: int
    taken: int
    loss: int
    reason: str
    station: str
    transaction_ref: str
    accepted_at: datetime
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class RiskKey:
    """The key of a system whose public half seals PINs; `private_sealed` opens with the portal's own key."""

    id: str
    system_id: str
    private_sealed: bytes
