"""What a buyer does with an order: orders what is in the cart, and pays (docs/reference/voucher-shop.md)."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import limits
from tillbridge.portal.accounts.secrets import LONGEST_SECRET, hashed
from tillbridge.portal.house import House
from tillbridge.portal.shop import lines_store, orders_store
from tillbridge.portal.shop.front import Front, front_of
from tillbridge.portal.shop.model import PAY_WITHIN, Happening, Line, Order, OrderState, Payment, Shop
from tillbridge.portal.shop.order_links import current_secret
from tillbridge.portal.shop.payments.contract import Asked, Begun
from tillbridge.portal.shop.payments.services import Services

ORDERS_BY_SOURCE: Final = limits.Limit("shop-order", 20, timedelta(hours=1))
"""Orders from one source address: whoever tries out stolen cards needs hundreds."""

ASK_SECONDS: Final = 10.0
"""How long a payment service may think; the buyer waits meanwhile."""

LONGEST_EMAIL: Final = 254


@dataclass(frozen=True, slots=True)
class Buyer:
    """What a buyer says of the order: where the letter goes, and whose sale it is.

    `seen` is what the whole cart cost on the page that was sent, in minor units; None where no page was shown.
    """

    email: str = field(repr=False)
    location_id: str
    language: Language
    seen: int | None = None


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
            return await front_of(self._house, self._services, connection, slug)

    async def place(self, order_id: str, front: Front, buyer: Buyer, source: str) -> str:
        """Orders what is in the cart and returns the page to pay at; again for an order that waits for its payment.

        `BridgeError`: FIELD_INVALID names what is wrong; SHOP_PRODUCT_GONE, SHOP_RANGE; SLOW_DOWN; RECORD_CONFLICT for
        a cart that is too old or was changed meanwhile, or an order that waits no more; PAYMENT_SERVICE_AWAY, after
        which the same may be tried again; PAYMENT_SERVICE_REFUSED.
        """
        async with self._house.database.writing() as connection:
            known = await orders_store.find(connection, order_id, locked=True)
            if known is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            if known.state is OrderState.CART:
                known = await self._order(connection, known, front, buyer, source)
            elif not known.state.waits:
                raise BridgeError(Code.RECORD_CONFLICT, "this order waits for no payment")
            payment = await orders_store.find_payment(connection, order_id)
        if payment is None:
            raise BridgeError(Code.RECORD_CONFLICT, "this order has no payment")
        return payment.page or await self._begin(front.shop, known, payment)

    async def _order(self, connection: AsyncConnection, one: Order, front: Front, buyer: Buyer, source: str) -> Order:
        now = self._house.runtime.clock.now()
        if one.expires_at <= now:
            raise BridgeError(Code.RECORD_CONFLICT, "this cart is too old; choose again")
        require_email(buyer.email)
        if not front.selling:
            raise BridgeError(Code.SHOP_PRODUCT_GONE)
        if buyer.location_id not in front.sellers:
            raise BridgeError(Code.FIELD_INVALID, "choose where to buy", place="location")
        await limits.require(connection, ORDERS_BY_SOURCE, source, now)
        lines = await lines_store.of_order(connection, one.id)
        for each in lines:
            front.check(each)
        amount = sum(each.wish.amount for each in lines)
        if buyer.seen not in {None, amount}:
            # Another tab has changed the cart: nobody orders what was not on the button.
            raise BridgeError(Code.RECORD_CONFLICT, "the cart was changed meanwhile", place="cart")
        if not await lines_store.take_stock(connection, lines):
            raise BridgeError(Code.SHOP_PRODUCT_GONE)
        values: dict[str, object] = {
            "state": OrderState.PLACED.value,
            "amount": amount,
            "holds_stock": True,
            "created_at": now,
            "expires_at": now + PAY_WITHIN,
            "email": buyer.email,
            "location_id": buyer.location_id,
            "language": buyer.language.value,
        }
        await orders_store.set_order(connection, one.id, **values)
        await orders_store.add_payment(connection, one.id, next(iter(self._services)), now)
        await orders_store.note(connection, self._house, one.id, Happening.PLACED, facts={"amount": amount})
        placed = await orders_store.find(connection, one.id)
        return placed or one

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

    async def opened(self, slug: str, secret: str) -> tuple[Front, Order, tuple[Line, ...]]:
        """The order that a link opens. `BridgeError(RECORD_UNKNOWN)` for one that opens nothing in this shop."""
        async with self._house.database.reading() as connection:
            front = await front_of(self._house, self._services, connection, slug)
            now = self._house.runtime.clock.now()
            order_id = await orders_store.linked(connection, hashed(secret), now)
            one = None if order_id is None else await orders_store.find(connection, order_id)
            if one is None or one.shop_id != front.shop.id or len(secret) > LONGEST_SECRET:
                raise BridgeError(Code.RECORD_UNKNOWN)
            return front, one, await lines_store.of_order(connection, one.id)

    async def given(self, slug: str, secret: str) -> tuple[Front, Order, Line]:
        """The line that a recipient's link shows, and nothing else of its order. `BridgeError(RECORD_UNKNOWN)`."""
        async with self._house.database.reading() as connection:
            front = await front_of(self._house, self._services, connection, slug)
            now = self._house.runtime.clock.now()
            found = await orders_store.linked_line(connection, hashed(secret), now)
            one = None if found is None else await orders_store.find(connection, found[0])
            if found is None or one is None or one.shop_id != front.shop.id or len(secret) > LONGEST_SECRET:
                raise BridgeError(Code.RECORD_UNKNOWN)
            for each in await lines_store.of_order(connection, one.id):
                if each.number == found[1]:
                    return front, one, each
            raise BridgeError(Code.RECORD_UNKNOWN)


def require_email(text: str, place: str = "email") -> None:
    """`BridgeError(FIELD_INVALID)` for what nobody can be written to."""
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as error:
        raise BridgeError(Code.FIELD_INVALID, "no e-mail address", place=place) from error
    if len(text) > LONGEST_EMAIL:
        raise BridgeError(Code.FIELD_INVALID, "an e-mail address is shorter", place=place)
