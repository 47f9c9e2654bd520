"""Batches of codes and single vouchers, as the office sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.ledger.model import EntryKind

PER_PAGE: Final = 100
"""Vouchers on one page of a list."""

LONGEST_REASON: Final = 500

LONGEST_GROUP: Final = 64

MOST_NUMBERS: Final = 10**7
"""Codes of one country, one in a thousand of those that there are: with more of them guessing would begin to pay."""


@dataclass(frozen=True, slots=True)
class BatchDraft:
    """What a batch is to be: `country` is three digits of ISO 3166-1, `activate`: they can be loaded at once.

    `group` says what the codes are for, in the office's own words; "" for nothing in particular.
    """

    name: str
    country: str
    amount_of_codes: int
    activate: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Codes that were made together. `month` ("2026-11", in the system's zone) is the one whose codes they count to."""

    id: str
    system_id: str
    name: str
    country: str
    amount_of_codes: int
    month: str
    made_at: datetime
    made_by: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class NewVoucher:
    """A voucher that is about to be stored."""

    id: str
    number: str = field(repr=False)
    pin_sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfficeVoucher:
    """A voucher as lists show it. `position` counts from 1 within its batch, 0 for one of no batch."""

    id: str
    system_id: str
    batch_id: str | None
    position: int
    number: str = field(repr=False)
    country: str
    state: VoucherState
    balance: int
    entries: int
    last_activity: datetime | None
    blocked: bool
    block_reason: str
    pin_locked_until: datetime | None
    pin_blocked: bool

    def shown(self, *, whole: bool) -> str:
        """Its number as it is printed, or masked."""
        return grouped(self.number) if whole else masked(self.number)


@dataclass(frozen=True, slots=True)
class Counted:
    """A batch and how its vouchers stand."""

    batch: Batch
    vouchers: Mapping[VoucherState, int]


@dataclass(frozen=True, slots=True)
class Quota:
    """What of a month's codes has been made; `month` as a batch has it."""

    month: str
    made: int
    most: int

    @property
    def rest(self) -> int:
        """How many are left."""
        return max(0, self.most - self.made)

    def require(self, codes: int) -> None:
        """Nothing if so many are left; else `BridgeError(VOUCHER_QUOTA)` with the `rest`."""
        if codes > self.rest:
            said = f"{self.rest} of {self.most} codes are left this month"
            raise BridgeError(Code.VOUCHER_QUOTA, said, place="amount_of_codes", members={"rest": self.rest})


@dataclass(frozen=True, slots=True)
class Happened:
    """An entry of a voucher's ledger, with the name of its location. Amounts are minor units, below zero for less."""

    seq: int
    kind: EntryKind
    amount: int
    balance_after: int
    location: str
    station: str
    operator: str
    receipt: str
    reason: str
    reverses: int | None
    booked_at: datetime


def grouped(number: str) -> str:
    """A number as it is printed and read aloud: 276 1234 5678 904."""
    return f"{number[:3]} {number[3:7]} {number[7:11]} {number[11:]}"
