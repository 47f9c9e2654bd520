"""What a person has to look at, and decides."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.portal.people import somebody
from tests.portal.validity.yearly import Yearly, olga
from tests.portal.vouchers.office import events
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import Lookup, OperationState
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.model import EntryKind, Occasion
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.rights import Person
from tillbridge.portal.validity.alarms import Alarms
from tillbridge.portal.validity.cases_model import Decision, Exceptions
from tillbridge.portal.validity.cases_service import Cases
from tillbridge.portal.validity.tables import voucher_alarm, voucher_case
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.guessing import MOST_AN_HOUR
from tillbridge.portal.vouchers.tables import voucher

KEY = "receipt-key-00001"
SAID = {"evidence": "till 2, receipt 117: paid in cash", "reason": "asked the shop"}


async def seen(yearly: Yearly, person: Person | None = None) -> Exceptions:
    return (await Cases(yearly.house).seen(person or yearly.chief(), yearly.floor.system_id)).found


async def operation_id(yearly: Yearly, key: str = KEY) -> str:
    async with yearly.house.database.reading() as connection:
        return str(await connection.scalar(select(operation.c.id).where(operation.c.key == key)))


async def refused(yearly: Yearly, code: Code, *, decision: Decision = Decision.PAID, **changed: Any) -> BridgeError:
    said: dict[str, Any] = {"person": yearly.chief(), **SAID, **changed}
    with pytest.raises(BridgeError) as caught:
        await Cases(yearly.house).decide(
            said["person"],
            said.get("operation_id") or await operation_id(yearly),
            decision,
            evidence=said["evidence"],
            reason=said["reason"],
        )
    assert caught.value.code is code
    return caught.value


async def decide(yearly: Yearly, decision: Decision, key: str = KEY) -> None:
    await Cases(yearly.house).decide(yearly.chief(), await operation_id(yearly, key), decision, **SAID)


async def open_case(yearly: Yearly, key: str = KEY) -> str:
    """A redemption at noon of which the till says nothing more; the next morning it is a case."""
    number = await yearly.floor.voucher(loaded=1_000)
    await yearly.floor.redeem(number, 400, key=key)
    yearly.go_to("2026-03-15T06:00")
    return number


async def test_a_receipt_is_a_case_six_hours_after_its_day(yearly: Yearly) -> None:
    await yearly.floor.redeem(await yearly.floor.voucher(loaded=1_000), 400, key=KEY)
    yearly.go_to("2026-03-15T05:59:59")
    assert not (await seen(yearly)).open_cases
    await refused(yearly, Code.RECORD_UNKNOWN)
    yearly.go_to("2026-03-15T06:00")
    (one,) = (await seen(yearly)).open_cases
    assert (one.key, one.taken, one.receipt, one.state) == (KEY, 400, "receipt-1", OperationState.INTERIM)
    # Nothing goes back by itself, however long it takes.
    yearly.clock.forward(days=400)
    assert len((await seen(yearly)).open_cases) == 1
    assert (await yearly.floor.desk.state(yearly.floor.here, KEY)).state is OperationState.INTERIM


@pytest.mark.parametrize(
    ("decision", "state", "balance"),
    [(Decision.PAID, OperationState.CONFIRMED, 600), (Decision.NOT_PAID, OperationState.PUT_BACK, 1_000)],
)
async def test_a_person_decides(yearly: Yearly, decision: Decision, state: OperationState, balance: int) -> None:
    number = await open_case(yearly)
    await decide(yearly, decision)
    assert not (await seen(yearly)).open_cases
    assert (await yearly.floor.desk.state(yearly.floor.here, KEY)).state is state
    assert await yearly.floor.balance(number) == balance
    async with yearly.house.database.reading() as connection:
        (row,) = (await connection.execute(select(voucher_case))).mappings()
    assert (row["decision"], row["kind"], row["evidence"], row["reason"]) == (decision, "open", *SAID.values())
    assert row["decided_by"].startswith("Olga")
    (told,) = [after for event, after in await events(yearly.house) if event == f"voucher_case.{decision}"]
    assert told == {"decision": decision, "evidence": SAID["evidence"]}
    # Decided once: neither the same nor the other way again.
    for again in (Decision.PAID, Decision.NOT_PAID):
        await refused(yearly, Code.RECORD_UNKNOWN, decision=again)
    await yearly.floor.sound()


async def quietly(doing: Awaitable[object]) -> bool:
    """Whether it was done, and not refused because somebody was faster."""
    try:
        await doing
    except BridgeError as error:
        if error.code not in {Code.RECORD_CONFLICT, Code.RECORD_UNKNOWN, Code.VOUCHER_ORDER}:
            raise
        return False
    return True


async def test_two_who_decide_at_once_and_the_till_beside_them(yearly: Yearly) -> None:
    floor = yearly.floor
    keys = [f"raced-receipt-{at:03d}" for at in range(6)]
    numbers = [await floor.voucher(loaded=1_000) for _ in keys]
    for number, key in zip(numbers, keys, strict=True):
        await floor.redeem(number, 400, key=key)
    yearly.go_to("2026-03-15T06:00")
    async with asyncio.TaskGroup() as group:
        tasks = [
            [
                group.create_task(quietly(decide(yearly, Decision.NOT_PAID, key))),
                group.create_task(quietly(decide(yearly, Decision.PAID, key))),
                group.create_task(quietly(floor.desk.confirm(floor.here, key))),
            ]
            for key in keys
        ]
    async with yearly.house.database.reading() as connection:
        rows = {row.operation_id: row.decision for row in await connection.execute(select(voucher_case))}
    contested = {one.key for one in (await seen(yearly)).contested}
    for number, key, (not_paid, paid, confirmed) in zip(numbers, keys, tasks, strict=True):
        state = (await floor.desk.state(floor.here, key)).state
        kept = rows.get(await operation_id(yearly, key))
        assert not (not_paid.result() and paid.result())
        assert kept == (Decision.NOT_PAID if not_paid.result() else Decision.PAID if paid.result() else None)
        assert state is (OperationState.PUT_BACK if not_paid.result() else OperationState.CONFIRMED)
        assert await floor.balance(number) == (1_000 if not_paid.result() else 600)
        # A till that was too late is heard all the same.
        assert (key in contested) is not confirmed.result()
    await floor.sound()


async def test_a_confirmation_after_a_put_back_is_settled_by_a_person(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await open_case(yearly)
    await decide(yearly, Decision.NOT_PAID)
    with pytest.raises(BridgeError):
        await floor.desk.confirm(floor.here, KEY)
    (one,) = (await seen(yearly)).contested
    assert (one.key, one.state, one.number) == (KEY, OperationState.PUT_BACK, number)
    await refused(yearly, Code.FIELD_INVALID, decision=Decision.PAID)
    await decide(yearly, Decision.SETTLED)
    assert not (await seen(yearly)).contested
    assert await floor.balance(number) == 1_000
    await refused(yearly, Code.RECORD_UNKNOWN, decision=Decision.SETTLED)


async def test_a_confirmation_of_what_never_arrived_is_found_by_its_location(yearly: Yearly) -> None:
    floor = yearly.floor
    await floor.desk.put_back(floor.there, KEY)
    with pytest.raises(BridgeError):
        await floor.desk.confirm(floor.there, KEY)
    (one,) = (await seen(yearly)).contested
    assert (one.voucher_id, one.number, one.location_id) == (None, "", floor.there.location_id)
    await decide(yearly, Decision.SETTLED)
    assert not (await seen(yearly)).contested


async def test_put_backs_after_closing_are_listed(yearly: Yearly) -> None:
    floor = yearly.floor
    number = await floor.voucher(loaded=1_000)
    for key in (KEY, "another-receipt-1"):
        await floor.redeem(number, 100, key=key)
    await floor.desk.confirm(floor.here, KEY)
    yearly.clock.forward(minutes=5)
    await floor.desk.put_back(floor.here, KEY)
    await floor.desk.put_back(floor.here, KEY)
    await floor.desk.put_back(floor.here, "another-receipt-1")
    (one,) = (await seen(yearly)).late
    assert (one.key, one.moment) == (KEY, yearly.clock.now())
    yearly.clock.forward(days=91)
    assert not (await seen(yearly)).late


async def test_who_may_decide(yearly: Yearly) -> None:
    floor = yearly.floor
    await open_case(yearly)
    chief = yearly.chief()
    here, tenant = frozenset({floor.here.location_id}), floor.here.tenant_id
    viewer = somebody(tenant, "vouchers.settlement.view", locations=here)
    elsewhere = somebody(tenant, "vouchers.correct.edit", locations=frozenset({floor.there.location_id}))
    assert len((await seen(yearly, viewer)).open_cases) == 1
    assert not (await seen(yearly, elsewhere)).open_cases
    await refused(yearly, Code.RIGHT_MISSING, person=viewer)
    await refused(yearly, Code.RECORD_UNKNOWN, person=elsewhere)
    await refused(yearly, Code.RIGHT_MISSING, person=somebody(tenant, "vouchers.codes.edit"))
    await refused(yearly, Code.RECORD_UNKNOWN, person=replace(chief, tenant_id="f" * 32))
    await refused(yearly, Code.STEP_UP_NEEDED, person=replace(chief, stepped_up_at=None))
    assert (await refused(yearly, Code.FIELD_INVALID, evidence=" ")).place == "evidence"
    assert (await refused(yearly, Code.FIELD_INVALID, reason="x" * 501)).place == "reason"
    assert len((await seen(yearly)).open_cases) == 1
    allowed = replace(somebody(tenant, "vouchers.correct.edit", locations=here), stepped_up_at=yearly.clock.now())
    await Cases(yearly.house).decide(allowed, await operation_id(yearly), Decision.PAID, **SAID)


# ------------------------------------------------------------ PINs


async def guessed(yearly: Yearly) -> None:
    """So many wrong PINs that the location has to pause: five at a time, then the voucher itself is locked."""
    numbers = [await yearly.floor.voucher(loaded=100) for _ in range(MOST_AN_HOUR // 5)]
    for number in numbers:
        for _ in range(5):
            await yearly.floor.redeem(number, 10, pin="9999")


async def test_a_location_that_guesses_is_told_of_once_and_let_go_on(yearly: Yearly) -> None:
    floor, cases = yearly.floor, Cases(yearly.house)
    await guessed(yearly)
    alarms = Alarms(yearly.house, olga)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(alarms.tell())
    await alarms.tell()
    ((subject, said),) = await yearly.letters()
    assert "PIN" in subject
    assert f"/vouchers/systems/{floor.system_id}/exceptions" in said
    found = await seen(yearly)
    assert (len(found.shut), len(found.alarms)) == (6, 1)
    (pause,) = found.pauses
    assert (pause.location_id, pause.kinds) == (floor.here.location_id, ("pin",))
    assert pause.until == yearly.clock.now() + timedelta(minutes=60)
    number = await floor.voucher(loaded=100)
    with pytest.raises(BridgeError) as caught:
        await floor.redeem(number, 10)
    assert caught.value.code is Code.VOUCHER_RATE
    with pytest.raises(BridgeError) as caught:
        await cases.release(yearly.chief(), floor.system_id, floor.there.location_id, "the card reader is broken")
    assert caught.value.code is Code.RECORD_UNKNOWN
    await cases.release(yearly.chief(), floor.system_id, floor.here.location_id, "the card reader is broken")
    assert (await floor.redeem(number, 10)).status == 200
    assert not (await seen(yearly)).pauses
    assert "voucher_pause.released" in [event for event, _ in await events(yearly.house)]


async def test_a_second_alarm_of_the_same_pause_is_no_second_letter(yearly: Yearly) -> None:
    now, ids = yearly.clock.now(), yearly.house.runtime.ids
    at = yearly.floor.here.location_id
    rows = [
        {"id": ids.new(), "location_id": at, "at": now + timedelta(minutes=minutes), "until": now + timedelta(hours=1)}
        for minutes in (0, 0, 61)
    ]
    async with yearly.house.database.writing() as connection:
        await connection.execute(insert(voucher_alarm), rows)
    await Alarms(yearly.house, olga).tell()
    assert len(await yearly.letters()) == 2


async def test_unknown_numbers_pause_without_a_letter(yearly: Yearly) -> None:
    floor = yearly.floor
    for _ in range(MOST_AN_HOUR):
        with pytest.raises(BridgeError):
            await floor.desk.lookup(floor.here, Lookup(number="27600000000008", currency="EUR"))
    (pause,) = (await seen(yearly)).pauses
    assert pause.kinds == ("unknown",)
    await Alarms(yearly.house, olga).tell()
    assert not await yearly.letters()


async def test_a_blocked_pin_stays_on_the_list(yearly: Yearly) -> None:
    blocked, locked, free = [await yearly.floor.voucher() for _ in range(3)]
    until = yearly.clock.now() + timedelta(minutes=5)
    async with yearly.house.database.writing() as connection:
        for number, values in (
            (blocked, {"pin_blocked": True}),
            (locked, {"pin_locked_until": until}),
            (free, {"pin_locked_until": yearly.clock.now()}),
        ):
            await connection.execute(update(voucher).where(voucher.c.number == number).values(values))
    assert [(one.number, one.until) for one in (await seen(yearly)).shut] == [(blocked, None), (locked, until)]
    yearly.clock.forward(minutes=5)
    assert [one.number for one in (await seen(yearly)).shut] == [blocked]


async def test_what_was_changed_by_hand_is_listed(yearly: Yearly) -> None:
    house, number = yearly.house, await yearly.floor.voucher(loaded=1_000)
    voucher_id, now = await yearly.id_of(number), yearly.clock.now()
    at = Occasion(None, "2026-03-14", now, operator="Olga Owner", reason="the printer had jammed")
    async with house.database.writing() as connection:
        clerk = await Clerk.open(connection, {voucher_id})
        clerk.post(book.take(clerk.account(voucher_id), EntryKind.ADJUST, 150, at, house.runtime.ids.new()))
        await clerk.write()
    (one,) = (await seen(yearly)).adjusted
    assert (one.number, one.amount, one.by, one.reason) == (number, -150, "Olga Owner", "the printer had jammed")
    yearly.clock.forward(days=91)
    assert not (await seen(yearly)).adjusted
