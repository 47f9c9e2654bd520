"""Tills of other makers as a part of the portal."""

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.thirdparty import api
from tillbridge.portal.vouchers.desk import VoucherDesk


def feature(house: House, desk: VoucherDesk, registry: Registry) -> Feature:
    """The three routes. It needs no job: a redemption is whole as soon as it is committed."""
    return Feature("thirdparty", api=api.routes(house, desk, registry))
