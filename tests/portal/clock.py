"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class HandClock:
    """Starts on an ordinary Saturday at noon."""

    def __init__(self, now: datetime = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._seconds = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def forward(self, **span: float) -> None:
        """`forward(minutes=5)`."""
        step = timedelta(**span)
        self._now += step
        self._seconds += step.total_seconds()
