"""Voucher systems, as values (docs/reference/vouchers.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR, Currency, currency
from tillbridge.link.voucher_messages import VoucherState

CODES_A_MONTH: Final = 6_000
"""How many codes a voucher system makes by itself in a calendar month, unless the portal's operator grants more."""

LOAD_MIN_MAJOR: Final = 1
LOAD_MAX_MAJOR: Final = 3_000
BALANCE_MAX_MAJOR: Final = 3_000

LONGEST_NAME: Final = 100


class Life(StrEnum):
    """Where a voucher stands between being made and being replaced."""

    PRODUCED = "produced"
    ACTIVE = "active"
    RETIRED = "retired"


class Scheme(StrEnum):
    """Whose rules a number follows: ours, or those of the system that it was brought from."""

    OWN = "own"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one load may be, and the most that a voucher may hold, in minor units."""

    load_min: int
    load_max: int
    balance_max: int

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)` unless 0 < smallest load ≤ largest load ≤ most on a voucher ≤ 10^12."""
        if not 0 < self.load_min <= self.load_max <= self.balance_max <= MAX_MINOR:
            said = "the smallest load, the largest load and the most on a voucher must rise in this order"
            raise BridgeError(Code.FIELD_INVALID, said, place="limits")

    @classmethod
    def usual(cls, unit: Currency) -> "Limits":
        """1.00 to 3,000.00 for a load and 3,000.00 on a voucher, in this currency's minor units."""
        scale = 10**unit.exponent
        return cls(LOAD_MIN_MAJOR * scale, LOAD_MAX_MAJOR * scale, BALANCE_MAX_MAJOR * scale)


@dataclass(frozen=True, slots=True)
class VoucherSystem:
    """Vouchers of one merchant in one currency. Amounts are minor units; `time_zone` is IANA.

    `recovering_since`: the portal was restored from a backup, and nothing is taken until its connectors have told again
    what they were answered.
    """

    id: str
    tenant_id: str
    name: str
    currency: str
    time_zone: str
    cross_country: bool
    load_min: int
    load_max: int
    balance_max: int
    codes_a_month: int
    recovering_since: datetime | None = None

    @property
    def unit(self) -> Currency:
        """Its currency."""
        return currency(self.currency)

    @property
    def limits(self) -> Limits:
        """What one load may be, and the most that a voucher may hold."""
        return Limits(self.load_min, self.load_max, self.balance_max)


@dataclass(frozen=True, slots=True)
class Participant:
    """A location that takes part in a voucher system; `country` is three digits of ISO 3166-1."""

    location_id: str
    name: str
    city: str
    country: str
    currency: str
    joined_at: datetime
    open: bool


@dataclass(frozen=True, slots=True)
class Circulation:
    """What is on a system's vouchers, in minor units, what of it is blocked, and how many vouchers stand how."""

    money: int = 0
    blocked: int = 0
    vouchers: Mapping[VoucherState, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many vouchers there are."""
        return sum(self.vouchers.values())


class Hindrance(StrEnum):
    """Why a location cannot take part."""

    OTHER_SYSTEM = "other_system"
    CURRENCY = "currency"
    LICENCE = "licence"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open location that does not take part in a system; `hindrance` None: it may."""

    location_id: str
    name: str
    hindrance: Hindrance | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is said of a system when it is made."""

    name: str
    currency: str
    time_zone: str
    limits: Limits
