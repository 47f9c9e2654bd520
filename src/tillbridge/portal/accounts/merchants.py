"""New merchants: made by the operator's staff together with the head office and the first owner."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import people_store
from tillbridge.portal.accounts.founding import add_invited, found_tenant
from tillbridge.portal.accounts.invitations import Invitations
from tillbridge.portal.accounts.people_model import Invitee, PeopleEvent
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.accounts.support_service import require_staff
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import Draft
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.rights import Person

LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """What a merchant begins with: its name, its head office, and whom to invite as its first owner."""

    name: str
    head_office: Draft
    owner: Invitee


class Merchants:
    """Makes merchants. `locations` draws the numbers and knows who must hear of a new location."""

    def __init__(self, house: House, locations: Locations) -> None:
        self._house = house
        self._locations = locations
        self._invitations = Invitations(house)

    async def make(self, person: Person, new: NewMerchant) -> str:
        """All of it or nothing; returns the merchant's id.

        `BridgeError`: RECORD_UNKNOWN for anybody but staff, STEP_UP_NEEDED, RECORD_CONFLICT for an address in use.
        """
        require_staff(person)
        runtime = self._house.runtime
        now = runtime.clock.now()
        person.require_step_up(now)
        tenant_id = runtime.ids.new()
        async with self._house.database.writing() as connection:
            if await people_store.address_taken(connection, new.owner.email):
                raise _taken()
            await connection.execute(
                insert(tenant).values(id=tenant_id, name=new.name, pin_digits=4, confirm_pairing=False, created_at=now)
            )
            made = Entry(PeopleEvent.MERCHANT_MADE, tenant_id, subject=new.name, after={"owner": new.owner.email})
            await self._house.audit.note(connection, person.actor, made)
            groups = await found_tenant(self._house, connection, tenant_id)
            await self._locations.found(connection, tenant_id, new.head_office, person.actor)
            try:
                owner = await add_invited(self._house, connection, new.owner, groups[Stock.OWNER])
            except IntegrityError:
                raise _taken() from None
            await self._invitations.send(connection, owner, person.name)
        return tenant_id


def clean_merchant_name(text: str, place: str = "merchant") -> str:
    """A merchant's name as it is stored. `BridgeError(FIELD_INVALID)` if it is empty, too long or not printable."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name of 1 to {LONGEST_NAME} printable characters", place=place)
    return name


def _taken() -> BridgeError:
    return BridgeError(Code.RECORD_CONFLICT, "this address has an account", place="owner_email")
