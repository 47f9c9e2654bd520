"""Vouchers with a past: what was written off, what is due next, and everything that a person has to look at."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from tillbridge.domain.voucher_code import number_of
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion, Posting
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.links.letters import nobody
from tillbridge.portal.validity import store
from tillbridge.portal.validity.dates import Rule, day_at
from tillbridge.portal.validity.model import Setting
from tillbridge.portal.validity.running import Runner
from tillbridge.portal.validity.tables import voucher_alarm, voucher_late_put_back
from tillbridge.portal.vouchers import batches_store, guessing_store
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.guessing import Guess, Window
from tillbridge.portal.vouchers.numbers import seal_pin
from tillbridge.portal.vouchers.tables import voucher, voucher_system

YEARS = 3


class Past:
    """Books what happened to vouchers of one system at one location."""

    def __init__(self, house: House, system_id: str, location_id: str) -> None:
        self._house = house
        self._system_id = system_id
        self._location_id = location_id
        self._zone = "Europe/Berlin"
        self._now: datetime = house.runtime.clock.now()

    async def live(self) -> dict[str, str]:
        """All of it; returns the ids that addresses need."""
        gone, blocked, due, late_due, opened, contested, late, adjusted = await self._vouchers(8)
        await self._rule()
        for one, days in ((gone, 2000), (blocked, 1900), (due, 1150), (late_due, 1100)):
            await self._load(one, 4_500, days)
        async with self._house.database.writing() as connection:
            await batches_store.set_blocked(connection, blocked, blocked=True, reason="Karte verloren")
        runner = Runner(self._house, nobody)
        while await runner.step():
            pass
        for one in (opened, contested, late, adjusted):
            await self._load(one, 5_000, 20)
        case = await self._redeem(opened, "R-2044", 2_350, OperationState.INTERIM)
        await self._redeem(contested, "R-2051", 1_200, OperationState.PUT_BACK, contested=True)
        closed = await self._redeem(late, "R-2060", 800, OperationState.PUT_BACK)
        await self._exceptions(closed, due, adjusted)
        async with self._house.database.reading() as connection:
            run = (await store.runs_of(connection, self._system_id))[0]
        return {"run_id": run.id, "operation_id": case, "lapsed_id": gone}

    async def _vouchers(self, count: int) -> Sequence[str]:
        house, ids = self._house, [self._house.runtime.ids.new() for _ in range(count)]
        rows = [
            {
                "id": one,
                "system_id": self._system_id,
                "number": number_of("276", f"{7_700_000_000 + at * 1_234_567:010d}"),
                "pin_sealed": seal_pin(house.vault, one, "0420"),
                "country": "276",
                "scheme": "own",
                "life": "active",
                "made_at": self._now - timedelta(days=2500),
            }
            for at, one in enumerate(ids)
        ]
        async with house.database.writing() as connection:
            await connection.execute(insert(voucher), rows)
        return ids

    async def _rule(self) -> None:
        """In thirty days again, and for the first time a year before that."""
        async with self._house.database.writing() as connection:
            zone = voucher_system.c.time_zone
            found = await connection.scalar(select(zone).where(voucher_system.c.id == self._system_id))
            self._zone = str(found)
            on = day_at(self._now + timedelta(days=30), self._zone)
            since = self._now - timedelta(days=400)
            await store.put(connection, Setting(self._system_id, Rule(YEARS, on.month, on.day), since))

    def _at(self, days: int, **other: str | None) -> Occasion:
        at = self._now - timedelta(days=days)
        known: dict[str, str | None] = {"location_id": self._location_id, **other}
        return Occasion(business_day=business_day(at, self._zone), booked_at=at, **known)  # type: ignore[arg-type]

    async def _load(self, voucher_id: str, amount: int, days: int) -> None:
        new_id = self._house.runtime.ids.new
        async with self._house.database.writing() as connection:
            clerk = await Clerk.open(connection, {voucher_id})
            ids = new_id(), new_id()
            clerk.post(book.put_on(clerk.account(voucher_id), EntryKind.LOAD, amount, self._at(days), ids))
            await clerk.write()

    async def _redeem(
        self, voucher_id: str, receipt: str, amount: int, state: OperationState, *, contested: bool = False
    ) -> str:
        """A redemption three days ago, with its action; put back two minutes later, if that is what became of it."""
        new_id, action = self._house.runtime.ids.new, self._house.runtime.ids.new()
        at = self._at(3, operation_id=action, station="K2", operator="Eva", transaction_ref=receipt)
        async with self._house.database.writing() as connection:
            row = {
                "id": action,
                "location_id": self._location_id,
                "key": f"redeem-{receipt}-0001",
                "kind": "redeem",
                "state": state.value,
                "voucher_id": voucher_id,
                "taken": amount,
                "transaction_ref": receipt,
                "created_at": at.booked_at,
                "contested_at": at.booked_at + timedelta(minutes=9) if contested else None,
            }
            await connection.execute(insert(operation), [row])
            clerk = await Clerk.open(connection, {voucher_id})
            taken: Posting = book.take(clerk.account(voucher_id), EntryKind.REDEEM, amount, at, new_id())
            clerk.post(taken)
            if state is OperationState.PUT_BACK:
                account, original = clerk.account(voucher_id), book.original_of(taken)
                clerk.post(book.take_back(account, original, amount, self._at(3), new_id()))
            await clerk.write()
        return action

    async def _exceptions(self, closed: str, shut: str, adjusted: str) -> None:
        house, now = self._house, self._now
        async with house.database.writing() as connection:
            note = {"operation_id": closed, "confirmed_at": now - timedelta(days=3), "put_back_at": now}
            await connection.execute(insert(voucher_late_put_back), [note])
            window = {(self._location_id, Guess.PIN.value): Window((), now + timedelta(minutes=50))}
            await guessing_store.keep_windows(connection, window)
            alarm = {"id": house.runtime.ids.new(), "location_id": self._location_id, "at": now, "told_at": now}
            await connection.execute(insert(voucher_alarm), [alarm | {"until": now + timedelta(minutes=50)}])
            await connection.execute(update(voucher).where(voucher.c.id == shut).values(pin_blocked=True))
            clerk = await Clerk.open(connection, {adjusted})
            at = self._at(1, location_id=None, operator="Olga Sommer", reason="Doppelt geladen, mit dem Gast geklärt")
            posting = book.take(clerk.account(adjusted), EntryKind.ADJUST, 2_500, at, house.runtime.ids.new())
            clerk.post(posting)
            await clerk.write()
