"""What every lane shares: the journal, the questions to it, the feed, and the effects of the runtime."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from tillbridge.domain.operation import Stage, stage_of
from tillbridge.domain.outcome import DoubtReason, InDoubt, Outcome
from tillbridge.engine.feed import Feed
from tillbridge.engine.journal.journal import Journal
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import Committer, StorageUnavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the engine has seen since it started: operations that ended, by how, and commits that failed."""

    ended: Mapping[Stage, int]
    commit_failures: int
    disk_failed: bool


@dataclass(frozen=True, slots=True)
class OutboxAccess:
    """The journal's file, and who writes to it."""

    path: Path
    committer: Committer


@dataclass(slots=True)
class Books:
    """One per engine. `disk_failed` is set by a write that did not reach the disk, until a later one does."""

    journal: Journal
    reading: Reading
    runtime: Runtime
    feed: Feed = field(default_factory=Feed)
    disk_failed: bool = False
    commit_failures: int = 0
    ended: Counter[Stage] = field(default_factory=Counter)

    @property
    def figures(self) -> Figures:
        """The counts as they are now."""
        return Figures(dict(self.ended), self.commit_failures, self.disk_failed)

    def outbox_access(self) -> OutboxAccess:
        """For whoever keeps tables of its own in the journal's file."""
        return OutboxAccess(self.reading.path, self.journal.committer)

    async def close(
        self, payment: Payment, outcome: Outcome, cause: Cause, detail: Mapping[str, object] | None = None
    ) -> Payment:
        """The payment with its outcome, once that is on disk. `StorageUnavailable` or `MoveRefused` if it is not."""
        now = self.runtime.clock.now()
        try:
            await self.journal.close(payment, outcome, cause, now, detail or {})
        except StorageUnavailable:
            self.disk_refused()
            raise
        self.disk_failed = False
        # The very moment that stands in the journal: who asks later is told the same.
        return self.closed(payment, outcome, now)

    def disk_refused(self) -> None:
        """A durable write did not reach the disk."""
        self.disk_failed = True
        self.commit_failures += 1

    def closed(self, payment: Payment, outcome: Outcome, at: datetime) -> Payment:
        """The payment as it looks with this outcome; changes nothing on disk."""
        self.ended[stage_of(outcome)] += 1
        in_doubt = isinstance(outcome, InDoubt)
        closed_at = None if in_doubt else at
        return replace(payment, stage=stage_of(outcome), outcome=outcome, closed_at=closed_at, progress=None)

    def doubtful_for_want_of_disk(self, payment: Payment) -> Payment:
        """What may be said of a payment whose outcome is known but not on disk: nothing (law 1)."""
        unknown = InDoubt(DoubtReason.JOURNAL_UNAVAILABLE, "the outcome could not be written to the journal yet")
        return replace(payment, stage=Stage.IN_DOUBT, outcome=unknown, progress=None)

    def note(
        self, payment_id: str | None, terminal: str, kind: EventType, detail: Mapping[str, object] | None = None
    ) -> None:
        """An event that nothing hangs on; it is committed with the next durable write."""
        written = self.journal.note(payment_id, terminal, kind, self.runtime.clock.now(), detail or {})
        written.add_done_callback(lambda done: self._forget(kind, done.exception()))

    def _forget(self, kind: EventType, error: BaseException | None) -> None:
        if error is not None:
            log.warning("event_not_written", type=kind, error=type(error).__name__)
