"""When a report that did not arrive is tried again, and when it is left to a person."""

import random
from datetime import datetime, timedelta
from typing import Final

PATIENCE: Final = timedelta(days=10)
"""For so long a message is tried by itself: a payment service that is down over the longest holidays is up again. After
that it is a dead letter: it stays, it shows, and a person may have it sent again."""

STEPS: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 300, 900))
"""After each attempt of a message that may have arrived, or failed on the way; the last step repeats. A quarter of an
hour at most, so that everything has arrived soon after a receiver is back."""

SPREAD: Final = 0.2
"""A step is up to this part shorter or longer: what failed together is not tried together again."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds that a receiver is left alone after failures in a row; after them one single message tries how it is."""

HELD_PAUSE: Final = 3600.0
"""Seconds that a receiver is left alone that wants none of our messages until a person has mended something: a login
that is tried every second gets locked. An hour, so that it goes on by itself once it is mended at the other end."""

LONGEST_ASKED: Final = 3600.0
"""Seconds that a receiver may ask to be left alone (Retry-After): no longer than we would leave it alone ourselves."""


def next_attempt(attempts: int, now: datetime, chance: random.Random) -> datetime:
    """When to try again after the attempt number `attempts` (from 1)."""
    step = STEPS[min(max(attempts, 1), len(STEPS)) - 1]
    return now + step * chance.uniform(1 - SPREAD, 1 + SPREAD)


def pause(failures: int, chance: random.Random) -> float:
    """Seconds to leave a receiver alone after so many failures in a row."""
    doubled = FIRST_PAUSE * 2.0 ** min(failures - 1, 10)
    return min(LONGEST_PAUSE, doubled) * chance.uniform(1 - SPREAD, 1.0)
