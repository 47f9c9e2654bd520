"""What the database knows of proofs that were used and of session keys, shared by all replicas."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, Select, and_, bindparam, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.scopes import Scope, Service, known_scopes, write_scopes
from tillbridge.portal.ledger import sets
from tillbridge.portal.links.model import CredentialStanding, LinkState
from tillbridge.portal.links.tables import link, link_credential, session_key, used_proof
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.storage.line import Asked, Line, Row
from tillbridge.portal.tokens.model import Condition

_IDS: Final = "ids"
_NOW: Final = "now"

_LIVING: Final = (CredentialStanding.CURRENT, CredentialStanding.WAITING)


@dataclass(frozen=True, slots=True)
class Session:
    """A session key as it is stored, with the condition of its link at this moment."""

    id: str
    link_id: str
    location_id: str
    service: Service
    scopes: frozenset[Scope]
    thumbprint: str
    sealed_secret: str = field(repr=False)
    until: datetime
    condition: Condition


async def remember(connection: AsyncConnection, proof_hash: str, until: datetime) -> bool:
    """Writes a proof down as used; False if it was used before. One statement: of two at once, one gets True."""
    dialect = connection.dialect.name
    make = postgresql.insert if dialect == Dialect.POSTGRESQL else sqlite.insert
    statement = make(used_proof).values(id=proof_hash, until=until).on_conflict_do_nothing()
    return await connection.scalar(statement.returning(used_proof.c.id)) is not None


async def forget(connection: AsyncConnection, now: datetime) -> None:
    """Drops proofs that nobody could use again, and session keys that have run out."""
    await connection.execute(delete(used_proof).where(used_proof.c.until <= now))
    await connection.execute(delete(session_key).where(session_key.c.until <= now))


async def condition(connection: AsyncConnection, link_id: str, thumbprint: str, now: datetime) -> Condition | None:
    """How a link stands, and whether this key of it may still be used; None for a link that there is not."""
    query = select(link.c.state, link.c.clone_suspected_at, link_credential.c.id.label("key"))
    query = query.outerjoin(link_credential, _this_key(thumbprint, now)).where(link.c.id == link_id)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else _condition(row)


async def add_session(connection: AsyncConnection, one: Session) -> None:
    """A new session key."""
    await connection.execute(
        insert(session_key).values(
            id=one.id,
            link_id=one.link_id,
            location_id=one.location_id,
            service=one.service,
            scopes=write_scopes(one.scopes),
            thumbprint=one.thumbprint,
            sealed_secret=one.sealed_secret,
            until=one.until,
        )
    )


def ask_sessions(line: Line, session_ids: Collection[str], now: datetime) -> Asked:
    """Will find session keys with the condition of their links, in one query, for `sessions_in`.

    Those that have run out are left out.
    """
    return line.ask(_sessions(postgresql=line.postgresql), {_IDS: sorted(session_ids), _NOW: now})


def sessions_in(asked: Asked) -> Sequence[Session]:
    """The session keys that were found."""
    return [
        Session(
            id=row["id"],
            link_id=row["link_id"],
            location_id=row["location_id"],
            service=Service(row["service"]),
            scopes=known_scopes(row["scopes"]),
            thumbprint=row["thumbprint"],
            sealed_secret=row["sealed_secret"],
            until=row["until"],
            condition=_condition(row),
        )
        for row in asked.rows
    ]


@cache
def _sessions(*, postgresql: bool) -> Select[Any]:
    now = bindparam(_NOW, type_=session_key.c.until.type)
    living = and_(
        link_credential.c.link_id == link.c.id, link_credential.c.thumbprint == session_key.c.thumbprint, _lives(now)
    )
    return (
        select(*session_key.c, link.c.state, link.c.clone_suspected_at, link_credential.c.id.label("key"))
        .join(link, link.c.id == session_key.c.link_id)
        .outerjoin(link_credential, living)
        .where(sets.one_of(session_key.c.id, _IDS, postgresql=postgresql), session_key.c.until > now)
    )


def _this_key(thumbprint: str, now: datetime) -> Any:  # noqa: ANN401  # SQLAlchemy's own expression
    mine = link_credential.c.link_id == link.c.id
    return and_(mine, link_credential.c.thumbprint == thumbprint, _lives(now))


def _lives(now: datetime | BindParameter[datetime]) -> Any:  # noqa: ANN401  # SQLAlchemy's own expression
    unended = or_(link_credential.c.ends_at.is_(None), link_credential.c.ends_at > now)
    # Spelt out: a list of values has no place in a statement whose text stays the same.
    return and_(or_(*(link_credential.c.standing == one.value for one in _LIVING)), unended)


def _condition(row: Row) -> Condition:
    return Condition(LinkState(row["state"]), row["clone_suspected_at"] is not None, row["key"] is not None)
