"""Counts what happened within the last minute or day, so that every process of the portal counts together.

A row holds the moments of one subject and is locked by the statement that reads it; so there is no race between two
replicas, and no edge of a fixed interval at which twice as much would get through.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.pairing.model import Limit
from tillbridge.portal.pairing.tables import pairing_window

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


async def take(connection: AsyncConnection, limit: Limit, subject: str, now: datetime) -> int | None:
    """Counts one if the limit has room for it: then None. Else the seconds until it has, and nothing is counted.

    The row stays locked until the transaction ends.
    """
    key = limit.key(subject)
    moments = _living(await _locked(connection, key, now + limit.span), now - limit.span)
    if len(moments) >= limit.most:
        freed = _EPOCH + moments[-limit.most] * _MICROSECOND + limit.span
        return max(1, -((now - freed) // timedelta(seconds=1)))
    await _store(connection, key, [*moments, _microseconds(now)])
    return None


async def give_back(connection: AsyncConnection, limit: Limit, subject: str, at: datetime) -> None:
    """Takes back what was counted at that moment."""
    key = limit.key(subject)
    moments = await _locked(connection, key, at + limit.span)
    if (moment := _microseconds(at)) in moments:
        moments.remove(moment)
        await _store(connection, key, moments)


async def count(connection: AsyncConnection, limit: Limit, subject: str, now: datetime) -> int:
    """How many there are; the row stays locked."""
    return len(_living(await _locked(connection, limit.key(subject), now + limit.span), now - limit.span))


async def forget(connection: AsyncConnection, limit: Limit, subject: str = "") -> None:
    """Begins anew."""
    await connection.execute(delete(pairing_window).where(pairing_window.c.id == limit.key(subject)))


async def tidy(connection: AsyncConnection, now: datetime) -> None:
    """Removes the windows in which nothing counts any more."""
    await connection.execute(delete(pairing_window).where(pairing_window.c.until < now))


async def _locked(connection: AsyncConnection, key: str, until: datetime) -> list[int]:
    """The moments of this row, which is made if there is none; one statement, so that nobody removes it in between."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(pairing_window)
        .values(id=key, moments=[], until=until)
        .on_conflict_do_update(index_elements=[pairing_window.c.id], set_={"until": until})
        .returning(pairing_window.c.moments)
    )
    return list((await connection.execute(statement)).scalar_one())


async def _store(connection: AsyncConnection, key: str, moments: list[int]) -> None:
    await connection.execute(update(pairing_window).where(pairing_window.c.id == key).values(moments=moments))


def _living(moments: list[int], after: datetime) -> list[int]:
    edge = _microseconds(after)
    return sorted(moment for moment in moments if moment > edge)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
