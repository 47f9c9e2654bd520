"""A terminal on strings: a full `contract.Terminal` whose every move the test decides, with a record of what it did."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, Outcome
from tillbridge.protocols.contract import (
    AbortReply,
    Capabilities,
    Health,
    HealthState,
    LateResult,
    OperationLog,
    Recovery,
    Unanswered,
)

CAPABILITIES = Capabilities(
    kinds=frozenset({Kind.SALE, Kind.REFUND}), recovery=Recovery.NONE, max_minor=99_999_999, online_flag=True
)


@dataclass
class Puppet:
    """`answers` is what the next operations end in; an operation without an answer waits until one is put there."""

    capabilities: Capabilities = CAPABILITIES
    answers: "asyncio.Queue[Outcome | Exception]" = field(default_factory=asyncio.Queue)
    lates: "asyncio.Queue[LateResult]" = field(default_factory=asyncio.Queue)
    inquiry: Outcome | Unanswered = Unanswered.CANNOT_ASK
    sends: bool = True
    taken: list[Operation] = field(default_factory=list)
    acknowledged: list[Outcome | LateResult] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    inquiries: list[str] = field(default_factory=list)
    closed: bool = False
    signs: bool = False
    health_now: Health = field(default_factory=lambda: Health(HealthState.READY))
    signs_of_life: int = 0

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        if not self.sends:
            refusal = await self.answers.get()
            assert not isinstance(refusal, Exception)
            return refusal
        await log.sending()
        self.taken.append(operation)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        if self.signs and isinstance(answer, Approved) and not await log.signature(answer):
            answer = InDoubt(DoubtReason.SIGNATURE_REFUSED)
        await log.outcome(answer)
        if not isinstance(answer, InDoubt):
            self.acknowledged.append(answer)
        return answer

    async def abort(self, operation_id: str) -> AbortReply:
        self.aborted.append(operation_id)
        return AbortReply.REQUESTED

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        self.inquiries.append(operation.id)
        return self.inquiry

    async def settle(self, operation: Operation) -> None:
        self.settled.append(operation.id)

    async def late(self) -> AsyncGenerator[LateResult, None]:
        while True:
            result = await self.lates.get()
            yield result
            self.acknowledged.append(result)

    async def health(self) -> Health:
        self.signs_of_life += 1
        return self.health_now

    async def close(self) -> None:
        self.closed = True


LOST = InDoubt(DoubtReason.LINE_LOST, "the line was cut")
