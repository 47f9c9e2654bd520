"""The customer base as a feature of the portal."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from tillbridge.portal.customers.at_pairing import AtPairing
from tillbridge.portal.customers.base_routes import BasePages
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.customers.import_routes import ImportPages
from tillbridge.portal.customers.importing import Imports
from tillbridge.portal.customers.model import Licensed
from tillbridge.portal.customers.routes import CustomerPages
from tillbridge.portal.customers.service import Customers
from tillbridge.portal.feature import Feature, Job
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.pages.site import MenuEntry, Site
from tillbridge.portal.rights import Area


def feature(house: House, licensed: Licensed, links: Links | None = None) -> Feature:
    """Customers, their import and their conversion. `licensed` knows which location has the licence for 2.0.

    `links` are those that wait for a conversion; None in a portal without pairing.
    """
    converter = Converter(house)
    conversions = Conversions(house, licensed, converter.wake)

    def pages(site: Site) -> Sequence[BaseRoute]:
        return [
            *BasePages(site, conversions).routes(),
            *ImportPages(site, Imports(house)).routes(),
            *CustomerPages(site, Customers(house)).routes(),
        ]

    menu = [MenuEntry("/customers", "customers.menu", (Area.CUSTOMERS,))]
    jobs: list[Job] = [converter.run]
    if links is not None:
        jobs.append(AtPairing(house, links, conversions).run)
    return Feature("customers", pages=pages, jobs=jobs, menu=menu)
