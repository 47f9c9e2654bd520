"""The rows of pairing sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.base64url import decode, encode
from tillbridge.portal.pairing.model import CONSENT_LASTS, REPLAY_LASTS, SESSION_LASTS, Session, Stage
from tillbridge.portal.pairing.tables import pairing_pin
from tillbridge.portal.pairing.tables import pairing_session as table


@dataclass(frozen=True, slots=True)
class Started:
    """What is known of a session when it starts."""

    id: str
    pin_id: str | None
    location_id: str | None
    source: str
    sealed_state: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """What people at the portal are shown of a connector that waits for their consent."""

    sealed_state: str
    fingerprint: str
    connector_name: str
    connector_version: str


async def add(connection: AsyncConnection, one: Started, now: datetime) -> None:
    """A new session."""
    await connection.execute(
        insert(table).values(
            id=one.id,
            pin_id=one.pin_id,
            location_id=one.location_id,
            source=one.source,
            stage=Stage.STARTED.value,
            started_at=now,
            ends_at=now + SESSION_LASTS,
            sealed_state=one.sealed_state,
        )
    )


async def find(connection: AsyncConnection, session_id: str) -> Session | None:
    """The session of this name."""
    row = (await connection.execute(select(table).where(table.c.id == session_id))).first()
    return None if row is None else _session(row)


async def locked(connection: AsyncConnection, session_id: str) -> Session | None:
    """The session of this name, locked until the transaction ends."""
    row = (await connection.execute(select(table).where(table.c.id == session_id).with_for_update())).first()
    return None if row is None else _session(row)


async def bind(connection: AsyncConnection, session_id: str, body_hash: str, source: str, now: datetime) -> bool:
    """Gives the session its one finish; False if it has one already, or its time is over."""
    statement = (
        update(table)
        .where(table.c.id == session_id, table.c.body_hash.is_(None), table.c.ends_at > now)
        .values(body_hash=body_hash, source=source, finished_at=now, stage=Stage.JUDGING.value)
    )
    return (await connection.execute(statement)).rowcount == 1


async def note_try(connection: AsyncConnection, session_id: str, *, consent: bool) -> None:
    """Notes that the finish took a try of its PIN, and whether it came above the portal's limit."""
    await connection.execute(update(table).where(table.c.id == session_id).values(counted=True, consent=consent))


async def wait(connection: AsyncConnection, session_id: str, waiting: Waiting, now: datetime) -> None:
    """Lets the session wait for somebody's consent."""
    await connection.execute(
        update(table)
        .where(table.c.id == session_id)
        .values(
            stage=Stage.WAITING.value,
            ends_at=now + CONSENT_LASTS,
            sealed_state=waiting.sealed_state,
            fingerprint=waiting.fingerprint,
            connector_name=waiting.connector_name,
            connector_version=waiting.connector_version,
        )
    )


async def grant(connection: AsyncConnection, session_id: str, answer: bytes, link_id: str) -> None:
    """Stores the answer for ever, and erases what it was made with."""
    values = {"stage": Stage.OVER.value, "sealed_state": "", "answer": encode(answer), "link_id": link_id}
    await connection.execute(update(table).where(table.c.id == session_id).values(values))


async def refuse(connection: AsyncConnection, session_id: str, refusal: BridgeError) -> None:
    """Stores the refusal for ever, and erases what the session was judged with."""
    values = {"stage": Stage.OVER.value, "sealed_state": "", "refusal": refusal.code.value, "place": refusal.place}
    await connection.execute(update(table).where(table.c.id == session_id).values(values))


async def waiting_at(connection: AsyncConnection, location_id: str, now: datetime) -> Session | None:
    """The session of a location that waits for consent; there is one at most, since it has used the PIN."""
    wanted = (
        select(table)
        .where(table.c.location_id == location_id, table.c.stage == Stage.WAITING, table.c.ends_at > now)
        .order_by(table.c.ends_at.desc())
    )
    row = (await connection.execute(wanted)).first()
    return None if row is None else _session(row)


async def waiting_in(connection: AsyncConnection, tenant_id: str, now: datetime) -> Sequence[Session]:
    """Every session of a merchant that waits for consent."""
    wanted = (
        select(table)
        .join(pairing_pin, pairing_pin.c.id == table.c.pin_id)
        .where(pairing_pin.c.tenant_id == tenant_id, table.c.stage == Stage.WAITING, table.c.ends_at > now)
    )
    return [_session(row) for row in await connection.execute(wanted)]


async def waiting_of_location(connection: AsyncConnection, location_id: str) -> Sequence[Session]:
    """Every session of a location that waits for consent, locked."""
    wanted = (
        select(table)
        .where(table.c.location_id == location_id, table.c.stage == Stage.WAITING)
        .order_by(table.c.id)
        .with_for_update()
    )
    return [_session(row) for row in await connection.execute(wanted)]


async def forget_state(connection: AsyncConnection, location_id: str) -> None:
    """Erases what unfinished sessions of a location could be judged with: their PIN is over."""
    await connection.execute(
        update(table).where(table.c.location_id == location_id, table.c.stage == Stage.STARTED).values(sealed_state="")
    )


async def unanswered(connection: AsyncConnection, now: datetime) -> Sequence[str]:
    """The names of sessions for which nobody decided in time."""
    wanted = select(table.c.id).where(table.c.stage == Stage.WAITING, table.c.ends_at <= now)
    return list((await connection.execute(wanted)).scalars())


async def tidy(connection: AsyncConnection, now: datetime) -> None:
    """Removes sessions that ran out without an answer, and those whose answer is not repeated any more."""
    unfinished = and_(table.c.stage.in_((Stage.STARTED.value, Stage.JUDGING.value)), table.c.ends_at <= now)
    old = and_(table.c.stage == Stage.OVER, table.c.finished_at <= now - REPLAY_LASTS - timedelta(minutes=1))
    await connection.execute(delete(table).where(or_(unfinished, old)))


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        pin_id=row.pin_id,
        location_id=row.location_id,
        source=row.source,
        stage=Stage(row.stage),
        ends_at=row.ends_at,
        sealed_state=row.sealed_state,
        body_hash=row.body_hash,
        finished_at=row.finished_at,
        counted=row.counted,
        consent=row.consent,
        answer=None if row.answer is None else decode(row.answer),
        refusal=None if row.refusal is None else BridgeError(Code(row.refusal), place=row.place),
        link_id=row.link_id,
        fingerprint=row.fingerprint,
        connector_name=row.connector_name,
        connector_version=row.connector_version,
    )
