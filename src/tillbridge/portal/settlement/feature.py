"""Settlement between locations as a part of the portal."""

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Site
from tillbridge.portal.settlement.closing import settling_job
from tillbridge.portal.settlement.pages_reports import ReportPages
from tillbridge.portal.settlement.pages_statements import StatementPages
from tillbridge.portal.settlement.service import Settlement


def feature(house: House) -> Feature:
    """The pages of reports, and the job that settles every night."""
    return Feature("settlement", pages=reports(house), jobs=(settling_job(house),))


def reports(house: House) -> Callable[[Site], Sequence[BaseRoute]]:
    """The pages alone."""
    settlement = Settlement(house)

    def pages(site: Site) -> Sequence[BaseRoute]:
        return [*ReportPages(site, settlement).routes(), *StatementPages(site, settlement).routes()]

    return pages
