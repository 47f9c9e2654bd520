"""The words of settlement as values (docs/reference/voucher-settlement.md). Amounts are minor units."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.ledger.model import EntryKind

NOWHERE: Final = ""
"""Credit or a booking that belongs to no location: the company's own."""

CLAIMING: Final = frozenset({EntryKind.REDEEM, EntryKind.PUT_BACK})
"""The kinds that make claims between locations; nothing else does."""


class Span(StrEnum):
    """What a statement is about."""

    DAY = "day"
    MONTH = "month"


class Form(StrEnum):
    """What a statement is written as."""

    PDF = "pdf"
    XLSX = "xlsx"


class SettlementEvent(StrEnum):
    """What the audit log notes of settlement."""

    FROZEN = "voucher_statement.frozen"
    SAVED = "voucher_statement.downloaded"
    PROVISIONAL = "voucher_statement.provisional"
    POSTINGS = "voucher_postings.downloaded"
    ACCOUNTS = "voucher_accounts.changed"


@dataclass(frozen=True, slots=True, order=True)
class Sum:
    """What was booked alike at one place on one day, out of one location's credit.

    `amount` is the change of the credit of `owner_id`, with its sign. `parts` are the lots that were touched.
    """

    day: str
    place_id: str
    owner_id: str
    kind: EntryKind
    amount: int
    parts: int = 0

    @property
    def claim(self) -> int:
        """What the place claims from the owner for it; nothing for its own credit."""
        if self.kind not in CLAIMING or self.place_id == self.owner_id:
            return 0
        return -self.amount


@dataclass(frozen=True, slots=True)
class Line:
    """One booking on a statement; without a moment and a number, `count` lots' worth of alike ones.

    `here_id` is where it was booked, `place_id` who claims for it.
    """

    at: datetime | None
    number: str
    kind: EntryKind
    here_id: str
    station: str
    operator: str
    place_id: str
    owner_id: str
    amount: int
    count: int = 1

    @property
    def claim(self) -> int:
        """What the place claims from the owner for it."""
        return Sum("", self.place_id, self.owner_id, self.kind, self.amount).claim


@dataclass(frozen=True, slots=True)
class Statement:
    """A location's account with the others for a day or a month; `number` "" while it is provisional.

    `lines` are single bookings of a day, or None where there are too many of them or it is a month: then the sums say
    everything.
    """

    system_id: str
    location_id: str
    span: Span
    period: str
    number: str
    sums: tuple[Sum, ...]
    lines: tuple[Line, ...] | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A frozen statement, as lists show it."""

    id: str
    system_id: str
    location_id: str
    span: Span
    period: str
    number: str
    language: Language
    frozen_at: datetime
    claimed: int
    owed: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A statement that is to be frozen, and which this process has taken up."""

    id: str
    system_id: str
    location_id: str
    span: Span
    period: str
    number: str
    language: Language
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A closed day of a voucher system; see `tables.settlement_day`."""

    day: str
    entries: int
    loaded: int
    redeemed: int
    other: int
    closing: int
    vouchers: int
    blocked: int | None


def days_of(period: str) -> tuple[str, str]:
    """The first and the last day of a day or a month. `BridgeError(FIELD_INVALID)` for a text that is neither."""
    try:
        if len(period) == len("2026-11"):
            first = date.fromisoformat(f"{period}-01")
            if not first.isoformat().startswith(f"{period}-"):
                raise ValueError(period)  # noqa: TRY301  # told below, as for any other text
            return first.isoformat(), _last_of(first).isoformat()
        day = date.fromisoformat(period).isoformat()
    except ValueError:
        day = ""
    # The library reads other forms of a date, too, and what is kept is compared as text.
    if not day or day != period:
        raise BridgeError(Code.FIELD_INVALID, "a day such as 2026-11-22 or a month such as 2026-11", place="period")
    return day, day


def next_day(day: str) -> str:
    """The day after it."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def next_month(month: str) -> str:
    """The month after it."""
    return (_last_of(date.fromisoformat(f"{month}-01")) + timedelta(days=1)).isoformat()[: len(month)]


def _last_of(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
