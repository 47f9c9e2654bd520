"""Gives money back for vouchers that nobody has spent: block, take the load back, ask the payment service.

Each step is one transaction with its own key, and the state that is kept says which comes next: a refund that is
interrupted anywhere goes on there, and no voucher and no payment is taken back twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, currency
from tillbridge.portal.audit.log import PORTAL, Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import Occasion
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.shop import lines_store, orders_store, store
from tillbridge.portal.shop.buying import ASK_SECONDS
from tillbridge.portal.shop.issuing import OPERATOR
from tillbridge.portal.shop.model import Case, Happening, Order, OrderState, Payment, RefundState, ShopEvent, Unit
from tillbridge.portal.shop.payments.contract import Standing
from tillbridge.portal.shop.payments.services import Services
from tillbridge.portal.shop.tables import refund, refund_unit
from tillbridge.portal.vouchers import batches_store, systems_store
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.office_service import Blocking, Office
from tillbridge.portal.vouchers.systems_model import Life, VoucherSystem

AGAIN: Final = timedelta(minutes=1)
"""How soon a payment service that could not be asked is asked again."""

BATCH: Final = 20

_GONE: Final = "no longer offered"
_DISPUTED: Final = "the payment is disputed"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Row:
    """A refund with its order, which is locked."""

    order: Order
    payment: Payment
    state: RefundState
    money: Money


class Refunds:
    """Refunds of every shop."""

    def __init__(self, house: House, services: Services, blocked: Sequence[Blocking] = ()) -> None:
        self._house = house
        self._services = services
        self._office = Office(house, blocked)

    # ------------------------------------------------------------ beginning

    async def begin(self, connection: AsyncConnection, one: Order, actor: Actor, reason: str) -> str:
        """Blocks what is unspent of an order, which the caller has locked, and writes a refund down; returns its id.

        An order that was paid wrongly and has no voucher gets back what was paid. `BridgeError(RECORD_CONFLICT)` if
        there is nothing to give back.
        """
        payment = await orders_store.find_payment(connection, one.id)
        if payment is None or payment.paid_amount is None or payment.paid_currency is None:
            raise BridgeError(Code.RECORD_CONFLICT, "nothing was paid")
        units = await orders_store.units(connection, one.id)
        if not units:
            if one.open_case is not Case.MISMATCH:
                raise BridgeError(Code.RECORD_CONFLICT, "no voucher was issued")
            return await self._add(
                connection, one, payment, RefundState.REVERSED, payment.paid_amount, actor=actor, reason=reason
            )
        # What is unspent in a backup may have been spent since.
        require_going(await self._system(connection, one))
        chosen = await self._unspent(connection, one, units)
        if not chosen:
            raise BridgeError(Code.RECORD_CONFLICT, "every voucher of this order is spent or was given back")
        amount = sum(each.balance for each in chosen)
        refund_id = await self._add(connection, one, payment, RefundState.BLOCKED, amount, actor=actor, reason=reason)
        rows = [{"order_id": one.id, "line": each.line, "unit": each.unit, "refund_id": refund_id} for each in chosen]
        await connection.execute(insert(refund_unit), rows)
        await self._block(connection, one, chosen, actor, reason)
        return refund_id

    async def give_all_back(self, connection: AsyncConnection, one: Order, payment: Payment) -> None:
        """What was paid for something that is gone: there is no voucher, so only the service is left to be asked."""
        await self._add(connection, one, payment, RefundState.REVERSED, one.amount, actor=PORTAL, reason=_GONE)

    async def freeze(self, connection: AsyncConnection, one: Order) -> None:
        """Blocks every voucher of an order whose payment is disputed or went back without us."""
        units = await orders_store.units(connection, one.id)
        await Clerk.open(connection, [each.voucher_id for each in units])
        await self._block(connection, one, units, PORTAL, _DISPUTED)

    async def explains(self, connection: AsyncConnection, one: Order, standing: Standing) -> bool:
        """Whether what the service has given back is what it was asked to."""
        asked = await connection.scalar(select(func.sum(refund.c.amount)).where(refund.c.order_id == one.id))
        gone = standing.refunded if standing.refunded is not None else standing.amount
        return gone is not None and int(asked or 0) >= gone.minor

    async def _unspent(self, connection: AsyncConnection, one: Order, units: Sequence[Unit]) -> list[Unit]:
        """Vouchers of which nothing is spent; locked, so that none can be while this is decided."""
        clerk = await Clerk.open(connection, [each.voucher_id for each in units])
        worth = {each.number: each.wish.unit_amount for each in await lines_store.of_order(connection, one.id)}
        now = {each.voucher_id: clerk.vouchers[each.voucher_id] for each in units}
        return [
            each
            for each in await orders_store.units(connection, one.id)
            if not each.refunded
            and now[each.voucher_id].life is Life.ACTIVE
            and now[each.voucher_id].balance == worth[each.line]
        ]

    async def _block(
        self, connection: AsyncConnection, one: Order, units: Sequence[Unit], actor: Actor, reason: str
    ) -> None:
        system = await self._system(connection, one)
        for each in sorted(units, key=lambda unit: unit.voucher_id):
            found = await batches_store.find_voucher(connection, each.voucher_id)
            if found is not None and not found.blocked:
                await self._office.change(connection, actor, system, found, reason, blocked=True)

    async def _add(  # the parts of a refund, one by one
        self,
        connection: AsyncConnection,
        one: Order,
        payment: Payment,
        state: RefundState,
        amount: int,
        *,
        actor: Actor,
        reason: str,
    ) -> str:
        now, refund_id = self._house.runtime.clock.now(), self._house.runtime.ids.new()
        code = payment.paid_currency or one.currency
        values = {
            "id": refund_id,
            "order_id": one.id,
            "state": state.value,
            "amount": amount,
            "currency": code,
            "reason": reason,
            "asked_by": actor.name[:200],
            "asked_at": now,
            "next_at": now,
        }
        await connection.execute(insert(refund).values(values))
        said = {"amount": amount, "currency": code, "reason": reason}
        await orders_store.note(connection, self._house, one.id, Happening.REFUND_BEGUN, actor.name, facts=said)
        await self._audit(connection, one, actor, ShopEvent.REFUND_BEGUN, Money(amount, currency(code)), reason)
        return refund_id

    async def retry(self, connection: AsyncConnection, one: Order, actor: Actor) -> list[str]:
        """Has the payment service asked once more about what it refused, under the same ids; the order is locked.

        `BridgeError(RECORD_CONFLICT)` if it refused nothing.
        """
        refused = (refund.c.order_id == one.id) & (refund.c.state == RefundState.REFUSED.value)
        rows = list(await connection.execute(select(refund).where(refused).order_by(refund.c.id)))
        if not rows:
            raise BridgeError(Code.RECORD_CONFLICT, "no refund of this order was refused")
        values = {"state": RefundState.REVERSED.value, "next_at": self._house.runtime.clock.now()}
        await connection.execute(update(refund).where(refused).values(values))
        for row in rows:
            money = Money(row.amount, currency(row.currency))
            facts = {"amount": money.minor, "currency": row.currency}
            await orders_store.note(connection, self._house, one.id, Happening.REFUND_RETRIED, actor.name, facts)
            await self._audit(connection, one, actor, ShopEvent.REFUND_RETRIED, money, "")
        return [row.id for row in rows]

    async def refused(self, connection: AsyncConnection, order_id: str) -> bool:
        """Whether a refund of this order waits for a person."""
        one = (refund.c.order_id == order_id) & (refund.c.state == RefundState.REFUSED.value)
        return (await connection.execute(select(refund.c.id).where(one).limit(1))).first() is not None

    # ------------------------------------------------------------ going on

    async def step(self) -> None:
        """Goes on with refunds that were interrupted, or whose service was away."""
        now = self._house.runtime.clock.now()
        open_still = refund.c.state.in_([RefundState.BLOCKED.value, RefundState.REVERSED.value])
        async with self._house.database.reading() as connection:
            due = select(refund.c.id).where(open_still, refund.c.next_at <= now).order_by(refund.c.next_at)
            ids = list(await connection.scalars(due.limit(BATCH)))
        for refund_id in ids:
            await self._quietly(refund_id)

    async def go_on_with(self, order_id: str) -> None:
        """Goes on with the open refunds of one order."""
        async with self._house.database.reading() as connection:
            one = (refund.c.order_id == order_id) & (refund.c.state == RefundState.REVERSED.value)
            ids = list(await connection.scalars(select(refund.c.id).where(one).order_by(refund.c.id)))
        for refund_id in ids:
            await self._quietly(refund_id)

    async def _quietly(self, refund_id: str) -> None:
        try:
            await self.go_on(refund_id)
        except (BridgeError, LedgerMoved) as error:
            log.warning("shop_refund_waits", refund=refund_id, cause=str(error))
            async with self._house.database.writing() as connection:
                later = self._house.runtime.clock.now() + AGAIN
                await connection.execute(update(refund).where(refund.c.id == refund_id).values(next_at=later))

    async def go_on(self, refund_id: str) -> None:
        """Does the steps that are left. `BridgeError`: PAYMENT_SERVICE_AWAY, MAINTENANCE; the rest is done later."""
        async with self._house.database.writing() as connection:
            row = await self._locked(connection, refund_id)
            if row.state is RefundState.BLOCKED:
                await self._reverse(connection, row.order, refund_id)
                row = await self._locked(connection, refund_id)
        if row.state is not RefundState.REVERSED:
            return
        if row.money.minor:
            try:
                await self._ask(row.payment, row.money, refund_id)
            except BridgeError as error:
                if error.code is not Code.PAYMENT_SERVICE_REFUSED:
                    raise
                await self._finish(refund_id, RefundState.REFUSED)
                return
        await self._finish(refund_id, RefundState.REFUNDED)

    async def _reverse(self, connection: AsyncConnection, one: Order, refund_id: str) -> None:
        """Takes the loads back. What was spent all the same, after somebody unblocked it, stays as it is."""
        mine = select(refund_unit.c.line, refund_unit.c.unit).where(refund_unit.c.refund_id == refund_id)
        places = {(row.line, row.unit) for row in await connection.execute(mine)}
        units = [each for each in await orders_store.units(connection, one.id) if (each.line, each.unit) in places]
        clerk = await Clerk.open(connection, [each.voucher_id for each in units])
        originals = await clerk.originals([each.entry_id for each in units])
        now, system = self._house.runtime.clock.now(), await self._system(connection, one)
        require_going(system)
        day = business_day(now, system.time_zone)
        at = Occasion(one.location_id, day, now, operator=OPERATOR, transaction_ref=one.number)
        given, booked = 0, {}
        for each in units:
            original, account = originals[each.entry_id], clerk.account(each.voucher_id)
            if not original.left or account.balance < original.left:
                continue
            try:
                entry_id = self._house.runtime.ids.new()
                clerk.post(book.take_back(account, original, original.left, at, entry_id))
            except BridgeError as error:
                if error.code is not Code.VOUCHER_LOAD_SPENT:
                    raise
                continue
            given, booked[(each.line, each.unit)] = given + original.left, entry_id
        await clerk.write()
        for (place, number), entry_id in booked.items():
            row = (refund_unit.c.order_id == one.id) & (refund_unit.c.line == place) & (refund_unit.c.unit == number)
            await connection.execute(update(refund_unit).where(row).values(entry_id=entry_id))
        values = {"state": RefundState.REVERSED.value, "amount": given}
        await connection.execute(update(refund).where(refund.c.id == refund_id).values(values))
        await orders_store.note(connection, self._house, one.id, Happening.LOAD_REVERSED, facts={"amount": given})

    async def _ask(self, payment: Payment, money: Money, key: str) -> None:
        service = self._services.get(payment.service)
        if service is None or payment.reference is None:
            raise BridgeError(Code.PAYMENT_SERVICE_AWAY)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await service.refund(payment.reference, money, key)
        except TimeoutError:
            raise BridgeError(Code.PAYMENT_SERVICE_AWAY) from None

    async def _finish(self, refund_id: str, state: RefundState) -> None:
        async with self._house.database.writing() as connection:
            row = await self._locked(connection, refund_id)
            if row.state is not RefundState.REVERSED:
                return
            values = {"state": state.value, "next_at": None}
            await connection.execute(update(refund).where(refund.c.id == refund_id).values(values))
            one, said = row.order, {"amount": row.money.minor, "currency": row.money.currency.code}
            if state is RefundState.REFUSED:
                await orders_store.note(connection, self._house, one.id, Happening.REFUND_REFUSED, facts=said)
                return
            await orders_store.note(connection, self._house, one.id, Happening.REFUNDED, facts=said)
            await self._audit(connection, one, PORTAL, ShopEvent.REFUNDED, row.money, "")
            units = await orders_store.units(connection, one.id)
            if all(each.refunded for each in units):
                values = {"state": OrderState.REFUNDED.value, "open_case": Case.NONE.value}
                await orders_store.set_order(connection, one.id, **values)

    async def _locked(self, connection: AsyncConnection, refund_id: str) -> _Row:
        order_id = await connection.scalar(select(refund.c.order_id).where(refund.c.id == refund_id))
        # The order first, as everybody else locks them.
        one = None if order_id is None else await orders_store.find(connection, order_id, locked=True)
        row = (await connection.execute(select(refund).where(refund.c.id == refund_id))).one_or_none()
        payment = None if one is None else await orders_store.find_payment(connection, one.id)
        if one is None or row is None or payment is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return _Row(one, payment, RefundState(row.state), Money(row.amount, currency(row.currency)))

    async def _system(self, connection: AsyncConnection, one: Order) -> VoucherSystem:
        shop = await store.find(connection, one.shop_id)
        system = None if shop is None else await systems_store.find(connection, shop.system_id)
        if system is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return system

    async def _audit(  # the parts of an entry, one by one
        self,
        connection: AsyncConnection,
        one: Order,
        actor: Actor,
        event: ShopEvent,
        money: Money,
        reason: str,
    ) -> None:
        shop = await store.find(connection, one.shop_id)
        if shop is None:
            return
        after = {"amount": money.minor, "currency": money.currency.code}
        subject = f"{shop.name} · {one.number}"
        entry = Entry(event, shop.tenant_id, one.location_id, subject, after=after, reason=reason)
        await self._house.audit.note(connection, actor, entry)
