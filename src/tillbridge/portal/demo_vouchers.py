"""The demonstration's vouchers: a system in which the bakery's shops take part, and a batch of known numbers."""

from collections.abc import Collection
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.money import currency
from tillbridge.domain.voucher_code import COUNTRY_DIGITS
from tillbridge.link.scopes import Service
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.demo_access import VOUCHERS
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import Location
from tillbridge.portal.services import store as services
from tillbridge.portal.services.service import SwitchEvent
from tillbridge.portal.vouchers.batches_model import Batch, NewVoucher
from tillbridge.portal.vouchers.batches_service import Batches, BatchEvent, month_of
from tillbridge.portal.vouchers.numbers import seal_pin
from tillbridge.portal.vouchers.systems_model import Draft, Limits, VoucherSystem
from tillbridge.portal.vouchers.systems_service import Systems

BATCH: Final = "Muster"


async def add_vouchers(house: House, connection: AsyncConnection, name: str, shops: Collection[Location]) -> None:
    """A voucher system of this name for these shops of one merchant, switched on there, with a batch to try."""
    first = next(iter(shops))
    systems = Systems(house)
    draft = Draft(name, first.currency, first.time_zone, Limits.usual(currency(first.currency)))
    system = await systems.found(connection, first.tenant_id, draft, PORTAL)
    for shop in shops:
        await systems.let_join(connection, system, shop, PORTAL)
        await _switch_on(house, connection, shop)
    await _batch(house, connection, system)


async def _switch_on(house: House, connection: AsyncConnection, shop: Location) -> None:
    """So that vouchers work as soon as the shop is connected; until then nothing does."""
    service, now = Service.WEB_VOUCHERS, house.runtime.clock.now()
    await services.switch(connection, shop.id, service, on=True, at=now, by=PORTAL.id)
    subject = f"{service} · {shop.number} {shop.name}"
    entry = Entry(SwitchEvent.SWITCHED_ON, shop.tenant_id, shop.id, subject, {"on": False}, {"on": True})
    await house.audit.note(connection, PORTAL, entry)


async def _batch(house: House, connection: AsyncConnection, system: VoucherSystem) -> None:
    runtime, country = house.runtime, VOUCHERS[0][0][:COUNTRY_DIGITS]
    now = runtime.clock.now()
    month = month_of(now, system.time_zone)
    batch = Batch(runtime.ids.new(), system.id, BATCH, country, len(VOUCHERS), month, now, PORTAL.name)
    ids = [runtime.ids.new() for _ in VOUCHERS]
    made = [
        NewVoucher(voucher_id, number, seal_pin(house.vault, voucher_id, pin))
        for voucher_id, (number, pin) in zip(ids, VOUCHERS, strict=True)
    ]
    await Batches(house).store(connection, batch, made, activate=True)
    after = {"codes": len(made), "country": country, "activated": True}
    entry = Entry(BatchEvent.MADE, system.tenant_id, subject=f"{system.name} · {BATCH}", after=after)
    await house.audit.note(connection, PORTAL, entry)
