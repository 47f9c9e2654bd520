"""Who may see, ask for and decide on corrections.

The right holds where the money is: for an entry that is taken back at the entry's location, for more credit at the
location whose credit it is to be, for everything else at the merchant as a whole.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.corrections.model import Correction
from tillbridge.portal.rights import Action, Area, Person, Right
from tillbridge.portal.vouchers import access, batches_store, systems_store
from tillbridge.portal.vouchers.batches_model import OfficeVoucher
from tillbridge.portal.vouchers.systems_model import VoucherSystem


async def known(connection: AsyncConnection, person: Person, voucher_id: str) -> tuple[VoucherSystem, OfficeVoucher]:
    """A voucher with its system. `BridgeError`: RECORD_UNKNOWN for one that may not be seen; RIGHT_MISSING."""
    access.require_looking(person)
    one = await batches_store.find_voucher(connection, voucher_id)
    if one is None:
        raise BridgeError(Code.RECORD_UNKNOWN)
    system = await access.system_for(connection, person, one.system_id)
    await require_view(connection, person, system.id)
    return system, one


async def require_view(connection: AsyncConnection, person: Person, system_id: str) -> None:
    """Nothing if this person may look at corrections for the merchant or where somebody takes part."""
    if not access.may_at_one(
        person, Area.VOUCHER_CORRECT, Action.VIEW, await systems_store.location_ids(connection, system_id)
    ):
        raise _missing(Action.VIEW)


async def require_somewhere(connection: AsyncConnection, person: Person, system_id: str) -> None:
    """Nothing if there is anything in this system that this person may correct."""
    await access.require_at_one(connection, person, system_id, Area.VOUCHER_CORRECT)


def may(person: Person, location_id: str | None) -> bool:
    """Whether this person may correct what belongs there."""
    return person.may(Area.VOUCHER_CORRECT, Action.EDIT, location_id)


def require(person: Person, location_id: str | None) -> None:
    """Nothing if so; else `BridgeError(RIGHT_MISSING)`."""
    if not may(person, location_id):
        raise _missing(Action.EDIT)


def require_another(person: Person, one: Correction) -> None:
    """Nothing unless it is this person's own request; else `BridgeError(RIGHT_MISSING)`."""
    if one.requested_by == person.id:
        raise BridgeError(Code.RIGHT_MISSING, "nobody decides on a correction that they asked for themselves")


def _missing(action: Action) -> BridgeError:
    right = str(Right(Area.VOUCHER_CORRECT, action))
    return BridgeError(Code.RIGHT_MISSING, f"this needs the right {right}", place=right)
