"""Brings vouchers to their buyer: a letter with a link to the order's page, and the PDF that waits there.

A letter carries plain text alone, so the PDF is fetched by the link, which is good for 30 days and can be revoked. It
is drawn anew from what was sold: another version of the design changes no voucher that was issued.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.audit.log import Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.mail.writing import write
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.shop import orders_store, store
from tillbridge.portal.shop.model import (
    RESENDS_A_DAY,
    Happening,
    Layout,
    Line,
    Order,
    OrderState,
    Shop,
    ShopEvent,
    Unit,
    said,
)
from tillbridge.portal.shop.order_links import new_secret
from tillbridge.portal.shop.paper_voucher import PaperTexts, PaperVoucher, vouchers_pdf
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.web.words import Words

A_DAY = timedelta(days=1)


class Delivering:
    """Letters and paper of every shop."""

    def __init__(self, house: House) -> None:
        self._house = house
        # A PDF takes a processor for a moment: tills are served beside it.
        self._drawing = asyncio.Semaphore(1)

    async def deliver(self, order_id: str) -> None:
        """Writes the letter of an order whose vouchers were issued, once; nothing for any other."""
        async with self._house.database.writing() as connection:
            one = await orders_store.find(connection, order_id, locked=True)
            if one is None or one.state is not OrderState.ISSUED:
                return
            shop = await self._shop(connection, one)
            await self._write(connection, shop, one)
            await orders_store.set_order(connection, one.id, state=OrderState.DELIVERED.value)
            await orders_store.note(connection, self._house, one.id, Happening.DELIVERED)

    async def resend(self, connection: AsyncConnection, one: Order, actor: Actor, tenant_id: str) -> None:
        """Writes to the same address again, with a new link; the order is locked by the caller.

        `BridgeError`: RECORD_CONFLICT if nothing was issued; SLOW_DOWN after five times a day.
        """
        if not one.state.done:
            raise BridgeError(Code.RECORD_CONFLICT, "this order has no vouchers to send")
        since = self._house.runtime.clock.now() - A_DAY
        if await orders_store.counted(connection, one.id, Happening.RESENT, since) >= RESENDS_A_DAY:
            raise BridgeError(Code.SLOW_DOWN, "sent often enough today", retry_after=int(A_DAY.total_seconds()))
        shop = await self._shop(connection, one)
        await self._write(connection, shop, one)
        await orders_store.note(connection, self._house, one.id, Happening.RESENT, actor.name)
        entry = Entry(ShopEvent.RESENT, tenant_id, one.location_id, f"{shop.name} · {one.number}")
        await self._house.audit.note(connection, actor, entry)

    async def paper(self, one: Order, lines: Sequence[Line]) -> bytes:
        """The PDF with every voucher of these lines that still stands. `BridgeError(RECORD_CONFLICT)` for none."""
        async with self._house.database.reading() as connection:
            shop = await self._shop(connection, one)
            units = [each for each in await orders_store.units(connection, one.id) if not each.refunded]
            looks = await self._looks(connection, shop, lines)
        pages = [
            self._voucher(shop, one, each, unit, looks[each.number])
            for each in lines
            for unit in units
            if unit.line == each.number
        ]
        if not one.state.done or not pages:
            raise BridgeError(Code.RECORD_CONFLICT, "there is no voucher to print")
        async with self._drawing:
            return await asyncio.to_thread(vouchers_pdf, pages, self._texts(shop, one))

    async def _looks(
        self, connection: AsyncConnection, shop: Shop, lines: Sequence[Line]
    ) -> Mapping[int, tuple[Layout, bytes | None]]:
        """The design of each line by its number, in the version that it was sold with, and its picture."""
        layouts = await store.layouts(connection, {(each.wish.design_id, each.wish.version) for each in lines})
        pictures: dict[str, bytes] = {}
        for picture_id in {each.picture_id for each in layouts.values()} - {None}:
            found = await store.find_picture(connection, shop.id, str(picture_id))
            if found is not None:
                pictures[str(picture_id)] = found[1]
        chosen = {each.number: layouts[each.wish.design_id, each.wish.version] for each in lines}
        return {number: (layout, pictures.get(layout.picture_id or "")) for number, layout in chosen.items()}

    async def _shop(self, connection: AsyncConnection, one: Order) -> Shop:
        shop = await store.find(connection, one.shop_id)
        if shop is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return shop

    async def _write(self, connection: AsyncConnection, shop: Shop, one: Order) -> None:
        secret = await new_secret(self._house, connection, one.id)
        link = f"{self._house.settings.address}/shop/{shop.slug}/order/{secret}"
        words = Words(CATALOGUES[one.language], self._house.runtime.clock.now(), None)
        money = words.amount(one.money)
        fields = {"shop": shop.name, "order": one.number, "link": link, "money": money}
        letter = write(
            self._house.settings, one.language, "shop.letter", one.email, one.email, shop.tenant_id, **fields
        )
        await self._house.post.take(connection, letter)

    def _voucher(  # what a page is made of
        self, shop: Shop, one: Order, line: Line, unit: Unit, look: tuple[Layout, bytes | None]
    ) -> PaperVoucher:
        (layout, picture), wish = look, line.wish
        words = Words(CATALOGUES[one.language], self._house.runtime.clock.now(), None)
        if unit.pin_sealed is None:
            raise BridgeError(Code.PORTAL_FAULT, "a voucher of the shop has no PIN")
        return PaperVoucher(
            shop=shop.name,
            design=said(layout.names, one.language),
            value=words.amount(Money(wish.unit_amount, one.unit)),
            recipient=wish.recipient,
            message=wish.message,
            sender=wish.sender,
            number=unit.number,
            pin=unseal_pin(self._house.vault, unit.voucher_id, unit.pin_sealed),
            picture=picture,
        )

    def _texts(self, shop: Shop, one: Order) -> PaperTexts:
        t = CATALOGUES[one.language]
        return PaperTexts(
            language=one.language.value,
            title=t("shop.paper.title", shop=shop.name),
            to=t("shop.paper.to"),
            sender=t("shop.paper.from"),
            number=t("shop.paper.number"),
            pin=t("shop.paper.pin"),
            hint=t("shop.paper.hint"),
            terms=said(shop.terms, one.language),
        )
