"""The headers of the native interface: the key that names a write for ever, and the wish to wait."""

import re
from typing import Annotated, Final

from fastapi import Header

from tillbridge.connector.api.bodies import KEY_PATTERN, LONGEST_KEY

LONGEST_WAIT: Final = 180
"""Seconds that an answer can be waited for: the time in which a customer finds the card and remembers the PIN."""

_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE | re.ASCII)

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST_KEY,
        pattern=KEY_PATTERN,
        description="Names this write for ever: the same key is the same payment or decision. A UUID does well.",
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description=f"`wait=N` asks to answer when the payment is over, after at most N ≤ {LONGEST_WAIT} seconds.",
    ),
]


def patience_of(prefer: str | None) -> int | None:
    """The seconds of RFC 7240's `wait`, at most `LONGEST_WAIT`; None where nobody asked to wait."""
    found = _WAIT.search(prefer or "")
    return None if found is None else min(int(found[1]), LONGEST_WAIT)
