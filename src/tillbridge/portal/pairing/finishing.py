"""The finish of an exchange: counted first and on its own, judged, and answered once and for ever.

docs/reference/pairing-protocol.md, section 12. Two transactions: the first one binds the session to this one body and
takes a try, so that a fault afterwards gives nobody a free guess; the second one does all the rest. The same body again
finds what the first one left, wherever it broke off, and is never counted a second time.
"""

import asyncio
import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.pairing.portal_side import Judged, PortalState
from tillbridge.link.pairing.words import FinishRequest
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.links import store as links_store
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location
from tillbridge.portal.pairing import pins_store, sessions_store, windows
from tillbridge.portal.pairing.consent import Consent
from tillbridge.portal.pairing.granting import Granting, connector_of
from tillbridge.portal.pairing.guard import Guarding
from tillbridge.portal.pairing.model import (
    FAILURES_OF_PORTAL,
    FAILURES_OF_SOURCE,
    MOST_TRIES,
    POLL_SECONDS,
    REPLAY_AFTER_CONTACT,
    REPLAY_LASTS,
    PairingEvent,
    Pin,
    Session,
    Stage,
)
from tillbridge.portal.pairing.pins import Pins
from tillbridge.portal.pairing.starting import CONTEXT
from tillbridge.portal.pairing.wanted import Preconditions, refusal_of

SHORTEST: Final = 0.025
"""Seconds that every answer takes at least: a wrong PIN has more to write down than a location that does not exist."""

LONGEST_DELAY: Final = 0.02
"""Seconds by which an answer is held back besides, at random, so that what is left of a difference is not seen."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A finish that may be looked at; `session` as it was when the finish was bound to it."""

    session: Session
    finish: FinishRequest


End = bytes | BridgeError
"""The answer, or a refusal."""

Step = Admitted | End
"""What follows from the first transaction: go on, or what was said before."""

Verdict = Judged | BridgeError | None
"""A connector that knew the PIN; one that did and sent something unreadable; one that did not."""


@dataclass(frozen=True, slots=True)
class Finishing:
    """Finishes exchanges."""

    house: House
    pins: Pins
    granting: Granting
    guarding: Guarding
    consent: Consent
    preconditions: Preconditions

    async def finish(self, session_id: str, body: bytes, source: str) -> bytes:
        """The answer to a finish; the same one for the same body, as long as it is repeated at all.

        `BridgeError`: PIN_REFUSED, PAIRING_INPUT, SLOW_DOWN, FINISH_CONFLICT, PAIRING_OVER, PAIRING_DENIED, a refusal
        of the customer data; WAITING_CONFIRM while somebody at the portal has to decide.
        """
        begun = self.house.runtime.clock.monotonic()
        end = await self._end(session_id, body, source)
        spent = self.house.runtime.clock.monotonic() - begun
        await asyncio.sleep(max(0.0, SHORTEST - spent) + self.house.runtime.chance.uniform(0, LONGEST_DELAY))
        if isinstance(end, BridgeError):
            raise end
        return end

    async def _end(self, session_id: str, body: bytes, source: str) -> End:
        async with self.house.database.writing() as connection:
            step = await self._admit(connection, session_id, body, source)
        if not isinstance(step, Admitted):
            return step
        verdict = self._judge(step)
        async with self.house.database.writing() as connection:
            return await self._settle(connection, session_id, verdict)

    # ------------------------------------------------------------ the first transaction

    async def _admit(self, connection: AsyncConnection, session_id: str, body: bytes, source: str) -> Step:
        now, digest = self._now(), hashlib.sha256(body).hexdigest()
        session = await sessions_store.find(connection, session_id)
        if session is None:
            return BridgeError(Code.PAIRING_OVER)
        if session.body_hash is None:
            finish = FinishRequest.read(body)
            # The PIN first, as everywhere: whoever locks several things does it in one order.
            if session.pin_id is not None:
                await pins_store.locked(connection, session.pin_id)
            if await sessions_store.bind(connection, session_id, digest, source, now):
                await self._count(connection, session, source, now)
                return Admitted(await self._known(connection, session_id), finish)
            session = await self._known(connection, session_id)
        return await self._again(connection, session, body, digest)

    async def _count(self, connection: AsyncConnection, session: Session, source: str, now: datetime) -> None:
        """Takes a try, whatever will come of it. `BridgeError(SLOW_DOWN)` undoes the whole transaction."""
        counted = session.pin_id is not None and await pins_store.count_try(connection, session.pin_id, now)
        wait = await windows.take(connection, FAILURES_OF_SOURCE, source, now)
        if wait is not None:
            raise BridgeError(Code.SLOW_DOWN, "too many PINs were refused", retry_after=wait)
        if counted:
            full = await windows.take(connection, FAILURES_OF_PORTAL, "", now) is not None
            await sessions_store.note_try(connection, session.id, consent=full)

    async def _again(self, connection: AsyncConnection, session: Session, body: bytes, digest: str) -> Step:
        """What a session says that has its finish already, or whose time is over."""
        now = self._now()
        if session.body_hash is None or session.finished_at is None or now >= session.finished_at + REPLAY_LASTS:
            return BridgeError(Code.PAIRING_OVER)
        if not hmac.compare_digest(session.body_hash, digest):
            return BridgeError(Code.FINISH_CONFLICT)
        match session.stage:
            case Stage.WAITING if now < session.ends_at:
                return waiting(session.fingerprint)
            case Stage.JUDGING if now < session.ends_at and session.sealed_state:
                return Admitted(session, FinishRequest.read(body))
            case Stage.OVER:
                return await self._ended(connection, session, now)
        return BridgeError(Code.PAIRING_OVER)

    async def _ended(self, connection: AsyncConnection, session: Session, now: datetime) -> End:
        if session.refusal is not None or session.answer is None:
            return session.refusal or BridgeError(Code.PAIRING_OVER)
        link = await links_store.by_id(connection, session.link_id or "")
        if link is None or (link.first_contact_at and now >= link.first_contact_at + REPLAY_AFTER_CONTACT):
            return BridgeError(Code.PAIRING_OVER)
        return session.answer

    # ------------------------------------------------------------ between them

    def _judge(self, step: Admitted) -> Verdict:
        """Compares, and opens what a right one sent. A try that was not granted is not looked at."""
        session = step.session
        if not session.counted or not session.sealed_state:
            return None
        sealed = base64.b64decode(session.sealed_state)
        state = PortalState.load(self.house.vault.unseal(sealed, f"{CONTEXT}/{session.id}"))
        try:
            return state.judge(step.finish)
        except BridgeError as unreadable:
            return unreadable

    # ------------------------------------------------------------ the second transaction

    async def _settle(self, connection: AsyncConnection, session_id: str, verdict: Verdict) -> End:
        session = await self._known(connection, session_id)
        if isinstance(verdict, Judged) and session.location_id is not None:
            await pins_store.lock_location(connection, session.location_id)
        pin = None if session.pin_id is None else await pins_store.locked(connection, session.pin_id)
        locked = await sessions_store.locked(connection, session_id)
        if locked is None:
            return BridgeError(Code.PAIRING_OVER)
        if locked.stage is not Stage.JUDGING:
            # The same finish came twice at once, and the other one was faster.
            return waiting(locked.fingerprint) if locked.stage is Stage.WAITING else _end_of(locked)
        match verdict:
            case None:
                return await self._wrong(connection, locked, pin)
            case BridgeError():
                await self._give_back(connection, locked)
                return await self._refuse(connection, locked, pin, verdict)
            case Judged():
                await self._give_back(connection, locked)
                return await self._right(connection, locked, pin, verdict)

    async def _wrong(self, connection: AsyncConnection, session: Session, pin: Pin | None) -> End:
        refusal = BridgeError(Code.PIN_REFUSED)
        actor = connector_of(session)
        await sessions_store.refuse(connection, session.id, refusal)
        entry = _entry(PairingEvent.FAILED, pin, counted=session.counted)
        await self.house.audit.note(connection, actor, entry)
        if session.counted and pin is not None:
            if await pins_store.count_wrong(connection, pin.id) >= MOST_TRIES:
                await self.pins.burn(connection, pin.id, actor)
            await self.guarding.look(connection)
        return refusal

    async def _right(self, connection: AsyncConnection, session: Session, pin: Pin | None, judged: Judged) -> End:
        """A connector that knew the PIN. It wins if the PIN is still open, and the customer data allow it."""
        place = None if pin is None else await locations.find(connection, pin.location_id)
        if pin is None or place is None or not place.open or not pin.open_at(self._now()):
            return await self._refuse(connection, session, pin, BridgeError(Code.PIN_REFUSED), judged)
        condition = await self.preconditions.check(connection, place, self._now())
        refusal = refusal_of(condition)
        if refusal is not None:
            return await self._refuse(connection, session, pin, refusal, judged)
        await self.pins.use(connection, pin.id, connector_of(session, judged))
        if await self._needs_consent(connection, session, place):
            await self.consent.ask(connection, session, place, judged)
            return waiting(judged.key.fingerprint)
        return await self.granting.grant(connection, session, place, judged, condition)

    async def _needs_consent(self, connection: AsyncConnection, session: Session, place: Location) -> bool:
        return (
            session.consent
            or await self.guarding.on(connection)
            or await self.consent.wanted(connection, place, self._now())
        )

    async def _give_back(self, connection: AsyncConnection, session: Session) -> None:
        """Whoever knows the PIN has made no wrong try."""
        if session.pin_id is None or session.finished_at is None:
            return
        await pins_store.give_back(connection, session.pin_id)
        await windows.give_back(connection, FAILURES_OF_SOURCE, session.source, session.finished_at)
        if not session.consent:
            await windows.give_back(connection, FAILURES_OF_PORTAL, "", session.finished_at)

    async def _refuse(
        self,
        connection: AsyncConnection,
        session: Session,
        pin: Pin | None,
        refusal: BridgeError,
        judged: Judged | None = None,
    ) -> End:
        await sessions_store.refuse(connection, session.id, refusal)
        entry = _entry(PairingEvent.REFUSED, pin, code=refusal.code.value)
        await self.house.audit.note(connection, connector_of(session, judged), entry)
        return BridgeError(refusal.code, place=refusal.place)

    async def _known(self, connection: AsyncConnection, session_id: str) -> Session:
        found = await sessions_store.find(connection, session_id)
        if found is None:
            raise BridgeError(Code.PAIRING_OVER)
        return found

    def _now(self) -> datetime:
        return self.house.runtime.clock.now()


def waiting(fingerprint: str) -> BridgeError:
    """What a connector hears while somebody decides."""
    return BridgeError(Code.WAITING_CONFIRM, f"the code is {fingerprint}", retry_after=POLL_SECONDS)


def _end_of(session: Session) -> End:
    return session.refusal or session.answer or BridgeError(Code.PAIRING_OVER)


def _entry(event: PairingEvent, pin: Pin | None, **after: object) -> Entry:
    if pin is None:
        return Entry(event, None, after=after)
    return Entry(event, pin.tenant_id, pin.location_id, pin.id, after=after)
