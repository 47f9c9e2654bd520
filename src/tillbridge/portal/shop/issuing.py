"""Makes the vouchers of a paid order, each once: in the caller's transaction, which holds the order's row."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion
from tillbridge.portal.shop import dispatch_store, orders_store
from tillbridge.portal.shop.model import Dispatch, DispatchState, Happening, Line, Order, OrderState, Shop, ShopEvent
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.numbers import draw, seal_pin
from tillbridge.portal.vouchers.systems_model import Life, Scheme, VoucherSystem

OPERATOR = "shop"
"""Who booked it, as statements say it."""

MORNING: Final = time(8)
"""When a letter leaves on its day: nobody is woken by it."""


async def issue(  # where, for whom and what
    house: House, connection: AsyncConnection, shop: Shop, system: VoucherSystem, one: Order, lines: Sequence[Line]
) -> None:
    """Draws numbers, stores empty vouchers, and loads them as credit of the location that the buyer chose.

    The key of `shop_unit` is order, line and unit: a second time ends in the database, with nothing booked.
    """
    now = house.runtime.clock.now()
    country = await systems_store.location_country(connection, one.location_id)
    wanted = [(each, place) for each in lines for place in range(1, each.wish.quantity + 1)]
    ids = [await _voucher(house, connection, system, country) for _ in wanted]
    clerk = await Clerk.open(connection, ids)
    day = business_day(now, system.time_zone)
    at = Occasion(one.location_id, day, now, operator=OPERATOR, transaction_ref=one.number)
    entries: list[str] = []
    for voucher_id, (each, _) in zip(ids, wanted, strict=True):
        made = (house.runtime.ids.new(), house.runtime.ids.new())
        clerk.post(book.put_on(clerk.account(voucher_id), EntryKind.LOAD, each.wish.unit_amount, at, made))
        entries.append(made[0])
    await clerk.write()
    for voucher_id, entry_id, (each, place) in zip(ids, entries, wanted, strict=True):
        await orders_store.add_unit(connection, one.id, each.number, place, voucher_id, entry_id)
    await orders_store.set_order(connection, one.id, state=OrderState.ISSUED.value, issued_at=now)
    await orders_store.note(connection, house, one.id, Happening.ISSUED, facts={"vouchers": len(ids)})
    await _plan_letters(house, connection, system, one, lines)
    after = {"vouchers": len(ids), "amount": one.amount, "currency": one.currency}
    subject = f"{shop.name} · {one.number}"
    entry = Entry(ShopEvent.VOUCHERS_ISSUED, shop.tenant_id, one.location_id, subject, after=after)
    await house.audit.note(connection, PORTAL, entry)


async def _plan_letters(
    house: House, connection: AsyncConnection, system: VoucherSystem, one: Order, lines: Sequence[Line]
) -> None:
    """One to the buyer at once, and one for each line that goes to somebody else, on its day."""
    now = house.runtime.clock.now()
    others = [
        (each.number, each.wish.send_to, due_on(each.wish.send_on, system.time_zone, now))
        for each in lines
        if each.wish.send_to
    ]
    wanted = [(0, one.email, now), *others]
    for number, recipient, due_at in wanted:
        made = Dispatch(house.runtime.ids.new(), one.id, number, recipient, DispatchState.WAITING, due_at)
        await dispatch_store.add(connection, made)


def due_on(day: date | None, zone: str, now: datetime) -> datetime:
    """In the morning of this day in this time zone; now for none, or one that is over."""
    return now if day is None else max(now, datetime.combine(day, MORNING, ZoneInfo(zone)).astimezone(UTC))


async def _voucher(house: House, connection: AsyncConnection, system: VoucherSystem, country: str) -> str:
    """An empty voucher of no batch: what a shop sells does not count to the month's codes."""
    voucher_id = house.runtime.ids.new()
    while True:
        drawn = draw(house.runtime.chance, country)
        made = {
            "id": voucher_id,
            "system_id": system.id,
            "number": drawn.number,
            "pin_sealed": seal_pin(house.vault, voucher_id, drawn.pin),
            "country": country,
            "scheme": Scheme.OWN.value,
            "life": Life.ACTIVE.value,
            "made_at": house.runtime.clock.now(),
        }
        if await orders_store.add_voucher(connection, made):
            return voucher_id
