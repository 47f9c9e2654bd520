"""Links for tests: opened as pairing does it, with the connector's own keys kept."""

from dataclasses import dataclass

from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing.words import ConnectorDescription
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Opened
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations


@dataclass(frozen=True, slots=True)
class Paired:
    """A connector that was just paired: its key pair, and what the portal granted."""

    key: KeyPair
    opened: Opened

    @property
    def link_id(self) -> str:
        return self.opened.link.id

    @property
    def token(self) -> str:
        return self.opened.master_token


async def pair(
    house: House, links: Links, location_id: str, *, computer: str = "KASSE-1", conversion_due: bool = False
) -> Paired:
    """Opens a link for a new key."""
    key = KeyPair.make(house.runtime.chance.randbytes)
    facts = ConnectorDescription(connector_id=house.runtime.ids.new(), name=computer, version="1.0.0", os="Debian 13")
    async with house.database.writing() as connection:
        place = await locations.find(connection, location_id)
        assert place is not None
        opened = await links.open_link(connection, place, facts, key.public, PORTAL, conversion_due=conversion_due)
    return Paired(key, opened)
