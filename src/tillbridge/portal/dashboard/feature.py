"""The start page as a part of the portal."""

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from tillbridge.portal.dashboard.routes import DashboardPage
from tillbridge.portal.dashboard.view import Ahead
from tillbridge.portal.feature import Feature
from tillbridge.portal.locations.linked import LinkStates
from tillbridge.portal.pages.site import MenuEntry, Site

MENU: Final = MenuEntry("/", "dashboard.menu")


def feature(links: LinkStates, maintenance: Ahead) -> Feature:
    """What everybody sees first."""

    def pages(site: Site) -> Sequence[BaseRoute]:
        return [site.get("/", DashboardPage(site, links, maintenance).show)]

    return Feature("dashboard", pages=pages, menu=(MENU,))
