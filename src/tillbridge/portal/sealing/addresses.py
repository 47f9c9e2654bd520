"""Where a merchant wants the signed heads of the ledger to be sent (docs/reference/voucher-sealing.md, section 2)."""

from enum import StrEnum

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.model import clean_email
from tillbridge.portal.audit.log import LONGEST_NAME, Entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.sealing.tables import ledger_head_address


class SealingEvent(StrEnum):
    """What the audit log says of it."""

    ADDRESS = "ledger_heads.address_changed"


class HeadAddresses:
    """One address for each merchant, or none."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def of(self, person: Person) -> str:
        """Where this person's company wants them; "" for nowhere."""
        async with self._house.database.reading() as connection:
            return await _kept(connection, person.home)

    async def change(self, person: Person, text: str) -> None:
        """Sends them there from the next day on; "" ends it.

        `BridgeError`: RIGHT_MISSING, STEP_UP_REQUIRED; FIELD_INVALID (place `recipient`) for what is no address.
        """
        person.require(Area.VOUCHER_CORRECT, Action.EDIT)
        now = self._house.runtime.clock.now()
        person.require_step_up(now)
        wanted = clean_email(text.strip(), "recipient") if text.strip() else ""
        table = ledger_head_address
        async with self._house.database.writing() as connection:
            before = await _kept(connection, person.home)
            if before == wanted:
                return
            await connection.execute(delete(table).where(table.c.tenant_id == person.home))
            if wanted:
                language = person.language or self._house.settings.language or Language.EN
                row = {"tenant_id": person.home, "recipient": wanted, "language": language.value, "set_at": now}
                await connection.execute(insert(table).values(**row, set_by=person.actor.name[:LONGEST_NAME]))
            entry = Entry(SealingEvent.ADDRESS, person.home, before={"recipient": before}, after={"recipient": wanted})
            await self._house.audit.note(connection, person.actor, entry)


async def _kept(connection: AsyncConnection, tenant_id: str) -> str:
    query = select(ledger_head_address.c.recipient).where(ledger_head_address.c.tenant_id == tenant_id)
    return await connection.scalar(query) or ""
