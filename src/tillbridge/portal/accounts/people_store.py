"""The statements of a merchant's people, their memberships and invitations."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts import groups_store
from tillbridge.portal.accounts.grants import Grant, Scope
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_model import Colleague, Membership
from tillbridge.portal.accounts.rights_tables import invitation, membership, people_group
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.tables import factor, password_link, person, recovery_code, session
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Reach

PAGE: Final = 50
"""People on a page of the list."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Whom somebody sees: those who have rights within `reach`, and himself (`me`).

    `whole`: he answers for the merchant as a whole, so also for those with rights everywhere and for those with none.
    """

    me: str
    reach: Reach
    whole: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A location, to be chosen from a list."""

    id: str
    name: str
    number: str


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of people is narrowed to; `offset` is the first one shown."""

    text: str = ""
    state: PersonState | None = None
    offset: int = 0


async def colleagues(
    connection: AsyncConnection, tenant_id: str, sight: Sight, search: Search
) -> tuple[Sequence[Colleague], bool]:
    """A page of people by name, and whether there are more."""
    wanted = _people(tenant_id, sight)
    if search.text:
        by_name = person.c.name.icontains(search.text, autoescape=True)
        wanted = wanted.where(or_(by_name, person.c.email.icontains(search.text, autoescape=True)))
    if search.state is not None:
        wanted = wanted.where(person.c.state == search.state.value)
    wanted = wanted.order_by(person.c.name, person.c.id).offset(search.offset).limit(PAGE + 1)
    found = [_colleague(row) for row in (await connection.execute(wanted)).all()]
    return found[:PAGE], len(found) > PAGE


async def find(connection: AsyncConnection, tenant_id: str, sight: Sight, person_id: str) -> Colleague | None:
    """One of the people in sight; None for anybody else, of whatever merchant."""
    row = (await connection.execute(_people(tenant_id, sight).where(person.c.id == person_id))).first()
    return None if row is None else _colleague(row)


async def is_active(connection: AsyncConnection, tenant_id: str, person_id: str) -> bool:
    """Whether this person of the merchant may sign in at this moment."""
    wanted = select(person.c.id).where(
        person.c.id == person_id, person.c.tenant_id == tenant_id, person.c.state == PersonState.ACTIVE.value
    )
    return (await connection.execute(wanted)).first() is not None


async def address_taken(connection: AsyncConnection, email: str) -> bool:
    """Whether an address opens an account already, of this merchant or of another."""
    return (await connection.execute(select(person.c.id).where(person.c.email == email))).first() is not None


async def add(connection: AsyncConnection, one: Colleague) -> None:
    """Writes a person down, without a password. `sqlalchemy.exc.IntegrityError` if the address is taken."""
    await connection.execute(
        insert(person).values(
            id=one.id,
            tenant_id=one.tenant_id,
            email=one.email,
            name=one.name,
            language=None if one.language is None else one.language.value,
            state=one.state.value,
            created_at=one.created_at,
        )
    )


async def set_state(connection: AsyncConnection, person_id: str, old: PersonState, new: PersonState) -> bool:
    """Moves an account from one state into another; False if it was not in the first."""
    moving = update(person).where(person.c.id == person_id, person.c.state == old.value).values(state=new.value)
    return (await connection.execute(moving)).rowcount == 1


async def remove(connection: AsyncConnection, person_id: str) -> None:
    """Removes a person with all that hangs on the account. The audit log keeps the name, as it was then."""
    # A sign-in of that very moment waits for this lock, and then finds nobody.
    await connection.execute(select(person.c.id).where(person.c.id == person_id).with_for_update())
    for table in (session, factor, recovery_code, password_link, invitation, membership):
        await connection.execute(delete(table).where(table.c.person_id == person_id))
    await connection.execute(delete(person).where(person.c.id == person_id))


async def memberships(connection: AsyncConnection, tenant_id: str, people: Collection[str]) -> Sequence[Membership]:
    """The memberships of these people, stock groups first, the wider scope before the narrower.

    A location that went to another merchant since has no name any more.
    """
    wanted = (
        select(membership, location.c.name.label("place"))
        .join(people_group, people_group.c.id == membership.c.group_id)
        .outerjoin(location, and_(location.c.id == membership.c.location_id, location.c.tenant_id == tenant_id))
        .where(people_group.c.tenant_id == tenant_id, membership.c.person_id.in_(list(people)))
        .order_by(people_group.c.stock.is_(None), people_group.c.name, membership.c.scope.desc(), location.c.name)
    )
    rows = (await connection.execute(wanted)).all()
    groups = {group.id: group for group in await groups_store.all_groups(connection, tenant_id)} if rows else {}
    return [
        Membership(row.id, row.person_id, groups[row.group_id], Grant(Scope(row.scope), row.location_id), row.place)
        for row in rows
    ]


async def has(connection: AsyncConnection, person_id: str, group_id: str, grant: Grant) -> bool:
    """Whether somebody is in a group with exactly this scope."""
    wanted = select(membership.c.id).where(
        membership.c.person_id == person_id,
        membership.c.group_id == group_id,
        membership.c.scope == grant.scope.value,
        membership.c.location_id.is_not_distinct_from(grant.location_id),
    )
    return (await connection.execute(wanted)).first() is not None


async def join(connection: AsyncConnection, membership_id: str, person_id: str, group_id: str, grant: Grant) -> None:
    """Puts a person into a group."""
    await connection.execute(
        insert(membership).values(
            id=membership_id,
            person_id=person_id,
            group_id=group_id,
            scope=grant.scope.value,
            location_id=grant.location_id,
        )
    )


async def leave(connection: AsyncConnection, membership_id: str) -> None:
    """Takes a membership away."""
    await connection.execute(delete(membership).where(membership.c.id == membership_id))


async def places_in(connection: AsyncConnection, tenant_id: str, reach: Reach) -> Sequence[Place]:
    """The merchant's open locations within a reach, by client number."""
    wanted = (
        select(location.c.id, location.c.name, location.c.number)
        .where(location.c.tenant_id == tenant_id, location.c.closed_at.is_(None))
        .order_by(location.c.client_number)
    )
    rows = (await connection.execute(wanted)).all()
    return [Place(row.id, row.name, row.number) for row in rows if reach.covers(row.id)]


async def is_place(connection: AsyncConnection, tenant_id: str, grant: Grant) -> bool:
    """Whether a grant has its root at this merchant, or needs none."""
    if grant.location_id is None:
        return True
    wanted = select(location.c.id).where(location.c.id == grant.location_id, location.c.tenant_id == tenant_id)
    return (await connection.execute(wanted)).first() is not None


async def owners(connection: AsyncConnection, tenant_id: str) -> Sequence[Colleague]:
    """The active owners of the whole merchant: whom the portal writes to about what concerns all of it."""
    wanted = (
        select(person)
        .join(membership, membership.c.person_id == person.c.id)
        .join(people_group, people_group.c.id == membership.c.group_id)
        .where(
            people_group.c.tenant_id == tenant_id,
            people_group.c.stock == Stock.OWNER.value,
            membership.c.scope == Scope.TENANT.value,
            person.c.state == PersonState.ACTIVE.value,
        )
        .order_by(person.c.id)
    )
    return [_colleague(row) for row in (await connection.execute(wanted)).all()]


def _people(tenant_id: str, sight: Sight) -> Select[Any]:
    return select(person).where(person.c.tenant_id == tenant_id, _in_sight(sight))


def _in_sight(sight: Sight) -> ColumnElement[bool]:
    if sight.whole and sight.reach.everywhere:
        return true()
    own = membership.c.person_id == person.c.id
    seen = [person.c.id == sight.me]
    if sight.reach.everywhere:
        seen.append(exists().where(own, membership.c.location_id.is_not(None)))
    else:
        seen.append(exists().where(own, membership.c.location_id.in_(sorted(sight.reach.locations))))
    if sight.whole:
        seen += [~exists().where(own), exists().where(and_(own, membership.c.location_id.is_(None)))]
    return or_(*seen)


def _colleague(row: Row[Any]) -> Colleague:
    language = None if row.language is None else Language(row.language)
    return Colleague(row.id, row.tenant_id, row.email, row.name, language, PersonState(row.state), row.created_at)
