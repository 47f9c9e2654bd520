"""Licences as a part of the portal."""

from typing import Final

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.licences.routes import PATH, LicencePages
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.pages.site import MenuEntry
from tillbridge.portal.rights import Area

MENU: Final = MenuEntry(PATH, "licences.menu", (Area.LICENCES,), seldom=True)


def feature(house: House) -> Feature:
    """Who has which licence."""
    licences = Licences(house)
    return Feature("licences", pages=lambda site: LicencePages(site, licences).routes(), menu=(MENU,))
