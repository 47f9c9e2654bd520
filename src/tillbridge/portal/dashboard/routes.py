"""The start page."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from tillbridge.portal.dashboard.view import MOST_TASKS, Ahead, Overview, overview
from tillbridge.portal.licences.model import last_day
from tillbridge.portal.locations.linked import TONES, LinkStates
from tillbridge.portal.locations.views import Badge, day, day_and_clock
from tillbridge.portal.pages.site import Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.settlement import charts
from tillbridge.portal.settlement.start import cards, drawn
from tillbridge.portal.validity.cases_service import Cases
from tillbridge.web.words import Words

INTERFACES: Final = "/interfaces"


@dataclass(frozen=True, slots=True)
class Way:
    """A short way to something: the key of its text and its address."""

    key: str
    path: str


_WAYS: Final = (
    (Area.POS_INTERFACE, Action.EDIT, Way("dashboard.way.connect", INTERFACES)),
    (Area.LOCATIONS, Action.EDIT, Way("dashboard.way.location", "/locations/new")),
    (Area.PEOPLE, Action.EDIT, Way("dashboard.way.people", "/people")),
    (Area.CUSTOMERS, Action.VIEW, Way("dashboard.way.customers", "/customers")),
    (Area.SERVICES, Action.VIEW, Way("dashboard.way.services", "/services")),
    (Area.LICENCES, Action.VIEW, Way("dashboard.way.licences", "/licences")),
    (Area.MAINTENANCE, Action.VIEW, Way("dashboard.way.maintenance", "/maintenance")),
    (Area.AUDIT, Action.VIEW, Way("dashboard.way.audit", "/audit")),
)

_AS_A_WHOLE: Final = frozenset({Area.LOCATIONS, Area.PEOPLE})
"""What is about the merchant as a whole: a right at a single location does not open it."""


class DashboardPage:
    """What is going on, and what to do first."""

    def __init__(self, site: Site, links: LinkStates, maintenance: Ahead) -> None:
        self._site = site
        self._links = links
        self._maintenance = maintenance

    async def show(self, request: Request, visit: Visit) -> Response:
        """The page; staff of the operator who help nobody right now have no merchant to look at."""
        person = visit.person
        if person.tenant_id is None:
            return await self._site.page(request, "dashboard/staff.html", visit=visit)
        house = self._site.house
        now = house.runtime.clock.now()
        async with house.database.reading() as connection:
            told = await overview(connection, person, self._links, self._maintenance, now)
            vouchers = await cards(connection, person, now)
        waiting = await Cases(house).waiting(person)
        words = self._site.words(request, person, told.time_zone)
        return await self._site.page(
            request,
            "dashboard/show.html",
            visit=visit,
            zone=told.time_zone,
            told=told,
            most=MOST_TASKS,
            quiet=told.quiet and not waiting,
            exceptions=[(one.id, one.name, words.count(count)) for one, count in waiting],
            vouchers=[drawn(words, card) for card in vouchers],
            size=(charts.WIDTH, charts.HEIGHT),
            counts=[
                (Badge(TONES[group], words.t(f"locations.link.{group}")), words.count(number))
                for group, number in told.counts.items()
            ],
            endings=_endings(words, told),
            window=_window(words, told),
            may_connect=person.may_somewhere(Area.POS_INTERFACE, Action.EDIT),
            may_add=person.may(Area.LOCATIONS, Action.EDIT),
            ways=ways(person),
        )


def ways(person: Person) -> list[Way]:
    """The short ways that this person may go."""
    return [
        way
        for area, action, way in _WAYS
        if (person.may(area, action) if area in _AS_A_WHOLE else person.may_somewhere(area, action))
    ]


def _window(words: Words, told: Overview) -> str | None:
    """The next maintenance, in a sentence."""
    window = told.next_window
    if window is None:
        return None
    start, end = day_and_clock(words, window.start), day_and_clock(words, window.end)
    return words.t("dashboard.maintenance.window", start=start, end=end, zone=told.time_zone or "UTC")


def _endings(words: Words, told: Overview) -> list[tuple[str, str, str, str]]:
    """Location's id and name, the product's name and the last day, as it is at the location."""
    listed = []
    for ending in told.endings:
        last = last_day(ending.licence.span, ZoneInfo(ending.time_zone))
        product = words.t(f"licences.product.{ending.licence.product}")
        listed.append(
            (ending.licence.location_id, ending.location_name, product, "" if last is None else day(words, last))
        )
    return listed
