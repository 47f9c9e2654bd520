"""The voucher shop as a part of the portal."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.routing import BaseRoute

from tillbridge.portal.feature import Feature, Job
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import MenuEntry, Site
from tillbridge.portal.shop.balances import Balances
from tillbridge.portal.shop.buying import Buying
from tillbridge.portal.shop.carts import Carts
from tillbridge.portal.shop.checkout import Checkout
from tillbridge.portal.shop.delivering import Delivering
from tillbridge.portal.shop.office import AREAS, ShopOffice
from tillbridge.portal.shop.pages_balance import BalancePages
from tillbridge.portal.shop.pages_cart import CartPages
from tillbridge.portal.shop.pages_figures import FiguresPages
from tillbridge.portal.shop.pages_gift import GiftPages
from tillbridge.portal.shop.pages_office import PATH, ShopPages
from tillbridge.portal.shop.pages_order import OrderPages, TestPaymentPages
from tillbridge.portal.shop.pages_orders import OfficeOrderPages
from tillbridge.portal.shop.pages_public import PublicPages
from tillbridge.portal.shop.payments.hipay_service import HipayService
from tillbridge.portal.shop.payments.services import Services, embedded
from tillbridge.portal.shop.payments.test_service import NAME, TestPayments
from tillbridge.portal.shop.refunds import Refunds
from tillbridge.portal.shop.statistics import Views
from tillbridge.portal.vouchers.office_service import Blocking

LOOK_SECONDS: Final = 5.0
"""How often the timer looks: a buyer whose browser has gone has the vouchers soon after."""

MENU: Final = MenuEntry(PATH, "shop.menu", AREAS)


def feature(house: House, blocked: Sequence[Blocking] = (), services: Services | None = None) -> Feature:
    """The shop's own pages, the merchant's, and the timer; `blocked` is what others do when a voucher is blocked."""
    known = embedded(house) if services is None else services
    refunds, delivering = Refunds(house, known, blocked), Delivering(house)
    checkout, views = Checkout(house, known, refunds), Views(house)
    return Feature(
        "shop",
        pages=_pages(house, known, checkout, delivering, refunds, views),
        jobs=(
            _timer(checkout.step),
            _timer(delivering.drain),
            _timer(views.keep),
            *(one.work for one in known.values() if isinstance(one, HipayService)),
        ),
        menu=(MENU,),
    )


def _pages(  # what the pages stand on
    house: House, services: Services, checkout: Checkout, delivering: Delivering, refunds: Refunds, views: Views
) -> Callable[[Site], Sequence[BaseRoute]]:
    buying, carts = Buying(house, services), Carts(house, services)
    office = ShopOffice(house, delivering, refunds)

    def pages(site: Site) -> Sequence[BaseRoute]:
        test = services.get(NAME)
        return [
            *PublicPages(site, buying, carts, views).routes(),
            *CartPages(site, buying, carts).routes(),
            *BalancePages(site, buying, Balances(house)).routes(),
            *GiftPages(site, buying, delivering).routes(),
            *OrderPages(site, buying, checkout, delivering).routes(),
            *(TestPaymentPages(site, test, checkout).routes() if isinstance(test, TestPayments) else ()),
            # Orders have a path of their own below the shops', which would take it for a shop.
            *OfficeOrderPages(site, office).routes(),
            *FiguresPages(site, office).routes(),
            *ShopPages(site, office).routes(),
        ]

    return pages


def _timer(step: Callable[[], Awaitable[None]]) -> Job:
    async def look_again_and_again() -> None:
        while True:
            await step()
            await asyncio.sleep(LOOK_SECONDS)

    return look_again_and_again
