"""A merchant with people in its groups, as the portal itself would have made them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import insert, update

from tests.portal.shops import merchant, shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts import people_store
from tillbridge.portal.accounts.founding import add_invited, found_tenant
from tillbridge.portal.accounts.grants import EVERYTHING, Grant, Scope
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.people_model import Group, Invitee
from tillbridge.portal.accounts.reaches import load_reaches
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.tables import person as person_table
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Person, Reach


@dataclass(slots=True)
class Crew:
    """A merchant and its stock groups."""

    house: House
    tenant_id: str
    groups: Mapping[Stock, Group]
    serial: int

    async def join(self, name: str, group: Stock | Group = Stock.OWNER, grant: Grant = EVERYTHING) -> Person:
        """Somebody who accepted the invitation; signed in with a fresh proof."""
        chosen = group if isinstance(group, Group) else self.groups[group]
        email = f"{name.lower()}.{self.serial}@shop.example"
        async with self.house.database.writing() as connection:
            one = await add_invited(self.house, connection, Invitee(email, name, Language.EN), chosen, grant)
            await people_store.set_state(connection, one.id, PersonState.INVITED, PersonState.ACTIVE)
        return await self.now(Person(one.id, name, email, Language.EN, self.tenant_id))

    async def now(self, person: Person) -> Person:
        """The same person as the very next request sees it, with a fresh proof."""
        async with self.house.database.reading() as connection:
            reaches = await load_reaches(connection, person.id, self.tenant_id)
        return replace(person, reaches=reaches, stepped_up_at=self.house.runtime.clock.now())

    async def put(self, person: Person, group: Stock | Group, grant: Grant) -> str:
        """A further membership, written without asking; returns its id."""
        chosen = group if isinstance(group, Group) else self.groups[group]
        membership_id = self.house.runtime.ids.new()
        async with self.house.database.writing() as connection:
            await people_store.join(connection, membership_id, person.id, chosen.id, grant)
        return membership_id

    async def memberships(self, person: Person) -> Mapping[str, str]:
        """The ids of somebody's memberships, by the group's label."""
        async with self.house.database.reading() as connection:
            found = await people_store.memberships(connection, self.tenant_id, [person.id])
        return {each.group.label: each.id for each in found}

    async def state(self, person: Person) -> PersonState | None:
        """The state of the account; None when it is gone."""
        sight = people_store.Sight(person.id, Reach(), whole=False)
        async with self.house.database.reading() as connection:
            found = await people_store.find(connection, self.tenant_id, sight, person.id)
        return None if found is None else found.state


async def crew(house: House, name: str = "Bäckerei Sommer", serial: int = 1) -> Crew:
    """A merchant with its stock groups and nobody in them."""
    tenant_id = await merchant(house, name)
    async with house.database.writing() as connection:
        groups = await found_tenant(house, connection, tenant_id)
    return Crew(house, tenant_id, groups, serial)


@dataclass(frozen=True, slots=True)
class Places:
    """A head office with two branches, a corner shop below the second, and a franchisee with a kiosk of its own."""

    head: str
    north: str
    south: str
    corner: str
    franchise: str
    kiosk: str

    @property
    def own(self) -> frozenset[str]:
        """All but the franchisee's."""
        return frozenset({self.head, self.north, self.south, self.corner})

    @property
    def every(self) -> frozenset[str]:
        return self.own | {self.franchise, self.kiosk}


async def places(house: House, tenant_id: str, serial: int = 1000, *, keeps: tuple[str, ...] = ()) -> Places:
    """Makes them; `keeps` are the areas that the franchisee keeps to itself."""
    head = await shop(house, tenant_id, serial, name="Head office")
    north, south, franchise = [
        await shop(house, tenant_id, serial + number, client_number=number, parent_id=head, kind=kind, name=name)
        for number, kind, name in ((2, "branch", "North"), (3, "branch", "South"), (4, "franchise", "Franchise"))
    ]
    corner, kiosk = [
        await shop(house, tenant_id, serial + number, client_number=number, parent_id=above, kind="branch", name=name)
        for number, above, name in ((5, south, "Corner"), (6, franchise, "Kiosk"))
    ]
    if keeps:
        await keep(house, franchise, *keeps)
    return Places(head, north, south, corner, franchise, kiosk)


async def keep(house: House, location_id: str, *areas: str) -> None:
    """What a location keeps from those above."""
    async with house.database.writing() as connection:
        await connection.execute(update(location).where(location.c.id == location_id).values(restricted=list(areas)))


async def staff(house: House) -> Person:
    """Somebody of the operator's staff, who helps nobody yet, with a fresh proof."""
    person_id, now = house.runtime.ids.new(), house.runtime.clock.now()
    async with house.database.writing() as connection:
        await connection.execute(
            insert(person_table).values(
                id=person_id,
                tenant_id=None,
                email="hanna@operator.example",
                name="Hanna Helper",
                state=PersonState.ACTIVE.value,
                operator=True,
                created_at=now,
            )
        )
    return Person(
        person_id, "Hanna Helper", "hanna@operator.example", Language.EN, None, operator=True, stepped_up_at=now
    )


def at(location_id: str) -> Grant:
    return Grant(Scope.LOCATION, location_id)


def below(location_id: str) -> Grant:
    return Grant(Scope.SUBTREE, location_id)
