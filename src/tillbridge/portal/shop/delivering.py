"""Brings vouchers to people: letters to the buyer and to recipients, each with a link and, if wanted, with the PDF.

Letters are planned when the vouchers are issued and written when they are due, beside the orders. The PDF is drawn anew
from what was sold: another version of the design changes no voucher that was issued.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.audit.log import Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.mail.post import MOST_ATTACHED, Attachment, Letter
from tillbridge.portal.mail.writing import write
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.shop import dispatch_store, lines_store, orders_store, store
from tillbridge.portal.shop.model import (
    RESENDS_A_DAY,
    Dispatch,
    DispatchState,
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

A_DAY: Final = timedelta(days=1)

LEASE: Final = timedelta(minutes=5)
"""How long a letter is left to the process that writes it."""

log = structlog.get_logger(__name__)


class Delivering:
    """Letters and paper of every shop."""

    def __init__(self, house: House) -> None:
        self._house = house
        # A PDF takes a processor for a moment: tills are served beside it.
        self._drawing = asyncio.Semaphore(1)

    async def drain(self) -> None:
        """Writes every letter that is due; orders are taken and issued meanwhile."""
        while (one := await self._claim()) is not None:
            try:
                await self._write(one)
            except BridgeError as error:
                # The lease runs out, and it is tried again.
                log.warning("shop_letter_waits", dispatch=one.id, code=error.code.value)

    async def _claim(self) -> Dispatch | None:
        async with self._house.database.writing() as connection:
            return await dispatch_store.claim(connection, self._house.runtime.clock.now(), LEASE)

    async def _write(self, dispatch: Dispatch) -> None:
        """Draws outside of a transaction, then writes letter, link and what became of it in one."""
        async with self._house.database.reading() as connection:
            one = await orders_store.find(connection, dispatch.order_id)
            if one is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            shop = await self._shop(connection, one)
            every = await lines_store.of_order(connection, one.id)
            units = await orders_store.units(connection, one.id)
        lines = [each for each in every if not dispatch.line or each.number == dispatch.line]
        numbers = {each.number for each in lines}
        if not any(each.line in numbers and not each.refunded and not each.blocked for each in units):
            await self._drop(dispatch)
            return
        enclosed = lines if dispatch.line else [each for each in lines if not each.wish.send_to]
        files = await self._files(shop, one, enclosed)
        async with self._house.database.writing() as connection:
            locked = await orders_store.find(connection, one.id, locked=True)
            known = await dispatch_store.find(connection, dispatch.id)
            if locked is None or known is None or known.state is not DispatchState.WAITING:
                return
            letter = await self._letter(connection, shop, locked, known, lines)
            letter_id = await self._house.post.take(connection, replace(letter, attachments=files))
            await dispatch_store.finish(connection, known, DispatchState.WRITTEN, letter_id)
            await self._noted(connection, locked, known)

    async def _drop(self, dispatch: Dispatch) -> None:
        async with self._house.database.writing() as connection:
            await dispatch_store.finish(connection, dispatch, DispatchState.DROPPED, None)

    async def _noted(self, connection: AsyncConnection, one: Order, dispatch: Dispatch) -> None:
        if dispatch.line:
            facts = {"line": dispatch.line}
            await orders_store.note(connection, self._house, one.id, Happening.SENT_TO_RECIPIENT, facts=facts)
        elif one.state is OrderState.ISSUED:
            await orders_store.set_order(connection, one.id, state=OrderState.DELIVERED.value)
            await orders_store.note(connection, self._house, one.id, Happening.DELIVERED)

    async def _files(self, shop: Shop, one: Order, lines: Sequence[Line]) -> tuple[Attachment, ...]:
        """The vouchers as a file; none where the shop sends links alone, or it is too large for a letter."""
        if not shop.attach_pdf or not lines:
            return ()
        try:
            content = await self.paper(one, lines)
        except BridgeError as error:
            log.warning("shop_paper_not_drawn", order=one.id, code=error.code.value)
            return ()
        fits = len(content) <= MOST_ATTACHED
        return (Attachment(f"voucher-{one.number}.pdf", "application/pdf", content),) if fits else ()

    async def resend(  # who asks for what to be sent to whom
        self, connection: AsyncConnection, one: Order, actor: Actor, tenant_id: str, line: int = 0, recipient: str = ""
    ) -> None:
        """Has a letter written again, with a new link; the order is locked by the caller.

        `BridgeError`: RECORD_CONFLICT if nothing was issued; SLOW_DOWN after five times a day.
        """
        if not one.state.done:
            raise BridgeError(Code.RECORD_CONFLICT, "this order has no vouchers to send")
        now = self._house.runtime.clock.now()
        if await orders_store.counted(connection, one.id, Happening.RESENT, now - A_DAY) >= RESENDS_A_DAY:
            raise BridgeError(Code.SLOW_DOWN, "sent often enough today", retry_after=int(A_DAY.total_seconds()))
        shop, dispatch_id = await self._shop(connection, one), self._house.runtime.ids.new()
        made = Dispatch(dispatch_id, one.id, line, recipient or one.email, DispatchState.WAITING, now)
        await dispatch_store.add(connection, made)
        elsewhere = bool(recipient) and recipient != one.email
        facts = {"line": line, "other_address": elsewhere}
        await orders_store.note(connection, self._house, one.id, Happening.RESENT, actor.name, facts)
        subject = f"{shop.name} · {one.number}"
        entry = Entry(ShopEvent.RESENT, tenant_id, one.location_id, subject, after=facts)
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

    async def _letter(
        self, connection: AsyncConnection, shop: Shop, one: Order, dispatch: Dispatch, lines: Sequence[Line]
    ) -> Letter:
        secret = await new_secret(self._house, connection, one.id, dispatch.line)
        words = Words(CATALOGUES[one.language], self._house.runtime.clock.now(), None)
        page = "gift" if dispatch.line else "order"
        fields = {
            "shop": shop.name,
            "order": one.number,
            "link": f"{self._house.settings.address}/shop/{shop.slug}/{page}/{secret}",
            "money": words.amount(one.money),
        }
        key, name = "shop.letter", dispatch.recipient
        if dispatch.line:
            (line,) = lines
            key, name = "shop.gift", line.wish.recipient or name
            fields["sender"] = line.wish.sender or words.t("shop.gift.somebody")
        settings = self._house.settings
        return write(settings, one.language, key, dispatch.recipient, name, shop.tenant_id, **fields)

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
