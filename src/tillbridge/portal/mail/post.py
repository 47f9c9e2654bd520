"""Letters to people: written down in the transaction of what they tell about, sent afterwards (`mail/sending.py`)."""

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.mail.tables import attachment, letter
from tillbridge.portal.vault import Vault
from tillbridge.runtime.effects import Runtime


class LetterState(StrEnum):
    """Where a letter stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


MOST_ATTACHED: Final = 5 * 2**20
"""Bytes that one letter carries beside its text: with what the wire adds, it still passes servers that take 10 MB."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """A plain text for one recipient, with files. `tenant_id` None: it is about the portal as a whole."""

    recipient: str
    subject: str
    text: str
    tenant_id: str | None = None
    attachments: tuple[Attachment, ...] = ()


class Post:
    """Takes letters."""

    def __init__(self, runtime: Runtime, vault: Vault) -> None:
        self._runtime = runtime
        self._vault = vault

    async def take(self, connection: AsyncConnection, one: Letter) -> str:
        """Writes a letter down in this transaction: if that is rolled back, nobody is written to. Returns its id.

        `ValueError` for more files than a letter carries.
        """
        if sum(len(each.content) for each in one.attachments) > MOST_ATTACHED:
            raise ValueError(f"a letter carries {MOST_ATTACHED} bytes of files at most")
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
                state=LetterState.WAITING,
                next_at=now,
            )
        )
        for place, each in enumerate(one.attachments, 1):
            attachment_id = self._runtime.ids.new()
            await connection.execute(
                insert(attachment).values(
                    id=attachment_id,
                    letter_id=letter_id,
                    place=place,
                    name=each.name,
                    media_type=each.media_type,
                    sealed=self._vault.seal(each.content, f"attachment/{attachment_id}"),
                )
            )
        return letter_id
