"""A merchant with two shops, vouchers and an open desk."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from tests.portal.shops import merchant, shop
from tillbridge.domain.voucher_code import number_of
from tillbridge.link.voucher_messages import Load, Redeem
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import allocation, entry, lot, operation
from tillbridge.portal.ledger.verifying import verify
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.model import Answered, Counter
from tillbridge.portal.vouchers.numbers import seal_pin
from tillbridge.portal.vouchers.tables import voucher, voucher_location, voucher_system

PIN = "0420"


@dataclass(slots=True)
class Floor:
    """`here` and `there` are counters of two shops; `made` are the numbers of vouchers by their ids."""

    house: House
    desk: VoucherDesk
    system_id: str
    here: Counter
    there: Counter
    third: Counter
    made: dict[str, str] = field(default_factory=dict)

    async def voucher(self, *, loaded: int = 0, at: Counter | None = None, **values: object) -> str:
        """A voucher; returns its number."""
        (number,) = await self.vouchers(1, **values)
        if loaded:
            await self.load(number, loaded, at=at)
        return number

    async def vouchers(self, count: int, **values: object) -> list[str]:
        house, country = self.house, str(values.get("country", "276"))
        ids = [house.runtime.ids.new() for _ in range(count)]
        numbers = [number_of(country, f"{len(self.made) + one:010d}") for one in range(count)]
        rows = [
            {
                "id": voucher_id,
                "system_id": self.system_id,
                "number": number,
                "pin_sealed": seal_pin(house.vault, voucher_id, PIN),
                "country": country,
                "scheme": "own",
                "life": "active",
                "made_at": house.runtime.clock.now(),
                **values,
            }
            for voucher_id, number in zip(ids, numbers, strict=True)
        ]
        async with house.database.writing() as connection:
            await connection.execute(insert(voucher), rows)
        self.made |= dict(zip(ids, numbers, strict=True))
        return numbers

    def key(self) -> str:
        return self.house.runtime.ids.new()

    async def load(self, number: str, amount: int, *, at: Counter | None = None, key: str | None = None) -> Answered:
        asked = Load(number=number, currency="EUR", transaction_ref="sale-1", amount=amount)
        return await self.desk.load(at or self.here, key or self.key(), asked)

    async def redeem(
        self, number: str, amount: int, *, at: Counter | None = None, key: str | None = None, **other: Any
    ) -> Answered:
        asked = redeem(number, amount, **other)
        return await self.desk.redeem(at or self.here, key or self.key(), asked)

    async def row(self, number: str) -> Mapping[str, Any]:
        async with self.house.database.reading() as connection:
            rows = await connection.execute(select(voucher).where(voucher.c.number == number))
            return dict(rows.mappings().one())

    async def balance(self, number: str) -> int:
        return int((await self.row(number))["balance"])

    async def change(self, number: str, **values: object) -> None:
        """What the office does to a voucher."""
        async with self.house.database.writing() as connection:
            await connection.execute(update(voucher).where(voucher.c.number == number).values(**values))

    async def system(self, **values: object) -> None:
        """What the office does to the voucher system."""
        async with self.house.database.writing() as connection:
            await connection.execute(update(voucher_system).values(**values))

    async def lots(self, number: str) -> list[tuple[str, int]]:
        """Whose credit is left, the oldest first."""
        names = {one.location_id: name for name, one in (("A", self.here), ("B", self.there), ("C", self.third))}
        statement = select(lot).join(voucher, voucher.c.id == lot.c.voucher_id).where(voucher.c.number == number)
        async with self.house.database.reading() as connection:
            rows = (await connection.execute(statement.order_by(lot.c.loaded_at, lot.c.seq))).mappings()
            return [(names[row["location_id"]], row["remaining"]) for row in rows]

    async def claims(self, number: str) -> dict[tuple[str, str], int]:
        """What each shop claims from which, by the ledger's own rows."""
        names = {one.location_id: name for name, one in (("A", self.here), ("B", self.there), ("C", self.third))}
        statement = (
            select(entry.c.location_id, lot.c.location_id.label("loaded_at"), func.sum(allocation.c.amount))
            .join(allocation, allocation.c.entry_id == entry.c.id)
            .join(lot, lot.c.id == allocation.c.lot_id)
            .join(voucher, voucher.c.id == entry.c.voucher_id)
            .where(voucher.c.number == number, entry.c.kind.in_(["redeem", "put_back"]))
            .group_by(entry.c.location_id, lot.c.location_id)
        )
        async with self.house.database.reading() as connection:
            rows = await connection.execute(statement)
            found = {(names[claimer], names[owner]): int(amount) for claimer, owner, amount in rows}
        return {pair: amount for pair, amount in found.items() if amount and pair[0] != pair[1]}

    async def contested(self) -> list[Any]:
        """Actions that were confirmed although their money had gone back."""
        async with self.house.database.reading() as connection:
            return list(await connection.execute(select(operation).where(operation.c.contested_at.is_not(None))))

    async def entries(self) -> int:
        async with self.house.database.reading() as connection:
            return (await connection.execute(select(func.count()).select_from(entry))).scalar_one()

    async def sound(self) -> None:
        """The whole ledger holds together."""
        verdict = await verify(self.house)
        assert verdict.sound, verdict.faults


def redeem(number: str, amount: int, *, pin: str | None = PIN, exact: bool = False, **other: Any) -> Redeem:
    wanted: dict[str, Any] = {"exact" if exact else "up_to": amount, "currency": "EUR"}
    return Redeem(number=number, pin=pin, transaction_ref="receipt-1", **(wanted | other))


@asynccontextmanager
async def open_desk(house: House) -> AsyncIterator[VoucherDesk]:
    """A desk at work; it is stopped at the end."""
    desk = VoucherDesk(house)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(desk.run())
        try:
            yield desk
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work


@asynccontextmanager
async def open_floor(house: House) -> AsyncIterator[Floor]:
    tenant_id = await merchant(house)
    shops = [await shop(house, tenant_id, 1_004_711 + one, client_number=one + 1) for one in range(3)]
    system_id = house.runtime.ids.new()
    now: datetime = house.runtime.clock.now()
    async with house.database.writing() as connection:
        await connection.execute(
            insert(voucher_system).values(
                id=system_id,
                tenant_id=tenant_id,
                name="Gutscheine",
                currency="EUR",
                time_zone="Europe/Berlin",
                cross_country=False,
                load_min=100,
                load_max=300_000,
                balance_max=300_000,
                codes_a_month=6000,
                created_at=now,
            )
        )
        rows = [{"location_id": one, "system_id": system_id, "joined_at": now} for one in shops]
        await connection.execute(insert(voucher_location), rows)
    here, there, third = (Counter(one, tenant_id, f"link-{one}") for one in shops)
    async with open_desk(house) as desk:
        yield Floor(house, desk, system_id, here, there, third)
