"""Vouchers that are used and then lie about for years."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.clock import HandClock
from tests.portal.vouchers.floor import Floor
from tests.portal.vouchers.office import chief
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.links.model import Recipient
from tillbridge.portal.mail.tables import letter
from tillbridge.portal.rights import Person
from tillbridge.portal.validity import due_store, store
from tillbridge.portal.validity.dates import Rule
from tillbridge.portal.validity.model import DueVoucher, Outcome, Run
from tillbridge.portal.validity.running import Runner
from tillbridge.portal.validity.service import Validity
from tillbridge.portal.vouchers.tables import voucher

ZONE = ZoneInfo("Europe/Berlin")


async def olga(connection: AsyncConnection, tenant_id: str) -> Sequence[Recipient]:  # noqa: ARG001  # as `Owners` has it
    """The one owner of every merchant."""
    return [Recipient("olga@shop.example", Language.EN)]


def in_berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


class Killed(Exception):
    """The process is gone."""


async def killed(*_: object) -> None:
    """Instead of the last statement of a batch."""
    raise Killed


@dataclass(slots=True)
class Yearly:
    """A floor, its rule, and what the timer does there."""

    house: House
    floor: Floor
    clock: HandClock
    rule: Rule = field(default_factory=lambda: Rule(3, 12, 31))

    @property
    def validity(self) -> Validity:
        return Validity(self.house)

    def runner(self, batch: int = 2) -> Runner:
        """One process; batches are so small that a run has several."""
        return Runner(self.house, olga, batch)

    def chief(self) -> Person:
        """Somebody with every right, who has just proven who it is."""
        return chief(self.house, self.floor.here.tenant_id)

    def go_to(self, text: str) -> None:
        """Moves the clock to a moment in Berlin."""
        self.clock.forward(seconds=(in_berlin(text) - self.clock.now()).total_seconds())

    async def to_the_date(self) -> None:
        """To the date on which what was loaded in 2026 is due, the runs of the years before it done."""
        self.go_to("2028-12-31T00:00")
        await self.finish()
        self.go_to("2029-12-31T00:00")

    async def finish(self) -> None:
        """Lets the timer do all that there is to do."""
        runner = self.runner()
        while await runner.step():
            pass

    async def runs(self) -> Sequence[Run]:
        """Every run, the newest date first."""
        async with self.house.database.reading() as connection:
            return await store.runs_of(connection, self.floor.system_id)

    async def found(self, run: Run) -> dict[str, tuple[Outcome, int, bool]]:
        """What a run did, by number: what became of it, how much, and whether it was given back."""
        async with self.house.database.reading() as connection:
            page: Sequence[DueVoucher] = await due_store.page_written(connection, run.id, 1, 1000)
        return {one.number: (one.outcome, one.amount, one.back) for one in page}

    async def entries(self, number: str) -> list[tuple[str, int]]:
        """The kinds and amounts of a voucher's entries."""
        statement = select(entry).join(voucher, voucher.c.id == entry.c.voucher_id).where(voucher.c.number == number)
        async with self.house.database.reading() as connection:
            rows = (await connection.execute(statement.order_by(entry.c.seq))).mappings()
            return [(row["kind"], row["amount"]) for row in rows]

    async def id_of(self, number: str) -> str:
        return str((await self.floor.row(number))["id"])

    async def letters(self) -> list[tuple[str, str]]:
        """Subjects and texts of what was written, the oldest first."""
        async with self.house.database.reading() as connection:
            rows: list[Any] = list(await connection.execute(select(letter).order_by(letter.c.id)))
        return [(row.subject, self._text(row)) for row in rows]

    def _text(self, row: Any) -> str:  # a row
        return self.house.vault.unseal(base64.b64decode(row.sealed_body), f"letter/{row.id}").decode()
