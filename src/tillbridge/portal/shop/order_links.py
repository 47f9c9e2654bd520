"""The links to an order's page: made anew for each letter, kept as hashes."""

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts.secrets import hashed
from tillbridge.portal.house import House
from tillbridge.portal.shop import orders_store
from tillbridge.portal.shop.links import link_secret
from tillbridge.portal.shop.model import LINK_LASTS


async def new_secret(house: House, connection: AsyncConnection, order_id: str, line: int = 0) -> str:
    """A new link to an order's page, or to one line's vouchers alone, good for 30 days from now."""
    serial = await orders_store.last_link(connection, order_id) + 1
    secret = link_secret(house.vault, order_id, serial)
    ends_at = house.runtime.clock.now() + LINK_LASTS
    await orders_store.add_link(connection, order_id, line, serial, hashed(secret), ends_at)
    return secret


async def current_secret(house: House, connection: AsyncConnection, order_id: str) -> str:
    """The newest link's secret, whether it still opens anything or not."""
    return link_secret(house.vault, order_id, await orders_store.last_link(connection, order_id, line=0))
