"""Letters about pairings: to whoever made a PIN that was burned, and to the operator when the portal is guarded."""

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Recipient
from tillbridge.portal.locations.model import Location
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.pairing.model import Pin


async def tell_burned(house: House, connection: AsyncConnection, pin: Pin, location: Location) -> None:
    """The PIN was typed wrongly too often and is of no more use."""
    t = CATALOGUES[_language(house, pin.creator.language)]
    fields = {"location": location.name, "number": str(location.number)}
    address = f"{house.settings.address}/interfaces/{location.id}"
    text = t("interfaces.letter.burned.text", name=pin.creator.name, address=address, **fields)
    letter = Letter(pin.creator.email, t("interfaces.letter.burned.subject", **fields), text, pin.tenant_id)
    await house.post.take(connection, letter)


async def tell_guarded(house: House, connection: AsyncConnection, to: Recipient) -> None:
    """Somebody seems to guess PINs: until staff end it, every pairing needs consent."""
    t = CATALOGUES[_language(house, to.language)]
    text = t("interfaces.letter.guarded.text", address=f"{house.settings.address}/interfaces/guard")
    await house.post.take(connection, Letter(to.email, t("interfaces.letter.guarded.subject"), text))


def _language(house: House, wanted: Language | None) -> Language:
    return wanted or house.settings.language or Language.EN
