"""One running payment: what waits for it, and how its driver reaches the journal."""

import asyncio
from dataclasses import dataclass, field, replace

from tillbridge.domain.operation import Operation, Progress, Stage
from tillbridge.domain.outcome import Outcome
from tillbridge.engine.books import Books
from tillbridge.engine.journal.journal import Acceptance
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.rules import honest
from tillbridge.engine.states import answer_cause
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import StorageUnavailable


@dataclass(slots=True)
class Live:
    """`payment` is replaced as it changes; `over` is set once there is nothing to wait for any more."""

    payment: Payment
    operation: Operation
    acceptance: Acceptance
    over: asyncio.Event = field(default_factory=asyncio.Event)


class JournalLog:
    """The `OperationLog` of the contract. `told` is what the driver said last, `written` whether that is on disk."""

    def __init__(self, live: Live, books: Books) -> None:
        self._live = live
        self._books = books
        self.sent = False
        self.told: Outcome | None = None
        self.written = False

    async def sending(self) -> None:
        """See `OperationLog.sending`."""
        if self.sent:
            return
        payment = self._live.payment
        try:
            await self._books.journal.sending(
                payment, self._live.operation.wire_reference, self._books.runtime.clock.now()
            )
        except StorageUnavailable:
            self._books.disk_refused()
            raise
        self.sent = True
        self._change(replace(payment, stage=Stage.SENDING, progress=Progress.CONNECTING))

    def progress(self, progress: Progress) -> None:
        """See `OperationLog.progress`."""
        payment = self._live.payment
        if payment.running and payment.progress is not progress:
            self._books.note(payment.id, payment.terminal, EventType.PROGRESS, {"progress": progress})
            self._change(replace(payment, progress=progress))

    async def outcome(self, outcome: Outcome) -> None:
        """See `OperationLog.outcome`."""
        if self.written:
            return
        self.told = honest(outcome, self._live.operation)
        payment = await self._books.close(self._live.payment, self.told, answer_cause(self.told))
        self.written = True
        self._live.payment = payment

    def _change(self, payment: Payment) -> None:
        self._live.payment = payment
        self._books.feed.publish(payment)
