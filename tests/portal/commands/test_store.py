"""Commands as rows: claimed once, expired in time, answered by the right location only."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.portal.clock import HandClock
from tests.portal.commands.lines import heartbeat, payment
from tillbridge.link.message_words import CommandKind
from tillbridge.portal.commands import store
from tillbridge.portal.commands.model import Command, Holder, Report, State
from tillbridge.portal.house import House
from tillbridge.portal.storage.database import Dialect


async def added(house: House, *commands: Command) -> None:
    async with house.database.writing() as connection:
        for one in commands:
            assert await store.add(connection, one)


async def state_of(house: House, one: Command) -> State:
    async with house.database.reading() as connection:
        found = await store.find(connection, one.id, one.tenant_id)
    assert found is not None
    return found.state


async def taken(house: House, holder: Holder) -> list[str]:
    async with house.database.writing() as connection:
        return [one.id for one in await store.take(connection, [holder.location_id], house.runtime.clock.now())]


async def test_two_replicas_claim_each_command_once(house: House, other_house: House, holder: Holder) -> None:
    commands = [payment(house, holder) for _ in range(20)]
    await added(house, *commands)
    async with asyncio.TaskGroup() as group:
        claims = [group.create_task(taken(one, holder)) for one in (house, other_house) * 5]
    assert sorted(one for claim in claims for one in claim.result()) == sorted(one.id for one in commands)


async def test_a_claim_that_is_rolled_back_leaves_the_command_to_others(house: House, holder: Holder) -> None:
    one = payment(house, holder)
    await added(house, one)

    async def claim_and_die() -> None:
        async with house.database.writing() as connection:
            assert await store.take(connection, [holder.location_id], house.runtime.clock.now())
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        await claim_and_die()
    assert await taken(house, holder) == [one.id]


async def test_only_the_locations_that_are_asked_for(house: House, holder: Holder, neighbour: Holder) -> None:
    mine, theirs = payment(house, holder), payment(house, neighbour)
    await added(house, mine, theirs)
    async with house.database.reading() as connection:
        assert {location for location, _ in await store.waiting(connection)} == {
            holder.location_id,
            neighbour.location_id,
        }
    assert await taken(house, neighbour) == [theirs.id]
    assert await state_of(house, mine) is State.QUEUED


async def test_an_unstarted_command_expires_and_one_that_was_given_does_not(
    house: House, clock: HandClock, holder: Holder
) -> None:
    given = payment(house, holder)
    await added(house, given)
    assert await taken(house, holder) == [given.id]
    unstarted, longer = payment(house, holder), payment(house, holder, seconds=61)
    await added(house, unstarted, longer)
    clock.forward(seconds=60)
    # At its very end nobody can claim it any more, also before anybody has written that down.
    async with house.database.writing() as connection:
        ended = await store.expire(connection, clock.now())
        assert await store.take(connection, [holder.location_id], clock.now()) != []
    assert [one.id for one in ended] == [unstarted.id]
    assert [await state_of(house, one) for one in (given, unstarted, longer)] == [
        State.GIVEN,
        State.EXPIRED,
        State.GIVEN,
    ]


async def test_a_location_answers_for_its_own_commands_alone(house: House, holder: Holder, neighbour: Holder) -> None:
    one = payment(house, holder)
    await added(house, one)
    await taken(house, holder)
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        wrong = await store.answer(connection, one.id, neighbour.location_id, state=State.DONE, now=now)
        unknown = await store.answer(connection, "f" * 32, holder.location_id, state=State.DONE, now=now)
        await store.resume(connection, neighbour.location_id, [one.id], now)
    assert wrong is unknown is None
    assert await state_of(house, one) is State.GIVEN
    async with house.database.writing() as connection:
        assert await store.answer(connection, one.id, holder.location_id, state=State.DONE, now=now) is not None
    assert await state_of(house, one) is State.DONE


async def test_a_command_that_was_never_given_cannot_be_answered(house: House, holder: Holder) -> None:
    one = payment(house, holder)
    await added(house, one)
    async with house.database.writing() as connection:
        for state in (State.ACCEPTED, State.RUNNING, State.DONE, State.REFUSED, State.EXPIRED):
            assert await store.answer(connection, one.id, holder.location_id, state=state, now=one.created_at) is None


async def test_an_id_is_used_once_also_by_two_at_a_time(house: House, other_house: House, holder: Holder) -> None:
    one = payment(house, holder)

    async def add(at: House) -> bool:
        async with at.database.writing() as connection:
            return await store.add(connection, one)

    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(add(at)) for at in (house, other_house)]
    assert sorted(one.result() for one in tries) == [False, True]


async def test_another_merchant_does_not_find_it(house: House, holder: Holder) -> None:
    one = payment(house, holder)
    await added(house, one)
    async with house.database.reading() as connection:
        assert await store.find(connection, one.id, "f" * 32) is None
        latest = await store.latest(connection, holder.location_id, CommandKind.PAYMENT)
        assert latest == [one]
        assert await store.latest(connection, holder.location_id, CommandKind.CONFIGURATION) == []


async def test_reports_are_kept_together_and_the_newest_wins(
    house: House, clock: HandClock, holder: Holder, neighbour: Holder
) -> None:
    now = clock.now()
    first = Report(holder.location_id, holder.link_id, now, -3, heartbeat(configuration_revision="one"))
    second = Report(
        neighbour.location_id, neighbour.link_id, now, 7, heartbeat(unsent_count=4, oldest_unsent_seconds=90)
    )
    older = Report(holder.location_id, holder.link_id, now - timedelta(seconds=1), 0, heartbeat(stations=()))
    async with house.database.writing() as connection:
        await store.write_reports(connection, [first, second])
        await store.write_reports(connection, [older])
    async with house.database.reading() as connection:
        kept = await store.equipment(connection, holder.location_id)
        assert await store.equipment(connection, "f" * 32) is None
        figures = await connection.execute(
            text("select unsent_count, oldest_unsent_seconds, clock_skew_seconds from link where id = :id"),
            {"id": neighbour.link_id},
        )
    assert kept is not None
    assert (kept.at, [one.name for one in kept.stations], kept.configuration_revision) == (now, ["front"], "one")
    assert tuple(figures.one()) == (4, 90, 7)


async def test_it_is_known_since_when_a_configuration_is_in_force(
    house: House, clock: HandClock, holder: Holder
) -> None:
    since = []
    for revision in ("one", "one", "two"):
        clock.forward(seconds=60)
        report = Report(holder.location_id, holder.link_id, clock.now(), 0, heartbeat(configuration_revision=revision))
        async with house.database.writing() as connection:
            await store.write_reports(connection, [report])
        async with house.database.reading() as connection:
            kept = await store.equipment(connection, holder.location_id)
        assert kept is not None
        since.append(kept.configuration_since)
    assert since == [since[0], since[0], since[0] + timedelta(seconds=120)]


@pytest.mark.parametrize("dialect", [Dialect.SQLITE])  # PostgreSQL chooses its way by the number of rows
async def test_looking_for_open_commands_reads_the_open_ones_only(house: House, holder: Holder) -> None:
    now = house.runtime.clock.now()
    asked: list[tuple[str, Any]] = []
    async with house.database.writing() as connection:
        event.listen(
            connection.sync_connection,
            "before_cursor_execute",
            lambda _connection, _cursor, statement, parameters, *_: asked.append((statement, parameters)),
        )
        await store.waiting(connection)
        await store.expire(connection, now)
        await store.take(connection, [holder.location_id], now)
        await store.out(connection, holder.location_id)
        await store.unanswered(connection, now)
        for statement, parameters in tuple(asked):
            plan = await connection.exec_driver_sql(f"explain query plan {statement}", parameters)
            assert "ix_command_open" in str(plan.all()), statement
    assert len(asked) == 2 * 5
