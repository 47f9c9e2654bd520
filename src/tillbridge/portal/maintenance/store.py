"""The SQL of maintenance, and nothing that decides."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, and_, delete, exists, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.locations.tables import location
from tillbridge.portal.maintenance.model import (
    Component,
    Mode,
    Plan,
    Recurrence,
    Scope,
    Window,
    WindowEffect,
)
from tillbridge.portal.maintenance.tables import maintenance_feed, maintenance_mode, maintenance_window
from tillbridge.portal.storage.line import Row

LOCAL: Final = "%Y%m%dT%H%M%S"
"""A local time as RFC 5545 writes it."""

_PORTAL_SCOPE: Final = ""


async def windows(connection: AsyncConnection, tenant_id: Scope) -> list[Window]:
    """The portal's windows, and this merchant's where one is named."""
    query = select(maintenance_window).where(
        maintenance_window.c.removed_at.is_(None), _concerns(maintenance_window.c.tenant_id, tenant_id)
    )
    found = await connection.execute(query.order_by(maintenance_window.c.id))
    return [_window(row) for row in found.mappings()]


async def switching(connection: AsyncConnection) -> list[Window]:
    """Everybody's windows that switch the mode by themselves."""
    query = select(maintenance_window).where(
        maintenance_window.c.removed_at.is_(None), maintenance_window.c.auto_switch.is_(True)
    )
    return [_window(row) for row in (await connection.execute(query)).mappings()]


async def window(connection: AsyncConnection, tenant_id: Scope, window_id: str, *, lock: bool = False) -> Window | None:
    """This merchant's window (None: the portal's) with that id; nobody else's."""
    query = select(maintenance_window).where(
        maintenance_window.c.id == window_id,
        maintenance_window.c.removed_at.is_(None),
        maintenance_window.c.tenant_id.is_(None) if tenant_id is None else maintenance_window.c.tenant_id == tenant_id,
    )
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else _window(row)


async def add_window(connection: AsyncConnection, one: Window) -> None:
    """Writes a new window down."""
    values = {"id": one.id, "tenant_id": one.tenant_id, "revision": one.revision, "changed_at": one.changed_at}
    await connection.execute(insert(maintenance_window).values(**values, **plan_columns(one.plan)))


async def found_window(connection: AsyncConnection, one: Window) -> bool:
    """Writes a window down unless one of this id was ever there; returns whether it did."""
    values = {"id": one.id, "tenant_id": one.tenant_id, "revision": one.revision, "changed_at": one.changed_at}
    made = _insert(connection, maintenance_window).values(**values, **plan_columns(one.plan))
    returned = await connection.execute(made.on_conflict_do_nothing().returning(maintenance_window.c.id))
    return returned.first() is not None


async def change_window(connection: AsyncConnection, window_id: str, plan: Plan, now: datetime) -> None:
    """Replaces what a window says."""
    changed = update(maintenance_window).where(maintenance_window.c.id == window_id)
    revision = maintenance_window.c.revision + 1
    await connection.execute(changed.values(**plan_columns(plan), revision=revision, changed_at=now))


async def remove_window(connection: AsyncConnection, window_id: str, now: datetime) -> None:
    """Takes a window out of every calendar."""
    changed = update(maintenance_window).where(maintenance_window.c.id == window_id)
    await connection.execute(changed.values(removed_at=now))


async def open_modes(connection: AsyncConnection, tenant_id: Scope) -> list[Mode]:
    """What is on for the portal, and for this merchant where one is named."""
    query = select(maintenance_mode).where(
        maintenance_mode.c.ended_at.is_(None), _concerns(maintenance_mode.c.tenant_id, tenant_id)
    )
    return [read_mode(row) for row in (await connection.execute(query.order_by(maintenance_mode.c.since))).mappings()]


async def open_mode(connection: AsyncConnection, tenant_id: Scope, component: Component) -> Mode | None:
    """What is on in exactly this scope for exactly this component; the row is locked where the database can."""
    query = select(maintenance_mode).where(
        maintenance_mode.c.ended_at.is_(None),
        maintenance_mode.c.scope == (tenant_id or _PORTAL_SCOPE),
        maintenance_mode.c.component == component.value,
    )
    row = (await connection.execute(query.with_for_update())).mappings().first()
    return None if row is None else read_mode(row)


async def begin_mode(connection: AsyncConnection, mode: Mode, *, occurrence_at: datetime | None, by_hand: bool) -> bool:
    """Turns it on, unless it is on, or this occurrence has switched it before; returns whether it did."""
    made = _insert(connection, maintenance_mode).values(
        id=mode.id,
        tenant_id=mode.tenant_id,
        scope=mode.tenant_id or _PORTAL_SCOPE,
        component=mode.component.value,
        since=mode.since,
        until=mode.until,
        reason=mode.reason,
        zone=mode.zone,
        by=mode.by,
        window_id=mode.window_id,
        occurrence_at=occurrence_at,
        by_hand=by_hand,
    )
    returned = await connection.execute(made.on_conflict_do_nothing().returning(maintenance_mode.c.id))
    return returned.first() is not None


async def take_over(connection: AsyncConnection, mode: Mode) -> None:
    """A person has it now: with another end and reason, and no window ends it any more."""
    changed = update(maintenance_mode).where(maintenance_mode.c.id == mode.id)
    await connection.execute(
        changed.values(until=mode.until, reason=mode.reason, zone=mode.zone, by=mode.by, by_hand=True)
    )


async def end_mode(connection: AsyncConnection, mode_id: str, now: datetime, *, by_hand: bool) -> bool:
    """Turns it off; returns whether it was on. `by_hand` False ends only what no person has taken over."""
    conditions = [maintenance_mode.c.id == mode_id, maintenance_mode.c.ended_at.is_(None)]
    if not by_hand:
        conditions.append(maintenance_mode.c.by_hand.is_(False))
    changed = update(maintenance_mode).where(*conditions).values(ended_at=now, by_hand=by_hand)
    return bool((await connection.execute(changed)).rowcount)


async def ended_by_hand_since(
    connection: AsyncConnection, tenant_id: Scope, component: Component, at: datetime
) -> bool:
    """Whether a person has turned it off since then."""
    query = select(
        exists().where(
            maintenance_mode.c.scope == (tenant_id or _PORTAL_SCOPE),
            maintenance_mode.c.component == component.value,
            maintenance_mode.c.by_hand.is_(True),
            maintenance_mode.c.ended_at >= at,
        )
    )
    return bool((await connection.execute(query)).scalar())


async def over(connection: AsyncConnection, now: datetime) -> list[Mode]:
    """What a window has switched on and should have switched off by now."""
    query = select(maintenance_mode).where(
        maintenance_mode.c.ended_at.is_(None), maintenance_mode.c.by_hand.is_(False), maintenance_mode.c.until <= now
    )
    return [read_mode(row) for row in (await connection.execute(query)).mappings()]


async def feed_of(connection: AsyncConnection, tenant_id: str) -> str | None:
    """The id of the merchant's calendar feed, where it has one."""
    query = select(maintenance_feed.c.id).where(maintenance_feed.c.tenant_id == tenant_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def feed_owner(connection: AsyncConnection, feed_id: str) -> str | None:
    """The merchant whose feed has this id now."""
    query = select(maintenance_feed.c.tenant_id).where(maintenance_feed.c.id == feed_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def replace_feed(connection: AsyncConnection, tenant_id: str, feed_id: str, now: datetime) -> None:
    """Gives the merchant a new feed; the old one is no more."""
    await connection.execute(delete(maintenance_feed).where(maintenance_feed.c.tenant_id == tenant_id))
    await connection.execute(insert(maintenance_feed).values(id=feed_id, tenant_id=tenant_id, made_at=now))


async def home_zone(connection: AsyncConnection, tenant_id: str) -> str | None:
    """The time zone of the merchant's head office."""
    query = select(location.c.time_zone).where(location.c.tenant_id == tenant_id)
    return (await connection.execute(query.order_by(location.c.client_number).limit(1))).scalar_one_or_none()


def plan_columns(plan: Plan) -> dict[str, Any]:
    """A plan as its columns; the audit log shows the same."""
    recurrence = plan.recurrence
    return {
        "component": plan.component.value,
        "effect": plan.effect.value,
        "auto_switch": plan.auto_switch,
        "local_start": recurrence.start.strftime(LOCAL),
        "duration_seconds": int(recurrence.duration.total_seconds()),
        "rule": recurrence.rule,
        "left_out": _texts(recurrence.left_out),
        "added": _texts(recurrence.added),
        "zone": recurrence.zone,
        "note": plan.note,
    }


def _texts(local: frozenset[datetime]) -> list[str]:
    return sorted(one.strftime(LOCAL) for one in local)


def _local(text: str) -> datetime:
    return datetime.strptime(text, LOCAL)  # noqa: DTZ007  # a local time has no offset


def _concerns(column: ColumnElement[str], tenant_id: Scope) -> ColumnElement[bool]:
    return column.is_(None) if tenant_id is None else or_(column.is_(None), and_(column == tenant_id))


def _insert(connection: AsyncConnection, table: Any) -> Any:  # noqa: ANN401  # one of two classes with the same methods
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _window(row: RowMapping) -> Window:
    recurrence = Recurrence(
        _local(row["local_start"]),
        timedelta(seconds=row["duration_seconds"]),
        row["rule"],
        row["zone"],
        _locals(row["left_out"]),
        _locals(row["added"]),
    )
    plan = Plan(Component(row["component"]), WindowEffect(row["effect"]), row["auto_switch"], recurrence, row["note"])
    return Window(row["id"], row["tenant_id"], plan, row["revision"], row["changed_at"])


def _locals(texts: Sequence[str]) -> frozenset[datetime]:
    return frozenset(_local(text) for text in texts)


def read_mode(row: Row) -> Mode:
    """A row as what is on."""
    return Mode(
        id=row["id"],
        component=Component(row["component"]),
        tenant_id=row["tenant_id"],
        since=row["since"],
        until=row["until"],
        reason=row["reason"],
        zone=row["zone"],
        window_id=None if row["by_hand"] else row["window_id"],
        by=row["by"],
    )
