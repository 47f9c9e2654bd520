"""The statements of support access."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.grants import EVERYTHING, Grant, Scope
from tillbridge.portal.accounts.rights_tables import support_access
from tillbridge.portal.locations.tables import location, tenant

MOST_SHOWN = 50
"""Accesses on a page, the latest first."""


@dataclass(frozen=True, slots=True)
class Access:
    """A support access. `place` is the location's name, None for the whole merchant; moments are UTC.

    `open` says whether it still was at the moment that was asked for.
    """

    id: str
    location_id: str | None
    place: str | None
    reason: str
    opened_by: str
    opened_at: datetime
    ends_at: datetime
    closed_at: datetime | None
    closed_by: str
    open: bool

    @property
    def grant(self) -> Grant:
        """Where it holds."""
        return EVERYTHING if self.location_id is None else Grant(Scope.LOCATION, self.location_id)


@dataclass(frozen=True, slots=True)
class Helped:
    """A merchant as the operator's staff sees it: `open_until` is the end of the longest access that is open."""

    id: str
    name: str
    created_at: datetime
    open_until: datetime | None


def _open(now: datetime) -> ColumnElement[bool]:
    return and_(support_access.c.closed_at.is_(None), support_access.c.opened_at <= now, support_access.c.ends_at > now)


async def open_grants(connection: AsyncConnection, tenant_id: str, now: datetime) -> frozenset[Grant]:
    """Where access is open now."""
    wanted = select(support_access.c.location_id).where(support_access.c.tenant_id == tenant_id, _open(now))
    places = (await connection.execute(wanted)).scalars().all()
    return frozenset(EVERYTHING if place is None else Grant(Scope.LOCATION, place) for place in places)


async def accesses(connection: AsyncConnection, tenant_id: str, now: datetime) -> Sequence[Access]:
    """A merchant's accesses: what is open first, then the latest."""
    wanted = (
        select(support_access, location.c.name.label("place"), _open(now).label("open"))
        .outerjoin(location, location.c.id == support_access.c.location_id)
        .where(support_access.c.tenant_id == tenant_id)
        .order_by(_open(now).desc(), support_access.c.opened_at.desc(), support_access.c.id.desc())
        .limit(MOST_SHOWN)
    )
    rows = (await connection.execute(wanted)).all()
    return [
        Access(
            row.id,
            row.location_id,
            row.place,
            row.reason,
            row.opened_by,
            row.opened_at,
            row.ends_at,
            row.closed_at,
            row.closed_by,
            bool(row.open),
        )
        for row in rows
    ]


async def open_one(connection: AsyncConnection, tenant_id: str, one: Access) -> None:
    """Writes an access down."""
    await connection.execute(
        insert(support_access).values(
            id=one.id,
            tenant_id=tenant_id,
            location_id=one.location_id,
            reason=one.reason,
            opened_by=one.opened_by,
            opened_at=one.opened_at,
            ends_at=one.ends_at,
        )
    )


async def close_one(connection: AsyncConnection, tenant_id: str, access_id: str, by: str, now: datetime) -> bool:
    """Closes an access that is open; False if it is not, or is none of this merchant's."""
    closing = (
        update(support_access)
        .where(support_access.c.id == access_id, support_access.c.tenant_id == tenant_id, _open(now))
        .values(closed_at=now, closed_by=by)
    )
    return (await connection.execute(closing)).rowcount == 1


async def merchants(
    connection: AsyncConnection, now: datetime, search: str, offset: int, most: int
) -> Sequence[Helped]:
    """Merchants whose name has `search` in it, by name."""
    until = (
        select(support_access.c.ends_at)
        .where(support_access.c.tenant_id == tenant.c.id, _open(now))
        .order_by(support_access.c.ends_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    wanted = select(tenant.c.id, tenant.c.name, tenant.c.created_at, until.label("open_until"))
    if search:
        wanted = wanted.where(tenant.c.name.icontains(search, autoescape=True))
    rows = (await connection.execute(wanted.order_by(tenant.c.name, tenant.c.id).offset(offset).limit(most))).all()
    return [Helped(row.id, row.name, row.created_at, row.open_until) for row in rows]
