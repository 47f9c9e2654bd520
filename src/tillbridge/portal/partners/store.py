"""The statements about partners and their keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import known_scopes, write_scopes
from tillbridge.portal.locations.tables import location
from tillbridge.portal.partners.model import Partner, PartnerKey, read_scopes
from tillbridge.portal.partners.tables import partner, partner_calls, partner_key

SECONDS_A_MINUTE: Final = 60

# ------------------------------------------------------------ partners


async def add(connection: AsyncConnection, one: Partner) -> None:
    """Writes a partner down. `BridgeError(RECORD_CONFLICT)`, place `name`, if the merchant has one of this name."""
    values = {
        "id": one.id,
        "tenant_id": one.tenant_id,
        "name": one.name,
        "created_at": one.created_at,
        "created_by": one.created_by,
    }
    try:
        async with connection.begin_nested():
            await connection.execute(insert(partner).values(values))
    except IntegrityError as error:
        raise BridgeError(Code.RECORD_CONFLICT, "there is a partner of this name", place="name") from error


async def find(connection: AsyncConnection, partner_id: str, *, locked: bool = False) -> Partner | None:
    """The partner with this id, of whichever merchant; `locked` keeps others from giving it keys meanwhile."""
    statement = select(partner).where(partner.c.id == partner_id)
    row = (await connection.execute(statement.with_for_update() if locked else statement)).mappings().one_or_none()
    return None if row is None else _partner(row)


async def of_tenant(connection: AsyncConnection, tenant_id: str) -> tuple[Partner, ...]:
    """A merchant's partners, by name."""
    statement = select(partner).where(partner.c.tenant_id == tenant_id).order_by(partner.c.name, partner.c.id)
    return tuple(_partner(row) for row in (await connection.execute(statement)).mappings())


async def remove(connection: AsyncConnection, partner_id: str) -> None:
    """Takes a partner away, with its keys."""
    await connection.execute(delete(partner_key).where(partner_key.c.partner_id == partner_id))
    await connection.execute(delete(partner).where(partner.c.id == partner_id))


# ------------------------------------------------------------ keys


async def add_key(connection: AsyncConnection, one: PartnerKey) -> None:
    """Writes a key down."""
    values = {
        "id": one.id,
        "partner_id": one.partner_id,
        "location_id": one.location_id,
        "digest": one.digest,
        "ending": one.ending,
        "scopes": write_scopes(one.scopes),
        "in_address": one.in_address,
        "created_at": one.created_at,
        "created_by": one.created_by,
        "expires_at": one.expires_at,
    }
    await connection.execute(insert(partner_key).values(values))


async def keys_of(connection: AsyncConnection, partner_ids: Sequence[str]) -> Mapping[str, Sequence[PartnerKey]]:
    """The keys of these partners, the newest first, by the partner."""
    statement = select(partner_key).where(partner_key.c.partner_id.in_(partner_ids))
    found: dict[str, list[PartnerKey]] = {one: [] for one in partner_ids}
    for row in (await connection.execute(statement.order_by(partner_key.c.id.desc()))).mappings():
        found[row["partner_id"]].append(_key(row))
    return found


async def key_by_digest(connection: AsyncConnection, digest: bytes) -> tuple[PartnerKey, str] | None:
    """The key that has this digest, with its partner's name. Its location is open and still that merchant's."""
    statement = (
        select(partner_key, partner.c.name.label("partner_name"))
        .join(partner, partner.c.id == partner_key.c.partner_id)
        .join(location, location.c.id == partner_key.c.location_id)
        .where(
            partner_key.c.digest == digest,
            location.c.tenant_id == partner.c.tenant_id,
            location.c.closed_at.is_(None),
        )
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else (_key(row), row["partner_name"])


async def count_good(connection: AsyncConnection, partner_id: str, location_id: str, now: datetime) -> int:
    """How many keys of a partner open something at a location."""
    good = (
        (partner_key.c.partner_id == partner_id)
        & (partner_key.c.location_id == location_id)
        & partner_key.c.revoked_at.is_(None)
        & or_(partner_key.c.expires_at.is_(None), partner_key.c.expires_at > now)
    )
    return int(await connection.scalar(select(func.count()).select_from(partner_key).where(good)) or 0)


async def revoke(connection: AsyncConnection, key_id: str, now: datetime) -> bool:
    """Ends a key at once; False if it had been."""
    living = (partner_key.c.id == key_id) & partner_key.c.revoked_at.is_(None)
    statement = update(partner_key).where(living).values(revoked_at=now).returning(partner_key.c.id)
    return (await connection.execute(statement)).first() is not None


async def revoke_at(connection: AsyncConnection, location_id: str, now: datetime) -> tuple[PartnerKey, ...]:
    """Ends every key of a location; returns those that had been good."""
    living = (partner_key.c.location_id == location_id) & partner_key.c.revoked_at.is_(None)
    statement = update(partner_key).where(living).values(revoked_at=now).returning(partner_key)
    return tuple(_key(row) for row in (await connection.execute(statement)).mappings())


# ------------------------------------------------------------ use


async def count_call(connection: AsyncConnection, key_id: str, now: datetime) -> int:
    """Counts a request; returns how many there were in the last sixty seconds, this one among them.

    Of the minute before, as much counts as lies within those seconds: so no edge lets twice as much through.
    """
    minute, second = divmod(now.timestamp(), SECONDS_A_MINUTE)
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    counting = (
        make(partner_calls)
        .values(key_id=key_id, minute=int(minute), calls=1)
        .on_conflict_do_update(index_elements=["key_id", "minute"], set_={"calls": partner_calls.c.calls + 1})
        .returning(partner_calls.c.calls)
    )
    here = (await connection.execute(counting)).scalar_one()
    before = (partner_calls.c.key_id == key_id) & (partner_calls.c.minute == int(minute) - 1)
    earlier = await connection.scalar(select(partner_calls.c.calls).where(before)) or 0
    return int(here + earlier * (SECONDS_A_MINUTE - second) / SECONDS_A_MINUTE)


async def used(connection: AsyncConnection, key_id: str, now: datetime, source: str) -> None:
    """Notes when and from where a key was used last."""
    await connection.execute(
        update(partner_key).where(partner_key.c.id == key_id).values(used_at=now, used_from=source)
    )


async def forget_calls(connection: AsyncConnection, now: datetime) -> None:
    """Drops what counts no more."""
    oldest = int(now.timestamp()) // SECONDS_A_MINUTE - 1
    await connection.execute(delete(partner_calls).where(partner_calls.c.minute < oldest))


# ------------------------------------------------------------ rows


def _partner(row: RowMapping) -> Partner:
    return Partner(row["id"], row["tenant_id"], row["name"], row["created_at"], row["created_by"])


def _key(row: RowMapping) -> PartnerKey:
    return PartnerKey(
        id=row["id"],
        partner_id=row["partner_id"],
        location_id=row["location_id"],
        digest=row["digest"],
        ending=row["ending"],
        scopes=read_scopes(known_scopes(row["scopes"])),
        in_address=row["in_address"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        used_at=row["used_at"],
        used_from=row["used_from"],
    )
