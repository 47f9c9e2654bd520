"""Tells a merchant's owners what happened to a link, each in the own language."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Link, LinkEvent, Owners, Recipient
from tillbridge.portal.links.store import Place
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.pages.site import CATALOGUES

TOLD: Final = frozenset(
    {
        LinkEvent.FIRST_CONTACT,
        LinkEvent.REPLACED,
        LinkEvent.ABANDONED,
        LinkEvent.SUSPENDED,
        LinkEvent.RESUMED,
        LinkEvent.REVOKED,
        LinkEvent.UNPAIRED,
        LinkEvent.CLONE_SUSPECTED,
    }
)
"""What an owner is to know although nobody asked. That a credential was exchanged is routine."""


async def nobody(connection: AsyncConnection, tenant_id: str) -> Sequence[Recipient]:  # noqa: ARG001  # as `Owners` has it
    """Writes to nobody: for a portal without people."""
    return ()


async def tell(
    house: House, connection: AsyncConnection, owners: Owners, event: LinkEvent, link: Link, place: Place
) -> None:
    """Writes the letters of an event down in this transaction."""
    if event not in TOLD:
        return
    for recipient in await owners(connection, link.tenant_id):
        catalogue = CATALOGUES[recipient.language or house.settings.language or Language.EN]
        name = event.value.removeprefix("link.")
        parts = {
            "location": place.name,
            "number": place.number,
            "computer": link.connector.name,
            "fingerprint": link.credential.fingerprint,
            "address": house.settings.address,
        }
        subject = catalogue(f"links.mail.{name}.subject", **parts)
        text = catalogue(f"links.mail.{name}.text", **parts)
        await house.post.take(connection, Letter(recipient.email, subject, text, link.tenant_id))
