"""What the database knows of links. No decision is made here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link import master_token
from tillbridge.link.base64url import decode, encode
from tillbridge.link.keys import PublicKey
from tillbridge.portal.links.model import (
    ENDED,
    IN_USE,
    Connector,
    Credential,
    CredentialStanding,
    Figures,
    Link,
    LinkState,
)
from tillbridge.portal.links.tables import link, link_choice, link_credential, link_rotation, session_key
from tillbridge.portal.locations.tables import location

_LIVING: Final = (*IN_USE, LinkState.WAITING_FIRST_CONTACT)

REPORTED: Final = (
    "last_contact_at",
    "connector_version",
    "clock_skew_seconds",
    "unsent_count",
    "oldest_unsent_seconds",
    "open_put_backs",
)

_PARTS: Final = (
    *link.c,
    *(column.label(f"credential_{column.name}") for column in link_credential.c if column.name != "link_id"),
)

_WITH_CURRENT: Final = select(*_PARTS).join(
    link_credential,
    and_(link_credential.c.link_id == link.c.id, link_credential.c.standing == CredentialStanding.CURRENT),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A location as letters and pages name it."""

    id: str
    tenant_id: str
    name: str
    number: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Glance:
    """The one link of a location that people are to see, without its credential."""

    link_id: str
    location_id: str
    state: LinkState
    since: datetime
    last_contact_at: datetime | None
    clone_suspected: bool


@dataclass(frozen=True, slots=True)
class Rotation:
    """An exchange of a credential that was answered."""

    link_id: str
    credential_id: str
    request_hash: str
    reply: str


async def place(connection: AsyncConnection, location_id: str) -> Place | None:
    """A location by its id."""
    parts = (location.c.id, location.c.tenant_id, location.c.name, location.c.number, location.c.time_zone)
    row = (await connection.execute(select(*parts).where(location.c.id == location_id))).one_or_none()
    return None if row is None else Place(*row)


async def by_id(connection: AsyncConnection, link_id: str, *, lock: bool = False) -> Link | None:
    """A link by its id; `lock` keeps others from deciding about it until this transaction ends."""
    if lock:
        await _lock(connection, link.c.id == link_id)
    row = (await connection.execute(_WITH_CURRENT.where(link.c.id == link_id))).one_or_none()
    return None if row is None else _link(row)


async def living(connection: AsyncConnection, location_id: str, *, lock: bool = False) -> Sequence[Link]:
    """The links of a location that have not ended: at most one in use and one that waits, in the order of their ids."""
    which = and_(link.c.location_id == location_id, link.c.state.in_(_LIVING))
    if lock:
        await _lock(connection, which)
    return [_link(row) for row in await connection.execute(_WITH_CURRENT.where(which).order_by(link.c.id))]


async def waiting_since(connection: AsyncConnection, before: datetime) -> Sequence[Link]:
    """Links that were made before and never used, locked, in the order of their ids."""
    which = and_(link.c.state == LinkState.WAITING_FIRST_CONTACT, link.c.created_at <= before)
    await _lock(connection, which)
    return [_link(row) for row in await connection.execute(_WITH_CURRENT.where(which).order_by(link.c.id))]


async def location_of(connection: AsyncConnection, link_id: str) -> str:
    """The location of a link that is known to exist."""
    location_id: str = (await connection.execute(select(link.c.location_id).where(link.c.id == link_id))).scalar_one()
    return location_id


async def owner_of_token(connection: AsyncConnection, token: str) -> tuple[str, str] | None:
    """The link and the credential, by their ids, whose master token this is. None: it was never given out."""
    query = select(link_credential.c.link_id, link_credential.c.id)
    found = await connection.execute(query.where(link_credential.c.master_hash == hash_of(token)))
    row = found.one_or_none()
    return None if row is None else (row.link_id, row.id)


async def credential(connection: AsyncConnection, credential_id: str) -> Credential:
    """A credential that is known to exist."""
    columns = (column.label(f"credential_{column.name}") for column in link_credential.c)
    return _credential((await connection.execute(select(*columns).where(link_credential.c.id == credential_id))).one())


async def glances(connection: AsyncConnection, tenant_id: str) -> Sequence[Glance]:
    """For each location of a merchant that ever had a link, the one in use, else the waiting, else the last one."""
    return await _glances(connection, link.c.tenant_id == tenant_id)


async def glance(connection: AsyncConnection, location_id: str) -> Glance | None:
    """The same for one location."""
    return next(iter(await _glances(connection, link.c.location_id == location_id)), None)


async def _glances(connection: AsyncConnection, which: ColumnElement[bool]) -> Sequence[Glance]:
    rank = case((link.c.state.in_(IN_USE), 0), (link.c.state == LinkState.WAITING_FIRST_CONTACT, 1), else_=2)
    place_in_line = func.row_number().over(partition_by=link.c.location_id, order_by=(rank, link.c.id.desc()))
    parts = (link.c.id, link.c.location_id, link.c.state, link.c.state_since, link.c.last_contact_at)
    ranked = select(*parts, link.c.clone_suspected_at, place_in_line.label("place")).where(which).subquery()
    rows = await connection.execute(select(ranked).where(ranked.c.place == 1))
    return [
        Glance(
            row.id,
            row.location_id,
            LinkState(row.state),
            row.state_since,
            row.last_contact_at,
            row.clone_suspected_at is not None,
        )
        for row in rows
    ]


async def add(connection: AsyncConnection, values: Mapping[str, object]) -> None:
    """A new link, still without a credential."""
    await connection.execute(insert(link).values(**values))


async def add_credential(connection: AsyncConnection, values: Mapping[str, object]) -> None:
    """A credential of a link."""
    await connection.execute(insert(link_credential).values(**values))


async def change(connection: AsyncConnection, link_id: str, **values: object) -> None:
    """Changes columns of a link."""
    await connection.execute(update(link).where(link.c.id == link_id).values(**values))


async def change_credential(connection: AsyncConnection, credential_id: str, **values: object) -> None:
    """Changes columns of a credential."""
    await connection.execute(update(link_credential).where(link_credential.c.id == credential_id).values(**values))


async def end_credentials(connection: AsyncConnection, link_id: str, standing: CredentialStanding) -> None:
    """Ends the credentials of a link that stand so."""
    which = and_(link_credential.c.link_id == link_id, link_credential.c.standing == standing)
    await connection.execute(update(link_credential).where(which).values(standing=CredentialStanding.ENDED))


async def note_reports(connection: AsyncConnection, reports: Sequence[Mapping[str, object]]) -> None:
    """Stores what connectors reported, all in one go: the link as `of`, and the columns of `REPORTED`."""
    # A parameter may not have the name of a column that is set.
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in REPORTED}
    statement = update(link).where(link.c.id == bindparam("of")).values(values)
    rows = [{"of": one["of"], **{f"new_{name}": one[name] for name in REPORTED}} for one in reports]
    await connection.execute(statement, rows)


async def rotation(connection: AsyncConnection, rotation_id: str) -> Rotation | None:
    """An exchange by the name that the connector gave it."""
    parts = (
        link_rotation.c.link_id,
        link_rotation.c.credential_id,
        link_rotation.c.request_hash,
        link_rotation.c.reply,
    )
    row = (await connection.execute(select(*parts).where(link_rotation.c.id == rotation_id))).one_or_none()
    return None if row is None else Rotation(*row)


async def add_rotation(connection: AsyncConnection, rotation_id: str, one: Rotation, now: datetime) -> None:
    """Stores an exchange with its answer."""
    await connection.execute(
        insert(link_rotation).values(
            id=rotation_id,
            link_id=one.link_id,
            credential_id=one.credential_id,
            request_hash=one.request_hash,
            reply=one.reply,
            made_at=now,
        )
    )


async def drop_used_rotations(connection: AsyncConnection, used_before: datetime) -> None:
    """Forgets exchanges that nobody may ask about again.

    Their new credential was first used before that moment, or has ended unused, or the link is over.
    """
    unused = and_(link_credential.c.standing == CredentialStanding.ENDED, link_credential.c.first_used_at.is_(None))
    used = select(link_credential.c.id).where(or_(link_credential.c.first_used_at <= used_before, unused))
    ended = select(link.c.id).where(link.c.state.in_(ENDED))
    over = or_(link_rotation.c.credential_id.in_(used), link_rotation.c.link_id.in_(ended))
    await connection.execute(delete(link_rotation).where(over))


async def drop_sessions(connection: AsyncConnection, link_id: str) -> None:
    """Ends every session key of a link."""
    await connection.execute(delete(session_key).where(session_key.c.link_id == link_id))


async def suspends_clones(connection: AsyncConnection, tenant_id: str) -> bool:
    """Whether this merchant wants a link suspended when two computers seem to use it."""
    found = await connection.execute(select(link_choice.c.suspend_clones).where(link_choice.c.tenant_id == tenant_id))
    return bool(found.scalar_one_or_none())


async def choose_clones(connection: AsyncConnection, tenant_id: str, *, suspend: bool) -> None:
    """Stores that choice."""
    await connection.execute(delete(link_choice).where(link_choice.c.tenant_id == tenant_id))
    await connection.execute(insert(link_choice).values(tenant_id=tenant_id, suspend_clones=suspend))


def hash_of(token: str) -> str:
    """The hash of a master token as it is stored."""
    return master_token.hashed(token).hex()


def text_of(key: PublicKey) -> str:
    """A public key as it is stored."""
    return encode(key.raw)


async def _lock(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
    """Locks links in the order of their ids.

    It is a statement of its own: one that waited for a lock would go on with the credentials of before the wait.
    """
    await connection.execute(select(link.c.id).where(which).order_by(link.c.id).with_for_update())


def _link(row: Row[Any]) -> Link:
    return Link(
        id=row.id,
        location_id=row.location_id,
        tenant_id=row.tenant_id,
        state=LinkState(row.state),
        conversion_due=row.conversion_due,
        connector=Connector(row.connector_id, row.connector_name, row.connector_version, row.connector_os),
        credential=_credential(row),
        figures=Figures(row.clock_skew_seconds, row.unsent_count, row.oldest_unsent_seconds, row.open_put_backs),
        created_at=row.created_at,
        first_contact_at=row.first_contact_at,
        last_contact_at=row.last_contact_at,
        state_since=row.state_since,
        ended_at=row.ended_at,
        reason=row.reason,
        rotation_asked_at=row.rotation_asked_at,
        clone_suspected_at=row.clone_suspected_at,
        counter=row.counter,
        counter_left=row.counter_left,
        counter_fell_at=row.counter_fell_at,
    )


def _credential(row: Row[Any]) -> Credential:
    return Credential(
        id=row.credential_id,
        standing=CredentialStanding(row.credential_standing),
        key=PublicKey(decode(row.credential_public_key)),
        thumbprint=row.credential_thumbprint,
        master_last4=row.credential_master_last4,
        made_at=row.credential_made_at,
        first_used_at=row.credential_first_used_at,
        ends_at=row.credential_ends_at,
    )
