"""What `link doctor` looks at, as values: each thing, whether it is right, and what to do if it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """One thing that the link needs, in the order in which they need each other."""

    PLACE = "place"
    KEY = "key"
    DNS = "dns"
    TLS = "tls"
    CLOCK = "clock"
    TOKEN = "token"  # noqa: S105  # the name of a check
    RIGHT = "right"
    LICENCE = "licence"


class Verdict(StrEnum):
    """How a check came out. `UNKNOWN`: it could not be made, because an earlier one failed."""

    OK = "ok"
    CARE = "care"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One result. `found` is what was seen, `remedy` what to do; both are English, for who looks after computers.

    `code` is the catalogue's, where the check ended with a refusal.
    """

    part: Part
    verdict: Verdict
    found: str
    remedy: str = ""
    code: str | None = None


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Every part once: those that were not reached are unknown."""
    seen = {check.part: check for check in checks}
    return tuple(seen.get(part) or Check(part, Verdict.UNKNOWN, "not looked at") for part in Part)
