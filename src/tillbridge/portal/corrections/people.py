"""Whether there is a second person: a correction needs two who may make it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.reaches import load_reaches
from tillbridge.portal.accounts.rights_tables import group_right, membership, people_group
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.rights import Action, Area, Reach, Right

CORRECT: Final = Right(Area.VOUCHER_CORRECT, Action.EDIT)


async def somebody_else(connection: AsyncConnection, tenant_id: str, but: str, location_id: str | None) -> bool:
    """Whether an active colleague of this person may correct there as well (None: at the merchant as a whole)."""
    for one in await _holders(connection, tenant_id):
        if one != but:
            reaches = await load_reaches(connection, one, tenant_id)
            if reaches.get(CORRECT, Reach()).covers(location_id):
                return True
    return False


async def _holders(connection: AsyncConnection, tenant_id: str) -> Sequence[str]:
    """The active people of a merchant whose groups have the right, wherever it holds, by their ids."""
    held = exists().where(group_right.c.group_id == people_group.c.id, group_right.c.name == str(CORRECT))
    statement = (
        select(membership.c.person_id)
        .join(person, person.c.id == membership.c.person_id)
        .join(people_group, people_group.c.id == membership.c.group_id)
        .where(people_group.c.tenant_id == tenant_id, person.c.state == PersonState.ACTIVE.value)
        .where(or_(people_group.c.stock == Stock.OWNER.value, held))
        .distinct()
        .order_by(membership.c.person_id)
    )
    return list(await connection.scalars(statement))
