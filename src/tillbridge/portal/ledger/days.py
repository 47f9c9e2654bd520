"""The day that something is booked on."""

from datetime import datetime
from zoneinfo import ZoneInfo


def business_day(at: datetime, zone: str) -> str:
    """The calendar day of a moment in the zone of a voucher system, such as "2026-11-22"."""
    return at.astimezone(ZoneInfo(zone)).date().isoformat()
