"""The SQL of second factors and recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.model import Factor, FactorKind, is_id
from tillbridge.portal.accounts.tables import factor, recovery_code, spent_challenge


async def add_factor(connection: AsyncConnection, one: Factor) -> None:
    """Writes a new factor down; `IntegrityError` when that passkey is known already."""
    values = {column.name: getattr(one, column.name) for column in factor.columns}
    await connection.execute(insert(factor).values(values))


async def factors_of(connection: AsyncConnection, person_id: str) -> Sequence[Factor]:
    """A person's confirmed factors, the oldest first."""
    rows = await connection.execute(
        select(factor).where(factor.c.person_id == person_id, factor.c.confirmed_at.is_not(None)).order_by(factor.c.id)
    )
    return [_factor(row) for row in rows]


async def pending_totp(connection: AsyncConnection, person_id: str, since: datetime) -> Factor | None:
    """The one-time password generator that was shown since then and waits for its first code."""
    rows = await connection.execute(
        select(factor).where(
            factor.c.person_id == person_id, factor.c.confirmed_at.is_(None), factor.c.created_at > since
        )
    )
    row = rows.first()
    return None if row is None else _factor(row)


async def drop_pending(connection: AsyncConnection, person_id: str) -> None:
    """Forgets a generator that was shown and never used."""
    await connection.execute(delete(factor).where(factor.c.person_id == person_id, factor.c.confirmed_at.is_(None)))


async def confirm_totp(connection: AsyncConnection, factor_id: str, step: int, now: datetime) -> bool:
    """Its first code came; False when it was confirmed or dropped meanwhile."""
    found = await connection.execute(
        update(factor)
        .where(factor.c.id == factor_id, factor.c.confirmed_at.is_(None))
        .values(confirmed_at=now, last_used_at=now, last_step=step)
    )
    return found.rowcount == 1


async def use_step(connection: AsyncConnection, factor_id: str, step: int, now: datetime) -> bool:
    """Uses a code of this time step up; False when it, or a later one, was used already."""
    found = await connection.execute(
        update(factor)
        .where(factor.c.id == factor_id, factor.c.confirmed_at.is_not(None), factor.c.last_step < step)
        .values(last_step=step, last_used_at=now)
    )
    return found.rowcount == 1


async def by_credential(connection: AsyncConnection, credential_id: str, rp_id: str) -> Factor | None:
    """The passkey with this id at this host."""
    rows = await connection.execute(
        select(factor).where(factor.c.credential_id == credential_id, factor.c.rp_id == rp_id)
    )
    row = rows.first()
    return None if row is None else _factor(row)


async def use_passkey(connection: AsyncConnection, one: Factor, sign_count: int, now: datetime) -> bool:
    """A passkey has signed; False when it signed elsewhere since `one` was read, or was removed."""
    found = await connection.execute(
        update(factor)
        .where(factor.c.id == one.id, factor.c.sign_count == one.sign_count)
        .values(sign_count=sign_count, last_used_at=now)
    )
    return found.rowcount == 1


async def spend_challenge(connection: AsyncConnection, challenge_id: str, ends_at: datetime) -> bool:
    """A challenge was signed; False when it was before."""
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    found = await connection.execute(
        upsert(spent_challenge)
        .values(id=challenge_id, ends_at=ends_at)
        .on_conflict_do_nothing(index_elements=[spent_challenge.c.id])
        .returning(spent_challenge.c.id)
    )
    return found.first() is not None


async def remove_factor(connection: AsyncConnection, person_id: str, factor_id: str) -> bool:
    """Removes one of a person's factors; False when there is none of this id."""
    if not is_id(factor_id):
        return False
    found = await connection.execute(
        delete(factor).where(
            factor.c.person_id == person_id, factor.c.id == factor_id, factor.c.confirmed_at.is_not(None)
        )
    )
    return found.rowcount == 1


async def replace_codes(connection: AsyncConnection, person_id: str, rows: Sequence[tuple[str, str]]) -> None:
    """New recovery codes, as pairs of id and hash, instead of all earlier ones."""
    await connection.execute(delete(recovery_code).where(recovery_code.c.person_id == person_id))
    if rows:
        await connection.execute(
            insert(recovery_code), [{"id": one, "person_id": person_id, "code_hash": code} for one, code in rows]
        )


async def use_code(connection: AsyncConnection, person_id: str, code_hash: str, now: datetime) -> bool:
    """Uses a recovery code up; False when it is none, or was used."""
    found = await connection.execute(
        update(recovery_code)
        .where(
            recovery_code.c.person_id == person_id,
            recovery_code.c.code_hash == code_hash,
            recovery_code.c.used_at.is_(None),
        )
        .values(used_at=now)
    )
    return found.rowcount == 1


async def codes_left(connection: AsyncConnection, person_id: str) -> int:
    """How many recovery codes a person has not used."""
    found = await connection.execute(
        select(func.count())
        .select_from(recovery_code)
        .where(recovery_code.c.person_id == person_id, recovery_code.c.used_at.is_(None))
    )
    return int(found.scalar_one())


async def tidy(connection: AsyncConnection, now: datetime, since: datetime) -> None:
    """Removes challenges that have run out, and generators that were shown before `since` and never used."""
    await connection.execute(delete(spent_challenge).where(spent_challenge.c.ends_at <= now))
    await connection.execute(delete(factor).where(factor.c.confirmed_at.is_(None), factor.c.created_at <= since))


def _factor(row: Row[*tuple[Any, ...]]) -> Factor:
    return Factor(
        id=row.id,
        person_id=row.person_id,
        kind=FactorKind(row.kind),
        name=row.name,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        last_used_at=row.last_used_at,
        sealed_secret=row.sealed_secret,
        last_step=row.last_step,
        credential_id=row.credential_id,
        public_key=row.public_key,
        sign_count=row.sign_count,
        rp_id=row.rp_id,
    )
