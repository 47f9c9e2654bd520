"""How a connector ended, and when the next one is started. Pure: seconds come in as numbers."""

import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.connector.supervisor.words import STOPPED_BY_WISH
from tillbridge.domain.codes import Code

HEALTHY_SECONDS: Final = 60.0
"""A connector that worked for this long had no fault that was there at the start: counting begins anew."""

CRASH_DELAYS: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds before each restart in a row: the first at once, for a till waits; the last for ever, since trying does not
mend a fault that lasts, and a log full of restarts hides its cause."""

REFUSED_DELAYS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Where it said why it cannot start: a port that is taken or a disk that is not there yet is asked for again soon."""

SETTINGS_SECONDS: Final = 60.0
"""Wrong settings are tried again when the file changes, and this often: what they name may come, such as a password's
file on another disk."""


class Why(StrEnum):
    """Why a connector is not there any more."""

    ASKED = "asked"
    WISH = "wish"
    SETTINGS = "settings"
    REFUSED = "refused"
    CRASHED = "crashed"
    HUNG = "hung"
    NEVER_READY = "never_ready"
    LEFT = "left"


FAULTS: Final = frozenset({Why.CRASHED, Why.HUNG, Why.NEVER_READY})
"""What is written down as a crash."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One connector's life. `exit_code` is negative for the signal that ended it; `refusal` is a code of the catalogue.

    `killed_for` is why this supervisor killed it, where it did; `asked` says that it was asked to leave.
    """

    exit_code: int
    seconds: float
    refusal: str | None = None
    killed_for: Why | None = None
    asked: bool = False

    @property
    def why(self) -> Why:
        """The reason, by the surest sign."""
        if self.killed_for is not None:
            return self.killed_for
        if self.exit_code == STOPPED_BY_WISH:
            return Why.WISH
        if self.asked:
            return Why.ASKED
        if self.refusal == Code.SETTINGS_INVALID:
            return Why.SETTINGS
        # A part that died of a fault of ours is a crash, whatever it said on its way out.
        if self.refusal is not None and self.refusal != Code.INTERNAL:
            return Why.REFUSED
        return Why.LEFT if self.exit_code == 0 else Why.CRASHED

    @property
    def words(self) -> str:
        """How it ended, in the middle of a sentence."""
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            name = signal.Signals(-self.exit_code).name
        except ValueError:
            name = f"signal {-self.exit_code}"
        return f"killed by {name}"


@dataclass(frozen=True, slots=True)
class Again:
    """Start another one in so many seconds, or sooner when the settings file changes."""

    seconds: float
    when_file_changes: bool = False


class Restarts:
    """Counts what goes wrong in a row."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def after(self, ended: Ended) -> Again | None:
        """When to start the next one; None to stay down."""
        if ended.seconds >= HEALTHY_SECONDS:
            self._in_a_row = 0
        match ended.why:
            case Why.ASKED | Why.WISH:
                return None
            case Why.SETTINGS:
                return Again(SETTINGS_SECONDS, when_file_changes=True)
            case Why.REFUSED:
                return Again(self._next(REFUSED_DELAYS), when_file_changes=True)
            case Why.CRASHED | Why.HUNG | Why.NEVER_READY | Why.LEFT:
                return Again(self._next(CRASH_DELAYS))

    def _next(self, delays: tuple[float, ...]) -> float:
        delay = delays[min(self._in_a_row, len(delays) - 1)]
        self._in_a_row += 1
        return delay
