"""The SQL of commands and of what connectors say of themselves."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Table, and_, case, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.message_words import CommandKind
from tillbridge.link.messages import Station
from tillbridge.portal.commands.model import OUT, Command, Equipment, Facts, Report, State, follows
from tillbridge.portal.commands.tables import OPEN as OPEN_COMMAND
from tillbridge.portal.commands.tables import command, connector_line, report
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.store import note_reports
from tillbridge.portal.links.tables import link

CHANNEL: Final = "tillbridge_commands"
"""What PostgreSQL notifies: every replica listens, the one that holds the connector's connection acts."""

MOST_SHOWN: Final = 50


async def add(connection: AsyncConnection, one: Command) -> bool:
    """A new command; whoever holds the location's connection hears of it when this transaction commits.

    False if there is one with this id, whosoever it is.
    """
    made = await connection.execute(
        _insert(connection, command)
        .values(
            id=one.id,
            tenant_id=one.tenant_id,
            location_id=one.location_id,
            kind=one.kind,
            body=dict(one.body),
            state=one.state,
            created_at=one.created_at,
            expires_at=one.expires_at,
            created_by=one.created_by,
            result={},
        )
        .on_conflict_do_nothing()
        .returning(command.c.id)
    )
    if made.one_or_none() is None:
        return False
    await announce(connection, one.location_id)
    return True


async def announce(connection: AsyncConnection, location_id: str) -> None:
    """Tells the replicas on PostgreSQL that something about this location has changed, once this commits."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("select pg_notify(:channel, :location)"), _notice(location_id))


async def waiting(connection: AsyncConnection) -> Sequence[tuple[str, datetime]]:
    """What has not been handed out: the locations, and until when it may be."""
    asked = select(command.c.location_id, command.c.expires_at).where(OPEN_COMMAND, command.c.state == State.QUEUED)
    return [(row.location_id, row.expires_at) for row in await connection.execute(asked)]


async def take(connection: AsyncConnection, locations: Iterable[str], now: datetime) -> Sequence[Command]:
    """Claims what waits for these locations: each command is handed out once, to one replica."""
    claimed = (
        update(command)
        .where(
            OPEN_COMMAND,
            command.c.location_id.in_(list(locations)),
            command.c.state == State.QUEUED,
            command.c.expires_at > now,
        )
        .values(state=State.GIVEN, given_at=now)
        .returning(command)
    )
    found = [_command(row) for row in (await connection.execute(claimed)).all()]
    return sorted(found, key=lambda one: one.id)


async def expire(connection: AsyncConnection, now: datetime) -> Sequence[Command]:
    """Ends what nobody took in time. It was never handed out, so nothing of it was done."""
    ended = (
        update(command)
        .where(OPEN_COMMAND, command.c.state == State.QUEUED, command.c.expires_at <= now)
        .values(state=State.EXPIRED, answered_at=now)
        .returning(command)
    )
    return [_command(row) for row in (await connection.execute(ended)).all()]


async def out(connection: AsyncConnection, location_id: str) -> Sequence[Command]:
    """What this location's connector may have, and has not said the end of."""
    asked = select(command).where(OPEN_COMMAND, command.c.location_id == location_id, command.c.state.in_(OUT))
    return [_command(row) for row in (await connection.execute(asked.order_by(command.c.id))).all()]


async def unanswered(connection: AsyncConnection, given_before: datetime) -> Sequence[tuple[str, str]]:
    """What was handed out by then and never answered: the location and the command."""
    asked = select(command.c.location_id, command.c.id).where(
        OPEN_COMMAND, command.c.state == State.GIVEN, command.c.given_at <= given_before
    )
    # Not ordered by the database: SQLite would go through all ids that there ever were.
    return sorted((row.location_id, row.id) for row in await connection.execute(asked))


async def answer(
    connection: AsyncConnection,
    command_id: str,
    location_id: str,
    *,
    state: State,
    now: datetime,
    code: str = "",
    result: Facts | None = None,
) -> Command | None:
    """Writes down what the connector said. None if the command is not this location's, or cannot have become that."""
    mine = and_(command.c.id == command_id, command.c.location_id == location_id)
    row = (await connection.execute(select(command).where(mine).with_for_update())).one_or_none()
    if row is None or not follows(_command(row), state, result or {}):
        return None
    told = update(command).where(mine).values(state=state, answered_at=now, code=code, result=dict(result or {}))
    return _command((await connection.execute(told.returning(command))).one())


async def resume(connection: AsyncConnection, location_id: str, command_ids: Sequence[str], now: datetime) -> None:
    """Notes that these are in the connector's hands; what is known of them besides stays as it is."""
    await connection.execute(
        update(command)
        .where(
            OPEN_COMMAND,
            command.c.location_id == location_id,
            command.c.id.in_(list(command_ids)),
            command.c.state.in_([State.GIVEN, State.ACCEPTED]),
        )
        .values(state=State.RUNNING, answered_at=now)
    )


async def find(connection: AsyncConnection, command_id: str, tenant_id: str) -> Command | None:
    """One command of a merchant."""
    asked = select(command).where(command.c.id == command_id, command.c.tenant_id == tenant_id)
    row = (await connection.execute(asked)).one_or_none()
    return None if row is None else _command(row)


async def latest(
    connection: AsyncConnection, location_id: str, kind: CommandKind, most: int = MOST_SHOWN
) -> Sequence[Command]:
    """The newest commands of a location, the newest first."""
    asked = (
        select(command)
        .where(command.c.location_id == location_id, command.c.kind == kind)
        .order_by(command.c.created_at.desc(), command.c.id.desc())
        .limit(most)
    )
    return [_command(row) for row in (await connection.execute(asked)).all()]


async def write_reports(connection: AsyncConnection, reports: Sequence[Report]) -> None:
    """Keeps the newest report of each location, all of them together."""
    if not reports:
        return
    ordered = sorted(reports, key=lambda one: one.location_id)
    statement = _insert(connection, report)
    changed = {column.name: statement.excluded[column.name] for column in report.c if not column.primary_key}
    same = report.c.configuration_revision == statement.excluded.configuration_revision
    changed["configuration_since"] = case((same, report.c.configuration_since), else_=statement.excluded.at)
    newer = report.c.at <= statement.excluded.at
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[report.c.location_id], set_=changed, where=newer),
        [_equipment_row(one) for one in ordered],
    )
    await note_reports(connection, [_figures_row(one) for one in sorted(reports, key=lambda one: one.link_id)])


async def equipment(connection: AsyncConnection, location_id: str) -> Equipment | None:
    """What this location's connector last reported of its terminals."""
    row = (await connection.execute(select(report).where(report.c.location_id == location_id))).one_or_none()
    if row is None:
        return None
    stations = tuple(Station.model_validate(one, strict=False) for one in row.stations)
    return Equipment(row.at, stations, row.configuration_revision, row.configuration_since)


async def enter_line(connection: AsyncConnection, location_id: str, line_id: str, now: datetime) -> None:
    """This connection of a location is the newest one."""
    statement = _insert(connection, connector_line).values(location_id=location_id, line_id=line_id, at=now)
    put = statement.on_conflict_do_update(
        index_elements=[connector_line.c.location_id], set_={"line_id": line_id, "at": now}
    )
    await connection.execute(put)
    await announce(connection, location_id)


async def newest_lines(connection: AsyncConnection, since: datetime) -> Mapping[str, str]:
    """The newest connections of the locations that had a new one at that moment or later."""
    asked = select(connector_line.c.location_id, connector_line.c.line_id).where(connector_line.c.at >= since)
    return {row.location_id: row.line_id for row in await connection.execute(asked)}


async def changed_links(
    connection: AsyncConnection, since: datetime, usable: Collection[LinkState]
) -> Mapping[str, LinkState]:
    """The links whose state changed at that moment or later, to one that is none of the usable, with that state."""
    asked = select(link.c.id, link.c.state).where(link.c.state_since >= since, link.c.state.not_in(usable))
    return {row.id: LinkState(row.state) for row in await connection.execute(asked)}


def _insert(connection: AsyncConnection, table: Table) -> Any:  # noqa: ANN401  # one of the two databases' own
    return insert_postgresql(table) if connection.dialect.name == "postgresql" else insert_sqlite(table)


def _notice(location_id: str) -> dict[str, str]:
    return {"channel": CHANNEL, "location": location_id}


def _command(row: Row[Any]) -> Command:
    return Command(
        row.id,
        row.tenant_id,
        row.location_id,
        CommandKind(row.kind),
        row.body,
        State(row.state),
        row.created_at,
        row.expires_at,
        row.created_by,
        row.given_at,
        row.answered_at,
        row.code,
        row.result,
    )


def _equipment_row(one: Report) -> dict[str, object]:
    return {
        "location_id": one.location_id,
        "link_id": one.link_id,
        "at": one.at,
        "stations": [station.model_dump(mode="json") for station in one.heartbeat.stations],
        "configuration_revision": one.heartbeat.configuration_revision or "",
        "configuration_since": one.at,
    }


def _figures_row(one: Report) -> dict[str, object]:
    return {
        "of": one.link_id,
        "last_contact_at": one.at,
        "connector_version": one.heartbeat.version,
        "clock_skew_seconds": one.skew_seconds,
        "unsent_count": one.heartbeat.unsent_count,
        "oldest_unsent_seconds": one.heartbeat.oldest_unsent_seconds,
        "open_put_backs": one.heartbeat.open_put_backs,
    }
