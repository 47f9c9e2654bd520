"""A terminal that approves at once: what is left of a payment's time is the bridge's own."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import Approved, Outcome
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

CAPABILITIES: Final = Capabilities(kinds=frozenset({Kind.SALE}), recovery=Recovery.NONE, max_minor=99_999_999)


class PromptTerminal:
    """A whole `contract.Terminal` without a wire."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`."""
        return CAPABILITIES

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        await log.sending()
        assert operation.amount is not None  # noqa: S101 - only sales are asked of it
        outcome = Approved(operation.amount)
        await log.outcome(outcome)
        return outcome

    async def abort(self, operation_id: str) -> AbortReply:  # noqa: ARG002 - nothing runs long enough to be stopped
        """See `Terminal.abort`."""
        return AbortReply.NOT_RUNNING

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:  # noqa: ARG002 - nothing is ever in doubt
        """See `Terminal.inquire`."""
        return Unanswered.CANNOT_ASK

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`."""

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`: nothing comes late."""
        await self._closed.wait()
        for result in ():
            yield result

    async def health(self) -> Health:
        """See `Terminal.health`."""
        return Health(HealthState.READY)

    async def close(self) -> None:
        """See `Terminal.close`."""
        self._closed.set()
