"""When to look for an update: at the start, and once for each time that the hour has come. Pure.

Wall time says only *whether* the hour has come, never how long to wait: a clock that is set forward by a day brings one
more look, one that is set back by a year does not silence the next hour.
"""

from datetime import datetime, time, timedelta
from typing import Final

SET_BACK: Final = timedelta(hours=2)
"""A clock that goes back by more than this was set by somebody. Less is summer time: no reason to look twice."""

RETRY_SECONDS: Final = (60.0, 300.0, 3600.0)
"""After a look that failed: the network is often only just coming up at the start; the last for ever."""

_DAY: Final = timedelta(days=1)


class UpdateHours:
    """Which looks are owed. `now` is always the local wall time without a zone, `monotonic` in seconds."""

    def __init__(self, hour: time, now: datetime) -> None:
        self._hour = hour
        self._seen = now
        self._served = self._latest(now)
        self._owed = True  # the look at the start
        self._failures = 0
        self._not_before = 0.0

    def owed(self, now: datetime, monotonic: float) -> bool:
        """Whether to look now. An hour that went by while the computer slept or was switched off is still owed."""
        if now < self._seen - SET_BACK:
            self._served = self._latest(now)
        self._seen = now
        if self._latest(now) > self._served:
            self._served = self._latest(now)
            self._owed = True
            self._failures, self._not_before = 0, 0.0
        return self._owed and monotonic >= self._not_before

    def looked(self) -> None:
        """The look came to an answer, whatever it was."""
        self._owed = False
        self._failures, self._not_before = 0, 0.0

    def failed(self, monotonic: float) -> None:
        """The look came to no answer: it is still owed, later."""
        delay = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._failures += 1
        self._not_before = monotonic + delay

    def change(self, hour: time, now: datetime) -> None:
        """Somebody has set another hour: it counts from its next coming."""
        if hour != self._hour:
            self._hour = hour
            self._served = self._latest(now)

    def _latest(self, now: datetime) -> datetime:
        today = datetime.combine(now.date(), self._hour)
        return today if today <= now else today - _DAY
