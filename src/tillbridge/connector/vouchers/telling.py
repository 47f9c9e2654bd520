"""What happens to actions with vouchers, told to whoever listens as it happens.

The histories in the journal are what is told, in their order: what is on the disk, and nothing else. A case that is
found by the clock alone is told when it is found.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tillbridge.connector.vouchers.journal import Journal
from tillbridge.connector.vouchers.model import Action, Case, Told

LOOK: Final = timedelta(seconds=30)
"""Between two looks at what has been silent for too long."""


class Teller:
    """Tells each line once, from the moment on at which it was made."""

    def __init__(self, journal: Journal, case: Callable[[Action], Case | None]) -> None:
        self._journal = journal
        self._case = case
        self._last = journal.last_line()
        self._silent: frozenset[str] = frozenset()
        self._looked_at: datetime | None = None

    def news(self, now: datetime) -> list[Told]:
        """What came since the last time, oldest first."""
        found: list[Told] = []
        while lines := self._journal.lines_after(self._last):
            for seq, key, line in lines:
                self._last = seq
                action = self._journal.find(key)
                if action is not None:
                    found.append(Told(action, self._case(action), seq, line.at))
        return found + self._silent_ones(now)

    def _silent_ones(self, now: datetime) -> list[Told]:
        if self._looked_at is not None and now - self._looked_at < LOOK:
            return []
        first, self._looked_at = self._looked_at is None, now
        silent = {one.key: one for one in self._journal.open() if self._case(one) is Case.SILENT}
        # What was silent before this start has been told then.
        new = [] if first else [one for key, one in silent.items() if key not in self._silent]
        self._silent = frozenset(silent)
        return [Told(one, Case.SILENT, None, now) for one in new]
