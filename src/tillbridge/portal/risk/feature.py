"""Vouchers taken without a connection, as a part of the portal."""

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.risk import api
from tillbridge.portal.risk.pages import RiskPages
from tillbridge.portal.risk.service import Risks
from tillbridge.portal.risk.taking import OfflineDesk
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens.bearer import Callers


def feature(house: House, callers: Callers, registry: Registry) -> Feature:
    """The page of the office, and the routes of connectors."""
    risks = Risks(house)
    return Feature(
        "risk",
        pages=lambda site: RiskPages(site, risks).routes(),
        api=api.routes(house, OfflineDesk(house, registry), callers),
    )
