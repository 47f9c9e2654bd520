"""The end of a pairing: the link is opened and its grant sealed, in the caller's transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.keys import PublicKey
from tillbridge.link.pairing.portal_side import Judged
from tillbridge.link.pairing.words import Grant, GrantedLocation
from tillbridge.portal.audit.log import Actor, ActorKind
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location
from tillbridge.portal.pairing import sessions_store
from tillbridge.portal.pairing.model import Session
from tillbridge.portal.pairing.wanted import GrantedServices, Precondition


class Granting:
    """Grants what a connector has won."""

    def __init__(self, house: House, links: Links, services: GrantedServices) -> None:
        self._house = house
        self._links = links
        self._services = services

    async def grant(
        self, connection: AsyncConnection, session: Session, place: Location, judged: Judged, condition: Precondition
    ) -> bytes:
        """Opens the link and stores the answer, which nobody here can open again; returns its bytes."""
        now = self._house.runtime.clock.now()
        actor = connector_of(session, judged)
        opened = await self._links.open_link(
            connection, place, judged.facts, judged.key, actor, conversion_due=condition.conversion_due
        )
        tenant = await locations.find_tenant(connection, place.tenant_id)
        if tenant is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        grant = Grant(
            link_id=opened.link.id,
            location=GrantedLocation(number=str(place.number), name=_line(place.name)),
            tenant=_line(tenant.name),
            master_token=opened.master_token,
            services=tuple(await self._services(connection, opened.link, now)),
            portal_jwks_thumbprint=_thumbprint(self._house),
            server_time=now,
        )
        answer = judged.reply(grant)
        await sessions_store.grant(connection, session.id, answer, opened.link.id)
        return answer


def connector_of(session: Session, judged: Judged | None = None) -> Actor:
    """The connector, for the audit log. Until it has proven a PIN nothing is known of it but where it asks from."""
    if judged is None:
        return Actor(ActorKind.PROGRAM, "", "connector", session.source)
    return Actor(ActorKind.LINK, judged.facts.connector_id, judged.facts.name, session.source)


def _thumbprint(house: House) -> str:
    _, key = house.vault.signing_key
    return PublicKey(key.public_key().public_bytes_raw()).thumbprint


def _line(name: str) -> str:
    """A name as one line of a screen."""
    return "".join(sign if sign.isprintable() else " " for sign in name) or "-"
