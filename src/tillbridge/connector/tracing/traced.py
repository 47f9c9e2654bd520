"""A terminal whose line can be listened to at any time, by whoever is set to listen, or by nobody."""

from collections.abc import AsyncGenerator, Sequence
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
from tillbridge.protocols.moving import Movable
from tillbridge.transports.tap import Observer, observed


class TracedTerminal:
    """`contract.Terminal` over another one: what the driver opens, whoever calls it, is shown to `by`.

    It changes nothing and waits for nothing; a line that was opened before a trace begins is in it all the same.
    """

    def __init__(self, inner: Terminal, by: Observer) -> None:
        self._inner = inner
        self._by = by

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`."""
        return self._inner.capabilities

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        with observed(self._by):
            return await self._inner.perform(operation, log)

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`."""
        with observed(self._by):
            return await self._inner.abort(operation_id)

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`."""
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
        with observed(self._by):
            return await self._inner.health()

    async def close(self) -> None:
        """See `Terminal.close`."""
        await self._inner.close()


class TracedMovable(TracedTerminal):
    """The same over a terminal that is `moving.Movable`."""

    def __init__(self, inner: Terminal, movable: Movable, by: Observer) -> None:
        super().__init__(inner, by)
        self._movable = movable

    @property
    def address(self) -> str | None:
        """See `Movable.address`."""
        return self._movable.address

    def candidates(self) -> Sequence[str]:
        """See `Movable.candidates`."""
        return self._movable.candidates()

    def move(self, address: str) -> None:
        """See `Movable.move`."""
        self._movable.move(address)


def traced(inner: Terminal, by: Observer) -> Terminal:
    """The terminal, with a listener on its line and every promise that it makes."""
    return TracedMovable(inner, inner, by) if isinstance(inner, Movable) else TracedTerminal(inner, by)
