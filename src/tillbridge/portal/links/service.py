"""What may become of a link (docs/reference/portal-tokens.md, section 2). Rights are checked before it comes here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import master_token
from tillbridge.link.keys import PublicKey
from tillbridge.link.pairing.words import ConnectorDescription
from tillbridge.portal.audit.log import PORTAL, Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.links import store
from tillbridge.portal.links.letters import nobody, tell
from tillbridge.portal.links.model import (
    ENDED,
    FIRST_CONTACT_WITHIN,
    IN_USE,
    CredentialStanding,
    Link,
    LinkEvent,
    LinkState,
    Opened,
    Owners,
    PinPhase,
    PinPhases,
    Standing,
    shown_state,
)
from tillbridge.portal.locations.model import Location

LONGEST_REASON: Final = 500

_SUSPENDABLE: Final = IN_USE - {LinkState.SUSPENDED}
_CONVERSION: Final = frozenset({LinkState.CONVERTING, LinkState.CONVERSION_FAILED, LinkState.ACTIVE})


class Links:
    """The links of a portal. Each method works in the caller's transaction and writes its own audit entries.

    `owners` says who is written to; `pins` what pairing knows of locations without a link.
    """

    def __init__(self, house: House, owners: Owners = nobody, pins: PinPhases | None = None) -> None:
        self.house = house
        self._owners = owners
        self._pins = pins

    # ------------------------------------------------------------ seeing

    async def state(self, connection: AsyncConnection, location_id: str) -> LinkState:
        """How a location stands, in one word."""
        return (await self.state_of(connection, location_id)).state

    async def state_of(self, connection: AsyncConnection, location_id: str) -> Standing:
        """How a location stands."""
        phase = None if self._pins is None else await self._pins.of_location(connection, location_id)
        return self._standing(await store.glance(connection, location_id), phase)

    async def states_of(self, connection: AsyncConnection, tenant_id: str) -> Mapping[str, Standing]:
        """The same for every location of a merchant that was ever paired or is about to be; the others are not paired.

        One query for links and one for pairing, however many locations there are.
        """
        phases = {} if self._pins is None else await self._pins.of_tenant(connection, tenant_id)
        glances = {one.location_id: one for one in await store.glances(connection, tenant_id)}
        return {name: self._standing(glances.get(name), phases.get(name)) for name in glances.keys() | phases.keys()}

    async def link(self, connection: AsyncConnection, link_id: str, *, lock: bool = False) -> Link:
        """A link. `BridgeError(RECORD_UNKNOWN)` if there is none; whose it is, is the caller's to check."""
        found = await store.by_id(connection, link_id, lock=lock)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return found

    async def link_of(self, connection: AsyncConnection, location_id: str) -> Link | None:
        """The link of a location that is in use, or else the one that waits for its first contact."""
        living = await store.living(connection, location_id)
        return next((one for one in living if one.state in IN_USE), living[0] if living else None)

    def _standing(self, glance: store.Glance | None, phase: PinPhase | None) -> Standing:
        if glance is None or (phase is not None and glance.state in ENDED):
            return Standing(phase.state if phase else LinkState.NOT_PAIRED, pin=phase)
        shown = shown_state(glance.state, glance.last_contact_at, self.house.runtime.clock.now())
        return Standing(
            shown,
            glance.link_id,
            glance.since,
            glance.last_contact_at,
            clone_suspected=glance.clone_suspected,
            pin=phase,
        )

    # ------------------------------------------------------------ beginning

    async def open_link(
        self,
        connection: AsyncConnection,
        location: Location,
        facts: ConnectorDescription,
        key: PublicKey,
        actor: Actor,
        *,
        conversion_due: bool = False,
    ) -> Opened:
        """A new link that waits for its first contact; the one in use, if any, goes on until then.

        A link that was waiting already gives way: its connector never came. `conversion_due`: the customer data must be
        converted before the link does anything else.
        """
        living = await store.living(connection, location.id, lock=True)
        for one in living:
            if one.state is LinkState.WAITING_FIRST_CONTACT:
                await self.move(connection, one, LinkState.ABANDONED, LinkEvent.ABANDONED, PORTAL, "paired again")
        link_id = self.house.runtime.ids.new()
        await store.add(connection, self._row(link_id, location, facts, conversion_due=conversion_due))
        _, token = await self.add_credential(connection, link_id, key, CredentialStanding.CURRENT)
        made = await self.link(connection, link_id)
        replaces = next((one for one in living if one.state in IN_USE), None)
        after = {"fingerprint": key.fingerprint, "computer": facts.name, "replaces": replaces.id if replaces else None}
        await self.note(connection, LinkEvent.OPENED, made, actor, after=after)
        return Opened(made, token, replaces)

    def _row(
        self, link_id: str, location: Location, facts: ConnectorDescription, *, conversion_due: bool
    ) -> Mapping[str, object]:
        now = self.house.runtime.clock.now()
        return {
            "id": link_id,
            "location_id": location.id,
            "tenant_id": location.tenant_id,
            "state": LinkState.WAITING_FIRST_CONTACT,
            "state_since": now,
            "conversion_due": conversion_due,
            "connector_id": facts.connector_id,
            "connector_name": facts.name,
            "connector_version": facts.version,
            "connector_os": facts.os,
            "created_at": now,
        }

    async def add_credential(
        self, connection: AsyncConnection, link_id: str, key: PublicKey, standing: CredentialStanding
    ) -> tuple[str, str]:
        """A new credential of a link; returns its id and its master token, which is known at this moment only."""
        credential_id, token = self.house.runtime.ids.new(), master_token.new(self.house.runtime.chance.randbytes)
        await store.add_credential(
            connection,
            {
                "id": credential_id,
                "link_id": link_id,
                "standing": standing,
                "public_key": store.text_of(key),
                "thumbprint": key.thumbprint,
                "master_hash": store.hash_of(token),
                "master_last4": token[-4:],
                "made_at": self.house.runtime.clock.now(),
            },
        )
        return credential_id, token

    async def acknowledge(self, connection: AsyncConnection, one: Link, actor: Actor) -> Link:
        """The first contact of a waiting link: it comes into use, and the one that it replaces ends."""
        for older in await store.living(connection, one.location_id, lock=True):
            if older.state in IN_USE:
                await self.move(connection, older, LinkState.REPLACED, LinkEvent.REPLACED, actor)
        target = LinkState.CONVERTING if one.conversion_due else LinkState.ACTIVE
        await store.change(connection, one.id, first_contact_at=self.house.runtime.clock.now())
        return await self.move(connection, one, target, LinkEvent.FIRST_CONTACT, actor)

    async def abandon_overdue(self, connection: AsyncConnection) -> int:
        """Gives up the links whose first contact did not come within a day; returns how many."""
        overdue = await store.waiting_since(connection, self.house.runtime.clock.now() - FIRST_CONTACT_WITHIN)
        for one in overdue:
            await self.abandon(connection, one)
        return len(overdue)

    async def abandon(self, connection: AsyncConnection, one: Link) -> Link:
        """Gives up a link that was never used."""
        return await self.move(connection, one, LinkState.ABANDONED, LinkEvent.ABANDONED, PORTAL, "no first contact")

    # ------------------------------------------------------------ pausing and ending

    async def suspend(self, connection: AsyncConnection, link_id: str, actor: Actor, reason: str = "") -> Link:
        """Pauses a link in use; only its status and the putting back of money go on."""
        one = await self.link(connection, link_id, lock=True)
        if one.state not in _SUSPENDABLE:
            raise BridgeError(Code.RECORD_CONFLICT, f"a link that is {one.state} cannot be paused", place="state")
        return await self.move(connection, one, LinkState.SUSPENDED, LinkEvent.SUSPENDED, actor, reason)

    async def resume(self, connection: AsyncConnection, link_id: str, actor: Actor, reason: str = "") -> Link:
        """Ends a pause. The person who does it has looked: a suspicion of two computers is over with it."""
        one = await self.link(connection, link_id, lock=True)
        if one.state is not LinkState.SUSPENDED:
            raise BridgeError(Code.RECORD_CONFLICT, f"a link that is {one.state} is not paused", place="state")
        target = LinkState.CONVERTING if one.conversion_due else LinkState.ACTIVE
        await self._forget_runs(connection, one)
        return await self.move(connection, one, target, LinkEvent.RESUMED, actor, reason)

    async def revoke(
        self,
        connection: AsyncConnection,
        link_id: str,
        actor: Actor,
        reason: str = "",
        event: LinkEvent = LinkEvent.REVOKED,
    ) -> Link:
        """Ends a link for good, also before it was ever used: its tokens are dead with the commit."""
        one = await self.link(connection, link_id, lock=True)
        if one.ended:
            raise BridgeError(Code.RECORD_CONFLICT, f"the link is {one.state} already", place="state")
        return await self.move(connection, one, LinkState.REVOKED, event, actor, reason)

    async def unpair(self, connection: AsyncConnection, link_id: str, actor: Actor, reason: str = "") -> Link:
        """Ends a link because somebody at the till asked for it."""
        return await self.revoke(connection, link_id, actor, reason, LinkEvent.UNPAIRED)

    async def location_closed(self, connection: AsyncConnection, location_id: str, actor: Actor) -> None:
        """A closed location has no link."""
        for one in await store.living(connection, location_id, lock=True):
            await self.move(connection, one, LinkState.REVOKED, LinkEvent.REVOKED, actor, "the location was closed")

    async def location_moved(self, connection: AsyncConnection, location_id: str, actor: Actor) -> None:
        """A location that is another merchant's now: its link goes along and pauses until the new owner resumes it."""
        place, reason = await store.place(connection, location_id), "the location has moved"
        for one in await store.living(connection, location_id, lock=True):
            if place is not None:
                await store.change(connection, one.id, tenant_id=place.tenant_id)
                one = replace(one, tenant_id=place.tenant_id)  # noqa: PLW2901  # the same link, at its new owner
            if one.state is LinkState.WAITING_FIRST_CONTACT:
                await self.move(connection, one, LinkState.REVOKED, LinkEvent.REVOKED, actor, reason)
            elif one.state is not LinkState.SUSPENDED:
                await self.move(connection, one, LinkState.SUSPENDED, LinkEvent.SUSPENDED, actor, reason)

    # ------------------------------------------------------------ conversion

    async def note_conversion(
        self, connection: AsyncConnection, location_id: str, state: LinkState, actor: Actor
    ) -> Link | None:
        """How the conversion of the location's customer data goes: CONVERTING, CONVERSION_FAILED, or ACTIVE when done.

        A paused link stays paused and remembers. None: there is no link in use.
        """
        if state not in _CONVERSION:
            raise ValueError(f"{state} says nothing about a conversion")
        living = await store.living(connection, location_id, lock=True)
        one = next((found for found in living if found.state in IN_USE), None)
        if one is None:
            return None
        await store.change(connection, one.id, conversion_due=state is not LinkState.ACTIVE)
        one = replace(one, conversion_due=state is not LinkState.ACTIVE)
        if one.state in {LinkState.SUSPENDED, state}:
            return one
        return await self.move(connection, one, state, LinkEvent.CONVERSION, actor)

    # ------------------------------------------------------------ credentials

    async def ask_rotation(self, connection: AsyncConnection, link_id: str, actor: Actor, reason: str = "") -> Link:
        """The connector is to exchange its credential; it hears so with its next token."""
        one = await self.link(connection, link_id, lock=True)
        if one.ended:
            raise BridgeError(Code.RECORD_CONFLICT, f"the link is {one.state} already", place="state")
        now = self.house.runtime.clock.now()
        await store.change(connection, one.id, rotation_asked_at=now)
        await self.note(connection, LinkEvent.ROTATION_ASKED, one, actor, reason=reason)
        return replace(one, rotation_asked_at=now)

    async def clear_clone(self, connection: AsyncConnection, link_id: str, actor: Actor, reason: str = "") -> Link:
        """Somebody has looked: there is one computer."""
        one = await self.link(connection, link_id, lock=True)
        if one.clone_suspected_at is None:
            raise BridgeError(Code.RECORD_CONFLICT, "nothing is suspected of this link", place="state")
        await self._forget_runs(connection, one)
        await self.note(connection, LinkEvent.CLONE_CLEARED, one, actor, reason=reason)
        return replace(one, clone_suspected_at=None)

    async def _forget_runs(self, connection: AsyncConnection, one: Link) -> None:
        await store.change(
            connection, one.id, clone_suspected_at=None, counter=None, counter_left=None, counter_fell_at=None
        )

    async def choose_clones(self, connection: AsyncConnection, tenant_id: str, actor: Actor, *, suspend: bool) -> None:
        """Whether a link is paused as soon as two computers seem to use it; else there is an alarm only."""
        before = await store.suspends_clones(connection, tenant_id)
        await store.choose_clones(connection, tenant_id, suspend=suspend)
        entry = Entry(
            LinkEvent.CLONE_CHOICE, tenant_id, before={"suspend_clones": before}, after={"suspend_clones": suspend}
        )
        await self.house.audit.note(connection, actor, entry)

    # ------------------------------------------------------------ in common

    async def move(
        self,
        connection: AsyncConnection,
        one: Link,
        state: LinkState,
        event: LinkEvent,
        actor: Actor,
        reason: str = "",
    ) -> Link:
        """Changes the state of a locked link, with its audit entry and letters; a link that ends loses its sessions."""
        now, reason = self.house.runtime.clock.now(), reason[:LONGEST_REASON]
        ended_at = now if state in ENDED else None
        await store.change(connection, one.id, state=state, state_since=now, reason=reason, ended_at=ended_at)
        if state in ENDED:
            await store.drop_sessions(connection, one.id)
        moved = replace(one, state=state, state_since=now, reason=reason, ended_at=ended_at)
        await self.note(
            connection, event, moved, actor, before={"state": one.state}, after={"state": state}, reason=reason
        )
        return moved

    async def note(
        self,
        connection: AsyncConnection,
        event: LinkEvent,
        one: Link,
        actor: Actor,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        reason: str = "",
    ) -> None:
        """The audit entry of an event, and the letters about it."""
        entry = Entry(event, one.tenant_id, one.location_id, one.id, before or {}, after or {}, reason)
        await self.house.audit.note(connection, actor, entry)
        place = await store.place(connection, one.location_id)
        if place is not None:
            await tell(self.house, connection, self._owners, event, one, place)
