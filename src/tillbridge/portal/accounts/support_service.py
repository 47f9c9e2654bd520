"""Support access: opened by the merchant for a while, used by the operator's staff under their own names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import people_store, store, support_store
from tillbridge.portal.accounts.grants import Grant
from tillbridge.portal.accounts.people_model import PeopleEvent
from tillbridge.portal.accounts.reaches import load_holdings
from tillbridge.portal.accounts.rights_tables import REASON_LENGTH
from tillbridge.portal.accounts.support import staff_holdings
from tillbridge.portal.accounts.support_store import Access, Helped
from tillbridge.portal.audit.log import Actor, Entry
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Visit
from tillbridge.portal.rights import Action, Area, Person, Right

MOST_HOURS: Final = 72
"""The longest that access is opened for at a time: over a weekend."""

SHORTEST_REASON: Final = 3

SEE: Final = Right(Area.SUPPORT, Action.VIEW)
OPEN: Final = Right(Area.SUPPORT, Action.EDIT)


@dataclass(frozen=True, slots=True)
class Opening:
    """What somebody wants to open: where, for how many hours, and why."""

    grant: Grant
    hours: int
    reason: str


class Support:
    """The merchant's side."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def page(self, person: Person) -> Sequence[Access]:
        """The accesses that this person may know of, the latest first."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            if person.operator:
                holdings = await staff_holdings(connection, person.home, now)
            else:
                holdings = await load_holdings(connection, person.id, person.home)
            found = await support_store.accesses(connection, person.home, now)
        reach, whole = holdings.reach(SEE), holdings.whole(SEE)
        return [one for one in found if (whole if one.location_id is None else reach.covers(one.location_id))]

    async def open(self, person: Person, opening: Opening) -> None:
        """Opens access. `BridgeError`: STEP_UP_NEEDED, RIGHT_MISSING, FIELD_INVALID, RECORD_UNKNOWN."""
        hours, reason = check_opening(opening)
        now = self._house.runtime.clock.now()
        person.require_step_up(now)
        async with self._house.database.writing() as connection:
            await self._require(connection, person, opening.grant)
            by = f"{person.name} <{person.email}>"[:200]
            one = Access(
                id=self._house.runtime.ids.new(),
                location_id=opening.grant.location_id,
                place=None,
                reason=reason,
                opened_by=by,
                opened_at=now,
                ends_at=now + timedelta(hours=hours),
                closed_at=None,
                closed_by="",
                open=True,
            )
            await support_store.open_one(connection, person.home, one)
            after = {"hours": hours, "ends_at": one.ends_at.isoformat()}
            entry = Entry(
                PeopleEvent.SUPPORT_OPENED, person.home, one.location_id, opening.grant.scope, {}, after, reason
            )
            await self._house.audit.note(connection, person.actor, entry)

    async def close(self, person: Person, access_id: str) -> None:
        """Closes an access at once: the staff's next request finds nothing. Closing asks for no fresh proof."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            found = await support_store.accesses(connection, person.home, now)
            one = next((each for each in found if each.id == access_id and each.open), None)
            if one is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            await self._require(connection, person, one.grant)
            by = f"{person.name} <{person.email}>"[:200]
            if not await support_store.close_one(connection, person.home, access_id, by, now):
                raise BridgeError(Code.RECORD_UNKNOWN)
            entry = Entry(PeopleEvent.SUPPORT_CLOSED, person.home, one.location_id, one.grant.scope)
            await self._house.audit.note(connection, person.actor, entry)

    async def _require(self, connection: AsyncConnection, person: Person, grant: Grant) -> None:
        holdings = await load_holdings(connection, person.id, person.home)
        seen = any(reach.covers(grant.location_id) for reach in holdings.reaches().values())
        if grant.location_id is not None and not (seen and await people_store.is_place(connection, person.home, grant)):
            raise BridgeError(Code.RECORD_UNKNOWN, place="location")
        if not holdings.includes(OPEN, grant):
            raise BridgeError(Code.RIGHT_MISSING, f"this needs the right {OPEN}", place=str(OPEN))


class Staff:
    """The operator's side."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def merchants(self, person: Person, search: str, offset: int, most: int) -> Sequence[Helped]:
        """Merchants by name, each with the end of its open access."""
        require_staff(person)
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            return await support_store.merchants(connection, now, search, offset, most)

    async def help(self, visit: Visit, tenant_id: str) -> None:
        """From the next request on this session works for that merchant.

        `BridgeError`: STEP_UP_NEEDED; RECORD_UNKNOWN when no access is open there.
        """
        require_staff(visit.person)
        now = self._house.runtime.clock.now()
        visit.person.require_step_up(now)
        async with self._house.database.writing() as connection:
            if not await support_store.open_grants(connection, tenant_id, now):
                raise BridgeError(Code.RECORD_UNKNOWN)
            await store.set_helping(connection, visit.session_id, tenant_id)
            await self._note(connection, visit.person.actor, PeopleEvent.SUPPORT_ENTERED, tenant_id)

    async def leave(self, visit: Visit) -> None:
        """Helps nobody any more."""
        if not visit.person.operator:
            raise BridgeError(Code.RECORD_UNKNOWN)
        async with self._house.database.writing() as connection:
            await store.set_helping(connection, visit.session_id, None)
            if visit.person.tenant_id is not None:
                await self._note(connection, visit.person.actor, PeopleEvent.SUPPORT_LEFT, visit.person.tenant_id)

    async def _note(self, connection: AsyncConnection, actor: Actor, event: PeopleEvent, tenant_id: str) -> None:
        await self._house.audit.note(connection, actor, Entry(event, tenant_id))


def require_staff(person: Person) -> None:
    """`BridgeError(RECORD_UNKNOWN)` for everybody but the operator's staff who help nobody right now."""
    if not person.operator or person.tenant_id is not None:
        raise BridgeError(Code.RECORD_UNKNOWN)


def check_opening(opening: Opening) -> tuple[int, str]:
    """The hours and the reason. `BridgeError(FIELD_INVALID)` names what is wrong."""
    if not 1 <= opening.hours <= MOST_HOURS:
        raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_HOURS} hours", place="hours")
    reason = " ".join(opening.reason.split())
    if not SHORTEST_REASON <= len(reason) <= REASON_LENGTH or not reason.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a reason of up to {REASON_LENGTH} characters", place="reason")
    return opening.hours, reason
