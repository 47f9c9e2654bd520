"""Whether a running connector still works, from the answers that it gives and does not give. Pure."""

from typing import Final

CHECK_SECONDS: Final = 5.0
"""Between two questions: a question costs a thousandth of a second."""

ANSWER_SECONDS: Final = 4.0
"""For an answer: a connector that is busy answers in a few milliseconds, on the slowest of computers in one second."""

MISSES: Final = 6
"""So many questions in a row without an answer are half a minute in which no till was served: it hangs."""

LONGEST_PAYMENT_SECONDS: Final = 600.0
"""No driver waits longer for a terminal by its usual settings (docs/reference/time-outs.md). A payment that the journal
calls running in a connector that has been silent for this long is not going to be written down by it any more."""

READY_SECONDS: Final = 120.0
"""For a start: a second as a rule, more where a journal of years is brought up to a new version on a slow disk."""

LONGEST_READY_SECONDS: Final = 1920.0
"""What the time for a start grows to, doubled each time: a step that takes long is not killed again and again."""


class HealthWatch:
    """One connector's answers. Moments are the monotonic clock's, so that a clock that is set means nothing here."""

    def __init__(self) -> None:
        self._missed = 0
        self._silent_since: float | None = None

    @property
    def silent(self) -> bool:
        """Whether the last question was not answered."""
        return self._missed > 0

    def answered(self) -> None:
        """It lives."""
        self._missed = 0
        self._silent_since = None

    def missed(self, now: float) -> None:
        """It did not answer in time."""
        self._missed += 1
        self._silent_since = now if self._silent_since is None else self._silent_since

    def hung(self, now: float, *, payment_runs: bool) -> bool:
        """Whether to end it. While a payment may still come to its end, only after the longest time of one."""
        if self._missed < MISSES or self._silent_since is None:
            return False
        return not payment_runs or now - self._silent_since >= LONGEST_PAYMENT_SECONDS


def ready_seconds(starts_without_success: int) -> float:
    """How long a start may take, after so many that took too long."""
    return min(READY_SECONDS * 2.0**starts_without_success, LONGEST_READY_SECONDS)
