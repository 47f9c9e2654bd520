"""Web vouchers as a part of the portal."""

from collections.abc import Callable, Sequence
from typing import Final

from starlette.routing import BaseRoute

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import MenuEntry, Site
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.vouchers import api
from tillbridge.portal.vouchers.access import LOOKING
from tillbridge.portal.vouchers.admitting import Admissions
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.gate import SERVICE, Gate
from tillbridge.portal.vouchers.office_service import Blocking, Office
from tillbridge.portal.vouchers.pages_batches import BatchPages
from tillbridge.portal.vouchers.pages_one import VoucherPages
from tillbridge.portal.vouchers.pages_systems import PATH, SystemPages
from tillbridge.portal.vouchers.signed_route import SignedVouchers
from tillbridge.portal.vouchers.systems_service import Systems

MENU: Final = MenuEntry(PATH, "vouchers.menu", LOOKING)


def feature(
    house: House, desk: VoucherDesk, callers: Callers, registry: Registry, blocked: Sequence[Blocking] = ()
) -> Feature:
    """The desk that tills ask, and the office's pages; `blocked` is what others do when a voucher is blocked.

    The routes are not closed as a whole in maintenance: an answer that was given before is given even then.
    """
    gate, admissions = Gate(house, registry, desk), Admissions(callers.tokens, registry, SERVICE)
    return Feature(
        "vouchers",
        pages=office(house, blocked),
        api=api.routes(house, gate, callers),
        jobs=(desk.run,),
        menu=(MENU,),
        ahead=lambda app: SignedVouchers(app, gate, admissions, callers.tokens),
    )


def office(house: House, blocked: Sequence[Blocking] = ()) -> Callable[[Site], Sequence[BaseRoute]]:
    """The pages alone: voucher systems, batches of codes, and single vouchers."""
    systems, batches, single = Systems(house), Batches(house), Office(house, blocked)

    def pages(site: Site) -> Sequence[BaseRoute]:
        return [
            *SystemPages(site, systems, batches).routes(),
            *BatchPages(site, systems, batches).routes(),
            *VoucherPages(site, systems, single).routes(),
        ]

    return pages
