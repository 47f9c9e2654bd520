"""When a message that did not arrive is sent again, and when nobody waits for it any longer."""

import random
from datetime import datetime, timedelta
from typing import Final

PATIENCE: Final = timedelta(days=3)
"""For so long a message is tried: a receiver that fails on a Friday evening is mended on Monday."""

STEPS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 300, 900, 1800, 3600))
"""After each failed attempt; the last step repeats. An hour at most, so that everything has arrived within an hour
after a receiver is back."""

SPREAD: Final = 0.2
"""A step is up to this part shorter or longer: receivers that failed together are not asked together again."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds that a receiver is left alone after failures in a row, whatever else waits for it: a broken one is asked once
a minute, not once for each message."""

LONGEST_ASKED: Final = timedelta(hours=1)
"""A receiver may ask to be left alone (Retry-After), but not for longer than we would leave it alone ourselves."""


def next_attempt(attempts: int, since: datetime, now: datetime, chance: random.Random) -> datetime | None:
    """When to try again after the failed attempt number `attempts` (from 1); None when it is given up.

    The last attempt falls on the end of the three days that began at `since`.
    """
    end = since + PATIENCE
    if now >= end:
        return None
    step = STEPS[min(attempts, len(STEPS)) - 1]
    return min(end, now + step * chance.uniform(1 - SPREAD, 1 + SPREAD))


def pause(failures: int, chance: random.Random) -> float:
    """Seconds to leave a receiver alone after so many failures in a row."""
    doubled = FIRST_PAUSE * 2.0 ** min(failures - 1, 10)
    return min(LONGEST_PAUSE, doubled) * chance.uniform(1 - SPREAD, 1.0)
