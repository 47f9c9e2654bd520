"""Whether there is a second person: a correction needs two who may make it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.reaches import load_reaches
from tillbridge.portal.accounts.rights_tables import group_right, membership, people_group
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.rights import Action, Area, Reach, Right

CORRECT: Final = Right(Area.VOUCHER_CORRECT, Action.EDIT)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may correct, and how to write to this person."""

    id: str
    name: str
    email: str
    language: Language | None


async def somebody_else(connection: AsyncConnection, tenant_id: str, but: str, location_id: str | None) -> bool:
    """Whether an active colleague of this person may correct there as well (None: at the merchant as a whole)."""
    for one in await _holders(connection, tenant_id):
        if await _may(connection, tenant_id, one, but, location_id):
            return True
    return False


async def others(connection: AsyncConnection, tenant_id: str, but: str, location_id: str | None) -> Sequence[Colleague]:
    """All of them, by their ids."""
    holders = await _holders(connection, tenant_id)
    return [one for one in holders if await _may(connection, tenant_id, one, but, location_id)]


async def _may(connection: AsyncConnection, tenant_id: str, one: Colleague, but: str, location_id: str | None) -> bool:
    if one.id == but:
        return False
    return (await load_reaches(connection, one.id, tenant_id)).get(CORRECT, Reach()).covers(location_id)


async def _holders(connection: AsyncConnection, tenant_id: str) -> Sequence[Colleague]:
    """The active people of a merchant whose groups have the right, wherever it holds, by their ids."""
    held = exists().where(group_right.c.group_id == people_group.c.id, group_right.c.name == str(CORRECT))
    statement = (
        select(person.c.id, person.c.name, person.c.email, person.c.language)
        .join(membership, membership.c.person_id == person.c.id)
        .join(people_group, people_group.c.id == membership.c.group_id)
        .where(people_group.c.tenant_id == tenant_id, person.c.state == PersonState.ACTIVE.value)
        .where(or_(people_group.c.stock == Stock.OWNER.value, held))
        .distinct()
        .order_by(person.c.id)
    )
    rows = await connection.execute(statement)
    return [Colleague(row.id, row.name, row.email, Language(row.language) if row.language else None) for row in rows]
