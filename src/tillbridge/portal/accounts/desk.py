"""Who may change whom: the rules of docs/reference/portal-rights.md, "Changing people", at one place.

A change is decided with rights that are read within its own transaction, after the merchant's people were locked:
whoever lost a right a moment ago no longer hands it on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import groups_store, people_store, support
from tillbridge.portal.accounts.grants import Grant, Holdings
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_model import Colleague, Group, Membership
from tillbridge.portal.accounts.people_store import Sight
from tillbridge.portal.accounts.reaches import load_holdings
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person, Right

SEE_PEOPLE: Final = Right(Area.PEOPLE, Action.VIEW)
EDIT_PEOPLE: Final = Right(Area.PEOPLE, Action.EDIT)


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody at work on the people of a merchant. `holdings` are what that person may do at this very moment."""

    connection: AsyncConnection
    person: Person
    holdings: Holdings
    now: datetime

    @property
    def tenant_id(self) -> str:
        """The merchant that is worked on."""
        return self.person.home

    @property
    def sight(self) -> Sight:
        """Whom this person sees. `BridgeError(RIGHT_MISSING)` for somebody who may see nobody."""
        if not self.holdings.held(SEE_PEOPLE):
            raise _missing(SEE_PEOPLE)
        return Sight(self.person.id, self.holdings.reach(SEE_PEOPLE), self.holdings.whole(SEE_PEOPLE))

    async def find(self, person_id: str) -> Colleague:
        """Somebody in sight. `BridgeError(RECORD_UNKNOWN)` for anybody else."""
        found = await people_store.find(self.connection, self.tenant_id, self.sight, person_id)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return found

    async def group(self, group_id: str) -> Group:
        """A group of this merchant. `BridgeError(RECORD_UNKNOWN)` for any other."""
        found = await groups_store.find(self.connection, self.tenant_id, group_id)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN, place="group")
        return found

    async def memberships(self, one: Colleague) -> list[Membership]:
        """All memberships of somebody, also those that this person does not see."""
        return list(await people_store.memberships(self.connection, self.tenant_id, [one.id]))

    def sees(self, grant: Grant) -> bool:
        """Whether this person may know of a membership with this scope."""
        if grant.location_id is None:
            return self.holdings.whole(SEE_PEOPLE)
        return self.holdings.reach(SEE_PEOPLE).covers(grant.location_id)

    def may_place(self, grant: Grant) -> bool:
        """Whether people may be given rights, or lose them, with this scope."""
        return self.holdings.includes(EDIT_PEOPLE, grant)

    def may_give(self, group: Group, grant: Grant) -> bool:
        """Whether somebody may be put into this group with this scope."""
        return self.may_place(grant) and self.holdings.includes_all(group.rights, grant)

    def may_take(self, group: Group, grant: Grant) -> bool:
        """Whether somebody may be taken out again: an administrator only by one who may do as much."""
        return self.may_give(group, grant) if EDIT_PEOPLE in group.rights else self.may_place(grant)

    async def require_give(self, group: Group, grant: Grant) -> None:
        """Nobody gives a right that he does not have there himself. `BridgeError`: RECORD_UNKNOWN, RIGHT_MISSING."""
        if not await people_store.is_place(self.connection, self.tenant_id, grant):
            raise BridgeError(Code.RECORD_UNKNOWN, place="location")
        self._require_rights(group, grant)

    def require_take(self, group: Group, grant: Grant) -> None:
        """See `may_take`. `BridgeError`: RECORD_UNKNOWN, RIGHT_MISSING."""
        if not self.may_take(group, grant):
            self._require_rights(group, grant)

    def _require_rights(self, group: Group, grant: Grant) -> None:
        if grant.location_id is not None and not self.holdings.reach(EDIT_PEOPLE).covers(grant.location_id):
            raise BridgeError(Code.RECORD_UNKNOWN, place="location")
        missing = sorted(right for right in {EDIT_PEOPLE, *group.rights} if not self.holdings.includes(right, grant))
        if missing:
            raise _missing(missing[0])

    def require_groups(self, *rights: Right) -> None:
        """Groups are the whole merchant's, and hold no right that their editor has not there.

        `BridgeError(RIGHT_MISSING)`.
        """
        missing = sorted(right for right in {EDIT_PEOPLE, *rights} if not self.holdings.whole(right))
        if missing:
            raise _missing(missing[0])

    async def require_person(self, one: Colleague, *, back: bool = False) -> None:
        """That this person may close somebody's account, or with `back` open it again.

        `BridgeError(RIGHT_MISSING)`; RECORD_CONFLICT for one's own account, which somebody else has to close.
        """
        if one.id == self.person.id:
            raise BridgeError(Code.RECORD_CONFLICT, "nobody closes his own account", place="self")
        found = await self.memberships(one)
        if not found and not self.holdings.whole(EDIT_PEOPLE):
            raise _missing(EDIT_PEOPLE)
        for each in found:
            if not (self.may_give if back else self.may_take)(each.group, each.grant):
                raise _missing(EDIT_PEOPLE)


@asynccontextmanager
async def reading(house: House, person: Person) -> AsyncIterator[Desk]:
    """A look at people and groups."""
    now = house.runtime.clock.now()
    async with house.database.reading() as connection:
        yield Desk(connection, person, await _holdings(connection, person, now), now)


@asynccontextmanager
async def changing(house: House, person: Person) -> AsyncIterator[Desk]:
    """One change of a merchant's people or groups at a time. `BridgeError(STEP_UP_NEEDED)` without a fresh proof."""
    now = house.runtime.clock.now()
    require_somewhere(person, EDIT_PEOPLE)
    person.require_step_up(now)
    async with house.database.writing() as connection:
        await groups_store.lock(connection, person.home)
        if not await people_store.is_active(connection, person.home, person.id):
            raise _missing(EDIT_PEOPLE)
        yield Desk(connection, person, await load_holdings(connection, person.id, person.home), now)


@asynccontextmanager
async def keeping_an_owner(desk: Desk) -> AsyncIterator[None]:
    """A change after which the merchant still has an owner who can sign in.

    `BridgeError(RECORD_CONFLICT)` takes it back if it would have removed the last one.
    """
    before = await groups_store.owner_states(desk.connection, desk.tenant_id)
    yield
    after = await groups_store.owner_states(desk.connection, desk.tenant_id)
    active = PersonState.ACTIVE.value
    if (before.get(active) and not after.get(active)) or (before and not after):
        raise BridgeError(Code.RECORD_CONFLICT, "the last owner stays", place="owner")


def require_somewhere(person: Person, right: Right) -> None:
    """`BridgeError(RIGHT_MISSING)` for somebody who has this right nowhere at all."""
    if not person.may_somewhere(right.area, right.action):
        raise _missing(right)


async def _holdings(connection: AsyncConnection, person: Person, now: datetime) -> Holdings:
    if person.operator:
        return await support.staff_holdings(connection, person.home, now)
    return await load_holdings(connection, person.id, person.home)


def _missing(right: Right) -> BridgeError:
    return BridgeError(Code.RIGHT_MISSING, f"this needs the right {right}", place=str(right))
