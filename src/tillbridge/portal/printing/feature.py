"""Printing, trying codes out, exports and types of vouchers as a part of the portal."""

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Site
from tillbridge.portal.printing import types_api
from tillbridge.portal.printing.code_testing import CodeTest
from tillbridge.portal.printing.pages_export import ExportPages
from tillbridge.portal.printing.pages_print import PrintPages
from tillbridge.portal.printing.pages_testing import TestPages
from tillbridge.portal.printing.pages_types import TypePages
from tillbridge.portal.printing.service import PrintKit
from tillbridge.portal.printing.types_service import VoucherTypes
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.office_service import Office
from tillbridge.portal.vouchers.systems_service import Systems


def feature(house: House, callers: Callers, registry: Registry) -> Feature:
    """The pages, and what tills are told of types."""
    return Feature(
        "printing",
        pages=pages(house),
        api=types_api.routes(house, callers, registry, VoucherTypes(house)),
    )


def pages(house: House) -> Callable[[Site], Sequence[BaseRoute]]:
    """The pages alone."""
    systems, batches = Systems(house), Batches(house)
    kit, codes, types = PrintKit(house, batches, Office(house)), CodeTest(house), VoucherTypes(house)

    def routes(site: Site) -> Sequence[BaseRoute]:
        return [
            *PrintPages(site, kit).routes(),
            *TestPages(site, codes).routes(),
            *ExportPages(site, batches).routes(),
            *TypePages(site, systems, types).routes(),
        ]

    return routes
