"""The rows of PINs. Whoever locks several things does it in the order location, PIN, session, windows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.locations.tables import location
from tillbridge.portal.pairing.model import BURNS_COUNT, MOST_TRIES, STUCK_AFTER, Creator, Pin, PinState, SealedPin
from tillbridge.portal.pairing.tables import pairing_pin as table

_OPEN = table.c.state == PinState.OPEN


async def lock_location(connection: AsyncConnection, location_id: str) -> None:
    """Makes the making and the using of a location's PIN wait for each other."""
    # Without the key: a row that refers to the location can still be written meanwhile.
    wanted = select(location.c.id).where(location.c.id == location_id).with_for_update(key_share=True)
    await connection.execute(wanted)


async def add(connection: AsyncConnection, pin: Pin, sealed: str) -> None:
    """A new PIN. A second open one of the same location breaks the database's own rule."""
    await connection.execute(
        insert(table).values(
            id=pin.id,
            tenant_id=pin.tenant_id,
            location_id=pin.location_id,
            state=pin.state.value,
            sealed_pin=sealed,
            tries=pin.tries,
            wrong=pin.wrong,
            replaces=pin.replaces,
            created_at=pin.created_at,
            expires_at=pin.expires_at,
            creator_id=pin.creator.id,
            creator_name=pin.creator.name,
            creator_email=pin.creator.email,
            creator_language=pin.creator.language,
        )
    )


async def locked(connection: AsyncConnection, pin_id: str) -> Pin | None:
    """This PIN, locked until the transaction ends."""
    row = (await connection.execute(select(table).where(table.c.id == pin_id).with_for_update())).first()
    return None if row is None else _pin(row)


async def open_of_number(connection: AsyncConnection, number: str, now: datetime) -> SealedPin | None:
    """The open PIN of the location with this number, if the location is open itself."""
    wanted = (
        select(table)
        .join(location, location.c.id == table.c.location_id)
        .where(location.c.number == number, location.c.closed_at.is_(None), _OPEN, table.c.expires_at > now)
    )
    row = (await connection.execute(wanted)).first()
    return None if row is None else SealedPin(_pin(row), row.sealed_pin)


async def newest(connection: AsyncConnection, location_id: str, most: int) -> Sequence[Pin]:
    """The last PINs of a location, the newest first."""
    wanted = select(table).where(table.c.location_id == location_id).order_by(table.c.id.desc()).limit(most)
    return [_pin(row) for row in await connection.execute(wanted)]


async def open_in(connection: AsyncConnection, tenant_id: str, now: datetime) -> Sequence[Pin]:
    """Every open PIN of a merchant."""
    return await _read(connection, select(table).where(table.c.tenant_id == tenant_id, _OPEN, table.c.expires_at > now))


async def end_open(connection: AsyncConnection, location_id: str, state: PinState, now: datetime) -> Pin | None:
    """Ends the open PIN of a location, if there is one, and returns it as it is now."""
    return next(iter(await _end(connection, table.c.location_id == location_id, state=state, now=now)), None)


async def end(connection: AsyncConnection, pin_id: str, state: PinState, now: datetime) -> Pin | None:
    """Ends this PIN if it is still open, and returns it as it is now."""
    return next(iter(await _end(connection, table.c.id == pin_id, state=state, now=now)), None)


async def end_expired(connection: AsyncConnection, now: datetime) -> Sequence[Pin]:
    """Ends those whose day is over."""
    return await _end(connection, table.c.expires_at <= now, state=PinState.EXPIRED, now=now)


async def end_stuck(connection: AsyncConnection, now: datetime) -> Sequence[Pin]:
    """Burns those that have no try left although not every one was judged: the portal that took it has died."""
    stuck = and_(table.c.tries >= MOST_TRIES, table.c.tried_at <= now - STUCK_AFTER)
    return await _end(connection, stuck, state=PinState.BURNED, now=now)


async def count_try(connection: AsyncConnection, pin_id: str, now: datetime) -> bool:
    """Takes a try, before any cryptography, in one statement; False when there is none to take."""
    statement = (
        update(table)
        .where(table.c.id == pin_id, _OPEN, table.c.tries < MOST_TRIES, table.c.expires_at > now)
        .values(tries=table.c.tries + 1, tried_at=now)
    )
    return (await connection.execute(statement)).rowcount == 1


async def give_back(connection: AsyncConnection, pin_id: str) -> None:
    """A right finish gives its try back."""
    await connection.execute(update(table).where(table.c.id == pin_id).values(tries=table.c.tries - 1))


async def count_wrong(connection: AsyncConnection, pin_id: str) -> int:
    """Counts a finish that was judged and was wrong; returns how many there are."""
    statement = update(table).where(table.c.id == pin_id).values(wrong=table.c.wrong + 1).returning(table.c.wrong)
    return int((await connection.execute(statement)).scalar_one())


async def burned_lately(connection: AsyncConnection, location_id: str, now: datetime) -> int:
    """How many PINs of the location were burned within the last day."""
    wanted = select(func.count()).where(
        table.c.location_id == location_id, table.c.state == PinState.BURNED, table.c.ended_at > now - BURNS_COUNT
    )
    return int((await connection.execute(wanted)).scalar_one())


async def _end(
    connection: AsyncConnection, which: ColumnElement[bool], *, state: PinState, now: datetime
) -> Sequence[Pin]:
    statement = (
        update(table).where(_OPEN, which).values(state=state.value, sealed_pin="", ended_at=now).returning(table)
    )
    return [_pin(row) for row in await connection.execute(statement)]


async def _read(connection: AsyncConnection, wanted: Select[Any]) -> Sequence[Pin]:
    return [_pin(row) for row in await connection.execute(wanted)]


def _pin(row: Row[Any]) -> Pin:
    language = row.creator_language
    return Pin(
        id=row.id,
        tenant_id=row.tenant_id,
        location_id=row.location_id,
        state=PinState(row.state),
        tries=row.tries,
        wrong=row.wrong,
        replaces=row.replaces,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        creator=Creator(
            row.creator_id, row.creator_name, row.creator_email, None if language is None else Language(language)
        ),
    )
