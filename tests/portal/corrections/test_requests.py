"""Four eyes: who may ask, who may approve, for how long, and what the log says."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.portal.accounts.front_door import letters
from tests.portal.clock import HandClock
from tests.portal.corrections.office import Office
from tests.portal.people import somebody
from tests.portal.shops import merchant
from tests.portal.vouchers.office import chief
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.grants import Grant, Scope
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.corrections.model import Correction, Impossible, Kind, State
from tillbridge.portal.corrections.reading import Reading


async def refused(asking: Awaitable[object]) -> Code:
    with pytest.raises(BridgeError) as refusal:
        await asking
    return refusal.value.code


async def test_whoever_may_approve_is_told_once_and_by_nobody_else(office: Office) -> None:
    number = await office.floor.voucher(loaded=1_000)
    clerk = await office.crew.join("Cleo", Stock.OWNER)
    await office.crew.join("Dora", Stock.TECHNICIAN)
    one = await office.ask(number, Kind.LESS, 400, reason="typed\ntwice")
    assert await office.refusal(number, Kind.LESS, 100) == "waiting"
    told = await letters(office.floor.house)
    assert {recipient for recipient, _, _ in told} == {office.bert.email, clerk.email}
    assert len(told) == 2
    (text,) = {text for recipient, _, text in told if recipient == office.bert.email}
    assert f"/vouchers/corrections/{one.id}\n" in text
    assert number not in text
    assert "Take credit off, 4.00 EUR" in text
    await office.desk.approve(office.bert, one.id)
    assert len(await letters(office.floor.house)) == 2


async def test_nobody_approves_what_they_asked_for(office: Office) -> None:
    number = await office.floor.voucher(loaded=1_000)
    one = await office.ask(number, Kind.LESS, 400)
    assert await refused(office.desk.approve(office.anna, one.id)) is Code.RIGHT_MISSING
    assert await refused(office.desk.refuse(office.anna, one.id, "no")) is Code.RIGHT_MISSING
    assert await refused(office.desk.withdraw(office.bert, one.id)) is Code.RIGHT_MISSING
    assert await office.floor.balance(number) == 1_000
    # Not even past the code: the database itself holds to it.
    for statement in (
        "update voucher_correction set state = 'refused', decided_by = requested_by, decided_at = requested_at",
        "update voucher_correction set amount = 1",
        "delete from voucher_correction",
    ):
        with pytest.raises(DBAPIError):
            await _run(office, statement)
    assert (await office.desk.approve(office.bert, one.id)).state is State.BOOKED
    with pytest.raises(DBAPIError):
        await _run(office, "update voucher_correction set state = 'open', decided_at = null, entry_id = null")
    assert await office.floor.balance(number) == 600
    assert await office.told() == ["requested", "booked"]


async def test_what_was_decided_stays_so(office: Office) -> None:
    number = await office.floor.voucher(loaded=1_000)
    ends: list[Callable[[Correction], Awaitable[Correction]]] = [
        lambda one: office.desk.approve(office.bert, one.id),
        lambda one: office.desk.refuse(office.bert, one.id, "the till is right"),
        lambda one: office.desk.withdraw(office.anna, one.id),
    ]
    for end, state in zip(ends, (State.BOOKED, State.REFUSED, State.WITHDRAWN), strict=True):
        one = await office.ask(number, Kind.LESS, 100)
        assert (await end(one)).state is state
        for again in ends:
            assert await refused(again(one)) is Code.RECORD_CONFLICT
    assert await office.floor.balance(number) == 900
    assert await office.told() == ["requested", "booked", "requested", "refused", "requested", "withdrawn"]


async def test_a_request_waits_for_seven_days_and_alone(office: Office, clock: HandClock) -> None:
    number = await office.floor.voucher(loaded=1_000)
    first = await office.ask(number, Kind.LESS, 100)
    assert await office.refusal(number, Kind.LESS, 100) == "waiting"
    clock.forward(days=7, seconds=-1)
    await office.fresh()
    assert await office.refusal(number, Kind.LESS, 200) == "waiting"
    clock.forward(seconds=1)
    second = await office.ask(number, Kind.LESS, 200)
    assert await office.told() == ["requested", "expired", "requested"]
    assert await refused(office.desk.approve(office.bert, first.id)) is Code.RECORD_CONFLICT
    clock.forward(days=7)
    await office.fresh()
    reading = Reading(office.floor.house)
    listed = await reading.of_system(office.bert, office.floor.system_id)
    assert (len(listed.waiting), [one.one.state_at(clock.now()) for one in listed.done]) == (0, [State.EXPIRED] * 2)
    assert (await office.desk.approve(office.bert, second.id)).state is State.EXPIRED
    assert (await office.floor.balance(number), await office.floor.entries()) == (1_000, 1)


async def test_whoever_is_alone_is_told_so(office: Office) -> None:
    number, reading = await office.floor.voucher(loaded=1_000), Reading(office.floor.house)
    voucher_id = (await office.floor.row(number))["id"]
    assert not (await reading.subject(office.anna, voucher_id)).alone
    async with office.floor.house.database.writing() as connection:
        values = {"person": office.bert.id}
        await connection.execute(text("delete from membership where person_id = :person"), values)
    assert (await reading.subject(office.anna, voucher_id)).alone
    assert await office.refusal(number, Kind.LESS, 100) == "no_second"
    # Somebody with the right at another place than this is no second person either.
    carla = await office.crew.join("Carla", Stock.OWNER, Grant(Scope.LOCATION, office.floor.there.location_id))
    assert await office.refusal(number, Kind.LESS, 100) == "no_second"
    one = await office.ask(number, Kind.MORE, 100, location_id=office.floor.there.location_id)
    assert (await office.desk.approve(carla, one.id)).state is State.BOOKED


async def test_a_right_at_one_place_reaches_the_money_of_that_place(office: Office) -> None:
    floor = office.floor
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 100, at=floor.there)
    await floor.redeem(number, 100, at=floor.here)
    carla = await office.crew.join("Carla", Stock.OWNER, Grant(Scope.LOCATION, floor.there.location_id))
    for kind, other in (
        (Kind.LESS, {}),
        (Kind.REISSUE, {"target": await floor.voucher()}),
        (Kind.MORE, {"location_id": floor.here.location_id}),
        (Kind.REVERSE, {"entry": 1}),
        (Kind.PUT_BACK, {"entry": 3}),
    ):
        assert await refused(office.ask(number, kind, 100, by=carla, **other)) is Code.RIGHT_MISSING
    one = await office.ask(number, Kind.LESS, 100)
    assert await refused(office.desk.approve(carla, one.id)) is Code.RIGHT_MISSING
    assert await refused(office.desk.refuse(carla, one.id, "no")) is Code.RIGHT_MISSING
    await office.desk.withdraw(office.anna, one.id)
    one = await office.ask(number, Kind.PUT_BACK, 100, by=carla, entry=2)
    await office.desk.approve(office.bert, one.id)
    assert await floor.balance(number) == 900
    voucher_id = (await floor.row(number))["id"]
    reading = Reading(floor.house)
    choice = await reading.choice(carla, voucher_id, Kind.PUT_BACK)
    assert (choice.reversible, choice.subject.may_edit) == ((), True)
    assert [
        one.seq for one in (await Reading(floor.house).choice(office.anna, voucher_id, Kind.PUT_BACK)).reversible
    ] == [3]


async def test_only_with_the_right_and_a_fresh_proof(office: Office, clock: HandClock) -> None:
    floor = office.floor
    number = await floor.voucher(loaded=1_000)
    row, reading = await floor.row(number), Reading(floor.house)
    one = await office.ask(number, Kind.LESS, 100)
    clerk = replace(somebody(floor.here.tenant_id, "vouchers.state.edit"), stepped_up_at=clock.now())
    auditor = replace(somebody(floor.here.tenant_id, "vouchers.correct.view"), stepped_up_at=clock.now())
    stranger = chief(floor.house, await merchant(floor.house, "Café"))
    wanted = await office.wanted(number, Kind.LESS, 100)
    for person, code in (
        (clerk, Code.RIGHT_MISSING),
        (auditor, Code.RIGHT_MISSING),
        (stranger, Code.RECORD_UNKNOWN),
    ):
        assert await refused(office.desk.request(person, row["id"], wanted)) is code
        assert await refused(office.desk.approve(person, one.id)) is code
        assert await refused(office.desk.refuse(person, one.id, "no")) is code
        assert await refused(office.desk.withdraw(person, one.id)) is code
    for person, code in ((clerk, Code.RIGHT_MISSING), (stranger, Code.RECORD_UNKNOWN)):
        assert await refused(reading.subject(person, row["id"])) is code
        assert await refused(reading.evidence(person, one.id)) is code
        assert await refused(reading.of_system(person, floor.system_id)) is code
    seen = await reading.evidence(auditor, one.id)
    assert (seen.own, seen.may_decide, [each.seq for each in seen.history]) == (False, False, [1])
    clock.forward(minutes=6)
    assert await refused(office.desk.approve(office.bert, one.id)) is Code.STEP_UP_NEEDED
    assert await refused(office.desk.refuse(office.bert, one.id, "no")) is Code.STEP_UP_NEEDED
    assert await refused(office.desk.request(office.anna, row["id"], wanted)) is Code.STEP_UP_NEEDED
    assert await refused(reading.choice(office.anna, row["id"], Kind.LESS)) is Code.STEP_UP_NEEDED
    assert await office.told() == ["requested"]
    assert await floor.balance(number) == 1_000


async def test_a_voucher_that_moved_meanwhile(office: Office) -> None:
    floor = office.floor
    number, other = await floor.voucher(loaded=1_000), await floor.voucher()
    seen = await office.wanted(number, Kind.LESS, 400)
    await floor.redeem(number, 100)
    with pytest.raises(Impossible) as refusal:
        await office.desk.request(office.anna, (await floor.row(number))["id"], seen)
    assert refusal.value.failure.value == "moved"
    # It moved and can still be booked: it is.
    one = await office.ask(number, Kind.LESS, 400)
    await floor.redeem(number, 100)
    assert (await office.desk.approve(office.bert, one.id)).state is State.BOOKED
    # It moved and cannot: nothing is booked, and the request says why.
    one = await office.ask(number, Kind.LESS, 400)
    await floor.redeem(number, 1)
    failed = await office.desk.approve(office.bert, one.id)
    assert (failed.state, failed.failure, await floor.balance(number)) == (State.FAILED, "funds", 399)
    one = await office.ask(number, Kind.REISSUE, target=other)
    await floor.load(other, 100)
    failed = await office.desk.approve(office.bert, one.id)
    assert (failed.failure, (await floor.row(number))["life"]) == ("target", "active")
    assert (await office.told())[-2:] == ["requested", "failed"]
    await floor.sound()


async def _run(office: Office, statement: str) -> None:
    async with office.floor.house.database.writing() as connection:
        await connection.execute(text(statement))
