"""Takes codes back that nobody has used: lost, stolen, too many (docs/reference/voucher-corrections.md)."""

from enum import StrEnum

from tillbridge.portal.audit.log import Entry
from tillbridge.portal.corrections import store
from tillbridge.portal.corrections.model import clean_reason
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.holding import require_going


class WithdrawalEvent(StrEnum):
    """What the audit log says of codes that were taken back."""

    WITHDRAWN = "voucher_batch.withdrawn"


class Withdrawals:
    """Takes back codes of batches."""

    def __init__(self, house: House, batches: Batches) -> None:
        self._house = house
        self._batches = batches

    async def withdraw(self, person: Person, batch_id: str, first: str, last: str, reason: str) -> int:
        """Retires for good what was never loaded from one voucher of a batch to another; returns how many that were.

        The first and the last are each named by its place in the batch or its number. `BridgeError`: RIGHT_MISSING;
        STEP_UP_NEEDED; FIELD_INVALID for `first`, `last` or `reason`.
        """
        async with self._house.database.writing() as connection:
            system, batch = await self._batches.known(connection, person, batch_id)
            person.require(Area.VOUCHER_CODES, Action.EDIT)
            person.require_step_up(self._house.runtime.clock.now())
            # What is unused in the backup may have been sold since.
            require_going(system)
            span = await self._batches.span(connection, batch, first, last)
            said = clean_reason(reason)
            withdrawn = await store.withdraw(connection, batch.id, *span)
            if withdrawn:
                after = {"withdrawn": withdrawn, "first": span[0], "last": span[1]}
                subject = f"{system.name} · {batch.name}"
                entry = Entry(WithdrawalEvent.WITHDRAWN, system.tenant_id, subject=subject, after=after, reason=said)
                await self._house.audit.note(connection, person.actor, entry)
        return withdrawn
