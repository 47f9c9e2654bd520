"""What a buyer does: looks around, fills a cart, orders it (docs/reference/voucher-shop.md)."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import limits
from tillbridge.portal.accounts.secrets import LONGEST_SECRET, hashed
from tillbridge.portal.house import House
from tillbridge.portal.shop import orders_store, store
from tillbridge.portal.shop.links import link_secret
from tillbridge.portal.shop.model import (
    LINK_LASTS,
    LONGEST_MESSAGE,
    LONGEST_PERSON,
    MOST_LINES,
    PAY_WITHIN,
    Case,
    Design,
    Happening,
    Order,
    OrderState,
    Payment,
    Range,
    Shop,
    Wish,
    range_of,
)
from tillbridge.portal.shop.payments.contract import Asked, Begun
from tillbridge.portal.shop.payments.services import Services
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem

CARTS_BY_SOURCE: Final = limits.Limit("shop-cart", 120, timedelta(hours=1))
"""Carts filled from one source address."""

ORDERS_BY_SOURCE: Final = limits.Limit("shop-order", 20, timedelta(hours=1))
"""Orders from one source address: whoever tries out stolen cards needs hundreds."""

ASK_SECONDS: Final = 10.0
"""How long a payment service may think; the buyer waits meanwhile."""

LONGEST_EMAIL: Final = 254


@dataclass(frozen=True, slots=True)
class Front:
    """An open shop as buyers see it; `sellers` are names of locations by id."""

    shop: Shop
    system: VoucherSystem
    designs: tuple[Design, ...]
    sellers: dict[str, str]
    range: Range

    @property
    def selling(self) -> bool:
        """Whether anything can be bought at this moment."""
        return self.shop.is_open and bool(self.sellers) and any(one.buyable for one in self.designs)

    def design(self, design_id: str) -> Design:
        """A design that can be bought. `BridgeError`: SHOP_PRODUCT_GONE, RECORD_UNKNOWN for another shop's."""
        for one in self.designs:
            if one.id == design_id:
                if not one.buyable or not self.selling:
                    raise BridgeError(Code.SHOP_PRODUCT_GONE)
                return one
        raise BridgeError(Code.RECORD_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a buyer has filled in."""

    wish: Wish
    location_id: str
    email: str = field(repr=False)
    language: Language


class Buying:
    """The shops of every merchant, for whoever comes."""

    def __init__(self, house: House, services: Services) -> None:
        self._house = house
        self._services = services

    @property
    def payable(self) -> bool:
        """Whether this portal has a payment service at all."""
        return bool(self._services)

    async def front(self, slug: str) -> Front:
        """The shop at this address, open or not. `BridgeError(RECORD_UNKNOWN)` if there is none."""
        async with self._house.database.reading() as connection:
            return await self._front(connection, slug)

    async def _front(self, connection: AsyncConnection, slug: str) -> Front:
        one = await store.by_slug(connection, slug)
        system = None if one is None else await systems_store.find(connection, one.system_id)
        if one is None or system is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        sellers = await store.sellers(connection, one.system_id, self._house.runtime.clock.now())
        if not self._services:
            one = replace(one, is_open=False)
        return Front(one, system, await store.designs(connection, one.id), dict(sellers), range_of(system))

    async def fill(self, slug: str, key: str, filled: Filled, source: str) -> str:
        """Keeps a cart and returns the secret of its page; the same form again changes it as long as it is a cart.

        `BridgeError`: SHOP_RANGE, SHOP_PRODUCT_GONE, SLOW_DOWN; FIELD_INVALID names what is wrong.
        """
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            front = await self._front(connection, slug)
        self._check(front, filled)
        try:
            async with self._house.database.writing() as connection:
                await limits.require(connection, CARTS_BY_SOURCE, source, now)
                return await self._keep(connection, front, key, filled, now)
        except IntegrityError:
            # The same form was sent twice at once: the other one has made the cart.
            async with self._house.database.writing() as connection:
                return await self._keep(connection, front, key, filled, now)

    def _check(self, front: Front, filled: Filled) -> None:
        design = front.design(filled.wish.design_id)
        filled.wish.check(design.layout, front.range)
        if filled.wish.version != design.layout.version:
            raise BridgeError(Code.RECORD_CONFLICT, "the design was changed meanwhile", place="design")
        if filled.location_id not in front.sellers:
            raise BridgeError(Code.FIELD_INVALID, "choose where to buy", place="location")
        wish = filled.wish
        for place, text, longest in (
            ("recipient", wish.recipient, LONGEST_PERSON),
            ("message", wish.message, LONGEST_MESSAGE),
            ("sender", wish.sender, LONGEST_PERSON),
        ):
            if len(text) > longest or text.count("\n") >= MOST_LINES:
                raise BridgeError(Code.FIELD_INVALID, f"at most {longest} characters", place=place)
        require_email(filled.email)

    async def _keep(self, connection: AsyncConnection, front: Front, key: str, filled: Filled, now: datetime) -> str:
        known = await orders_store.by_form(connection, front.shop.id, key)
        if known is not None and known.state is not OrderState.CART:
            return await current_secret(self._house, connection, known.id)
        made = Order(
            id=self._house.runtime.ids.new() if known is None else known.id,
            shop_id=front.shop.id,
            form_key=key,
            state=OrderState.CART,
            location_id=filled.location_id,
            currency=front.system.currency,
            amount=filled.wish.amount,
            email=filled.email,
            language=filled.language,
            holds_stock=False,
            open_case=Case.NONE,
            created_at=now,
            expires_at=now + PAY_WITHIN,
        )
        if known is None:
            await orders_store.add(connection, made, filled.wish)
            return await new_secret(self._house, connection, made.id)
        await orders_store.change(connection, made, filled.wish)
        return await current_secret(self._house, connection, made.id)

    async def place(self, order_id: str, front: Front, source: str) -> str:
        """Orders what is in the cart and returns the page to pay at; again for an order that waits for its payment.

        `BridgeError`: SHOP_PRODUCT_GONE; SLOW_DOWN; RECORD_CONFLICT for a cart that is too old, or an order that waits
        no more; PAYMENT_SERVICE_AWAY, after which the same may be tried again; PAYMENT_SERVICE_REFUSED.
        """
        async with self._house.database.writing() as connection:
            known = await orders_store.find(connection, order_id, locked=True)
            if known is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            if known.state is OrderState.CART:
                await self._order(connection, known, front, source)
            elif not known.state.waits:
                raise BridgeError(Code.RECORD_CONFLICT, "this order waits for no payment")
            payment = await orders_store.find_payment(connection, order_id)
        if payment is None:
            raise BridgeError(Code.RECORD_CONFLICT, "this order has no payment")
        return payment.page or await self._begin(front.shop, known, payment)

    async def _order(self, connection: AsyncConnection, one: Order, front: Front, source: str) -> None:
        now = self._house.runtime.clock.now()
        if one.expires_at <= now:
            raise BridgeError(Code.RECORD_CONFLICT, "this cart is too old; choose again")
        await limits.require(connection, ORDERS_BY_SOURCE, source, now)
        wish = await orders_store.wish_of(connection, one.id)
        if not front.selling or one.location_id not in front.sellers:
            raise BridgeError(Code.SHOP_PRODUCT_GONE)
        if not await store.take_stock(connection, wish.design_id, wish.quantity):
            raise BridgeError(Code.SHOP_PRODUCT_GONE)
        until = now + PAY_WITHIN
        values = {"state": OrderState.PLACED.value, "holds_stock": True, "expires_at": until}
        await orders_store.set_order(connection, one.id, **values)
        await orders_store.add_payment(connection, one.id, next(iter(self._services)), now)
        await orders_store.note(connection, self._house, one.id, Happening.PLACED, facts={"amount": one.amount})

    async def _begin(self, shop: Shop, one: Order, payment: Payment) -> str:
        service = self._services.get(payment.service)
        if service is None:
            raise BridgeError(Code.PAYMENT_SERVICE_AWAY)
        async with self._house.database.reading() as connection:
            secret = await current_secret(self._house, connection, one.id)
        here = f"{self._house.settings.address}/shop/{shop.slug}"
        asked = Asked(
            key=one.id,
            order_id=one.number,
            amount=one.money,
            description=f"{shop.name} · {one.number}",
            return_url=f"{here}/order/{secret}/back",
            notify_url=f"{here}/notify/{payment.service}",
            email=one.email,
            language=one.language.value,
        )
        try:
            async with asyncio.timeout(ASK_SECONDS):
                begun = await service.create(asked)
        except TimeoutError:
            raise BridgeError(Code.PAYMENT_SERVICE_AWAY) from None
        await self._begun(one.id, begun)
        return begun.page

    async def _begun(self, order_id: str, begun: Begun) -> None:
        async with self._house.database.writing() as connection:
            one = await orders_store.find(connection, order_id, locked=True)
            payment = await orders_store.find_payment(connection, order_id)
            if one is None or payment is None or payment.reference is not None:
                return
            now = self._house.runtime.clock.now()
            values = {"reference": begun.reference, "page": begun.page, "next_ask_at": now}
            await orders_store.set_payment(connection, order_id, **values)
            if one.state is OrderState.PLACED:
                await orders_store.set_order(connection, order_id, state=OrderState.PAYMENT_PENDING.value)
            await orders_store.note(connection, self._house, order_id, Happening.PAYMENT_BEGUN)

    async def opened(self, slug: str, secret: str) -> tuple[Front, Order, Wish]:
        """The order that a link opens. `BridgeError(RECORD_UNKNOWN)` for one that opens nothing in this shop."""
        async with self._house.database.reading() as connection:
            front = await self._front(connection, slug)
            now = self._house.runtime.clock.now()
            order_id = await orders_store.linked(connection, hashed(secret), now)
            one = None if order_id is None else await orders_store.find(connection, order_id)
            if one is None or one.shop_id != front.shop.id or len(secret) > LONGEST_SECRET:
                raise BridgeError(Code.RECORD_UNKNOWN)
            return front, one, await orders_store.wish_of(connection, one.id)


async def new_secret(house: House, connection: AsyncConnection, order_id: str) -> str:
    """A new link to an order's page, good for 30 days from now."""
    serial = (await orders_store.last_link(connection, order_id))[0] + 1
    secret = link_secret(house.vault, order_id, serial)
    ends_at = house.runtime.clock.now() + LINK_LASTS
    await orders_store.add_link(connection, order_id, serial, hashed(secret), ends_at)
    return secret


async def current_secret(house: House, connection: AsyncConnection, order_id: str) -> str:
    """The newest link's secret, whether it still opens anything or not."""
    return link_secret(house.vault, order_id, (await orders_store.last_link(connection, order_id))[0])


def require_email(text: str) -> None:
    """`BridgeError(FIELD_INVALID)` for what nobody can be written to."""
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise BridgeError(Code.FIELD_INVALID, "no e-mail address", place="email") from error
    if len(text) > LONGEST_EMAIL:
        raise BridgeError(Code.FIELD_INVALID, "an e-mail address is shorter", place="email")
