"""How often something may be tried, counted in the database so that every process of the portal counts together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.tables import attempt


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` tries within `span`, from the first of them on."""

    name: str
    most: int
    span: timedelta


SIGN_IN_BY_SOURCE: Final = Limit("sign-in", 20, timedelta(hours=1))
"""Wrong passwords from one source address: a shop's people share one, a guesser gets nowhere with 480 a day."""

FACTOR_BY_PERSON: Final = Limit("factor", 10, timedelta(hours=1))
"""Wrong codes for one person: with three codes valid at a time, 10 tries an hour hit once in four years."""

RESET_BY_SOURCE: Final = Limit("reset", 20, timedelta(hours=1))
"""Letters for a new password asked for from one source address."""

RESET_BY_ADDRESS: Final = Limit("reset-to", 3, timedelta(hours=1))
"""Such letters to one address, so that nobody's mailbox is filled through us."""

PASSWORD_BY_PERSON: Final = Limit("password", 10, timedelta(hours=1))
"""Wrong passwords of somebody who is signed in: a browser left open gives nobody the password."""

LINK_BY_SOURCE: Final = Limit("link", 20, timedelta(hours=1))
"""Links that open nothing, from one source address."""

LONGEST_SPAN: Final = timedelta(hours=1)


async def take(connection: AsyncConnection, limit: Limit, subject: str, now: datetime) -> bool:
    """Counts a try, before it is known how it ends; False when there is none left. One statement: no race."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    over = attempt.c.began_at <= now - limit.span
    statement = (
        insert(attempt)
        .values(subject=_key(limit, subject), began_at=now, tries=1)
        .on_conflict_do_update(
            index_elements=[attempt.c.subject],
            set_={
                "began_at": case((over, now), else_=attempt.c.began_at),
                "tries": case((over, 1), else_=attempt.c.tries + 1),
            },
            where=over | (attempt.c.tries < limit.most),
        )
        .returning(attempt.c.tries)
    )
    return (await connection.execute(statement)).first() is not None


async def require(connection: AsyncConnection, limit: Limit, subject: str, now: datetime) -> None:
    """Counts a try. `BridgeError(SLOW_DOWN)` when there is none left, with the seconds until there is."""
    if not await take(connection, limit, subject, now):
        raise BridgeError(Code.SLOW_DOWN, "too many tries", retry_after=int(limit.span.total_seconds()))


async def give_back(connection: AsyncConnection, limit: Limit, subject: str) -> None:
    """Takes back the try that turned out right."""
    await connection.execute(
        update(attempt)
        .where(attempt.c.subject == _key(limit, subject), attempt.c.tries > 0)
        .values(tries=attempt.c.tries - 1)
    )


async def forget(connection: AsyncConnection, limit: Limit, subject: str) -> None:
    """Forgets all tries of this subject."""
    await connection.execute(delete(attempt).where(attempt.c.subject == _key(limit, subject)))


async def tidy(connection: AsyncConnection, now: datetime) -> None:
    """Removes counts that stop nobody any more."""
    await connection.execute(delete(attempt).where(attempt.c.began_at < now - LONGEST_SPAN))


def _key(limit: Limit, subject: str) -> str:
    return f"{limit.name}/{subject}"[:120]
