"""Reports of days, for the native interface and the console of a running connector."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tillbridge.connector.console.days import day_of, read_day
from tillbridge.connector.keeping.day_report import DayReport
from tillbridge.connector.keeping.psp import PspDay, ToldHere
from tillbridge.connector.keeping.reporting import report
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.rules import EngineSettings
from tillbridge.runtime.effects import Clock
from tillbridge.upstream.settings import UpstreamSettings


@dataclass(frozen=True, slots=True)
class DayDesk:
    """`receivers` are those that are told of payments by the settings."""

    journal: Path
    settings: EngineSettings
    receivers: Sequence[str]
    clock: Clock

    async def report(self, day: str | None, more: Sequence[PspDay] = ()) -> DayReport:
        """The report of a business day such as "2026-05-16", or of today's; `BridgeError(FIELD_INVALID)` for none."""
        return await asyncio.to_thread(self.report_now, day, more)

    def report_now(self, day: str | None, more: Sequence[PspDay]) -> DayReport:
        """The same in this thread, with `more` of what payment services say."""
        if day is None:
            found = day_of(self.clock.now(), self.settings)
        else:
            entered = read_day(day, self.settings)
            if entered is None:
                raise BridgeError(Code.FIELD_INVALID, f"{day[:20]!r} is no day such as 2026-05-16", place="day")
            found = entered
        told = [ToldHere(self.journal, receiver) for receiver in self.receivers]
        return report(self.journal, found, [*told, *more])


def receivers_of(settings: UpstreamSettings) -> tuple[str, ...]:
    """The receivers that are told of payments."""
    return tuple(one.name for one in settings.telling if one.off_because is None)
