"""Locations as a part of the portal."""

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.locations.linked import LinkStates
from tillbridge.portal.locations.move_routes import MovePages
from tillbridge.portal.locations.moving import Moves
from tillbridge.portal.locations.routes import PATH, LocationPages
from tillbridge.portal.locations.service import Hook, Locations
from tillbridge.portal.pages.site import MenuEntry, Site
from tillbridge.portal.rights import Area

MENU: Final = MenuEntry(PATH, "locations.menu", (Area.LOCATIONS,))


def feature(
    house: House,
    links: LinkStates,
    *,
    opened: Sequence[Hook] = (),
    closed: Sequence[Hook] = (),
    moved: Sequence[Hook] = (),
) -> Feature:
    """`opened`, `closed` and `moved` are what other features do when a location begins, ends or changes hands."""
    locations, moves = Locations(house, opened=opened, closed=closed), Moves(house, moved=moved)

    def pages(site: Site) -> Sequence[BaseRoute]:
        # The offers come first: their path would be read as that of a location.
        return [*MovePages(site, moves).routes(), *LocationPages(site, locations, moves, links).routes()]

    return Feature("locations", pages=pages, menu=(MENU,))
