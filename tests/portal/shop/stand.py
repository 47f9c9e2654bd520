"""A merchant with an open shop, and what a buyer does in it."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import func, select, update

from tests.portal.browser import Browser
from tests.portal.people import Standing
from tests.portal.vouchers.office import chief, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.link.scopes import Service
from tillbridge.portal.app import portal_app
from tillbridge.portal.house import House
from tillbridge.portal.ledger.verifying import verify
from tillbridge.portal.mail.tables import letter
from tillbridge.portal.rights import Person
from tillbridge.portal.services import store as services
from tillbridge.portal.shop import feature as shop_feature
from tillbridge.portal.shop import orders_store
from tillbridge.portal.shop.buying import Buyer, Buying
from tillbridge.portal.shop.carts import Carts
from tillbridge.portal.shop.checkout import Checkout
from tillbridge.portal.shop.delivering import Delivering
from tillbridge.portal.shop.front import Front
from tillbridge.portal.shop.model import Design, Layout, Order, Range, Unit, Wish
from tillbridge.portal.shop.office import ShopOffice
from tillbridge.portal.shop.payments.services import Services, embedded
from tillbridge.portal.shop.payments.test_service import TestPayments
from tillbridge.portal.shop.refunds import Refunds
from tillbridge.portal.shop.tables import test_payment, unit
from tillbridge.portal.vouchers.systems_model import VoucherSystem

T = TypeVar("T")

SLUG = "sommer"
SOURCE = "203.0.113.7"
TEXT = {"de": "Es gilt das Übliche."}


@dataclass(slots=True)
class Stand:
    """An open shop. `fixed` and `free` are its designs."""

    house: House
    person: Person
    system: VoucherSystem
    places: list[str]
    services: Services
    fixed: str = ""
    free: str = ""
    shop_id: str = ""
    keys: int = field(default=0)

    @property
    def payments(self) -> TestPayments:
        found = self.services["test"]
        assert isinstance(found, TestPayments)
        return found

    @property
    def buying(self) -> Buying:
        return Buying(self.house, self.services)

    @property
    def carts(self) -> Carts:
        return Carts(self.house, self.services)

    @property
    def delivering(self) -> Delivering:
        return Delivering(self.house)

    @property
    def refunds(self) -> Refunds:
        return Refunds(self.house, self.services)

    @property
    def checkout(self) -> Checkout:
        return Checkout(self.house, self.services, self.refunds)

    @property
    def office(self) -> ShopOffice:
        return ShopOffice(self.house, self.delivering, self.refunds)

    async def front(self) -> Front:
        return await self.buying.front(SLUG)

    def wish(self, **values: Any) -> Wish:
        asked: dict[str, Any] = {"design_id": self.fixed, "version": 1, "value": 2500, "persons": 1, "quantity": 1}
        asked |= {"recipient": "Anna", "message": "Alles Gute!", "sender": "Bernd"} | values
        return Wish(**asked)

    async def fill(self, key: str = "", into: str = "", **values: Any) -> str:
        """Puts a line into a cart, and returns the secret of the cart's page."""
        self.keys += 1
        wish = self.wish(**values)
        return await self.carts.put(SLUG, into, key or f"key-{self.keys}", wish, Language.DE, SOURCE)

    async def cart(self, *lines: dict[str, Any], **values: Any) -> str:
        """Fills a cart and returns the id of its order."""
        secret = ""
        for line in lines or (values,):
            secret = await self.fill(into=secret, **line)
        return (await self.buying.opened(SLUG, secret))[1].id

    async def place(self, order_id: str) -> str:
        """Orders a cart and returns the page to pay at."""
        buyer = Buyer("anna@example.org", self.places[0], Language.DE)
        return await self.buying.place(order_id, await self.front(), buyer, SOURCE)

    async def placed(self, *lines: dict[str, Any], **values: Any) -> str:
        """Orders and returns the id of the order."""
        order_id = await self.cart(*lines, **values)
        await self.place(order_id)
        return order_id

    async def reference(self, order_id: str) -> str:
        async with self.house.database.reading() as connection:
            known = await orders_store.find_payment(connection, order_id)
        assert known is not None
        assert known.reference is not None
        return known.reference

    async def script(self, order_id: str, **values: object) -> None:
        """What the payment service is to say of it from now on."""
        one = test_payment.c.reference == await self.reference(order_id)
        async with self.house.database.writing() as connection:
            await connection.execute(update(test_payment).where(one).values(**values))

    async def pay(self, order_id: str, amount: int | None = None, currency: str = "EUR") -> None:
        paid = (await self.order(order_id)).amount if amount is None else amount
        await self.script(order_id, state="paid", paid_amount=paid, paid_currency=currency)

    async def issued(self, *lines: dict[str, Any], **values: Any) -> str:
        order_id = await self.placed(*lines, **values)
        await self.pay(order_id)
        await self.checkout.look(order_id)
        await self.delivering.drain()
        return order_id

    async def step(self) -> None:
        """One look of both timers."""
        await self.checkout.step()
        await self.delivering.drain()

    async def order(self, order_id: str) -> Order:
        async with self.house.database.reading() as connection:
            found = await orders_store.find(connection, order_id)
        assert found is not None
        return found

    async def units(self, order_id: str) -> tuple[Unit, ...]:
        async with self.house.database.reading() as connection:
            return await orders_store.units(connection, order_id)

    async def happened(self, order_id: str) -> list[str]:
        async with self.house.database.reading() as connection:
            return [one.kind.value for one in await orders_store.history(connection, order_id)]

    async def stock(self, design_id: str) -> int | None:
        seen = await self.office.design(self.person, design_id)
        return seen[2].stock

    async def count(self, table: Any = unit) -> int:
        async with self.house.database.reading() as connection:
            return int(await connection.scalar(select(func.count()).select_from(table)) or 0)

    async def sound(self) -> None:
        verdict = await verify(self.house)
        assert verdict.sound, verdict.faults

    def browser(self, *, person: Person | None = None, language: str = "en") -> Browser:
        """A guest's browser, or that of somebody who is signed in."""
        return Browser(
            portal_app(self.house, Standing(person), [shop_feature.feature(self.house, services=self.services)]),
            source=SOURCE,
            language=language,
        )


async def open_stand(house: House, *, stock: int | None = None) -> Stand:
    person, made, places = await system(house, "DE", "DE")
    stand = Stand(house, person, made, places, embedded(house))
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        for place in places:
            await services.switch(connection, place, Service.WEB_VOUCHERS, on=True, at=now, by="")
    office = stand.office
    shop = await office.found(person, made.id, SLUG, "Bäckerei Sommer")
    await office.change(person, replace(shop, terms=TEXT, withdrawal=TEXT, imprint=TEXT))
    fixed = Layout("", 1, {"de": "Frühstück für zwei", "en": "Breakfast"}, {"de": "Mit Ei."}, None, (2500, 5000), None)
    free = Layout("", 1, {"de": "Freier Betrag"}, {}, None, (), Range(100, 300_000))
    stand.fixed = await office.draw(person, shop.id, Design("", "", 0, True, stock, fixed), b"")
    stand.free = await office.draw(person, shop.id, Design("", "", 0, True, None, free), b"")
    await office.set_open(person, shop.id, is_open=True)
    stand.shop_id = shop.id
    return stand


async def letters(house: House) -> list[str]:
    """What the post is to send: recipients."""
    async with house.database.reading() as connection:
        return list(await connection.scalars(select(letter.c.recipient).order_by(letter.c.id)))


def proven(stand: Stand) -> Person:
    return chief(stand.house, stand.person.home)


async def together(work: Iterable[Awaitable[T]]) -> list[T | BridgeError]:
    """All of it at once; what was refused is among the results."""

    async def one(each: Awaitable[T]) -> T | BridgeError:
        try:
            return await each
        except BridgeError as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(each)) for each in work]
    return [task.result() for task in tasks]
