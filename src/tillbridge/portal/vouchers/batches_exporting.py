"""Batches as CSV and as a workbook: every cell is a text, so that no leading zero is lost and nothing is worked out."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.customers.exporting import CSV_TYPE, FORMULAS, MARK, XLSX_TYPE, workbook
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers import batches_store
from tillbridge.portal.vouchers.batches_model import Batch, OfficeVoucher, grouped
from tillbridge.portal.vouchers.batches_service import Batches, BatchEvent
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.web.language import Catalogue

LONGEST_TITLE: Final = 31
"""Characters of a sheet's name, as spreadsheet programs have it."""


class Form(StrEnum):
    """As what a batch is written out."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to be saved."""

    content: bytes
    media_type: str
    name: str


class BatchExports:
    """Writes out batches for printers of cards."""

    def __init__(self, house: House, batches: Batches) -> None:
        self._house = house
        self._batches = batches

    def require(self, person: Person, *, pins: bool) -> None:
        """Nothing if this person may export; else `BridgeError`: the right, or STEP_UP_NEEDED for PINs."""
        person.require(Area.VOUCHER_CODES, Action.EDIT)
        if pins:
            person.require(Area.VOUCHER_PIN, Action.EDIT)
            person.require_step_up(self._house.runtime.clock.now())

    async def export(self, person: Person, batch_id: str, form: Form, t: Catalogue, *, pins: bool) -> Exported:
        """A batch as a file; noted in the audit log before anything of it leaves."""
        async with self._house.database.writing() as connection:
            system, batch = await self._batches.known(connection, person, batch_id)
            self.require(person, pins=pins)
            vouchers = await batches_store.page_of(connection, batch.id, 1, batch.amount_of_codes)
            sealed = await batches_store.sealed_pins(connection, batch.id) if pins else {}
            event = BatchEvent.PINS_EXPORTED if pins else BatchEvent.EXPORTED
            after = {"form": form.value, "codes": len(vouchers)}
            entry = Entry(event, system.tenant_id, subject=f"{system.name} · {batch.name}", after=after)
            await self._house.audit.note(connection, person.actor, entry)
        content = await asyncio.to_thread(self._file, form, batch, vouchers, sealed if pins else None, t)
        kind = CSV_TYPE if form is Form.CSV else XLSX_TYPE
        return Exported(content, kind, f"vouchers-{batch.month}-{batch.id[-6:]}.{form}")

    def _file(
        self,
        form: Form,
        batch: Batch,
        vouchers: Sequence[OfficeVoucher],
        sealed: Mapping[str, bytes | None] | None,
        t: Catalogue,
    ) -> bytes:
        names = ["position", "number", "printed", *(["pin"] if sealed is not None else []), "batch", "state"]
        rows = [[t(f"vouchers.column.{name}") for name in names]]
        for one in vouchers:
            pins = [] if sealed is None else [self._pin(one.id, sealed.get(one.id))]
            state = t(f"vouchers.state.{one.state}")
            rows.append([str(one.position), one.number, grouped(one.number), *pins, batch.name, state])
        match form:
            case Form.CSV:
                return csv_of(rows)
            case Form.XLSX:
                return workbook(rows, t("vouchers.title")[:LONGEST_TITLE])

    def _pin(self, voucher_id: str, sealed: bytes | None) -> str:
        if sealed is None:
            return ""
        try:
            return unseal_pin(self._house.vault, voucher_id, sealed)
        except ValueError as error:
            raise BridgeError(Code.PORTAL_FAULT, "a PIN cannot be read with this portal's keys") from error


def csv_of(rows: Sequence[Sequence[str]]) -> bytes:
    """As RFC 4180 has it, every cell in quotation marks; free text that a spreadsheet would work out is defused."""
    page = io.StringIO()
    page.write(MARK)
    writer = csv.writer(page, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([f"'{cell}" if cell.startswith(FORMULAS) else cell for cell in row] for row in rows)
    return page.getvalue().encode()
