"""What the start page tells a shop owner. Every block of it is one question to the database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.messages import Window
from tillbridge.portal.licences import store as licences
from tillbridge.portal.licences.model import Ending
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations.linked import LinkGroup, LinkStates, group_of, states_of
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.locations.store import within
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Action, Area, Person

MOST_TASKS: Final = 10
"""Of each kind; the page says how many more there are."""


class Ahead(Protocol):
    """Knows the planned maintenance."""

    async def ahead(self, connection: AsyncConnection, tenant_id: str, now: datetime) -> Sequence[Window]:
        """What is planned for this merchant from now on, the nearest first."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A location, as far as this page speaks of it."""

    id: str
    name: str
    time_zone: str
    customer_base: CustomerBase


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole page. `counts` leaves out empty groups; `endings` hold at most one more than `MOST_TASKS`.

    `time_zone` is that of the first location, the head office's where that one is seen; None without any.
    """

    total: int
    counts: Mapping[LinkGroup, int]
    silent: tuple[Place, ...]
    conversions: tuple[Place, ...]
    endings: tuple[Ending, ...]
    next_window: Window | None
    time_zone: str | None

    @property
    def none_connected(self) -> bool:
        """Whether nobody has connected a shop yet: then the page says how to begin."""
        return all(group is LinkGroup.UNCONNECTED for group in self.counts)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.silent or self.conversions or self.endings)


async def overview(
    connection: AsyncConnection, person: Person, links: LinkStates, maintenance: Ahead, now: datetime
) -> Overview:
    """What this person may know of the own merchant at this moment."""
    sees = person.reach(Area.LOCATIONS, Action.VIEW) | person.reach(Area.POS_INTERFACE, Action.VIEW)
    places = await _open_locations(connection, within(person.home, sees))
    states = await states_of(links, connection, person.home)
    groups = Counter(group_of(states.get(place.id)) for place in places)
    windows = await maintenance.ahead(connection, person.home, now)
    allotted = within(person.home, person.reach(Area.LICENCES, Action.VIEW))
    ending = await licences.ending_soon(connection, allotted, now, MOST_TASKS + 1)
    return Overview(
        total=len(places),
        counts={group: groups[group] for group in LinkGroup if groups[group]},
        silent=tuple(place for place in places if states.get(place.id) is LinkState.SILENT),
        conversions=tuple(
            place
            for place in places
            if place.customer_base is CustomerBase.V1_ONLINE and person.may(Area.CUSTOMERS, Action.VIEW, place.id)
        ),
        endings=ending,
        next_window=min(windows, key=lambda window: window.start, default=None),
        time_zone=places[0].time_zone if places else None,
    )


async def _open_locations(connection: AsyncConnection, where: ColumnElement[bool]) -> list[Place]:
    columns = (location.c.id, location.c.name, location.c.time_zone, location.c.customer_base)
    rows = await connection.execute(
        select(*columns).where(where, location.c.closed_at.is_(None)).order_by(location.c.client_number)
    )
    return [Place(row.id, row.name, row.time_zone, CustomerBase(row.customer_base)) for row in rows]
