"""A terminal under test: its line is looked at, and what people ask of it waits for each other."""

import asyncio

from tillbridge.connector.tracing.traced import TracedTerminal
from tillbridge.domain.operation import Operation
from tillbridge.domain.outcome import Outcome
from tillbridge.protocols.contract import Health, OperationLog, Terminal, Unanswered
from tillbridge.transports.tap import Observer


class TappedTerminal(TracedTerminal):
    """`contract.Terminal` over another one. Whoever calls it, what the driver opens meanwhile is observed.

    A sign of life and an inquiry that a person asks for wait for each other and for a running operation.
    """

    def __init__(self, inner: Terminal, by: Observer) -> None:
        super().__init__(inner, by)
        self._turn = asyncio.Lock()

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        async with self._turn:
            return await super().perform(operation, log)

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`."""
        async with self._turn:
            return await super().inquire(operation)

    async def health(self) -> Health:
        """See `Terminal.health`."""
        async with self._turn:
            return await super().health()
