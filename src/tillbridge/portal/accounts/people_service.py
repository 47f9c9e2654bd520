"""Changing a merchant's people: who is invited, what they may do, and who goes. `desk.py` says who may change whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import groups_store, people_store, store
from tillbridge.portal.accounts.desk import EDIT_PEOPLE, Desk, changing, keeping_an_owner, reading
from tillbridge.portal.accounts.founding import add_invited
from tillbridge.portal.accounts.grants import EVERYTHING, NOWHERE, Grant
from tillbridge.portal.accounts.invitations import Invitations
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_model import Colleague, Group, Invitee, Membership, PeopleEvent
from tillbridge.portal.accounts.people_store import Place, Search
from tillbridge.portal.accounts.reaches import load_holdings
from tillbridge.portal.audit.log import Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person, Reach, Right


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the list: a person and the memberships that the reader may know of."""

    one: Colleague
    memberships: Sequence[Membership]


@dataclass(frozen=True, slots=True)
class Shown:
    """A person's page. `reaches` are that person's rights, `takeable` the memberships that the reader may end.

    `closable` and `openable` say whether the reader may close the account or open it again; `me` that it is his own.
    """

    one: Colleague
    memberships: Sequence[Membership]
    takeable: frozenset[str]
    reaches: Mapping[Right, Reach]
    closable: bool
    openable: bool
    me: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody may choose from when giving rights: no places and no groups for one who may give none.

    `whole`: the merchant as a whole may be chosen.
    """

    groups: Sequence[Group]
    places: Sequence[Place]
    whole: bool


class People:
    """The people of a merchant."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._invitations = Invitations(house)

    async def page(self, person: Person, search: Search) -> tuple[Sequence[Listed], bool]:
        """A page of the people whom this person sees, and whether there are more."""
        async with reading(self._house, person) as desk:
            found, more = await people_store.colleagues(desk.connection, desk.tenant_id, desk.sight, search)
            every = await people_store.memberships(desk.connection, desk.tenant_id, [one.id for one in found])
        known = [each for each in every if desk.sees(each.grant)]
        return [Listed(one, [each for each in known if each.person_id == one.id]) for one in found], more

    async def show(self, person: Person, person_id: str) -> Shown:
        """One of them. `BridgeError(RECORD_UNKNOWN)` for anybody out of sight."""
        async with reading(self._house, person) as desk:
            one = await desk.find(person_id)
            every = await desk.memberships(one)
            holdings = await load_holdings(desk.connection, one.id, desk.tenant_id)
            closable, openable = await _allowed(desk, one), await _allowed(desk, one, back=True)
        return Shown(
            one,
            [each for each in every if desk.sees(each.grant)],
            frozenset(each.id for each in every if desk.sees(each.grant) and desk.may_take(each.group, each.grant)),
            holdings.reaches(),
            closable,
            openable,
            one.id == person.id,
        )

    async def choices(self, person: Person) -> Choices:
        """The groups and places that this person may put people into; the service decides again when it is done."""
        async with reading(self._house, person) as desk:
            reach, whole = desk.holdings.reach(EDIT_PEOPLE), desk.may_place(EVERYTHING)
            places = await people_store.places_in(desk.connection, desk.tenant_id, reach)
            groups = await groups_store.all_groups(desk.connection, desk.tenant_id)
            fit = [one for one in groups if desk.holdings.common({EDIT_PEOPLE, *one.rights}) != NOWHERE]
        return Choices(fit, places, whole)

    async def invite(self, person: Person, invitee: Invitee, group_id: str, grant: Grant) -> Colleague:
        """Invites somebody into a group.

        `BridgeError`: see `Desk.require_give`; RECORD_CONFLICT for an address that has an account.
        """
        async with changing(self._house, person) as desk:
            group = await desk.group(group_id)
            await desk.require_give(group, grant)
            if await people_store.address_taken(desk.connection, invitee.email):
                raise _taken()
            try:
                one = await add_invited(self._house, desk.connection, invitee, group, grant)
            except IntegrityError:
                # Another merchant invited the same address at the same moment.
                raise _taken() from None
            await self._invitations.send(desk.connection, one, person.name)
            after = {"group": group.label, "scope": grant.scope.value}
            await self._note(desk, PeopleEvent.INVITED, one, after=after, location_id=grant.location_id)
        return one

    async def invite_again(self, person: Person, person_id: str) -> None:
        """Another letter with a new link."""
        async with changing(self._house, person) as desk:
            one = await desk.find(person_id)
            await desk.require_person(one, back=True)
            await self._invitations.send(desk.connection, one, person.name)
            await self._note(desk, PeopleEvent.INVITED_AGAIN, one)

    async def put(self, person: Person, person_id: str, group_id: str, grant: Grant) -> None:
        """Puts somebody into a group. `BridgeError`: see `Desk.require_give`; RECORD_CONFLICT if that is so already."""
        async with changing(self._house, person) as desk:
            one, group = await desk.find(person_id), await desk.group(group_id)
            await desk.require_give(group, grant)
            if await people_store.has(desk.connection, one.id, group.id, grant):
                raise BridgeError(Code.RECORD_CONFLICT, "the person is in this group", place="group")
            await people_store.join(desk.connection, self._house.runtime.ids.new(), one.id, group.id, grant)
            after = {"group": group.label, "scope": grant.scope.value}
            await self._note(desk, PeopleEvent.MEMBERSHIP_ADDED, one, after=after, location_id=grant.location_id)

    async def take(self, person: Person, person_id: str, membership_id: str) -> None:
        """Takes somebody out of a group, never the last owner."""
        async with changing(self._house, person) as desk:
            one = await desk.find(person_id)
            every = await desk.memberships(one)
            found = next((each for each in every if each.id == membership_id and desk.sees(each.grant)), None)
            if found is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            desk.require_take(found.group, found.grant)
            async with keeping_an_owner(desk):
                await people_store.leave(desk.connection, found.id)
            before = {"group": found.group.label, "scope": found.grant.scope.value}
            await self._note(
                desk, PeopleEvent.MEMBERSHIP_REMOVED, one, before=before, location_id=found.grant.location_id
            )

    async def disable(self, person: Person, person_id: str) -> None:
        """Closes an account: its sessions end at once, its memberships stay for the day it is opened again."""
        async with changing(self._house, person) as desk:
            one = await desk.find(person_id)
            await desk.require_person(one)
            async with keeping_an_owner(desk):
                if not await people_store.set_state(desk.connection, one.id, PersonState.ACTIVE, PersonState.DISABLED):
                    raise BridgeError(Code.RECORD_CONFLICT, "the account is not in use", place="state")
            await store.end_sessions(desk.connection, one.id)
            await self._note(desk, PeopleEvent.DISABLED, one)

    async def enable(self, person: Person, person_id: str) -> None:
        """Opens an account again; whoever does it must be able to give all that comes back with it."""
        async with changing(self._house, person) as desk:
            one = await desk.find(person_id)
            await desk.require_person(one, back=True)
            if not await people_store.set_state(desk.connection, one.id, PersonState.DISABLED, PersonState.ACTIVE):
                raise BridgeError(Code.RECORD_CONFLICT, "the account is not disabled", place="state")
            await self._note(desk, PeopleEvent.ENABLED, one)

    async def remove(self, person: Person, person_id: str) -> None:
        """Removes somebody with account and sessions; what the audit log says of that person stays."""
        async with changing(self._house, person) as desk:
            one = await desk.find(person_id)
            await desk.require_person(one)
            async with keeping_an_owner(desk):
                await people_store.remove(desk.connection, one.id)
            await self._note(desk, PeopleEvent.REMOVED, one, before={"state": one.state.value})

    async def _note(  # the parts of an entry, by name
        self,
        desk: Desk,
        event: PeopleEvent,
        one: Colleague,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
        location_id: str | None = None,
    ) -> None:
        subject = f"{one.name} <{one.email}>"[:200]
        entry = Entry(event, desk.tenant_id, location_id, subject, before or {}, after or {})
        await self._house.audit.note(desk.connection, desk.person.actor, entry)


async def _allowed(desk: Desk, one: Colleague, *, back: bool = False) -> bool:
    try:
        await desk.require_person(one, back=back)
    except BridgeError:
        return False
    return True


def _taken() -> BridgeError:
    return BridgeError(Code.RECORD_CONFLICT, "this address has an account", place="email")
