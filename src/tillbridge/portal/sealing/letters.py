"""Sends the signed head of each day out of the house, where nobody reaches it who reaches the portal.

One letter for each day and address, whichever process is first; what a portal could not write while it was off comes
later (docs/reference/voucher-sealing.md, section 2).
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.chains.chain import Head
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.mail.post import Attachment, Letter
from tillbridge.portal.mail.writing import write
from tillbridge.portal.sealing.store import CHAIN
from tillbridge.portal.sealing.tables import ledger_head_address, ledger_head_letter
from tillbridge.portal.sealing.verifying import heads_as_text

PAUSE_SECONDS: Final = 60.0
"""Between two looks for a head that was not sent: it is signed once a day."""

MOST_BACK: Final = timedelta(days=31)
"""How old a head may be to be made up for: the newest shows everything that came before as well."""

ATTACHED: Final = "ledger-head-{day}.json"

MEDIA_TYPE: Final = "text/plain"
"""Every mail program opens a text, and no filter holds it back."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who gets heads: an address, whom the letter greets, and whose wish it is (None: the operator's)."""

    recipient: str
    language: Language
    name: str
    tenant_id: str | None

    @property
    def key(self) -> str:
        """Two who want the same address to be written to get one letter."""
        return self.recipient.lower()


class HeadLetters:
    """Writes the letters; any number of processes may."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self.send()
            await asyncio.sleep(PAUSE_SECONDS)

    async def send(self) -> int:
        """Writes to everybody about each head that was not sent; returns how many letters that were."""
        async with self._house.database.reading() as connection:
            newest = await CHAIN.newest_day(connection)
            if newest is None:
                return 0
            waiting = [
                (one, last)
                for one in await self._readers(connection)
                if (last := await _last(connection, one)) is None or last < newest
            ]
            if not waiting:
                return 0
            try:
                heads = await CHAIN.heads(connection)
            except ValueError:
                # `ledger verify` names it; a head that nobody can read proves nothing.
                log.exception("ledger_heads_unreadable")
                return 0
        return sum([await self._write(one, _missing(heads, newest, last)) for one, last in waiting])

    async def _write(self, one: Reader, heads: list[Head]) -> int:
        count = 0
        for head in heads:
            async with self._house.database.writing() as connection:
                if await _claim(connection, one, head.day, self._house):
                    await self._house.post.take(connection, self._letter(one, head))
                    count += 1
        return count

    def _letter(self, one: Reader, head: Head) -> Letter:
        settings, day = self._house.settings, head.day.isoformat()
        fields = {"day": day, "position": head.link.position}
        letter = write(settings, one.language, "sealing.mail.head", one.recipient, one.name, one.tenant_id, **fields)
        text = heads_as_text([head])
        attached = Attachment(ATTACHED.format(day=day), MEDIA_TYPE, text.encode())
        return replace(letter, text=f"{letter.text}\n{text}\n", attachments=(attached,))

    async def _readers(self, connection: AsyncConnection) -> list[Reader]:
        settings = self._house.settings
        language = settings.language or Language.EN
        found = []
        if settings.operator.ledger_heads_to:
            found.append(Reader(settings.operator.ledger_heads_to, language, settings.operator.name, None))
        query = select(ledger_head_address, tenant.c.name).join(tenant, tenant.c.id == ledger_head_address.c.tenant_id)
        rows = await connection.execute(query.order_by(ledger_head_address.c.tenant_id))
        found += [Reader(row.recipient, Language(row.language), row.name, row.tenant_id) for row in rows]
        return list({one.key: one for one in reversed(found)}.values())


def _missing(heads: list[Head], newest: date, last: date | None) -> list[Head]:
    """Whoever is new gets the newest alone: it stands for all before it."""
    since = max(newest - MOST_BACK, newest - timedelta(days=1) if last is None else last)
    return [one for one in heads if one.day > since]


async def _last(connection: AsyncConnection, one: Reader) -> date | None:
    query = select(func.max(ledger_head_letter.c.day)).where(ledger_head_letter.c.recipient == one.key)
    found = await connection.scalar(query)
    return None if found is None else date.fromisoformat(found)


async def _claim(connection: AsyncConnection, one: Reader, day: date, house: House) -> bool:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"recipient": one.key, "day": day.isoformat(), "written_at": house.runtime.clock.now()}
    made = dialect.insert(ledger_head_letter).values(**row).on_conflict_do_nothing()
    return (await connection.execute(made.returning(ledger_head_letter.c.day))).first() is not None
