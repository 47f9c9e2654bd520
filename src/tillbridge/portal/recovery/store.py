"""The SQL of recovery, and nothing that decides."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, delete, exists, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.recovery_messages import ToldKind, ToldState
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations.tables import location
from tillbridge.portal.recovery.model import CASES, Cause, Line, Place, Recovery, Verdict
from tillbridge.portal.recovery.tables import doubt, line, place, recovery
from tillbridge.portal.vouchers.tables import voucher_location, voucher_system

Row = RowMapping | Mapping[str, Any]

_LOCK: Final = 7_455_304
"""PostgreSQL's advisory lock of whoever begins a recovery."""

_LINKED: Final = tuple(
    one.value for one in (LinkState.ACTIVE, LinkState.SUSPENDED, LinkState.CONVERTING, LinkState.CONVERSION_FAILED)
)


async def begin_alone(connection: AsyncConnection) -> None:
    """Waits until nobody else begins a recovery; on SQLite one writes at a time anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def system_ids(connection: AsyncConnection) -> Sequence[str]:
    """Every voucher system."""
    return list((await connection.execute(select(voucher_system.c.id).order_by(voucher_system.c.id))).scalars())


async def system_of(connection: AsyncConnection, location_id: str) -> str | None:
    """The voucher system that a location takes part in."""
    query = select(voucher_location.c.system_id).where(voucher_location.c.location_id == location_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def names(connection: AsyncConnection, system_id: str) -> tuple[str, str]:
    """The name of a voucher system, and whose it is."""
    query = select(voucher_system.c.name, voucher_system.c.tenant_id).where(voucher_system.c.id == system_id)
    row = (await connection.execute(query)).one()
    return row.name, row.tenant_id


async def held_systems(connection: AsyncConnection, tenant_id: str) -> Sequence[str]:
    """The names of a merchant's voucher systems in which nothing is taken."""
    query = select(voucher_system.c.name).where(
        voucher_system.c.tenant_id == tenant_id, voucher_system.c.recovering_since.is_not(None)
    )
    return list((await connection.execute(query.order_by(voucher_system.c.name))).scalars())


async def newest_booking(connection: AsyncConnection) -> datetime | None:
    """When the newest entry of the ledger was booked."""
    query = select(entry.c.booked_at).order_by(entry.c.id.desc()).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def hold(connection: AsyncConnection, system_id: str, since: datetime | None) -> None:
    """Lets nothing be taken in a voucher system since then, or lets it again."""
    changed = update(voucher_system).where(voucher_system.c.id == system_id).values(recovering_since=since)
    await connection.execute(changed)


# ------------------------------------------------------------ recoveries


async def add(connection: AsyncConnection, made: Recovery) -> None:
    """Writes down that one has begun, with the linked locations that take part."""
    await connection.execute(
        insert(recovery).values(
            id=made.id,
            system_id=made.system_id,
            cause=made.cause.value,
            begun_by=made.begun_by,
            begun_at=made.begun_at,
            since=made.since,
        )
    )
    members = (
        select(voucher_location.c.location_id)
        .where(
            voucher_location.c.system_id == made.system_id,
            exists().where(link.c.location_id == voucher_location.c.location_id, link.c.state.in_(_LINKED)),
        )
        .order_by(voucher_location.c.location_id)
    )
    found = list((await connection.execute(members)).scalars())
    if found:
        rows = [{"recovery_id": made.id, "location_id": one, "reached": 0} for one in found]
        await connection.execute(insert(place), rows)


async def open_of(connection: AsyncConnection, system_id: str, *, locked: bool = False) -> Recovery | None:
    """The recovery of a voucher system that is not over."""
    query = select(recovery).where(recovery.c.system_id == system_id, recovery.c.ended_at.is_(None))
    row = (await connection.execute(query.with_for_update() if locked else query)).mappings().one_or_none()
    return None if row is None else _recovery(row)


async def find(connection: AsyncConnection, recovery_id: str, *, locked: bool = False) -> Recovery | None:
    """The recovery with this id."""
    query = select(recovery).where(recovery.c.id == recovery_id)
    row = (await connection.execute(query.with_for_update() if locked else query)).mappings().one_or_none()
    return None if row is None else _recovery(row)


async def all_open(connection: AsyncConnection) -> Sequence[Recovery]:
    """Those that are not over."""
    rows = await connection.execute(select(recovery).where(recovery.c.ended_at.is_(None)).order_by(recovery.c.id))
    return [_recovery(row) for row in rows.mappings()]


async def newest_of(connection: AsyncConnection, system_id: str) -> Recovery | None:
    """The last one of a voucher system, over or not."""
    query = select(recovery).where(recovery.c.system_id == system_id).order_by(recovery.c.id.desc()).limit(1)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _recovery(row)


async def last_begun(connection: AsyncConnection) -> datetime | None:
    """When the last one began."""
    query = select(recovery.c.begun_at).order_by(recovery.c.begun_at.desc()).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def end(connection: AsyncConnection, recovery_id: str, now: datetime, by: str, reason: str) -> None:
    """Writes down that it is over."""
    changed = update(recovery).where(recovery.c.id == recovery_id)
    await connection.execute(changed.values(ended_at=now, ended_by=by, reason=reason))


# ------------------------------------------------------------ places


async def waiting_place(connection: AsyncConnection, location_id: str) -> tuple[Recovery, int] | None:
    """The oldest recovery to which a location has not told everything, and how far it came."""
    query = (
        select(recovery, place.c.reached)
        .join(place, place.c.recovery_id == recovery.c.id)
        .where(place.c.location_id == location_id, place.c.told_at.is_(None))
        .order_by(recovery.c.id)
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else (_recovery(row), row["reached"])


async def place_of(connection: AsyncConnection, recovery_id: str, location_id: str) -> tuple[int, bool] | None:
    """How far a location came, and whether it has told everything; locked. None if it is not asked."""
    query = select(place.c.reached, place.c.told_at).where(
        place.c.recovery_id == recovery_id, place.c.location_id == location_id
    )
    row = (await connection.execute(query.with_for_update())).one_or_none()
    return None if row is None else (row.reached, row.told_at is not None)


async def add_place(connection: AsyncConnection, recovery_id: str, location_id: str) -> None:
    """One more location that is asked."""
    await connection.execute(insert(place).values(recovery_id=recovery_id, location_id=location_id, reached=0))


async def reach(
    connection: AsyncConnection, recovery_id: str, location_id: str, reached: int, told_at: datetime | None
) -> None:
    """Writes down how far a location came."""
    changed = update(place).where(place.c.recovery_id == recovery_id, place.c.location_id == location_id)
    await connection.execute(changed.values(reached=reached, told_at=told_at))


async def places(connection: AsyncConnection, recovery_id: str) -> Sequence[Place]:
    """The locations that are asked, by name."""
    query = (
        select(place, func.coalesce(location.c.name, "").label("name"))
        .outerjoin(location, location.c.id == place.c.location_id)
        .where(place.c.recovery_id == recovery_id)
        .order_by(location.c.name, place.c.location_id)
    )
    return [
        Place(row["recovery_id"], row["location_id"], row["name"], row["reached"], row["told_at"])
        for row in (await connection.execute(query)).mappings()
    ]


async def anybody_waiting(connection: AsyncConnection, recovery_id: str) -> bool:
    """Whether a location has not told everything. A recovery that asks nobody is ended by a person."""
    asked = (await connection.execute(select(place.c.told_at).where(place.c.recovery_id == recovery_id))).scalars()
    moments = list(asked)
    return not moments or None in moments


# ------------------------------------------------------------ lines


async def known_lines(connection: AsyncConnection, scopes: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these locations and keys have been told before."""
    keys = sorted({key for _, key in scopes})
    rows = await connection.execute(select(line.c.location_id, line.c.key).where(line.c.key.in_(keys)))
    return {(row.location_id, row.key) for row in rows} & set(scopes)


async def is_known(connection: AsyncConnection, location_id: str, key: str) -> bool:
    """Whether the portal knows this action, from its own books or because it was told of it."""
    own = select(operation.c.id).where(operation.c.location_id == location_id, operation.c.key == key)
    told = select(line.c.id).where(line.c.location_id == location_id, line.c.key == key)
    return bool((await connection.execute(select(own.exists() | told.exists()))).scalar())


async def add_lines(connection: AsyncConnection, lines: Sequence[Line]) -> None:
    """Writes down what was told."""
    if lines:
        await connection.execute(insert(line), [_row(one) for one in lines])


async def waiting_lines(
    connection: AsyncConnection, recovery_id: str, numbers: Collection[str] | None, most: int = 1000
) -> Sequence[Line]:
    """What could not be booked yet, of these vouchers or of all, oldest first; locked."""
    query = select(line).where(line.c.recovery_id == recovery_id, line.c.verdict == Verdict.WAITING.value)
    if numbers is not None:
        query = query.where(line.c.number.in_(sorted(numbers)))
    rows = await connection.execute(query.order_by(line.c.answered_at, line.c.id).limit(most).with_for_update())
    return [_line(row) for row in rows.mappings()]


async def short_lines(connection: AsyncConnection, recovery_id: str, numbers: Collection[str]) -> Sequence[Line]:
    """Redemptions of these vouchers of which something could not be booked, and nobody has looked after; locked."""
    query = select(line).where(
        line.c.recovery_id == recovery_id,
        line.c.verdict == Verdict.SHORT.value,
        line.c.settled_at.is_(None),
        line.c.number.in_(sorted(numbers)),
    )
    rows = await connection.execute(query.order_by(line.c.answered_at, line.c.id).with_for_update())
    return [_line(row) for row in rows.mappings()]


async def judge(connection: AsyncConnection, line_id: str, verdict: Verdict, short: int = 0) -> None:
    """Writes down what came of a line."""
    await connection.execute(update(line).where(line.c.id == line_id).values(verdict=verdict.value, short=short))


async def counts(connection: AsyncConnection, recovery_id: str) -> dict[Verdict, int]:
    """How many lines came to what."""
    query = select(line.c.verdict, func.count()).where(line.c.recovery_id == recovery_id).group_by(line.c.verdict)
    return {Verdict(verdict): int(count) for verdict, count in await connection.execute(query)}


async def cases(connection: AsyncConnection, recovery_id: str, most: int = 500) -> Sequence[Line]:
    """What a person has to look at, oldest first."""
    query = select(line).where(
        line.c.recovery_id == recovery_id,
        line.c.verdict.in_(sorted(one.value for one in CASES)),
        line.c.settled_at.is_(None),
    )
    rows = await connection.execute(query.order_by(line.c.answered_at, line.c.id).limit(most))
    return [_line(row) for row in rows.mappings()]


async def settle(connection: AsyncConnection, line_id: str, now: datetime, by: str, reason: str) -> bool:
    """Closes a case; whether it was open."""
    changed = update(line).where(
        line.c.id == line_id, line.c.settled_at.is_(None), line.c.verdict.in_(sorted(one.value for one in CASES))
    )
    done = await connection.execute(changed.values(settled_at=now, settled_by=by, settled_reason=reason))
    return done.rowcount == 1


# ------------------------------------------------------------ doubts


async def add_doubt(connection: AsyncConnection, location_id: str, key: str, now: datetime) -> bool:
    """Keeps that a connector knows what the portal does not; whether that is new."""
    if (await connection.execute(select(doubt.c.key).where(doubt.c.location_id == location_id))).first():
        return False
    await connection.execute(insert(doubt).values(location_id=location_id, key=key, noticed_at=now))
    return True


async def doubts(connection: AsyncConnection) -> Sequence[tuple[str, str, datetime]]:
    """Locations whose connector knows what the portal does not: its id, its name, and since when that is known."""
    query = (
        select(doubt.c.location_id, func.coalesce(location.c.name, "").label("name"), doubt.c.noticed_at)
        .outerjoin(location, location.c.id == doubt.c.location_id)
        .order_by(doubt.c.noticed_at)
    )
    return [(row.location_id, row.name, row.noticed_at) for row in await connection.execute(query)]


async def forget_doubts(connection: AsyncConnection, location_ids: Collection[str]) -> None:
    """They are being looked after, or proved wrong."""
    await connection.execute(delete(doubt).where(doubt.c.location_id.in_(sorted(location_ids))))


# ------------------------------------------------------------ rows


def _recovery(row: Row) -> Recovery:
    return Recovery(
        id=row["id"],
        system_id=row["system_id"],
        cause=Cause(row["cause"]),
        begun_by=row["begun_by"],
        begun_at=row["begun_at"],
        since=row["since"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
        reason=row["reason"],
    )


def _line(row: Row) -> Line:
    return Line(
        id=row["id"],
        recovery_id=row["recovery_id"],
        location_id=row["location_id"],
        key=row["key"],
        kind=ToldKind(row["kind"]),
        state=ToldState(row["state"]),
        number=row["number"],
        currency=row["currency"],
        taken=row["taken"],
        balance=row["balance"],
        transaction_ref=row["transaction_ref"],
        station=row["station"],
        operator=row["operator"],
        answered_at=row["answered_at"],
        told_at=row["told_at"],
        verdict=Verdict(row["verdict"]),
        short=row["short"],
    )


def _row(one: Line) -> dict[str, object]:
    return {
        "id": one.id,
        "recovery_id": one.recovery_id,
        "location_id": one.location_id,
        "key": one.key,
        "kind": one.kind.value,
        "state": one.state.value,
        "number": one.number,
        "currency": one.currency,
        "taken": one.taken,
        "balance": one.balance,
        "transaction_ref": one.transaction_ref,
        "station": one.station,
        "operator": one.operator,
        "answered_at": one.answered_at,
        "told_at": one.told_at,
        "verdict": one.verdict.value,
        "short": one.short,
    }
