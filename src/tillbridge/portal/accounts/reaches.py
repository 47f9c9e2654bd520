"""Reads what a person may do, anew for each request: groups, memberships and the merchant's locations."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from sqlalchemy import case, exists, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.grants import EVERYTHING, Estate, Grant, Holdings, Plot, Scope
from tillbridge.portal.accounts.rights_tables import group_right, membership, people_group
from tillbridge.portal.accounts.stock_groups import Stock, rights_of
from tillbridge.portal.locations.model import LocationKind
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import RESTRICTABLE, Area, Reach, Right

NO_ESTATE: Final = Estate({})


async def load_reaches(connection: AsyncConnection, person_id: str, tenant_id: str) -> Mapping[Right, Reach]:
    """Where each right of a person holds in a merchant; nothing for somebody who belongs to another one.

    What franchisees keep to themselves is taken out already. One statement for most people, two where locations matter.
    """
    return (await load_holdings(connection, person_id, tenant_id)).reaches()


async def load_holdings(connection: AsyncConnection, person_id: str, tenant_id: str) -> Holdings:
    """What a person may do in a merchant, and by which grants."""
    grants, franchised = await _grants(connection, person_id, tenant_id)
    rooted = any(grant != EVERYTHING for held in grants.values() for grant in held)
    estate = await load_estate(connection, tenant_id) if rooted or (franchised and grants) else NO_ESTATE
    return Holdings(estate, grants)


async def load_estate(connection: AsyncConnection, tenant_id: str) -> Estate:
    """A merchant's locations, closed ones as well: what happened there can still be read."""
    # A restriction says something at franchises alone; leaving it out elsewhere saves a thousand JSON texts.
    kept = case((location.c.kind == LocationKind.FRANCHISE.value, location.c.restricted), else_=null()).label("kept")
    wanted = select(location.c.id, location.c.parent_id, kept).where(location.c.tenant_id == tenant_id)
    rows = (await connection.execute(wanted)).all()
    return Estate({row.id: Plot(row.parent_id, kept_areas(row.kept or ())) for row in rows})


def kept_areas(names: object) -> frozenset[Area]:
    """The areas that a franchisee keeps, from the list in the database: what nobody may keep is left out."""
    found = set(names) if isinstance(names, list) else set()
    return frozenset(area for area in RESTRICTABLE if area.value in found)


async def _grants(
    connection: AsyncConnection, person_id: str, tenant_id: str
) -> tuple[Mapping[Right, frozenset[Grant]], bool]:
    franchise = exists().where(location.c.tenant_id == tenant_id, location.c.kind == LocationKind.FRANCHISE.value)
    wanted = (
        select(
            membership.c.scope,
            membership.c.location_id,
            people_group.c.stock,
            group_right.c.name,
            franchise.label("franchised"),
        )
        .join(people_group, people_group.c.id == membership.c.group_id)
        .outerjoin(group_right, group_right.c.group_id == people_group.c.id)
        .where(membership.c.person_id == person_id, people_group.c.tenant_id == tenant_id)
    )
    names: dict[tuple[Grant, str | None], set[str]] = defaultdict(set)
    franchised = False
    for row in (await connection.execute(wanted)).all():
        franchised = bool(row.franchised)
        names[Grant(Scope(row.scope), row.location_id), row.stock].add(row.name or "")
    found: dict[Right, set[Grant]] = defaultdict(set)
    for (grant, stock), held in names.items():
        for right in rights_of(None if stock is None else Stock(stock), frozenset(held)):
            found[right].add(grant)
    return {right: frozenset(grants) for right, grants in found.items()}, franchised
