"""The refusal while maintenance is on: X903, with the reason and the end where one is known."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.maintenance.model import Component, Mode, Scope
from tillbridge.portal.maintenance.service import Maintenance


class Maintained(BridgeError):
    """X903: refused because maintenance is on. `members` are what the answer's body says besides (RFC 9457)."""

    def __init__(self, mode: Mode, now: datetime) -> None:
        until = mode.told_until(now)
        members = {
            "until": None if until is None else until.isoformat(),
            "reason": mode.reason,
            "component": mode.component.value,
        }
        super().__init__(Code.MAINTENANCE, mode.reason, retry_after=mode.retry_after(now), members=members)


async def refuse_if_maintained(
    house: House, connection: AsyncConnection, tenant_id: Scope, component: Component
) -> None:
    """Nothing, or `Maintained` (X903) while maintenance of this component is on. A window alone refuses nothing."""
    now = house.runtime.clock.now()
    mode = await Maintenance(house).now(connection, tenant_id, component, now)
    if mode is not None:
        raise Maintained(mode, now)


async def nobody_in_particular() -> str | None:
    """For routes where no merchant is known before the answer: the portal's own maintenance alone counts."""
    return None


def open_for_business(
    house: House, component: Component, whose: Callable[..., Awaitable[str | None]] = nobody_in_particular
) -> Callable[..., Awaitable[None]]:
    """A FastAPI dependency that refuses with X903 while maintenance is on, before anything else is done or counted.

    `whose` is a dependency that gives the merchant's id, such as the one that reads the access token.
    """

    async def open_now(tenant_id: Annotated[str | None, Depends(whose)]) -> None:
        async with house.database.reading() as connection:
            await refuse_if_maintained(house, connection, tenant_id, component)

    return open_now
