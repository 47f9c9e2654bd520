"""The SQL of letters that wait to be sent."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.mail.post import Attachment, LetterState
from tillbridge.portal.mail.tables import attachment, letter
from tillbridge.portal.vault import Vault


@dataclass(frozen=True, slots=True)
class Claimed:
    """A letter that this process alone sends now. `tries` counts this one."""

    id: str
    created_at: datetime
    recipient: str
    subject: str
    sealed_body: str
    tries: int

    def text(self, vault: Vault) -> str:
        """What it says. `ValueError` when it was sealed with another key."""
        return vault.unseal(base64.b64decode(self.sealed_body), f"letter/{self.id}").decode()


async def claim(connection: AsyncConnection, now: datetime, lease: timedelta) -> Claimed | None:
    """Takes the letter that waits longest, so that nobody else sends it before the lease has run out; None for none.

    One statement decides on SQLite; on PostgreSQL a row that somebody else is just taking is passed over.
    """
    due = (letter.c.state == LetterState.WAITING) & (letter.c.next_at <= now)
    first = select(letter.c.id).where(due).order_by(letter.c.next_at, letter.c.id).limit(1)
    chosen = first.with_for_update(skip_locked=True).scalar_subquery()
    found = await connection.execute(
        update(letter)
        .where(letter.c.id == chosen, due)
        .values(next_at=now + lease, tries=letter.c.tries + 1)
        .returning(
            letter.c.id,
            letter.c.created_at,
            letter.c.recipient,
            letter.c.subject,
            letter.c.sealed_body,
            letter.c.tries,
        )
    )
    row = found.first()
    if row is None:
        return None
    return Claimed(row.id, row.created_at, row.recipient, row.subject, row.sealed_body, row.tries)


async def attachments(connection: AsyncConnection, one: Claimed, vault: Vault) -> tuple[Attachment, ...]:
    """The files that go with it. `ValueError` when they were sealed with another key."""
    mine = select(attachment).where(attachment.c.letter_id == one.id).order_by(attachment.c.place)
    return tuple(
        Attachment(row.name, row.media_type, vault.unseal(bytes(row.sealed), f"attachment/{row.id}"))
        for row in await connection.execute(mine)
    )


async def sent(connection: AsyncConnection, one: Claimed, now: datetime) -> None:
    """It has left: what it said is not kept."""
    await _set(connection, one, state=LetterState.SENT, sent_at=now, sealed_body="", fault="")
    await _empty(connection, one)


async def again(connection: AsyncConnection, one: Claimed, at: datetime, fault: str) -> None:
    """It did not leave and is tried again at this moment."""
    await _set(connection, one, next_at=at, fault=fault)


async def failed(connection: AsyncConnection, one: Claimed, fault: str) -> None:
    """It is not tried any more: what it said is not kept, the reason is."""
    await _set(connection, one, state=LetterState.FAILED, sealed_body="", fault=fault)
    await _empty(connection, one)


async def _empty(connection: AsyncConnection, one: Claimed) -> None:
    """Forgets the files of a letter that does not wait any more."""
    waits = select(letter.c.id).where(letter.c.id == one.id, letter.c.state == LetterState.WAITING)
    mine = (attachment.c.letter_id == one.id) & attachment.c.letter_id.not_in(waits)
    await connection.execute(delete(attachment).where(mine))


async def _set(connection: AsyncConnection, one: Claimed, **values: object) -> None:
    """Only what this try knows is written: if the lease ran out and another took it, that one has the last word."""
    await connection.execute(
        update(letter)
        .where(letter.c.id == one.id, letter.c.state == LetterState.WAITING, letter.c.tries == one.tries)
        .values(**values)
    )
