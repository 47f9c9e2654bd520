"""A pairing that waits for somebody at the portal, who compares the code on both screens."""

import base64
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.pairing.portal_side import Judged
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location
from tillbridge.portal.pairing import pins_store, sessions_store
from tillbridge.portal.pairing.granting import Granting, connector_of
from tillbridge.portal.pairing.model import SUSPICIOUS_BURNS, PairingEvent, Session, Stage
from tillbridge.portal.pairing.places import place_of
from tillbridge.portal.pairing.sessions_store import Waiting
from tillbridge.portal.pairing.wanted import Preconditions, refusal_of
from tillbridge.portal.rights import Action, Person

_CONTEXT = "consent"


class Consent:
    """Asks for consent, and carries out what was decided."""

    def __init__(self, house: House, granting: Granting, preconditions: Preconditions) -> None:
        self._house = house
        self._granting = granting
        self._preconditions = preconditions

    async def wanted(self, connection: AsyncConnection, place: Location, now: datetime) -> bool:
        """Whether the merchant asks for it always, or too many PINs of the location were burned lately."""
        tenant = await locations.find_tenant(connection, place.tenant_id)
        if tenant is None or tenant.confirm_pairing:
            return True
        return await pins_store.burned_lately(connection, place.id, now) >= SUSPICIOUS_BURNS

    async def ask(self, connection: AsyncConnection, session: Session, place: Location, judged: Judged) -> None:
        """Keeps what the answer is made with, sealed, until somebody has decided."""
        sealed = self._house.vault.seal(judged.dump(), f"{_CONTEXT}/{session.id}")
        facts = judged.facts
        waiting = Waiting(base64.b64encode(sealed).decode(), judged.key.fingerprint, facts.name, facts.version)
        await sessions_store.wait(connection, session.id, waiting, self._house.runtime.clock.now())
        entry = self._entry(PairingEvent.WAITING, place, waiting.fingerprint)
        await self._house.audit.note(connection, connector_of(session, judged), entry)

    async def accept(self, person: Person, location_id: str, session_id: str) -> None:
        """Opens the link.

        `BridgeError`: RECORD_UNKNOWN, RIGHT_MISSING, STEP_UP_NEEDED, RECORD_CONFLICT if it is over, or why the customer
        data do not allow it: then it goes on waiting.
        """
        async with self._house.database.writing() as connection:
            place, session = await self._take(connection, person, location_id, session_id)
            condition = await self._preconditions.check(connection, place, self._house.runtime.clock.now())
            refusal = refusal_of(condition)
            if refusal is not None:
                raise refusal
            sealed = base64.b64decode(session.sealed_state)
            judged = Judged.load(self._house.vault.unseal(sealed, f"{_CONTEXT}/{session.id}"))
            await self._granting.grant(connection, session, place, judged, condition)
            entry = self._entry(PairingEvent.ACCEPTED, place, session.fingerprint)
            await self._house.audit.note(connection, person.actor, entry)

    async def deny(self, person: Person, location_id: str, session_id: str) -> None:
        """Refuses the connector for good; the PIN is used up. `BridgeError` as `accept`."""
        async with self._house.database.writing() as connection:
            place, session = await self._take(connection, person, location_id, session_id)
            await sessions_store.refuse(connection, session.id, BridgeError(Code.PAIRING_DENIED))
            entry = self._entry(PairingEvent.DENIED, place, session.fingerprint)
            await self._house.audit.note(connection, person.actor, entry)

    async def sweep(self) -> None:
        """Ends what nobody decided in time."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            for session_id in await sessions_store.unanswered(connection, now):
                session = await sessions_store.locked(connection, session_id)
                if session is None or session.stage is not Stage.WAITING:
                    continue
                await sessions_store.refuse(connection, session_id, BridgeError(Code.PAIRING_OVER))
                place = await locations.find(connection, session.location_id or "")
                if place is not None:
                    entry = self._entry(PairingEvent.UNANSWERED, place, session.fingerprint)
                    await self._house.audit.note(connection, PORTAL, entry)

    async def _take(
        self, connection: AsyncConnection, person: Person, location_id: str, session_id: str
    ) -> tuple[Location, Session]:
        place = await place_of(connection, person, location_id, Action.EDIT)
        now = self._house.runtime.clock.now()
        person.require_step_up(now)
        await pins_store.lock_location(connection, location_id)
        session = await sessions_store.locked(connection, session_id)
        if session is None or session.location_id != location_id:
            raise BridgeError(Code.RECORD_UNKNOWN)
        if session.stage is not Stage.WAITING or now >= session.ends_at:
            raise BridgeError(Code.RECORD_CONFLICT, "nobody waits here any more")
        if not place.open:
            raise BridgeError(Code.RECORD_CONFLICT, "the location is closed")
        return place, session

    def _entry(self, event: PairingEvent, place: Location, fingerprint: str) -> Entry:
        return Entry(event, place.tenant_id, place.id, fingerprint)
