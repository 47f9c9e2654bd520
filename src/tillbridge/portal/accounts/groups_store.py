"""The statements of groups and their rights."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.grants import Grant, Scope
from tillbridge.portal.accounts.people_model import Group
from tillbridge.portal.accounts.rights_tables import group_right, membership, people_group
from tillbridge.portal.accounts.stock_groups import Stock, rights_of
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.rights import Right


async def lock(connection: AsyncConnection, tenant_id: str) -> None:
    """From here to the end of the transaction nobody else changes people or groups of this merchant.

    So the last owner cannot leave twice at once, and no right is added to a group while somebody is put into it.
    """
    # "no key update": rows of other tables that name the merchant can be written meanwhile.
    await connection.execute(select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update(key_share=True))


async def all_groups(connection: AsyncConnection, tenant_id: str) -> Sequence[Group]:
    """A merchant's groups: the stock groups as they were made, then its own by name."""
    wanted = (
        select(people_group)
        .where(people_group.c.tenant_id == tenant_id)
        .order_by(people_group.c.stock.is_(None), func.lower(people_group.c.name), people_group.c.id)
    )
    rows = (await connection.execute(wanted)).all()
    names = await _names(connection, (row.id for row in rows))
    return [_group(row.id, row.tenant_id, row.name, row.stock, names[row.id]) for row in rows]


async def find(connection: AsyncConnection, tenant_id: str, group_id: str) -> Group | None:
    """A group of this merchant; None for anybody else's."""
    wanted = select(people_group).where(people_group.c.id == group_id, people_group.c.tenant_id == tenant_id)
    row = (await connection.execute(wanted)).first()
    if row is None:
        return None
    names = await _names(connection, [row.id])
    return _group(row.id, row.tenant_id, row.name, row.stock, names[row.id])


async def sizes(connection: AsyncConnection, tenant_id: str) -> dict[str, int]:
    """How many people are in each group; a group without any is left out."""
    wanted = (
        select(membership.c.group_id, func.count(membership.c.person_id.distinct()).label("size"))
        .join(people_group, people_group.c.id == membership.c.group_id)
        .where(people_group.c.tenant_id == tenant_id)
        .group_by(membership.c.group_id)
    )
    return {row.group_id: row.size for row in (await connection.execute(wanted)).all()}


async def grants_in(connection: AsyncConnection, group_id: str) -> frozenset[Grant]:
    """Where anybody holds this group's rights."""
    wanted = select(membership.c.scope, membership.c.location_id).where(membership.c.group_id == group_id).distinct()
    return frozenset(Grant(Scope(row.scope), row.location_id) for row in (await connection.execute(wanted)).all())


async def make(connection: AsyncConnection, group: Group, now: datetime) -> None:
    """Writes a group with its rights down."""
    stock = None if group.stock is None else group.stock.value
    await connection.execute(
        insert(people_group).values(
            id=group.id, tenant_id=group.tenant_id, name=group.name, stock=stock, created_at=now
        )
    )
    await _give(connection, group.id, group.rights)


async def change(connection: AsyncConnection, group: Group, name: str, rights: frozenset[Right]) -> None:
    """Gives a group this name and exactly these rights, besides names that this version does not know."""
    await connection.execute(update(people_group).where(people_group.c.id == group.id).values(name=name))
    gone = [str(right) for right in group.rights - rights]
    await connection.execute(
        delete(group_right).where(group_right.c.group_id == group.id, group_right.c.name.in_(gone))
    )
    await _give(connection, group.id, rights - group.rights)


async def remove(connection: AsyncConnection, group_id: str) -> None:
    """Removes a group that nobody is in."""
    await connection.execute(delete(group_right).where(group_right.c.group_id == group_id))
    await connection.execute(delete(people_group).where(people_group.c.id == group_id))


async def owner_states(connection: AsyncConnection, tenant_id: str) -> dict[str, int]:
    """How many owners of the whole merchant there are, by the state of their account."""
    wanted = (
        select(person.c.state, func.count(person.c.id).label("people"))
        .join(membership, membership.c.person_id == person.c.id)
        .join(people_group, people_group.c.id == membership.c.group_id)
        .where(
            people_group.c.tenant_id == tenant_id,
            people_group.c.stock == Stock.OWNER.value,
            membership.c.scope == Scope.TENANT.value,
        )
        .group_by(person.c.state)
    )
    return {row.state: row.people for row in (await connection.execute(wanted)).all()}


async def _give(connection: AsyncConnection, group_id: str, rights: frozenset[Right]) -> None:
    if rights:
        rows = [{"group_id": group_id, "name": str(right)} for right in sorted(rights)]
        await connection.execute(insert(group_right), rows)


async def _names(connection: AsyncConnection, group_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    wanted = select(group_right).where(group_right.c.group_id.in_(list(group_ids)))
    found: dict[str, set[str]] = defaultdict(set)
    for row in (await connection.execute(wanted)).all():
        found[row.group_id].add(row.name)
    return defaultdict(frozenset, {group_id: frozenset(names) for group_id, names in found.items()})


def _group(group_id: str, tenant_id: str, name: str, stock: str | None, names: frozenset[str]) -> Group:
    which = None if stock is None else Stock(stock)
    strange = frozenset(one for one in names if Right.parse(one) is None)
    return Group(group_id, tenant_id, name, which, rights_of(which, names), strange)
