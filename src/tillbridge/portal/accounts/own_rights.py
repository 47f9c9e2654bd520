"""What somebody may do, as the own profile shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Action, Area, Person, Reach

MOST_NAMES: Final = 5
"""Locations that are named; of more the number is said."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a right holds: everywhere, or at these locations and `more` others. Nowhere is all of it empty."""

    everywhere: bool
    names: Sequence[str]
    more: int


@dataclass(frozen=True, slots=True)
class OwnRight:
    """What somebody may do in an area."""

    area: Area
    view: Place
    edit: Place


async def own_rights(connection: AsyncConnection, person: Person) -> Sequence[OwnRight]:
    """The areas in which this person may do anything, in their usual order."""
    reaches = {
        area: (person.reach(area, Action.VIEW), person.reach(area, Action.EDIT))
        for area in Area
        if person.may_somewhere(area)
    }
    wanted = {one for pair in reaches.values() for reach in pair for one in sorted(reach.locations)[:MOST_NAMES]}
    names: dict[str, str] = {}
    if wanted:
        rows = await connection.execute(select(location.c.id, location.c.name).where(location.c.id.in_(wanted)))
        names = {row.id: row.name for row in rows}
    return [OwnRight(area, _place(view, names), _place(edit, names)) for area, (view, edit) in reaches.items()]


def _place(reach: Reach, names: dict[str, str]) -> Place:
    if reach.everywhere:
        return Place(everywhere=True, names=(), more=0)
    shown = [names[one] for one in sorted(reach.locations)[:MOST_NAMES] if one in names]
    return Place(everywhere=False, names=shown, more=len(reach.locations) - len(shown))
