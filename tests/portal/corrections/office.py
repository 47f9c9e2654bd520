"""Two people who correct vouchers, and what they do in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from tests.portal.rights.crew import Crew
from tests.portal.vouchers.floor import Floor
from tests.portal.vouchers.office import events
from tillbridge.portal.accounts.founding import found_tenant
from tillbridge.portal.corrections.model import Correction, Impossible, Kind, Wanted
from tillbridge.portal.corrections.service import Corrections
from tillbridge.portal.corrections.tables import voucher_correction
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.tables import voucher


@dataclass(slots=True)
class Office:
    """Anna asks and Bert approves."""

    floor: Floor
    crew: Crew
    anna: Person
    bert: Person
    desk: Corrections

    async def fresh(self) -> None:
        """Both prove anew who they are."""
        self.anna, self.bert = await self.crew.now(self.anna), await self.crew.now(self.bert)

    async def wanted(self, number: str, kind: Kind, amount: int = 0, **other: Any) -> Wanted:
        """A request on the voucher as it is; `entry` is the `seq` of an entry that is to be taken back."""
        row = await self.floor.row(number)
        if "entry" in other:
            other["original_id"] = (await self.entry(number, other.pop("entry")))["id"]
        if kind is Kind.MORE:
            other.setdefault("location_id", self.floor.here.location_id)
        return Wanted(kind, **{"reason": "a slip at the till", "seen_seq": row["seq"], "amount": amount, **other})

    async def ask(
        self, number: str, kind: Kind, amount: int = 0, *, by: Person | None = None, **other: Any
    ) -> Correction:
        row = await self.floor.row(number)
        return await self.desk.request(by or self.anna, row["id"], await self.wanted(number, kind, amount, **other))

    async def refusal(self, number: str, kind: Kind, amount: int = 0, **other: Any) -> str:
        """Why it cannot be asked for."""
        before = await self.count()
        try:
            await self.ask(number, kind, amount, **other)
        except Impossible as error:
            assert await self.count() == before
            return error.failure.value
        raise AssertionError(f"{kind} of {amount} was accepted")

    async def correct(self, number: str, kind: Kind, amount: int = 0, **other: Any) -> Correction:
        """Asked for by one and approved by the other."""
        return await self.desk.approve(self.bert, (await self.ask(number, kind, amount, **other)).id)

    async def entry(self, number: str, seq: int) -> Mapping[str, Any]:
        statement = select(entry).join(voucher, voucher.c.id == entry.c.voucher_id)
        async with self.floor.house.database.reading() as connection:
            rows = await connection.execute(statement.where(voucher.c.number == number, entry.c.seq == seq))
            return dict(rows.mappings().one())

    async def entries(self, number: str) -> list[tuple[str, int]]:
        statement = select(entry.c.kind, entry.c.amount).join(voucher, voucher.c.id == entry.c.voucher_id)
        async with self.floor.house.database.reading() as connection:
            rows = await connection.execute(statement.where(voucher.c.number == number).order_by(entry.c.seq))
            return [(row.kind, row.amount) for row in rows]

    async def count(self) -> int:
        async with self.floor.house.database.reading() as connection:
            return int(await connection.scalar(select(func.count()).select_from(voucher_correction)) or 0)

    async def told(self) -> list[str]:
        """What the audit log says of corrections."""
        return [event.partition(".")[2] for event, _ in await events(self.floor.house) if "correction" in event]


async def open_office(floor: Floor) -> Office:
    async with floor.house.database.writing() as connection:
        groups = await found_tenant(floor.house, connection, floor.here.tenant_id)
    crew = Crew(floor.house, floor.here.tenant_id, groups, 1)
    anna, bert = await crew.join("Anna"), await crew.join("Bert")
    return Office(floor, crew, anna, bert, Corrections(floor.house))
