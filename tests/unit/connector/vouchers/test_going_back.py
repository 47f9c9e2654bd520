"""Put-backs, reversals, receipts and restarts: whatever is lost on the way, in the end it is paid or put back."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connector.vouchers.wire import NUMBER, OTHER, Loss, Portal, key, serving, till, until, wanted
from tillbridge.connector.vouchers.model import ENDED, LATE, SILENCE, Case, Decision, Kind, State
from tillbridge.connector.vouchers.schema import FILE
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime, SystemClock
from tillbridge.runtime.sqlite import CommittingThread, Connect, Job, StorageUnavailable


class LateClock(SystemClock):
    """The computer's clock, set forward by hand."""

    ahead = timedelta()

    def now(self) -> Any:
        return super().now() + self.ahead


class Dying:
    """A disk in a computer that loses its power: after `left` commits nothing is written any more."""

    def __init__(self, connect: Connect, left: int) -> None:
        self._thread = CommittingThread(connect)
        self._left = left

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        if self._left == 0:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(StorageUnavailable("the power is off"))
            return future
        self._left -= durable
        return self._thread.submit(job, durable=durable)

    async def close(self) -> None:
        await self._thread.close()


def dying_after(left: int) -> Any:
    return lambda connect: Dying(connect, left)


async def test_a_payment_is_put_back_once_however_often_that_is_asked(tmp_path: Path) -> None:
    portal = Portal(plan=[None, Loss.AFTER, Loss.BEFORE])
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(), wanted())
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(here.desk.put_back(key())) for _ in range(5)]
        assert {one.result().state for one in asked} == {State.PUTBACK_DONE}
        assert portal.balances[NUMBER] == 5000
        assert (await here.desk.ask(key(), wanted())).state is State.PUTBACK_DONE


async def test_what_was_put_back_before_it_came_is_never_carried_out(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        assert (await here.desk.put_back(key())).state is State.VOIDED
        with pytest.raises(BridgeError) as error:
            await here.desk.ask(key(), wanted())
        assert error.value.code is Code.VOUCHER_VOIDED
        assert (portal.times("redeem"), portal.balances[NUMBER]) == (0, 5000)


async def test_a_load_is_reversed_and_a_spent_one_is_a_case(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(1), wanted(1000, Kind.LOAD))
        assert (await here.desk.reverse(key(1))).state is State.REVERSED
        await here.desk.ask(key(2), wanted(1000, Kind.LOAD))
        await here.desk.ask(key(3), wanted(5500))
        with pytest.raises(BridgeError) as error:
            await here.desk.reverse(key(2))
        assert (error.value.code, error.value.members) == (Code.VOUCHER_LOAD_SPENT, {"spent": 500})
        assert [one.key for one in here.desk.standing().cases] == [key(2)]
        await here.desk.resolve(key(2), Decision.NOTED, "Ada", "the office knows")
        assert here.desk.standing().cases == ()
        assert here.desk.history(key(2))[-1].words["by"] == "Ada"
        for wrong, of in ((here.desk.put_back, key(2)), (here.desk.reverse, key(3))):
            with pytest.raises(BridgeError) as error:
                await wrong(of)
            assert error.value.code is Code.FIELD_INVALID


async def test_a_closed_receipt_confirms_its_payments_and_a_cancelled_one_gives_all_back(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(1), wanted(1000))
        await here.desk.ask(key(2), wanted(1000, number=OTHER, pin="0007"))
        assert {one.state for one in await here.desk.close("A-17")} == {State.CONFIRMED}
        with pytest.raises(BridgeError) as error:
            await here.desk.ask(key(3), wanted(1000))
        assert error.value.code is Code.ALREADY_CLOSED
        await here.desk.ask(key(4), wanted(500, receipt="A-18"))
        await here.desk.ask(key(5), wanted(500, receipt="A-18", number=OTHER, pin="0007"))
        await here.desk.ask(key(6), wanted(700, Kind.LOAD, receipt="A-18"))
        found = await here.desk.cancel("A-18")
        assert [one.state for one in found] == [State.PUTBACK_DONE, State.PUTBACK_DONE, State.REVERSED]
        assert portal.balances == {NUMBER: 4000, OTHER: 2000}
        assert {one.state for one in await here.desk.cancel("A-17")} == {State.PUTBACK_DONE}
        assert portal.balances == {NUMBER: 5000, OTHER: 3000}
        with pytest.raises(BridgeError) as error:
            await here.desk.ask(key(7), wanted(100, receipt="A-18"))
        assert error.value.code is Code.VOUCHER_VOIDED
        assert here.desk.standing().open == ()


async def test_a_number_of_a_receipt_that_comes_again_the_next_day_is_another_receipt(tmp_path: Path) -> None:
    portal, clock = Portal(), LateClock()
    async with serving(portal) as address, till(address, tmp_path, Runtime(clock)) as here:
        await here.desk.ask(key(1), wanted(1000))
        await here.desk.close("A-17")
        clock.ahead = timedelta(hours=20)
        await here.desk.ask(key(2), wanted(1000))
        assert [one.key for one in await here.desk.cancel("A-17")] == [key(2)]
        assert portal.balances[NUMBER] == 4000


async def test_silence_is_a_case_for_a_person_and_never_a_put_back(tmp_path: Path) -> None:
    portal, clock = Portal(), LateClock()
    async with serving(portal) as address, till(address, tmp_path, Runtime(clock)) as here:
        for number in (1, 2):
            await here.desk.ask(key(number), wanted(1000, receipt=f"A-{number}"))
        assert len(here.desk.standing().open) == 2
        clock.ahead = SILENCE
        assert [here.desk.case(one) for one in here.desk.standing().cases] == [Case.SILENT, Case.SILENT]
        assert portal.balances[NUMBER] == 3000
        done = await here.desk.resolve(key(1), Decision.CONFIRM, "Ada", "the receipt says paid")
        back = await here.desk.resolve(key(2), Decision.PUT_BACK, "Ada", "the guest paid by card")
        assert (done.state, back.state, portal.balances[NUMBER]) == (State.CONFIRMED, State.PUTBACK_DONE, 4000)
        with pytest.raises(BridgeError) as error:
            await here.desk.resolve(key(1), Decision.NOTED, "Ada", "twice")
        assert error.value.code is Code.ALREADY_CLOSED


async def test_paid_here_and_put_back_there_is_a_case(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(), wanted())
        portal.operations[key()] = ("put_back", NUMBER, 2000)
        (found,) = await here.desk.close("A-17")
        assert (found.state, found.case) == (State.PUTBACK_DONE, Case.PUT_BACK_ELSEWHERE)


async def test_a_portal_that_forgot_a_booking_is_a_case_and_is_asked_again(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path) as here:
        await here.desk.ask(key(), wanted())
        known = portal.operations.pop(key())
        await here.desk.close("A-17", patience=0.1)
        await until(lambda: here.desk.find(key()).case is Case.NOT_BOOKED)
        portal.operations[key()] = known
        await until(lambda: here.desk.find(key()).state is State.CONFIRMED)
        assert here.desk.standing().cases == ()


async def test_put_backs_outlive_a_dead_link_a_restart_and_a_new_pairing(tmp_path: Path) -> None:
    portal, clock = Portal(), LateClock()
    async with serving(portal) as address, till(address, tmp_path, Runtime(clock)) as here:
        await here.desk.ask(key(), wanted())
        portal.always = Loss.BEFORE
        assert (await here.desk.put_back(key(), patience=0.05)).state is State.PUTBACK_QUEUED
    async with serving(portal) as _, till(address, tmp_path, Runtime(clock)) as here:
        clock.ahead = LATE + timedelta(seconds=1)
        (late,) = here.desk.standing().waiting
        assert late.late(clock.now())
        unsent = here.connection.board.standing().unsent
        assert (unsent.count, unsent.put_backs) == (1, 1)
        assert "unsent" in here.connection.board.standing().warnings
    async with serving(portal) as elsewhere, till(elsewhere, tmp_path, Runtime(clock)) as here:
        # Under another link the key would be another action: it waits, and a person sees it.
        portal.always = None
        assert [here.desk.case(one) for one in here.desk.standing().cases] == [Case.OTHER_PORTAL]
        assert portal.balances[NUMBER] == 3000


async def test_a_put_back_after_a_new_pairing_with_the_same_portal_arrives_once(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address:
        async with till(address, tmp_path) as here:
            await here.desk.ask(key(), wanted())
            portal.always = Loss.AFTER
            await here.desk.put_back(key(), patience=0.05)
        await _unpaired(tmp_path, address)
        portal.always = None
        async with till(address, tmp_path) as here:
            await until(lambda: here.desk.find(key()).state is State.PUTBACK_DONE)
        assert portal.balances[NUMBER] == 5000


async def _unpaired(folder: Path, address: str) -> None:
    async with till(address, folder) as here:
        await here.connection.keystore.change(lambda kept: kept.model_copy(update={"link": None}))


@pytest.mark.parametrize("left", range(6))
@pytest.mark.parametrize("lost", [None, Loss.BEFORE, Loss.AFTER])
@pytest.mark.parametrize("ends", ["close", "cancel"])
async def test_a_power_cut_at_every_step_ends_paid_or_put_back(
    tmp_path: Path, left: int, lost: Loss | None, ends: str
) -> None:
    portal = Portal(plan=[lost, lost])
    async with serving(portal) as address:
        async with till(address, tmp_path, make_committer=dying_after(left)) as here:
            try:
                await here.desk.ask(key(), wanted(), patience=0.1)
                await getattr(here.desk, ends)("A-17", patience=0.1)
            except (BridgeError, StorageUnavailable):
                pass  # what a till does then is to ask again
        async with till(address, tmp_path) as here:
            await here.desk.ask(key(), wanted())
            await getattr(here.desk, ends)("A-17")
            found = here.desk.find(key())
        assert found.state in ENDED
        state, _, _ = portal.operations[key()]
        # A put-back that overtook its payment leaves nothing to give back.
        back = {(State.PUTBACK_DONE, "put_back"), (State.VOIDED, "voided")}
        assert (found.state, state) in ({(State.CONFIRMED, "confirmed")} if ends == "close" else back)
        assert portal.balances[NUMBER] == (3000 if ends == "close" else 5000)


async def test_where_the_disk_takes_nothing_nothing_is_sent(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address, till(address, tmp_path, make_committer=dying_after(0)) as here:
        with pytest.raises(StorageUnavailable):
            await here.desk.ask(key(), wanted())
        assert portal.heard == []


async def test_a_pin_that_is_lost_ends_in_a_put_back_and_never_in_a_payment_nobody_knows_of(tmp_path: Path) -> None:
    portal = Portal(always=Loss.BEFORE)
    async with serving(portal) as address:
        async with till(address, tmp_path) as here:
            await here.desk.ask(key(), wanted(), patience=0.05)
        for path in (tmp_path / "vouchers").iterdir():
            path.unlink()
        portal.always = None
        async with till(address, tmp_path) as here:
            await until(lambda: here.desk.find(key()).state is State.VOIDED)
            assert portal.balances[NUMBER] == 5000
            assert (await here.desk.ask(key(2), wanted())).state is State.DONE


async def test_the_history_is_never_changed_and_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address:
        async with till(address, tmp_path) as here:
            await here.desk.ask(key(), wanted())
        with sqlite3.connect(tmp_path / FILE) as file:
            for attempt in ("UPDATE history SET state = 'done'", "DELETE FROM history", "DELETE FROM action"):
                with pytest.raises(sqlite3.IntegrityError):
                    file.execute(attempt)
            file.execute("PRAGMA user_version = 99")
        with pytest.raises(BridgeError) as error:
            async with till(address, tmp_path):
                pass
        assert error.value.code is Code.JOURNAL_TOO_NEW
