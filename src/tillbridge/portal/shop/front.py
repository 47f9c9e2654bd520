"""A shop as buyers see it."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.shop import store
from tillbridge.portal.shop.model import Design, Line, Range, Shop, range_of
from tillbridge.portal.shop.payments.services import Services
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem


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

    def check(self, one: Line) -> None:
        """`BridgeError` for a line that is not sold as it was chosen: see `design` and `Wish.check`."""
        design = self.design(one.wish.design_id)
        one.wish.check(design.layout, self.range)
        if one.wish.version != design.layout.version:
            raise BridgeError(Code.RECORD_CONFLICT, "the design was changed meanwhile", place="design")


async def front_of(house: House, services: Services, connection: AsyncConnection, slug: str) -> Front:
    """The shop at this address, open or not. `BridgeError(RECORD_UNKNOWN)` if there is none."""
    one = await store.by_slug(connection, slug)
    system = None if one is None else await systems_store.find(connection, one.system_id)
    if one is None or system is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    sellers = await store.sellers(connection, one.system_id, house.runtime.clock.now())
    if not services:
        one = replace(one, is_open=False)
    return Front(one, system, await store.designs(connection, one.id), dict(sellers), range_of(system))
