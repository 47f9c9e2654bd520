"""Imports of customers: upload, preview, a check that writes nothing, and the import itself, whole or not at all.

An uploaded file is kept sealed until it was imported, at most for an hour.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import currency
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.customers import numbers, old_store, store
from tillbridge.portal.customers.bulk import ROWS_AT_ONCE
from tillbridge.portal.customers.mapping import DECIMALS, BadRow, Field, Row, RowReader, Target, amount_pattern, guess
from tillbridge.portal.customers.model import Event, Fields, MovementKind, OldCustomer
from tillbridge.portal.customers.places import place_for, require_v2
from tillbridge.portal.customers.planning import Planned
from tillbridge.portal.customers.preparing import Prepared, prepare
from tillbridge.portal.customers.sealing import Sealer
from tillbridge.portal.customers.sheets import Sheet, lines, open_sheet
from tillbridge.portal.customers.tables import customer_upload
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.rights import Action, Person

KEPT: Final = timedelta(hours=1)
PREVIEWED: Final = 5


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded for a location."""

    id: str
    location_id: str
    target: Target
    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a file, with what its columns probably are."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    columns: Mapping[Field, int]
    decimal: str
    encoding: str
    delimiter: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the page: columns, the decimal mark, and whether rows that cannot be read are left out.

    `declared_balance` is what the old system says that all balances come to, in minor units (for 1.0).
    """

    columns: Mapping[Field, int]
    decimal: str
    only_good: bool = False
    declared_balance: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What an import would do, or did. Sums are in minor units."""

    good: Sequence[Row]
    bad: Sequence[BadRow]

    @property
    def balance_minor(self) -> int:
        """The sum of the balances of the rows that can be read."""
        return sum(row.balance_minor for row in self.good)


class Imports:
    """Imports into 1.0 online and into 2.0."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def upload(self, person: Person, location_id: str, target: Target, filename: str, content: bytes) -> str:
        """Keeps a file; returns its id. `BridgeError`: FILE_UNREADABLE, or that this base cannot be imported into."""
        house = self._house
        await asyncio.to_thread(_preview, content, target)
        upload_id, now = house.runtime.ids.new(), house.runtime.clock.now()
        sealed = house.vault.seal(content, _context(upload_id))
        async with house.database.writing() as connection:
            place = await place_for(connection, person, location_id, Action.EDIT)
            _require_fit(place, target)
            await connection.execute(delete(customer_upload).where(customer_upload.c.made_at < now - KEPT))
            await connection.execute(
                insert(customer_upload).values(
                    id=upload_id,
                    tenant_id=place.tenant_id,
                    location_id=place.id,
                    person_id=person.id,
                    target=target.value,
                    filename=_safe_name(filename),
                    sealed=sealed,
                    made_at=now,
                )
            )
        return upload_id

    async def find(self, person: Person, upload_id: str) -> tuple[Upload, Location]:
        """A file that this very person uploaded within the last hour. `BridgeError(RECORD_UNKNOWN)`."""
        async with self._house.database.reading() as connection:
            return await self._find(connection, person, upload_id)

    async def preview(self, person: Person, upload_id: str) -> tuple[Upload, Location, Preview]:
        """The first rows of an uploaded file."""
        upload, place = await self.find(person, upload_id)
        return upload, place, await asyncio.to_thread(_preview, upload.content, upload.target)

    async def check(self, person: Person, upload_id: str, choice: Choice) -> Checked:
        """Reads every row and writes nothing."""
        async with self._house.database.reading() as connection:
            upload, place = await self._find(connection, person, upload_id)
            taken = await store.taken(connection, place.tenant_id) if upload.target is Target.V2 else set()
        return await asyncio.to_thread(_read_all, upload, place, choice, taken)

    async def apply(self, person: Person, upload_id: str, choice: Choice) -> Checked:
        """Imports the file: every row, or by choice the ones that can be read; nothing if that cannot be.

        `BridgeError`: FILE_UNREADABLE if a row is bad and none may be left out; CONVERSION_RUNNING.
        """
        checked = await self.check(person, upload_id, choice)
        if checked.bad and not choice.only_good:
            first = checked.bad[0]
            raise BridgeError(
                Code.FILE_UNREADABLE,
                f"{len(checked.bad)} rows cannot be read: {first.fault}",
                place=f"line {first.line}",
            )
        if not checked.good:
            raise BridgeError(Code.FILE_UNREADABLE, "the file has no row that can be read")
        upload, place = await self.find(person, upload_id)
        match upload.target:
            case Target.V1:
                await self._into_v1(person, upload, checked, choice)
            case Target.V2:
                await self._into_v2(person, upload, place, checked)
        return checked

    async def _into_v1(self, person: Person, upload: Upload, checked: Checked, choice: Choice) -> None:
        rows = [_old(row) for row in checked.good]
        async with self._house.database.writing() as connection:
            place = await place_for(connection, person, upload.location_id, Action.EDIT)
            _require_fit(place, Target.V1)
            base = await old_store.ensure_base(connection, place.id, self._house.runtime.ids.new())
            if base.conversion_id is not None:
                raise BridgeError(Code.CONVERSION_RUNNING)
            await old_store.replace_rows(connection, place.id, rows, choice.declared_balance)
            if not await old_store.switch(connection, place.id, place.customer_base, CustomerBase.V1_ONLINE):
                raise BridgeError(Code.RECORD_CONFLICT, "the customer base was changed meanwhile")
            await self._over(connection, person, upload, Event.BASE_IMPORTED, checked)

    async def _into_v2(self, person: Person, upload: Upload, place: Location, checked: Checked) -> None:
        house = self._house
        sealer, planned = Sealer(house.vault, place.tenant_id), [_planned(row) for row in checked.good]
        async with house.database.writing() as connection:
            place = await place_for(connection, person, upload.location_id, Action.EDIT)
            require_v2(place)
            count = sum(one.number is None for one in planned)
            fresh = iter(await numbers.draw(connection, place.tenant_id, count))
            # The series is locked now: nobody else takes a number between this look and the end.
            twice = await store.taken(connection, place.tenant_id) & {one.number for one in planned if one.number}
            if twice:
                raise BridgeError(Code.RECORD_CONFLICT, "a number was taken meanwhile", place=min(twice))
            for begin in range(0, len(planned), ROWS_AT_ONCE):
                part = planned[begin : begin + ROWS_AT_ONCE]
                prepared = await asyncio.to_thread(prepare, part, sealer, house.runtime.ids, fresh)
                await self._write(connection, place, prepared, upload.id)
            await self._over(connection, person, upload, Event.IMPORTED, checked)

    async def _write(
        self, connection: AsyncConnection, place: Location, prepared: Sequence[Prepared], origin: str
    ) -> None:
        now, ids = self._house.runtime.clock.now(), self._house.runtime.ids
        rows = [one.row for one in prepared]
        moved = [
            (ids.new(), row.id, row.balance_minor, row.points, MovementKind.IMPORT.value, origin)
            for row in rows
            if row.balance_minor or row.points
        ]
        await store.add_all(connection, (place.tenant_id, place.id), rows, now, moved)

    async def _over(
        self, connection: AsyncConnection, person: Person, upload: Upload, event: Event, checked: Checked
    ) -> None:
        """The last steps of an import: only one of two that run at once gets here, since the file is gone then."""
        gone = await connection.execute(delete(customer_upload).where(customer_upload.c.id == upload.id))
        if gone.rowcount != 1:
            raise BridgeError(Code.RECORD_CONFLICT, "this file was imported meanwhile")
        facts = {"rows": len(checked.good), "left_out": len(checked.bad), "balance_minor": checked.balance_minor}
        entry = Entry(event, person.home, upload.location_id, subject=upload.filename, after=facts)
        await self._house.audit.note(connection, person.actor, entry)

    async def _find(self, connection: AsyncConnection, person: Person, upload_id: str) -> tuple[Upload, Location]:
        since = self._house.runtime.clock.now() - KEPT
        own = (customer_upload.c.id == upload_id) & (customer_upload.c.person_id == person.id)
        statement = select(customer_upload).where(own, customer_upload.c.made_at >= since)
        row = (await connection.execute(statement)).mappings().one_or_none()
        if row is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        place = await place_for(connection, person, row["location_id"], Action.EDIT)
        content = self._house.vault.unseal(row["sealed"], _context(upload_id))
        return Upload(upload_id, place.id, Target(row["target"]), row["filename"], content), place


def _require_fit(place: Location, target: Target) -> None:
    if target is Target.V2:
        require_v2(place)
    elif place.customer_base is CustomerBase.V2:
        raise BridgeError(Code.RECORD_CONFLICT, "this location has a customer base 2.0", place="customer_base")


def _preview(content: bytes, target: Target) -> Preview:
    sheet = open_sheet(content)
    source = lines(sheet)
    head = next(source, None)
    if head is None:
        raise BridgeError(Code.FILE_UNREADABLE, "the file has no rows")
    rows = [line.cells for line, _ in zip(source, range(PREVIEWED), strict=False)]
    columns = guess(head.cells, target)
    return Preview(head.cells, rows, columns, _decimal(sheet, rows, columns), sheet.encoding, sheet.delimiter)


def _decimal(sheet: Sheet, rows: Sequence[Sequence[str]], columns: Mapping[Field, int]) -> str:
    """The mark before cents: as the first balances have it, else as the delimiter suggests."""
    place = columns.get(Field.BALANCE)
    cells = [] if place is None else [row[place] for row in rows if place < len(row) and row[place]]
    likely = "," if sheet.delimiter == ";" else "."
    ordered = sorted(DECIMALS, key=lambda mark: mark != likely)
    return next((mark for mark in ordered if cells and all(_reads(mark, cell) for cell in cells)), likely)


def _reads(decimal: str, cell: str) -> bool:
    return amount_pattern(decimal, 2).fullmatch(cell) is not None


def _read_all(upload: Upload, place: Location, choice: Choice, taken: set[str]) -> Checked:
    source = lines(open_sheet(upload.content))
    head = next(source).cells
    if any(not 0 <= column < len(head) for column in choice.columns.values()) or choice.decimal not in DECIMALS:
        raise BridgeError(Code.FIELD_INVALID, "a column is chosen that the file does not have", place="columns")
    if len(set(choice.columns.values())) != len(choice.columns):
        raise BridgeError(Code.FIELD_INVALID, "a column is chosen for two fields", place="columns")
    reader = RowReader(head, choice.columns, upload.target, currency(place.currency), choice.decimal, taken)
    good: list[Row] = []
    bad: list[BadRow] = []
    for line in source:
        match reader.read(line):
            case Row() as row:
                good.append(row)
            case BadRow() as fault:
                bad.append(fault)
    return Checked(good, bad)


def _old(row: Row) -> OldCustomer:
    return OldCustomer(
        position=row.line,
        number=row.text(Field.NUMBER),
        name=row.text(Field.NAME),
        contact=row.text(Field.CONTACT),
        email=row.text(Field.EMAIL),
        phone=row.text(Field.PHONE),
        balance_minor=row.balance_minor,
        points=row.points,
        note=row.text(Field.NOTE),
        legacy=row.legacy,
    )


def _planned(row: Row) -> Planned:
    fields = Fields(
        name=row.text(Field.NAME),
        contact=row.text(Field.CONTACT),
        email=row.text(Field.EMAIL),
        phone=row.text(Field.PHONE),
        address=row.text(Field.ADDRESS),
        birthday=row.text(Field.BIRTHDAY),
        consent=row.consent,
        note=row.text(Field.NOTE),
        legacy=row.legacy,
    )
    return Planned(row.text(Field.NUMBER) or None, fields, row.balance_minor, row.points, [])


def _safe_name(filename: str) -> str:
    """A file's name for showing: its last part, without anything that is not printed."""
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(one for one in last if one.isprintable())[:200]


def _context(upload_id: str) -> str:
    return f"customer upload/{upload_id}"
