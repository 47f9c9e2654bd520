"""Letters as tests read them: the queue's rows, opened with the portal's own key."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Recipient
from tillbridge.portal.mail.tables import letter


@dataclass(slots=True)
class Box:
    """Who owns each merchant, for the letters."""

    people: list[Recipient] = field(default_factory=lambda: [Recipient("olga@shop.example", Language.EN)])

    async def owners(self, connection: AsyncConnection, tenant_id: str) -> Sequence[Recipient]:  # noqa: ARG002  # as `Owners` has it
        return tuple(self.people)


async def letters(house: House) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of every letter, in the order in which they were written."""
    async with house.database.reading() as connection:
        rows = await connection.execute(select(letter).order_by(letter.c.id))
        return [
            (
                row.recipient,
                row.subject,
                house.vault.unseal(base64.b64decode(row.sealed_body), f"letter/{row.id}").decode(),
            )
            for row in rows
        ]


async def events(house: House) -> list[str]:
    """The audit log's events, in the order in which they were written."""
    async with house.database.reading() as connection:
        return list(await connection.scalars(select(audit_entry.c.event).order_by(audit_entry.c.id)))
