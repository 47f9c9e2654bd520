"""An engine in this process, for when no connector runs: the same journal, the same rules."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from tillbridge.cli.desks import Order
from tillbridge.connector.api.asking import CALLER, request_of
from tillbridge.connector.api.bodies import ResolveBody
from tillbridge.connector.api.resources import EventResource, PaymentResource
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.reading import NOTHING, Filter
from tillbridge.protocols.contract import AbortReply


class LocalDesk:
    """`Desk` over an engine. It speaks as the native interface does, so that order numbers and keys are the same."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def pay(self, order: Order) -> AsyncIterator[PaymentResource]:
        """See `Desk.pay`."""
        with self._engine.watch() as watcher:
            payment = await self._engine.start(request_of(order.body, CALLER, order.key))
            yield PaymentResource.of(payment)
            if not payment.running:
                return
            async for changed in watcher:
                if changed.id == payment.id:
                    yield PaymentResource.of(changed)
                    if not changed.running:
                        return

    async def evidence(self, payment_id: str, patience: float) -> PaymentResource:
        """See `Desk.evidence`."""
        with self._engine.watch() as watcher, suppress(TimeoutError):
            payment = await self._engine.inquire(payment_id)
            async with asyncio.timeout(patience):
                while payment.open:
                    changed = await anext(watcher)
                    payment = changed if changed.id == payment_id else payment
        return await self.payment(payment_id)

    async def first_terminal(self) -> str | None:
        """See `Desk.first_terminal`."""
        return next((status.name for status in await self._engine.terminals()), None)

    async def abort(self, payment_id: str) -> AbortReply:
        """See `Desk.abort`."""
        return await self._engine.abort(payment_id)

    async def payments(self, before: str | None, limit: int, where: Filter = NOTHING) -> Sequence[PaymentResource]:
        """See `Desk.payments`."""
        return [PaymentResource.of(payment) for payment in self._engine.payments(before, limit, where)]

    async def payment(self, payment_id: str) -> PaymentResource:
        """See `Desk.payment`."""
        return PaymentResource.of(await self._engine.inquire(payment_id))

    async def events(self, payment_id: str) -> Sequence[EventResource]:
        """See `Desk.events`."""
        await self._engine.inquire(payment_id)
        return [EventResource.of(event) for event in self._engine.events(payment_id)]

    async def resolve(self, payment_id: str, body: ResolveBody) -> PaymentResource:
        """See `Desk.resolve`."""
        amount = None if body.amount is None else body.amount.money("amount")
        settled = await self._engine.resolve(
            payment_id, taken=body.taken, by=body.by, reason=body.reason, amount=amount
        )
        return PaymentResource.of(settled)
