"""One running payment: what waits for it, and how its driver reaches the journal."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Final

from tillbridge.domain.operation import Operation, Progress, Stage
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, Outcome
from tillbridge.engine.books import Books
from tillbridge.engine.journal.journal import Acceptance
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.rules import honest
from tillbridge.engine.states import answer_cause
from tillbridge.protocols.contract import Payment, Unsigned
from tillbridge.runtime.sqlite import StorageUnavailable


@dataclass(frozen=True, slots=True)
class Judged:
    """What a person, by this name, says of the signature."""

    accepted: bool
    by: str


UNJUDGED: Final = Unsigned(accept=True, seconds=0)
"""What was sent before this start is not asked about again: the customer has left."""


@dataclass(slots=True)
class Live:
    """`payment` is replaced as it changes; `over` is set once there is nothing to wait for any more.

    `signing` is there while somebody is asked to compare the signature; `unsigned` is what counts if nobody does.
    `unwanted` says that somebody asked to stop it, and that it is to be taken back if the card is faster.
    """

    payment: Payment
    operation: Operation
    acceptance: Acceptance
    unsigned: Unsigned = UNJUDGED
    over: asyncio.Event = field(default_factory=asyncio.Event)
    signing: "asyncio.Future[Judged] | None" = None
    unwanted: bool = False
    approved: Approved | None = None


def as_meant(outcome: Outcome, live: Live) -> Outcome:
    """What an outcome counts for: an approval of other money is none, and one that nobody wants is to be taken back."""
    outcome = honest(outcome, live.operation)
    if live.unwanted and isinstance(outcome, Approved):
        live.approved = outcome
        return InDoubt(DoubtReason.ABORTED_TOO_LATE, "the card was faster than the wish to stop")
    return outcome


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

    async def signature(self, approved: Approved) -> bool:
        """See `OperationLog.signature`. The answer is in the journal before the outcome that follows from it."""
        live = self._live
        judged = await self._judged(live) if live.unsigned.seconds else None
        accepted = live.unsigned.accept if judged is None else judged.accepted
        said = {"accepted": accepted, "by": None if judged is None else judged.by, "amount": str(approved.amount)}
        self._books.note(live.payment.id, live.payment.terminal, EventType.SIGNATURE, said)
        return accepted

    async def _judged(self, live: Live) -> Judged | None:
        live.signing = asyncio.get_running_loop().create_future()
        self.progress(Progress.AWAITING_SIGNATURE)
        try:
            async with asyncio.timeout(live.unsigned.seconds):
                return await live.signing
        except TimeoutError:
            return None
        finally:
            live.signing = None

    async def outcome(self, outcome: Outcome) -> None:
        """See `OperationLog.outcome`."""
        if self.written:
            return
        self.told = as_meant(outcome, self._live)
        payment = await self._books.close(self._live.payment, self.told, answer_cause(self.told))
        self.written = True
        self._live.payment = payment

    def _change(self, payment: Payment) -> None:
        self._live.payment = payment
        self._books.feed.publish(payment)
