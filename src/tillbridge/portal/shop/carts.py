"""Carts: what somebody has chosen and not ordered yet (docs/reference/voucher-shop.md).

A cart is an order that nobody has ordered. Its link's secret stands in a cookie, so that a second voucher finds it. The
key of a signed form is a line: however often the form is sent, from however many tabs, it is one line of one order.
"""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import limits
from tillbridge.portal.accounts.secrets import LONGEST_SECRET, hashed
from tillbridge.portal.house import House
from tillbridge.portal.shop import lines_store, orders_store
from tillbridge.portal.shop.buying import require_email
from tillbridge.portal.shop.front import Front, front_of
from tillbridge.portal.shop.model import (
    CART_LASTS,
    LONGEST_MESSAGE,
    LONGEST_PERSON,
    MOST_IN_CART,
    MOST_LINES,
    MOST_VOUCHERS,
    SEND_AHEAD,
    Case,
    Line,
    Order,
    OrderState,
    Wish,
)
from tillbridge.portal.shop.order_links import current_secret, new_secret
from tillbridge.portal.shop.payments.services import Services

FILLED_BY_SOURCE: Final = limits.Limit("shop-cart", 120, timedelta(hours=1))
"""Lines put into carts from one source address."""


class Carts:
    """The carts of every shop."""

    def __init__(self, house: House, services: Services) -> None:
        self._house = house
        self._services = services

    async def count(self, front: Front, secret: str) -> int:
        """How many vouchers are in the cart that a cookie names; 0 for one that is none, or no longer."""
        if not secret:
            return 0
        async with self._house.database.reading() as connection:
            one = await self._named(connection, front, secret)
            return 0 if one is None else sum(each.wish.quantity for each in await self._lines(connection, one))

    async def put(  # what a form says, and who sends it
        self, slug: str, secret: str, key: str, wish: Wish, language: Language, source: str
    ) -> str:
        """Puts a line into the cart that `secret` names, or into a new one; returns the secret of the cart's page.

        The line that this key has made already is changed. Once it is ordered it stays as it was ordered, and the page
        of its order is returned. `BridgeError`: SHOP_RANGE, SHOP_PRODUCT_GONE, SLOW_DOWN; FIELD_INVALID names what is
        wrong.
        """
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            front = await front_of(self._house, self._services, connection, slug)
        front.check(Line(0, key, wish))
        _check_words(wish)
        _check_sending(wish, now.astimezone(ZoneInfo(front.system.time_zone)).date())
        try:
            async with self._house.database.writing() as connection:
                await limits.require(connection, FILLED_BY_SOURCE, source, now)
                return await self._put(connection, front, secret, Line(0, key, wish), language)
        except IntegrityError:
            # The same form was sent twice at once: the other one has made the line.
            async with self._house.database.writing() as connection:
                return await self._put(connection, front, secret, Line(0, key, wish), language)

    async def _put(self, connection: AsyncConnection, front: Front, secret: str, made: Line, language: Language) -> str:
        known = await lines_store.by_form(connection, front.shop.id, made.key)
        if known is not None:
            one = await orders_store.find(connection, known[0], locked=True)
            if one is not None and one.state is not OrderState.CART:
                return await current_secret(self._house, connection, one.id)
        else:
            one = await self._named(connection, front, secret, locked=True)
        is_new = one is None
        if one is None:
            one = self._new(front, language)
            await orders_store.add(connection, one)
        lines = [each for each in await self._lines(connection, one) if each.key != made.key]
        number = known[1] if known is not None else max((each.number for each in lines), default=0) + 1
        lines.append(Line(number, made.key, made.wish))
        _check_size(lines)
        await lines_store.put(connection, one.id, lines[-1])
        await self._keep(connection, one.id, lines, self._house.runtime.clock.now())
        make = new_secret if is_new else current_secret
        return await make(self._house, connection, one.id)

    async def remove(self, front: Front, secret: str, number: int) -> bool:
        """Takes a line out of a cart; False if that was the last one, and with it the cart is gone.

        `BridgeError(RECORD_CONFLICT)` for an order: nothing is taken out of it any more.
        """
        async with self._house.database.writing() as connection:
            one = await self._named(connection, front, secret, locked=True)
            if one is None:
                raise BridgeError(Code.RECORD_CONFLICT, "this is no cart, or not any more")
            await lines_store.remove(connection, one.id, number)
            lines = await self._lines(connection, one)
            if not lines:
                await lines_store.forget(connection, [one.id])
                return False
            await self._keep(connection, one.id, lines, self._house.runtime.clock.now())
            return True

    async def _keep(self, connection: AsyncConnection, order_id: str, lines: list[Line], now: datetime) -> None:
        amount = sum(each.wish.amount for each in lines)
        await orders_store.set_order(connection, order_id, amount=amount, expires_at=now + CART_LASTS)

    async def _named(
        self, connection: AsyncConnection, front: Front, secret: str, *, locked: bool = False
    ) -> Order | None:
        """The cart of this shop that a secret opens."""
        if not secret or len(secret) > LONGEST_SECRET:
            return None
        now = self._house.runtime.clock.now()
        order_id = await orders_store.linked(connection, hashed(secret), now)
        one = None if order_id is None else await orders_store.find(connection, order_id, locked=locked)
        fits = one is not None and one.shop_id == front.shop.id and one.state is OrderState.CART
        return one if one is not None and fits and one.expires_at > now else None

    async def _lines(self, connection: AsyncConnection, one: Order) -> list[Line]:
        return list(await lines_store.of_order(connection, one.id))

    def _new(self, front: Front, language: Language) -> Order:
        now, order_id = self._house.runtime.clock.now(), self._house.runtime.ids.new()
        return Order(
            id=order_id,
            shop_id=front.shop.id,
            form_key=order_id,
            state=OrderState.CART,
            # The buyer says whose sale it is, and where to write to, when it is ordered.
            location_id=next(iter(front.sellers)),
            currency=front.system.currency,
            amount=1,
            email="",
            language=language,
            holds_stock=False,
            open_case=Case.NONE,
            created_at=now,
            expires_at=now + CART_LASTS,
        )


def _check_words(wish: Wish) -> None:
    for place, text, longest in (
        ("recipient", wish.recipient, LONGEST_PERSON),
        ("message", wish.message, LONGEST_MESSAGE),
        ("sender", wish.sender, LONGEST_PERSON),
    ):
        if len(text) > longest or text.count("\n") >= MOST_LINES:
            raise BridgeError(Code.FIELD_INVALID, f"at most {longest} characters", place=place)


def _check_sending(wish: Wish, today: date) -> None:
    if wish.send_to:
        require_email(wish.send_to, "send_to")
    if wish.send_on is None:
        return
    if not wish.send_to:
        raise BridgeError(Code.FIELD_INVALID, "to whom on that day", place="send_to")
    if not today <= wish.send_on <= today + SEND_AHEAD:
        raise BridgeError(Code.FIELD_INVALID, "a day within a year", place="send_on")


def _check_size(lines: list[Line]) -> None:
    if len(lines) > MOST_IN_CART or sum(each.wish.quantity for each in lines) > MOST_VOUCHERS:
        raise BridgeError(
            Code.FIELD_INVALID, f"{MOST_IN_CART} lines and {MOST_VOUCHERS} vouchers at most", place="cart"
        )
