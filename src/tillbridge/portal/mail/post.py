"""Letters to people: written down in the transaction of what they tell about, sent afterwards (`mail/sending.py`)."""

import base64
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.mail.tables import letter
from tillbridge.portal.vault import Vault
from tillbridge.runtime.effects import Runtime


class LetterState(StrEnum):
    """Where a letter stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attached:
    """A text file that goes with a letter: nothing secret, for it waits as it is."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A plain text for one recipient. `tenant_id` None: it is about the portal as a whole."""

    recipient: str
    subject: str
    text: str
    tenant_id: str | None = None
    attached: Attached | None = None


class Post:
    """Takes letters."""

    def __init__(self, runtime: Runtime, vault: Vault) -> None:
        self._runtime = runtime
        self._vault = vault

    async def take(self, connection: AsyncConnection, one: Letter) -> None:
        """Writes a letter down in this transaction: if that is rolled back, nobody is written to."""
        letter_id, now = self._runtime.ids.new(), self._runtime.clock.now()
        sealed = self._vault.seal(one.text.encode(), f"letter/{letter_id}")
        await connection.execute(
            insert(letter).values(
                id=letter_id,
                created_at=now,
                tenant_id=one.tenant_id,
                recipient=one.recipient,
                subject=one.subject,
                sealed_body=base64.b64encode(sealed).decode(),
                attachment_name="" if one.attached is None else one.attached.name,
                attachment="" if one.attached is None else one.attached.text,
                state=LetterState.WAITING,
                next_at=now,
            )
        )
