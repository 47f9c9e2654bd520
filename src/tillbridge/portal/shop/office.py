"""What a merchant's people do with a shop: found it, open it, draw designs, look after orders."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import LONGEST_NAME as LONGEST_ACTOR
from tillbridge.portal.audit.log import Actor, Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.shop import dispatch_store, lines_store, orders_store, store
from tillbridge.portal.shop.buying import require_email
from tillbridge.portal.shop.checks import check_design, check_shop, reason_of
from tillbridge.portal.shop.delivering import Delivering
from tillbridge.portal.shop.model import (
    LONGEST_NAME,
    Design,
    Dispatch,
    Happening,
    Layout,
    Line,
    Order,
    Payment,
    Shop,
    ShopEvent,
    Unit,
    said,
)
from tillbridge.portal.shop.orders_store import Happened
from tillbridge.portal.shop.pictures import MEDIA_TYPE, redrawn
from tillbridge.portal.shop.refunds import Refunds
from tillbridge.portal.shop.statistics import Figures, figures
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem

AREAS: Final = (Area.SHOP_ORDERS, Area.SHOP_SETTINGS, Area.SHOP_LAYOUTS)

PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class SeenShop:
    """A shop with what its page shows. `orders` are those that this reader may see, `every` how many there are."""

    shop: Shop
    system: VoucherSystem
    designs: tuple[Design, ...]
    sellers: int
    orders: tuple[Order, ...]
    every: int


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """An order with all that is known of it."""

    shop: Shop
    system: VoucherSystem
    order: Order
    lines: tuple[Line, ...]
    layouts: Mapping[tuple[str, int], Layout]
    units: tuple[Unit, ...]
    payment: Payment | None
    letters: tuple[Dispatch, ...]
    refund_refused: bool
    history: tuple[Happened, ...]


class ShopOffice:
    """The shops of every merchant."""

    def __init__(self, house: House, delivering: Delivering, refunds: Refunds) -> None:
        self._house = house
        self._delivering = delivering
        self._refunds = refunds

    # ------------------------------------------------------------ shops

    async def all(self, person: Person) -> tuple[Sequence[Shop], Sequence[VoucherSystem]]:
        """A merchant's shops, and the voucher systems that have none."""
        if not any(person.may_somewhere(area) for area in AREAS):
            person.require(Area.SHOP_ORDERS, Action.VIEW)
        async with self._house.database.reading() as connection:
            shops = await store.of_tenant(connection, person.home)
            systems = await systems_store.of_tenant(connection, person.home)
        taken = {one.system_id for one in shops}
        return shops, [one for one in systems if one.id not in taken]

    async def seen(self, person: Person, shop_id: str, page: int = 1) -> SeenShop:
        """One shop with a page of its orders."""
        async with self._house.database.reading() as connection:
            shop, system = await self._known(connection, person, shop_id)
            reach = person.reach(Area.SHOP_ORDERS, Action.VIEW)
            orders, every = await orders_store.page_of(connection, shop.id, reach, max(1, page), PER_PAGE)
            sellers = await store.sellers(connection, system.id, self._house.runtime.clock.now())
            return SeenShop(shop, system, await store.designs(connection, shop.id), len(sellers), orders, every)

    async def known(self, person: Person, shop_id: str) -> tuple[Shop, VoucherSystem]:
        """One shop whose orders this person may see somewhere."""
        async with self._house.database.reading() as connection:
            found = await self._known(connection, person, shop_id)
        if not person.may_somewhere(Area.SHOP_ORDERS):
            person.require(Area.SHOP_ORDERS, Action.VIEW)
        return found

    async def figures(self, person: Person, shop: Shop, system: VoucherSystem, first: date, last: date) -> Figures:
        """What it has sold on these days, within this person's reach, and how often it was looked at."""
        reach = person.reach(Area.SHOP_ORDERS, Action.VIEW)
        async with self._house.database.reading() as connection:
            return await figures(connection, shop, system, reach, first, last)

    async def found(self, person: Person, system_id: str, slug: str, name: str) -> Shop:
        """A new shop, closed and empty. `BridgeError`: FIELD_INVALID, RECORD_CONFLICT name what is wrong."""
        person.require(Area.SHOP_SETTINGS, Action.EDIT)
        async with self._house.database.writing() as connection:
            system = await systems_store.find(connection, system_id)
            if system is None or system.tenant_id != person.home:
                raise BridgeError(Code.FIELD_INVALID, "choose a voucher system", place="system_id")
            return await self.founded(connection, system, slug, name, person.actor)

    async def founded(
        self, connection: AsyncConnection, system: VoucherSystem, slug: str, name: str, actor: Actor
    ) -> Shop:
        """The same in this transaction, for somebody whose right was looked at."""
        shop_id = self._house.runtime.ids.new()
        one = Shop(shop_id, system.id, system.tenant_id, slug, name.strip(), False, {}, {}, {}, {})  # closed
        check_shop(one)
        await store.add(connection, one, self._house.runtime.clock.now())
        await self._note(connection, actor, ShopEvent.FOUNDED, one, {"slug": slug})
        return one

    async def change(self, person: Person, wanted: Shop) -> None:
        """Changes name, address and texts. `BridgeError`: FIELD_INVALID, RECORD_CONFLICT name what is wrong."""
        async with self._house.database.writing() as connection:
            one, _ = await self._known(connection, person, wanted.id, locked=True)
            person.require(Area.SHOP_SETTINGS, Action.EDIT)
            new = replace(
                one,
                slug=wanted.slug,
                name=wanted.name.strip(),
                welcome=wanted.welcome,
                terms=wanted.terms,
                withdrawal=wanted.withdrawal,
                imprint=wanted.imprint,
                attach_pdf=wanted.attach_pdf,
            )
            check_shop(new)
            await self.keep(connection, new, person.actor, ShopEvent.CHANGED)

    async def keep(self, connection: AsyncConnection, one: Shop, actor: Actor, event: ShopEvent) -> None:
        """Writes a shop down as it is now."""
        await store.change(connection, one)
        await self._note(connection, actor, event, one, {"slug": one.slug, "open": one.is_open})

    async def set_open(self, person: Person, shop_id: str, *, is_open: bool) -> None:
        """Opens or closes. `BridgeError(RECORD_CONFLICT)`: texts, a design or a seller are missing (the place says)."""
        async with self._house.database.writing() as connection:
            one, system = await self._known(connection, person, shop_id, locked=True)
            person.require(Area.SHOP_SETTINGS, Action.EDIT)
            if is_open:
                for place, texts in (("terms", one.terms), ("withdrawal", one.withdrawal), ("imprint", one.imprint)):
                    if not said(texts, "de"):
                        raise BridgeError(Code.RECORD_CONFLICT, "a text is missing", place=place)
                if not any(each.buyable for each in await store.designs(connection, one.id)):
                    raise BridgeError(Code.RECORD_CONFLICT, "there is nothing to buy", place="designs")
                if not await store.sellers(connection, system.id, self._house.runtime.clock.now()):
                    raise BridgeError(Code.RECORD_CONFLICT, "no location can sell vouchers", place="sellers")
            if one.is_open != is_open:
                event = ShopEvent.OPENED if is_open else ShopEvent.CLOSED
                await self.keep(connection, replace(one, is_open=is_open), person.actor, event)

    # ------------------------------------------------------------ designs

    async def design(self, person: Person, design_id: str) -> tuple[Shop, VoucherSystem, Design]:
        """One design with its shop."""
        async with self._house.database.reading() as connection:
            one = await store.find_design(connection, design_id)
            if one is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            shop, system = await self._known(connection, person, one.shop_id)
            return shop, system, one

    async def draw(self, person: Person, shop_id: str, wanted: Design, picture: bytes) -> str:
        """A new design; returns its id. `BridgeError`: FIELD_INVALID, SHOP_RANGE, FILE_UNREADABLE."""
        person.require(Area.SHOP_LAYOUTS, Action.EDIT)
        drawn = await asyncio.to_thread(redrawn, picture) if picture else None
        async with self._house.database.writing() as connection:
            shop, system = await self._known(connection, person, shop_id, locked=True)
            return await self.drawn(connection, shop, system, wanted, drawn, person.actor)

    async def drawn(  # what a design is made of
        self,
        connection: AsyncConnection,
        shop: Shop,
        system: VoucherSystem,
        wanted: Design,
        picture: bytes | None,
        actor: Actor,
    ) -> str:
        """The same in this transaction, for somebody whose right was looked at; the picture is drawn already."""
        check_design(wanted, system)
        runtime = self._house.runtime
        design_id = runtime.ids.new()
        layout = replace(wanted.layout, design_id=design_id, version=1)
        layout = replace(layout, picture_id=await self._picture(connection, shop, picture))
        position = await store.next_position(connection, shop.id)
        one = replace(wanted, id=design_id, shop_id=shop.id, position=position, layout=layout)
        await store.add_design(connection, one, runtime.clock.now(), actor.name[:LONGEST_ACTOR])
        facts = {"design": said(layout.names, "de")[:LONGEST_NAME]}
        await self._note(connection, actor, ShopEvent.DESIGN_MADE, shop, facts)
        return design_id

    async def redraw(self, person: Person, wanted: Design, picture: bytes) -> None:
        """A new version of a design where its looks or values change; what was sold keeps the old one."""
        person.require(Area.SHOP_LAYOUTS, Action.EDIT)
        drawn = await asyncio.to_thread(redrawn, picture) if picture else None
        async with self._house.database.writing() as connection:
            one = await store.find_design(connection, wanted.id, locked=True)
            if one is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            shop, system = await self._known(connection, person, one.shop_id)
            check_design(wanted, system)
            picture_id = await self._picture(connection, shop, drawn) or one.layout.picture_id
            same = replace(wanted.layout, design_id=one.id, version=one.layout.version, picture_id=picture_id)
            new = replace(one, is_offered=wanted.is_offered, stock=wanted.stock)
            if same != one.layout:
                new = replace(new, layout=replace(same, version=one.layout.version + 1))
                now, by = self._house.runtime.clock.now(), person.actor.name[:LONGEST_ACTOR]
                await store.add_version(connection, new.layout, now, by)
            await store.change_design(connection, new)
            facts = {"design": said(new.layout.names, "de")[:LONGEST_NAME], "version": new.layout.version}
            await self._note(connection, person.actor, ShopEvent.DESIGN_CHANGED, shop, facts)

    async def _picture(self, connection: AsyncConnection, shop: Shop, drawn: bytes | None) -> str | None:
        if drawn is None:
            return None
        # Chance, not time: nobody can guess the picture of a design that is not offered yet.
        picture_id = self._house.runtime.chance.randbytes(16).hex()
        await store.add_picture(connection, picture_id, shop.id, MEDIA_TYPE, drawn)
        return picture_id

    # ------------------------------------------------------------ orders

    async def order(self, person: Person, order_id: str) -> SeenOrder:
        """One order. `BridgeError(RECORD_UNKNOWN)` for a cart, another merchant's, or one out of reach."""
        async with self._house.database.reading() as connection:
            one, shop, system = await self._order(connection, person, order_id, Action.VIEW)
            lines = await lines_store.of_order(connection, one.id)
            layouts = await store.layouts(connection, {(each.wish.design_id, each.wish.version) for each in lines})
            return SeenOrder(
                shop,
                system,
                one,
                lines,
                layouts,
                await orders_store.units(connection, one.id),
                await orders_store.find_payment(connection, one.id),
                await dispatch_store.of_order(connection, one.id),
                await self._refunds.refused(connection, one.id),
                await orders_store.history(connection, one.id),
            )

    async def refund(self, person: Person, order_id: str, reason: str) -> None:
        """Blocks what is unspent, takes the loads back and gives the money back; what is interrupted goes on later.

        `BridgeError`: STEP_UP_NEEDED; FIELD_INVALID (place `reason`); RECORD_CONFLICT if there is nothing to give back.
        """
        why = reason_of(reason)
        async with self._house.database.writing() as connection:
            one, _, _ = await self._order(connection, person, order_id, Action.EDIT, locked=True)
            person.require_step_up(self._house.runtime.clock.now())
            refund_id = await self._refunds.begin(connection, one, person.actor, why)
        await self._ask(refund_id)

    async def refund_again(self, person: Person, order_id: str) -> None:
        """Asks the payment service once more for what it refused to give back. `BridgeError`: as `refund`."""
        async with self._house.database.writing() as connection:
            one, _, _ = await self._order(connection, person, order_id, Action.EDIT, locked=True)
            person.require_step_up(self._house.runtime.clock.now())
            again = await self._refunds.retry(connection, one, person.actor)
        for refund_id in again:
            await self._ask(refund_id)

    async def _ask(self, refund_id: str) -> None:
        """A service that is away is asked later, by the timer."""
        try:
            await self._refunds.go_on(refund_id)
        except BridgeError as error:
            if error.code is not Code.PAYMENT_SERVICE_AWAY:
                raise

    async def resend(self, person: Person, order_id: str, line: int = 0, email: str = "") -> None:
        """Writes to the buyer again, or to the recipient of a line; to another address if one is given.

        `BridgeError`: FIELD_INVALID (place `email`); SLOW_DOWN after five times a day; RECORD_CONFLICT.
        """
        if email:
            require_email(email)
        async with self._house.database.writing() as connection:
            one, shop, _ = await self._order(connection, person, order_id, Action.EDIT, locked=True)
            lines = {each.number: each.wish.send_to for each in await lines_store.of_order(connection, one.id)}
            if line and line not in lines:
                raise BridgeError(Code.RECORD_UNKNOWN)
            recipient = email or lines.get(line) or one.email
            await self._delivering.resend(connection, one, person.actor, shop.tenant_id, line, recipient)
            if not line:
                await orders_store.set_order(connection, one.id, email=recipient)

    async def revoke(self, person: Person, order_id: str) -> None:
        """Ends every link to an order's page; the next letter has a new one."""
        async with self._house.database.writing() as connection:
            one, shop, _ = await self._order(connection, person, order_id, Action.EDIT, locked=True)
            await orders_store.revoke_links(connection, one.id, self._house.runtime.clock.now())
            await orders_store.note(connection, self._house, one.id, Happening.LINKS_REVOKED, person.actor.name)
            await self._note(connection, person.actor, ShopEvent.LINKS_REVOKED, shop, {"order": one.number})

    # ------------------------------------------------------------ who may

    async def _known(
        self, connection: AsyncConnection, person: Person, shop_id: str, *, locked: bool = False
    ) -> tuple[Shop, VoucherSystem]:
        if not any(person.may_somewhere(area) for area in AREAS):
            person.require(Area.SHOP_ORDERS, Action.VIEW)
        one = await store.find(connection, shop_id, locked=locked)
        system = None if one is None else await systems_store.find(connection, one.system_id)
        if one is None or system is None or one.tenant_id != person.home:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return one, system

    async def _order(
        self, connection: AsyncConnection, person: Person, order_id: str, action: Action, *, locked: bool = False
    ) -> tuple[Order, Shop, VoucherSystem]:
        one = await orders_store.find(connection, order_id, locked=locked)
        if one is None or one.state == "cart":
            raise BridgeError(Code.RECORD_UNKNOWN)
        shop, system = await self._known(connection, person, one.shop_id)
        person.require(Area.SHOP_ORDERS, action, one.location_id)
        return one, shop, system

    async def _note(
        self, connection: AsyncConnection, actor: Actor, event: ShopEvent, shop: Shop, after: Facts
    ) -> None:
        entry = Entry(event, shop.tenant_id, subject=shop.name, after=after)
        await self._house.audit.note(connection, actor, entry)
