"""Moments as they come in a query: RFC 3339 with a zone; and when a business day begins."""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.rules import EngineSettings

RFC_3339: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
"""Six decimals of a second at most: the journal counts in microseconds."""


def moment(text: str | None, place: str) -> datetime | None:
    """The moment that a text of the pattern means; `BridgeError(FIELD_INVALID)` for one that no calendar has."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BridgeError(Code.FIELD_INVALID, str(error), place=place) from None


def start_of_business_day(settings: EngineSettings, now: datetime) -> datetime:
    """When the business day of this moment began; both have a zone."""
    zone = None if settings.time_zone is None else ZoneInfo(settings.time_zone)
    today = (now.astimezone(zone) - timedelta(hours=settings.business_day_starts_hour)).date()
    began = datetime.combine(today, time(settings.business_day_starts_hour), zone)
    # Without a zone of its own the moment is in the computer's.
    return began.astimezone() if zone is None else began
