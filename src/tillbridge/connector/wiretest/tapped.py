"""A terminal whose line is looked at: the driver of any wire, with the observer set around all that it does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tillbridge.domain.operation import Operation
from tillbridge.domain.outcome import Outcome
from tillbridge.protocols.contract import (
    AbortReply,
    Capabilities,
    Health,
    LateResult,
    OperationLog,
    Terminal,
    Unanswered,
)
from tillbridge.transports.tap import Observer, observed


class TappedTerminal:
    """`contract.Terminal` over another one. Whoever calls it, what the driver opens meanwhile is observed.

    A sign of life and an inquiry that a person asks for wait for each other and for a running operation.
    """

    def __init__(self, inner: Terminal, by: Observer) -> None:
        self._inner = inner
        self._by = by
        self._turn = asyncio.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`."""
        return self._inner.capabilities

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        async with self._turn:
            with observed(self._by):
                return await self._inner.perform(operation, log)

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`."""
        with observed(self._by):
            return await self._inner.abort(operation_id)

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`."""
        async with self._turn:
            with observed(self._by):
                return await self._inner.inquire(operation)

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`."""
        with observed(self._by):
            await self._inner.settle(operation)

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`."""
        async with aclosing(self._inner.late()) as results:
            while True:
                # Set for each step alone: between two of them other code of the same task runs.
                with observed(self._by):
                    try:
                        result = await anext(results)
                    except StopAsyncIteration:
                        return
                yield result

    async def health(self) -> Health:
        """See `Terminal.health`."""
        async with self._turn:
            with observed(self._by):
                return await self._inner.health()

    async def close(self) -> None:
        """See `Terminal.close`."""
        await self._inner.close()
