"""How a request to a terminal ends without a whole answer: the difference between no payment and an unknown one."""

from dataclasses import dataclass

from tillbridge.domain.outcome import DoubtReason, NotStartedReason


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing of the request reached the terminal."""

    reason: NotStartedReason
    detail: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The request may have reached the terminal, and no whole answer came."""

    reason: DoubtReason
    detail: str
