"""What the portal has written to somebody."""

import base64
import re

from sqlalchemy import select

from tillbridge.portal.house import House
from tillbridge.portal.mail.tables import letter

_LINK = re.compile(r"https?://\S+?(/invitation\?token=[\w-]+)")


async def letters_to(house: House, recipient: str) -> list[tuple[str, str]]:
    """Subject and text of each letter, the oldest first."""
    async with house.database.reading() as connection:
        wanted = select(letter).where(letter.c.recipient == recipient).order_by(letter.c.id)
        rows = (await connection.execute(wanted)).all()
    return [
        (row.subject, house.vault.unseal(base64.b64decode(row.sealed_body), f"letter/{row.id}").decode())
        for row in rows
    ]


async def invitation_to(house: House, recipient: str) -> str:
    """The path in the last invitation."""
    found = _LINK.search((await letters_to(house, recipient))[-1][1])
    assert found is not None
    return found[1]
