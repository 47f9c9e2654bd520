"""Links by which an export is fetched once, within a quarter of an hour, by whoever asked for it.

What stands in a link is kept as its hash alone, so that a copy of the database fetches nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.secrets import LONGEST_SECRET, hashed, new_secret
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.printing.tables import voucher_export
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_exporting import BatchExports, Exported, Form
from tillbridge.portal.vouchers.batches_model import Batch
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.web.language import Catalogue

LASTS: Final = timedelta(minutes=15)
"""How long a link can be followed."""


class ExportEvent(StrEnum):
    """What the audit log says of links."""

    LINK_MADE = "voucher_export.link_made"


@dataclass(frozen=True, slots=True)
class ExportLink:
    """A link that was made. `secret` is told once."""

    batch: Batch
    form: Form
    pins: bool
    ends_at: datetime
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    batch_id: str
    form: Form
    pins: bool


class ExportLinks:
    """Makes links and gives for each of them its file, once."""

    def __init__(self, house: House, batches: Batches, exports: BatchExports) -> None:
        self._house = house
        self._batches = batches
        self._exports = exports

    async def make(self, person: Person, batch_id: str, form: Form, *, pins: bool) -> ExportLink:
        """A link for this person. `BridgeError`: the right, or STEP_UP_NEEDED for PINs."""
        secret, now = new_secret(self._house.runtime.chance), self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            system, batch = await self._batches.known(connection, person, batch_id)
            self._exports.require(person, pins=pins)
            made = ExportLink(batch, form, pins, now + LASTS, secret)
            # Whoever makes one tidies up after those that were never followed.
            await connection.execute(delete(voucher_export).where(voucher_export.c.ends_at <= now))
            await connection.execute(insert(voucher_export).values(_row(made, person)))
            after = {"form": form.value, "pins": pins}
            entry = Entry(ExportEvent.LINK_MADE, system.tenant_id, subject=f"{system.name} · {batch.name}", after=after)
            await self._house.audit.note(connection, person.actor, entry)
        return made

    async def fetch(self, person: Person, secret: str, t: Catalogue) -> Exported:
        """The file of a link, which leads nowhere afterwards.

        `BridgeError`: RECORD_UNKNOWN for one that was followed, is over, or is another's; the right; STEP_UP_NEEDED.
        """
        async with self._house.database.reading() as connection:
            asked = await self._asked(connection, person, secret)
            # Asked before the link is used up: whoever has to prove who it is comes back by the same link.
            self._exports.require(person, pins=asked.pins)
        async with self._house.database.writing() as connection:
            used = delete(voucher_export).where(voucher_export.c.secret_hash == hashed(secret))
            if (await connection.execute(used.returning(voucher_export.c.secret_hash))).first() is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
        return await self._exports.export(person, asked.batch_id, asked.form, t, pins=asked.pins)

    async def _asked(self, connection: AsyncConnection, person: Person, secret: str) -> _Asked:
        one = (
            (voucher_export.c.secret_hash == hashed(secret))
            & (voucher_export.c.person_id == person.id)
            & (voucher_export.c.ends_at > self._house.runtime.clock.now())
        )
        row = (await connection.execute(select(voucher_export).where(one))).one_or_none()
        if row is None or not secret or len(secret) > LONGEST_SECRET:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return _Asked(row.batch_id, Form(row.form), row.pins)


def _row(made: ExportLink, person: Person) -> dict[str, object]:
    return {
        "secret_hash": hashed(made.secret),
        "batch_id": made.batch.id,
        "person_id": person.id,
        "form": made.form.value,
        "pins": made.pins,
        "ends_at": made.ends_at,
    }
