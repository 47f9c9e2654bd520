"""Reading the audit log: by what is asked for, a page at a time or all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.tables import audit_entry, audit_seal
from tillbridge.portal.locations.tables import location

PAGE: Final = 50
BATCH: Final = 1000
"""Entries that an export reads at a time: however long the log is, little of it stands in memory."""

_ENTRY: Final = audit_entry.c


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose entries somebody may read. `tenant_id` None: those of the portal as a whole, and no merchant's.

    `locations` None: all of the merchant's; else those of these locations alone.
    """

    tenant_id: str | None
    locations: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for; what is empty does not restrict. From `start` up to, but without, `end`, in UTC."""

    start: datetime | None = None
    end: datetime | None = None
    person: str = ""
    location_id: str = ""
    event: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry of the log as it is read. `location` is the location's name as it is now, "" where there is none."""

    id: str
    at: datetime
    event: str
    location: str
    subject: str
    actor_kind: str
    actor_name: str
    on_behalf_of: str
    source: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    reason: str


async def page(
    connection: AsyncConnection, sight: Sight, wish: Wish, *, before: str | None = None, count: int = PAGE
) -> list[Noted]:
    """The newest entries first; `before` is the id of the last one on the page before."""
    query = _seen(sight, wish).order_by(_ENTRY.at.desc(), _ENTRY.id.desc()).limit(count)
    if before is not None:
        at = select(_ENTRY.at).where(_ENTRY.id == before).scalar_subquery()
        query = query.where(or_(_ENTRY.at < at, and_(_ENTRY.at == at, _ENTRY.id < before)))
    return [_noted(row) for row in (await connection.execute(query)).mappings()]


async def count_up_to(connection: AsyncConnection, sight: Sight, wish: Wish, most: int) -> int:
    """How many there are, counted no further than `most` + 1."""
    some = _seen(sight, wish).with_only_columns(_ENTRY.id).limit(most + 1).subquery()
    return int((await connection.execute(select(func.count()).select_from(some))).scalar() or 0)


async def one(connection: AsyncConnection, sight: Sight, entry_id: str) -> tuple[Noted, int | None, str] | None:
    """An entry with its position in the chain and its hash; None for one that this reader may not see."""
    query = _seen(sight, Wish()).where(_ENTRY.id == entry_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    seal = select(audit_seal.c.position, audit_seal.c.hash).where(audit_seal.c.entry_id == entry_id)
    sealed = (await connection.execute(seal)).first()
    return _noted(row), None if sealed is None else sealed.position, "" if sealed is None else sealed.hash


async def noted_since(
    connection: AsyncConnection, tenant_id: str | None, actor_id: str, event: str, subject: str, since: datetime
) -> bool:
    """Whether this very thing has been written down since then."""
    query = select(
        exists().where(
            _whose(tenant_id),
            _ENTRY.at > since,
            _ENTRY.actor_id == actor_id,
            _ENTRY.event == event,
            _ENTRY.subject == subject,
        )
    )
    return bool((await connection.execute(query)).scalar())


async def locations(connection: AsyncConnection, sight: Sight) -> list[tuple[str, str]]:
    """The locations to choose from, by name: id and name."""
    if sight.tenant_id is None:
        return []
    query = select(location.c.id, location.c.name).where(location.c.tenant_id == sight.tenant_id)
    if sight.locations is not None:
        query = query.where(location.c.id.in_(sight.locations))
    return [(row.id, row.name) for row in await connection.execute(query.order_by(location.c.name, location.c.id))]


async def home_zone(connection: AsyncConnection, tenant_id: str) -> str | None:
    """The time zone of the merchant's head office."""
    query = select(location.c.time_zone).where(location.c.tenant_id == tenant_id)
    return (await connection.execute(query.order_by(location.c.client_number).limit(1))).scalar_one_or_none()


def _seen(sight: Sight, wish: Wish) -> Select[Any]:
    joined = audit_entry.join(location, location.c.id == _ENTRY.location_id, isouter=True)
    named = func.coalesce(location.c.name, "").label("location_name")
    query = select(*_ENTRY, named).select_from(joined).where(_whose(sight.tenant_id))
    if sight.locations is not None:
        query = query.where(_ENTRY.location_id.in_(sight.locations))
    return query.where(*_conditions(wish))


def _conditions(wish: Wish) -> list[ColumnElement[bool]]:
    found = [
        _ENTRY.at >= wish.start if wish.start is not None else None,
        _ENTRY.at < wish.end if wish.end is not None else None,
        _holds(wish.person, _ENTRY.actor_name, _ENTRY.on_behalf_of) if wish.person else None,
        _ENTRY.location_id == wish.location_id if wish.location_id else None,
        _ENTRY.event == wish.event if wish.event else None,
        _holds(wish.text, _ENTRY.subject, _ENTRY.reason) if wish.text else None,
    ]
    return [condition for condition in found if condition is not None] or [true()]


def _holds(text: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether one of the columns has this text in it, as it is typed: neither % nor _ means anything."""
    return or_(*(func.lower(column).contains(text.lower(), autoescape=True) for column in columns))


def _whose(tenant_id: str | None) -> ColumnElement[bool]:
    return _ENTRY.tenant_id.is_(None) if tenant_id is None else _ENTRY.tenant_id == tenant_id


def _noted(row: RowMapping) -> Noted:
    return Noted(
        id=row["id"],
        at=row["at"],
        event=row["event"],
        location=row["location_name"],
        subject=row["subject"],
        actor_kind=row["actor_kind"],
        actor_name=row["actor_name"],
        on_behalf_of=row["on_behalf_of"],
        source=row["source"],
        before=row["before"],
        after=row["after"],
        reason=row["reason"],
    )
