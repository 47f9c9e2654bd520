"""Which version of the link's messages two sides speak (docs/reference/pairing-protocol.md, section 10).

Connector and portal are updated apart. Each says the newest version it speaks and the oldest it still understands.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PROTOCOL: Final = 1
OLDEST: Final = 1


class Verdict(StrEnum):
    """Whether two sides understand each other; if not, which one has to be updated."""

    AGREED = "agreed"
    THEY_ARE_TOO_OLD = "they_are_too_old"
    WE_ARE_TOO_OLD = "we_are_too_old"


@dataclass(frozen=True, slots=True)
class Understanding:
    """`protocol` is the version that both will speak, where they agreed."""

    verdict: Verdict
    protocol: int | None = None


def understand(theirs: int, their_oldest: int, *, ours: int = PROTOCOL, our_oldest: int = OLDEST) -> Understanding:
    """What follows from what the other side says of itself: the newest version that both speak, if there is one."""
    if theirs < our_oldest:
        return Understanding(Verdict.THEY_ARE_TOO_OLD)
    if ours < their_oldest:
        return Understanding(Verdict.WE_ARE_TOO_OLD)
    return Understanding(Verdict.AGREED, min(ours, theirs))
