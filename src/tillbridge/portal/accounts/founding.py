"""What a merchant begins with: the stock groups, and the first people."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts import groups_store, people_store
from tillbridge.portal.accounts.grants import EVERYTHING, Grant
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_model import Colleague, Group, Invitee
from tillbridge.portal.accounts.stock_groups import STOCK_RIGHTS, Stock
from tillbridge.portal.house import House


async def found_tenant(house: House, connection: AsyncConnection, tenant_id: str) -> Mapping[Stock, Group]:
    """Makes the stock groups of a new merchant, in the transaction that makes the merchant."""
    made: dict[Stock, Group] = {}
    for stock, rights in STOCK_RIGHTS.items():
        # What owners may do follows from the version of the portal and is not stored.
        stored = frozenset() if stock is Stock.OWNER else rights
        made[stock] = Group(house.runtime.ids.new(), tenant_id, "", stock, stored)
        await groups_store.make(connection, made[stock], house.runtime.clock.now())
    return made


async def add_invited(
    house: House,
    connection: AsyncConnection,
    invitee: Invitee,
    group: Group,
    grant: Grant = EVERYTHING,
) -> Colleague:
    """Writes down somebody who has no password yet, with a first membership, and asks nobody whether that is allowed.

    It is for the operator's own doing and for demonstrations; `People.invite` is for everything else. An account
    becomes active with its first password. `sqlalchemy.exc.IntegrityError` if the address is taken.
    """
    runtime = house.runtime
    one = Colleague(
        runtime.ids.new(),
        group.tenant_id,
        invitee.email,
        invitee.name,
        invitee.language,
        PersonState.INVITED,
        runtime.clock.now(),
    )
    await people_store.add(connection, one)
    await people_store.join(connection, runtime.ids.new(), one.id, group.id, grant)
    return one
