"""Licences as values (docs/reference/portal-services.md, section 2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

ENDS_SOON: Final = timedelta(days=30)
"""How long before its end a licence is spoken of: time enough to order another one."""


class Product(StrEnum):
    """What a licence is for."""

    POS_INTERFACE = "pos_interface"
    WEB_VOUCHERS = "web_vouchers"
    THIRD_PARTY_VOUCHERS = "third_party_vouchers"
    VOUCHER_SHOP = "voucher_shop"
    CUSTOMER_BASE_2 = "customer_base_2"
    DIGITAL_RECEIPTS = "digital_receipts"
    REPORTS = "reports"
    ONLINE_ORDERS = "online_orders"
    ACCOUNTING_EXPORT = "accounting_export"


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, but without, `end`; `end` None: without end."""

    start: datetime
    end: datetime | None

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            raise ValueError("a span ends after it begins")

    def holds(self, moment: datetime) -> bool:
        """Whether this moment lies in it."""
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class Licence:
    """An allotment. A withdrawn one counts for nothing, as if its span had ended then."""

    id: str
    location_id: str
    product: Product
    span: Span
    allotted_at: datetime
    withdrawn_at: datetime | None

    def over(self, now: datetime) -> bool:
        """Whether it will never count again."""
        return self.withdrawn_at is not None or (self.span.end is not None and self.span.end <= now)


@dataclass(frozen=True, slots=True)
class Ending:
    """A licence that ends soon, with the name and the time zone of its location."""

    licence: Licence
    location_name: str
    time_zone: str


def span_of_days(first: date, last: date | None, zone: ZoneInfo) -> Span:
    """Whole days as they begin and end at the location: from midnight before `first` to midnight after `last`.

    `ValueError` if the last day lies before the first.
    """
    start = _midnight(first, zone)
    return Span(start, None if last is None else _midnight(last + timedelta(days=1), zone))


def last_day(span: Span, zone: ZoneInfo) -> date | None:
    """The last day on which it still counts, at the location."""
    return None if span.end is None else (span.end - timedelta(microseconds=1)).astimezone(zone).date()


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same moments as spans that neither overlap nor touch: two allotments at a time are one licence."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        before = whole[-1] if whole else None
        if before is None or (before.end is not None and before.end < span.start):
            whole.append(span)
        elif before.end is not None and (span.end is None or span.end > before.end):
            whole[-1] = Span(before.start, span.end)
    return tuple(whole)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # In UTC, since two moments of one zone compare by their clocks alone, which is wrong where a clock is put back.
    return datetime.combine(day, time(), zone).astimezone(UTC)
