"""What people decide about partners and their keys.

A partner belongs to the merchant, a key to one of its locations: whoever may edit partners there makes and ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import write_scopes
from tillbridge.portal.audit.log import Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import Location
from tillbridge.portal.partners import store
from tillbridge.portal.partners.model import (
    AT_ONCE,
    ENDING,
    KeyDraft,
    MadeKey,
    Partner,
    PartnerEvent,
    PartnerKey,
    check_name,
    digest_of,
    draw_key,
)
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.systems_store import open_locations


@dataclass(frozen=True, slots=True)
class SeenPartner:
    """A partner with those of its keys that the reader may see, the newest first."""

    partner: Partner
    keys: tuple[PartnerKey, ...]


class Partners:
    """The partners of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    # ------------------------------------------------------------ looking

    async def all(self, person: Person) -> Sequence[SeenPartner]:
        """The merchant's partners, by name."""
        _require_looking(person)
        async with self._house.database.reading() as connection:
            found = await store.of_tenant(connection, person.home)
            keys = await store.keys_of(connection, [one.id for one in found])
        return [_seen(person, one, keys[one.id]) for one in found if _sees(person, keys[one.id])]

    async def seen(self, person: Person, partner_id: str) -> SeenPartner:
        """One partner. `BridgeError(RECORD_UNKNOWN)` for another merchant's."""
        async with self._house.database.reading() as connection:
            one = await _known(connection, person, partner_id)
            keys = await store.keys_of(connection, [one.id])
        return _seen(person, one, keys[one.id])

    async def places(self, person: Person, action: Action) -> Sequence[Location]:
        """The open locations at which this person may do that about partners, by their names."""
        async with self._house.database.reading() as connection:
            found = await open_locations(connection, person.home)
        return [one for one in found if person.may(Area.PARTNERS, action, one.id)]

    async def names(self, person: Person) -> dict[str, str]:
        """The names of the merchant's locations, by id."""
        async with self._house.database.reading() as connection:
            found = await open_locations(connection, person.home)
        return {one.id: one.name for one in found}

    # ------------------------------------------------------------ partners

    async def add(self, person: Person, name: str) -> Partner:
        """A new partner, without a key.

        `BridgeError`: RIGHT_MISSING, STEP_UP_NEEDED; FIELD_INVALID and RECORD_CONFLICT (place `name`).
        """
        _require_editing(person)
        person.require_step_up(self._house.runtime.clock.now())
        made = Partner(
            self._house.runtime.ids.new(),
            person.home,
            check_name(name),
            self._house.runtime.clock.now(),
            person.actor.name,
        )
        async with self._house.database.writing() as connection:
            await store.add(connection, made)
            await self._note(connection, person.actor, PartnerEvent.ADDED, made)
        return made

    async def remove(self, person: Person, partner_id: str) -> None:
        """Takes a partner away; its keys open nothing from this moment on.

        `BridgeError`: STEP_UP_NEEDED; RIGHT_MISSING unless this person may edit partners wherever it has a key.
        """
        async with self._house.database.writing() as connection:
            one = await _known(connection, person, partner_id, locked=True)
            _require_editing(person)
            now = self._house.runtime.clock.now()
            keys = (await store.keys_of(connection, [one.id]))[one.id]
            for place in {key.location_id for key in keys if key.good(now)}:
                if not person.may(Area.PARTNERS, Action.EDIT, place):
                    person.require(Area.PARTNERS, Action.EDIT)
            person.require_step_up(now)
            await store.remove(connection, one.id)
            await self._note(connection, person.actor, PartnerEvent.REMOVED, one, before={"keys": len(keys)})

    # ------------------------------------------------------------ keys

    async def make_key(self, person: Person, partner_id: str, draft: KeyDraft) -> MadeKey:
        """A new key; its text is in the answer and nowhere else.

        `BridgeError`: RECORD_UNKNOWN, RIGHT_MISSING, STEP_UP_NEEDED; FIELD_INVALID; RECORD_CONFLICT (place `location`)
        where two are good already.
        """
        house, now = self._house, self._house.runtime.clock.now()
        async with house.database.writing() as connection:
            one = await _known(connection, person, partner_id, locked=True)
            place = await locations.find(connection, draft.location_id)
            if place is None or place.tenant_id != one.tenant_id or not place.open:
                raise BridgeError(Code.RECORD_UNKNOWN, place="location")
            person.require(Area.PARTNERS, Action.EDIT, place.id)
            person.require_step_up(now)
            draft.check()
            if await store.count_good(connection, one.id, place.id, now) >= AT_ONCE:
                said = f"{AT_ONCE} keys are good there: revoke the old one first"
                raise BridgeError(Code.RECORD_CONFLICT, said, place="location")
            made = self._draw(one, draft, person.actor.name, now)
            await store.add_key(connection, made.key)
            await self._note(connection, person.actor, PartnerEvent.KEY_MADE, one, key=made.key, after=_facts(made.key))
        return made

    async def revoke(self, person: Person, partner_id: str, key_id: str) -> None:
        """Ends a key at once. It asks for no fresh proof: whoever has lost one has no time for it."""
        async with self._house.database.writing() as connection:
            one = await _known(connection, person, partner_id, locked=True)
            keys = (await store.keys_of(connection, [one.id]))[one.id]
            key = next((each for each in keys if each.id == key_id), None)
            if key is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            person.require(Area.PARTNERS, Action.EDIT, key.location_id)
            if await store.revoke(connection, key.id, self._house.runtime.clock.now()):
                await self._note(connection, person.actor, PartnerEvent.KEY_REVOKED, one, key=key)

    async def location_gone(self, connection: AsyncConnection, location_id: str, actor: Actor) -> None:
        """What happens when a location closes or changes hands: its keys open nothing any more."""
        for key in await store.revoke_at(connection, location_id, self._house.runtime.clock.now()):
            one = await store.find(connection, key.partner_id)
            if one is not None:
                await self._note(connection, actor, PartnerEvent.KEY_REVOKED, one, key=key)

    def _draw(self, one: Partner, draft: KeyDraft, by: str, now: datetime) -> MadeKey:
        text = draw_key(self._house.runtime.chance)
        digest = digest_of(self._house.vault, text)
        if digest is None:
            raise ValueError("a key that was drawn has not the form of one")
        key = PartnerKey(
            id=self._house.runtime.ids.new(),
            partner_id=one.id,
            location_id=draft.location_id,
            digest=digest,
            ending=text[-ENDING:],
            scopes=draft.scopes,
            in_address=draft.in_address,
            created_at=now,
            created_by=by,
            expires_at=None if draft.days is None else now + timedelta(days=draft.days),
        )
        return MadeKey(key, text)

    async def _note(
        self,
        connection: AsyncConnection,
        actor: Actor,
        event: PartnerEvent,
        one: Partner,
        *,
        key: PartnerKey | None = None,
        before: dict[str, object] | None = None,
        after: dict[str, object] | None = None,
    ) -> None:
        subject = one.name if key is None else f"{one.name} …{key.ending}"
        place = None if key is None else key.location_id
        entry = Entry(event, one.tenant_id, place, subject=subject, before=before or {}, after=after or {})
        await self._house.audit.note(connection, actor, entry)


def _facts(key: PartnerKey) -> dict[str, object]:
    return {
        "scopes": write_scopes(key.scopes),
        "expires": None if key.expires_at is None else key.expires_at.isoformat(),
        "in_address": key.in_address,
    }


def _seen(person: Person, one: Partner, keys: Sequence[PartnerKey]) -> SeenPartner:
    return SeenPartner(one, tuple(key for key in keys if person.may(Area.PARTNERS, Action.VIEW, key.location_id)))


def _require_looking(person: Person) -> None:
    if not person.may_somewhere(Area.PARTNERS):
        person.require(Area.PARTNERS, Action.VIEW)


def _require_editing(person: Person) -> None:
    if not person.may_somewhere(Area.PARTNERS, Action.EDIT):
        person.require(Area.PARTNERS, Action.EDIT)


async def _known(connection: AsyncConnection, person: Person, partner_id: str, *, locked: bool = False) -> Partner:
    _require_looking(person)
    found = await store.find(connection, partner_id, locked=locked)
    if found is None or found.tenant_id != person.home:
        raise BridgeError(Code.RECORD_UNKNOWN)
    if not _sees(person, (await store.keys_of(connection, [found.id]))[found.id]):
        raise BridgeError(Code.RECORD_UNKNOWN)
    return found


def _sees(person: Person, keys: Sequence[PartnerKey]) -> bool:
    """Whether a partner with these keys works where this person looks after partners, or nowhere yet."""
    return (
        person.may(Area.PARTNERS, Action.VIEW)
        or not keys
        or any(person.may(Area.PARTNERS, Action.VIEW, key.location_id) for key in keys)
    )
