"""Decides what becomes of an order: by what the payment service says when it is asked, and by nothing else.

A buyer's return and a notification only say that it is time to ask. What is decided is decided in one transaction that
holds the order's row, so that any number of them, in any order and in any process, end in one issue or in none.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, assert_never

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.shop import lines_store, orders_store, store
from tillbridge.portal.shop.buying import ASK_SECONDS
from tillbridge.portal.shop.issuing import issue
from tillbridge.portal.shop.model import ASKED_FOR, Case, Happening, Order, OrderState, Payment
from tillbridge.portal.shop.payments.contract import PaymentState, Standing
from tillbridge.portal.shop.payments.services import Services
from tillbridge.portal.shop.refunds import Refunds
from tillbridge.portal.vouchers import systems_store

AGAIN: Final = timedelta(seconds=10)
"""How soon a payment service is asked again while the buyer is likely to be at its page."""

SLOWEST: Final = timedelta(minutes=10)

BATCH: Final = 20
"""Orders that one look of the timer takes on."""

_MAY_BE_PAID: Final = frozenset({PaymentState.PENDING, PaymentState.FAILED, PaymentState.CANCELLED})

log = structlog.get_logger(__name__)


class Checkout:
    """Orders of every shop on their way from the payment to the vouchers."""

    def __init__(self, house: House, services: Services, refunds: Refunds) -> None:
        self._house = house
        self._services = services
        self._refunds = refunds

    async def notified(self, service: str, headers: Mapping[str, str], body: bytes) -> None:
        """Asks the service about the payment that a notification names.

        `BridgeError(ORIGIN_NOT_ALLOWED)` for a notification that is not the service's own.
        """
        one = self._services.get(service)
        reference = None if one is None else one.reference_of(headers, body)
        if reference is None:
            raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "this notification is not signed by the payment service")
        async with self._house.database.reading() as connection:
            order_id = await orders_store.by_reference(connection, service, reference)
        if order_id is not None:
            await self.look(order_id)

    async def look(self, order_id: str) -> None:
        """Asks how an order's payment stands, and does what follows.

        `BridgeError(PAYMENT_SERVICE_AWAY)` if the service could not be asked: nothing is decided then.
        """
        async with self._house.database.reading() as connection:
            payment = await orders_store.find_payment(connection, order_id)
        if payment is None or payment.reference is None:
            return
        standing = await self._ask(payment.service, payment.reference)
        try:
            async with self._house.database.writing() as connection:
                await self._settle(connection, order_id, standing)
        except LedgerMoved as moved:
            raise BridgeError(Code.OVERLOADED, "the voucher was moved; it is tried again") from moved
        await self._refunds.go_on_with(order_id)

    async def _ask(self, name: str, reference: str) -> Standing:
        service = self._services.get(name)
        if service is None:
            raise BridgeError(Code.PAYMENT_SERVICE_AWAY)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await service.status(reference)
        except TimeoutError:
            raise BridgeError(Code.PAYMENT_SERVICE_AWAY) from None

    async def _settle(self, connection: AsyncConnection, order_id: str, standing: Standing) -> None:
        one = await orders_store.find(connection, order_id, locked=True)
        payment = await orders_store.find_payment(connection, order_id)
        if one is None or payment is None or standing.reference != payment.reference:
            return
        if standing.state is PaymentState.PENDING and payment.state != PaymentState.PENDING:
            # Somebody else asked after us and was told more.
            return
        await self._keep(connection, one, payment, standing)
        match standing.state:
            case PaymentState.PAID:
                await self._paid(connection, one, payment, standing)
            case PaymentState.PENDING:
                await self._pending(connection, one, payment)
            case PaymentState.FAILED | PaymentState.CANCELLED:
                if one.state.waits:
                    await self._end(connection, one, OrderState.FAILED, Happening.FAILED)
            case PaymentState.REFUNDED:
                if one.state is not OrderState.REFUNDED and not await self._refunds.explains(connection, one, standing):
                    await self._case(connection, one, Case.TAKEN_BACK, Happening.TAKEN_BACK)
                    await self._refunds.freeze(connection, one)
            case PaymentState.DISPUTED:
                await self._case(connection, one, Case.DISPUTED, Happening.DISPUTED)
                await self._refunds.freeze(connection, one)
            case _:
                assert_never(standing.state)

    async def _keep(self, connection: AsyncConnection, one: Order, payment: Payment, standing: Standing) -> None:
        """Writes down what the service said; what is decided for good is asked no more by the timer.

        A payment that has failed may still be made: some services let the buyer try again on the same page.
        """
        now = self._house.runtime.clock.now()
        age = now - payment.begun_at
        open_still = standing.state in _MAY_BE_PAID and age < ASKED_FOR
        amount = standing.amount
        await orders_store.set_payment(
            connection,
            one.id,
            state=standing.state.value,
            paid_amount=None if amount is None else amount.minor,
            paid_currency=None if amount is None else amount.currency.code,
            next_ask_at=now + min(SLOWEST, max(AGAIN, age / 4)) if open_still else None,
        )

    async def _pending(self, connection: AsyncConnection, one: Order, payment: Payment) -> None:
        now = self._house.runtime.clock.now()
        if one.state.waits and one.expires_at <= now:
            await self._end(connection, one, OrderState.EXPIRED, Happening.EXPIRED)
        if now - payment.begun_at >= ASKED_FOR:
            await self._case(connection, one, Case.SILENT, Happening.SILENT)

    async def _paid(self, connection: AsyncConnection, one: Order, payment: Payment, standing: Standing) -> None:
        if one.state not in {
            *(OrderState.PLACED, OrderState.PAYMENT_PENDING, OrderState.PAID),
            *(OrderState.FAILED, OrderState.EXPIRED),
        }:
            return
        if standing.amount != one.money:
            await self._case(connection, one, Case.MISMATCH, Happening.MISMATCH)
            return
        lines = await lines_store.of_order(connection, one.id)
        if one.state is not OrderState.PAID:
            happening = Happening.PAID if one.state.waits else Happening.PAID_LATE
            await orders_store.note(connection, self._house, one.id, happening)
            await orders_store.set_order(connection, one.id, state=OrderState.PAID.value)
            holds = one.holds_stock or await lines_store.take_stock(connection, lines)
            if not holds:
                await orders_store.note(connection, self._house, one.id, Happening.PRODUCT_GONE)
                await self._refunds.give_all_back(connection, one, payment)
                return
            await orders_store.set_order(connection, one.id, holds_stock=True)
        elif not one.holds_stock:
            # What was bought is gone, and the money is on its way back: whoever asks again must not issue it after all.
            return
        shop = await store.find(connection, one.shop_id)
        system = None if shop is None else await systems_store.find(connection, shop.system_id)
        if shop is None or system is None or system.recovering_since is not None:
            # The portal is hearing again what it had answered before it was restored: nothing is booked meanwhile.
            again = self._house.runtime.clock.now() + AGAIN
            await orders_store.set_payment(connection, one.id, next_ask_at=again)
            return
        await issue(self._house, connection, shop, system, one, lines)

    async def _case(self, connection: AsyncConnection, one: Order, case: Case, happening: Happening) -> None:
        if one.open_case is case:
            return
        await orders_store.set_order(connection, one.id, open_case=case.value)
        payment = await orders_store.find_payment(connection, one.id)
        facts = {} if payment is None else {"amount": payment.paid_amount, "currency": payment.paid_currency}
        await orders_store.note(connection, self._house, one.id, happening, facts=facts)

    async def _end(self, connection: AsyncConnection, one: Order, state: OrderState, happening: Happening) -> None:
        if one.holds_stock:
            await lines_store.give_stock_back(connection, await lines_store.of_order(connection, one.id))
        await orders_store.set_order(connection, one.id, state=state.value, holds_stock=False)
        await orders_store.note(connection, self._house, one.id, happening)

    # ------------------------------------------------------------ the timer

    async def step(self) -> None:
        """One look: asks about open payments, ends what waits too long, goes on with what was interrupted."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            due = await orders_store.claim_due(connection, now, AGAIN, BATCH)
        for order_id in due:
            await self._quietly(order_id)
        await self._expire()
        await self._refunds.step()
        async with self._house.database.writing() as connection:
            await lines_store.forget_carts(connection, now)

    async def _quietly(self, order_id: str) -> None:
        try:
            await self.look(order_id)
        except BridgeError as error:
            log.warning("shop_payment_unknown", order=order_id, code=error.code.value)

    async def _expire(self) -> None:
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            over = await orders_store.waiting_until(connection, now, BATCH)
        for order_id in over:
            async with self._house.database.writing() as connection:
                one = await orders_store.find(connection, order_id, locked=True)
                if one is not None and one.state.waits and one.expires_at <= now:
                    await self._end(connection, one, OrderState.EXPIRED, Happening.EXPIRED)
