"""Services as a part of the portal."""

from typing import Final

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import MenuEntry
from tillbridge.portal.rights import Area
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.services.routes import PATH, ServicePages
from tillbridge.portal.services.service import Switches

MENU: Final = MenuEntry(PATH, "services.menu", (Area.SERVICES,), seldom=True)


def feature(house: House, registry: Registry) -> Feature:
    """What stands in the way of each service, and its switch."""
    switches = Switches(house, registry)
    return Feature("services", pages=lambda site: ServicePages(site, switches).routes(), menu=(MENU,))
