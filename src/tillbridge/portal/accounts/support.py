"""What the operator's staff may do for a merchant who opened support access (docs/reference/portal-rights.md).

Nothing is kept: access that has run out or was closed is gone with the next request.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts import support_store
from tillbridge.portal.accounts.grants import Holdings
from tillbridge.portal.accounts.reaches import NO_ESTATE, load_estate
from tillbridge.portal.rights import EVERY_RIGHT, Action, Area, Reach, Right

STAFF_EDITS: Final = frozenset({Area.POS_INTERFACE, Area.SERVICES, Area.CUSTOMERS})
"""What staff may change while they help: what shops ask for by telephone, nothing of people, money or licences."""

STAFF_RIGHTS: Final = frozenset(
    right for right in EVERY_RIGHT if right.action is Action.VIEW or right.area in STAFF_EDITS
)


async def staff_reaches(connection: AsyncConnection, tenant_id: str, now: datetime) -> Mapping[Right, Reach]:
    """Where staff who help this merchant have each of their rights: nothing when no access is open.

    What a franchisee keeps to itself is kept from them as well, unless the access was opened for that very location.
    """
    return (await staff_holdings(connection, tenant_id, now)).reaches()


async def staff_holdings(connection: AsyncConnection, tenant_id: str, now: datetime) -> Holdings:
    """What staff may do for this merchant now, and by which accesses."""
    grants = await support_store.open_grants(connection, tenant_id, now)
    if not grants:
        return Holdings(NO_ESTATE, {})
    return Holdings(await load_estate(connection, tenant_id), dict.fromkeys(STAFF_RIGHTS, grants))
