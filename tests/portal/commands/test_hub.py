"""The connections of a replica: who gets what, and who has to go."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.portal.clock import HandClock
from tests.portal.commands.lines import TestLine, answer, heartbeat, payment
from tests.portal.people import owner
from tillbridge.domain.money import EUR, Money
from tillbridge.link.message_words import CommandState
from tillbridge.link.messages import Command
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.commands import store
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import Holder, Report, State
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.storage.database import Dialect


async def entered(hub: Hub, house: House, holder: Holder) -> TestLine:
    """A connection that may get commands."""
    line = TestLine(house.runtime.ids.new(), holder)
    await hub.enter(line)
    await hub.ask_again(line)
    return line


async def start(desk: CommandDesk, house: House, holder: Holder) -> str:
    made = await desk.start_payment(
        owner(holder.tenant_id), holder.location_id, Money(1000, EUR), "front", "", house.runtime.ids.new()
    )
    return made.id


async def state_of(house: House, holder: Holder, command_id: str) -> State:
    async with house.database.reading() as connection:
        found = await store.find(connection, command_id, holder.tenant_id)
    assert found is not None
    return found.state


async def test_a_command_made_at_one_replica_is_given_by_the_other(
    house: House, other_house: House, hub: Hub, desk: CommandDesk, holder: Holder
) -> None:
    other = Hub(other_house)
    line = await entered(other, other_house, holder)
    made = await start(desk, house, holder)
    await hub.look()
    assert (line.sent, await state_of(house, holder, made)) == ([], State.QUEUED)
    await other.look()
    await other.look()
    await hub.look()
    assert line.commands == [("payment", made)]
    message = line.sent[0]
    assert isinstance(message, Command)
    assert (message.expires_in, message.sent_at) == (60, house.runtime.clock.now())
    assert await state_of(house, holder, made) is State.GIVEN


async def test_the_remaining_time_goes_along(
    house: House, hub: Hub, desk: CommandDesk, holder: Holder, clock: HandClock
) -> None:
    await start(desk, house, holder)
    clock.forward(seconds=42)
    line = await entered(hub, house, holder)
    await hub.look()
    message = line.sent[0]
    assert isinstance(message, Command)
    assert message.expires_in == 18


async def test_nobody_takes_it_and_after_a_minute_it_is_over(
    house: House, hub: Hub, desk: CommandDesk, holder: Holder, clock: HandClock
) -> None:
    made = await start(desk, house, holder)
    clock.forward(seconds=59.9)
    await hub.look()
    assert await state_of(house, holder, made) is State.QUEUED
    clock.forward(seconds=0.1)
    await hub.look()
    assert await state_of(house, holder, made) is State.EXPIRED
    line = await entered(hub, house, holder)
    await hub.look()
    assert line.commands == []


async def test_the_newest_connection_of_a_replica_wins(
    house: House, hub: Hub, desk: CommandDesk, holder: Holder
) -> None:
    old = await entered(hub, house, holder)
    new = await entered(hub, house, holder)
    assert old.bye is not None
    assert old.bye.code == "replaced"
    # The old one's end does not take the new one away.
    hub.leave(old)
    made = await start(desk, house, holder)
    await hub.look()
    assert (old.commands, new.commands, new.bye) == ([], [("payment", made)], None)


async def test_the_newest_connection_of_all_replicas_wins(
    house: House, other_house: House, hub: Hub, holder: Holder, neighbour: Holder
) -> None:
    other = Hub(other_house)
    old, bystander = await entered(hub, house, holder), await entered(hub, house, neighbour)
    new = await entered(other, other_house, holder)
    await hub.look()
    await other.look()
    assert old.bye is not None
    assert (old.bye.code, new.bye, bystander.bye) == ("replaced", None, None)
    assert hub.lines == (bystander,)


async def test_a_connection_first_says_what_it_has(house: House, hub: Hub, desk: CommandDesk, holder: Holder) -> None:
    lost = await entered(hub, house, holder)
    made = await start(desk, house, holder)
    await hub.look()
    hub.leave(lost)
    later = await start(desk, house, holder)
    line = TestLine(house.runtime.ids.new(), holder)
    await hub.enter(line)
    await hub.look()
    assert line.commands == []
    resumed = "e" * 32
    await hub.ask_again(line, [resumed])
    await hub.look()
    assert line.commands == [*sorted([("ask", made), ("ask", resumed)], key=lambda one: one[1]), ("payment", later)]


async def test_an_unanswered_command_is_asked_about_on_the_connection_that_lives(
    house: House, other_house: House, hub: Hub, desk: CommandDesk, holder: Holder, clock: HandClock
) -> None:
    """The older connection was dead already when it got the command, and nobody had noticed."""
    dead = await entered(hub, house, holder)
    made = await start(desk, house, holder)
    other = Hub(other_house)
    line = TestLine(house.runtime.ids.new(), holder)
    await other.enter(line)
    await other.ask_again(line)
    hub._looked = clock.now() + timedelta(minutes=5)  # it has not heard of the new one yet
    await hub.look()
    assert (dead.commands, line.commands) == ([("payment", made)], [])
    clock.forward(seconds=15)
    await other.look()
    assert line.commands == [("ask", made)]
    await CommandDesk(other_house, other).answered(holder, answer(made, CommandState.UNKNOWN))
    clock.forward(seconds=15)
    await other.look()
    assert (len(line.commands), await state_of(house, holder, made)) == (1, State.EXPIRED)


@pytest.mark.parametrize(("act", "number"), [("revoke", "P202"), ("suspend", "P203"), ("unpair", "P202")])
async def test_a_link_that_may_not_be_used_loses_its_connection_at_the_next_look(  # noqa: PLR0913, PLR0917  # fixtures
    house: House, hub: Hub, desk: CommandDesk, links: Links, holder: Holder, neighbour: Holder, act: str, number: str
) -> None:
    line, bystander = await entered(hub, house, holder), await entered(hub, house, neighbour)
    made = await start(desk, house, holder)
    async with house.database.writing() as connection:
        await getattr(links, act)(connection, holder.link_id, PORTAL, "the test says so")
    await hub.look()
    assert line.bye is not None
    assert (line.bye.code, line.bye.retry_after, bystander.bye) == (number, 60, None)
    assert (line.commands, await state_of(house, holder, made)) == ([], State.QUEUED)


@pytest.mark.parametrize("fault", ["broken", "stuck"])
async def test_a_connection_that_takes_nothing_is_let_go_and_harms_nobody(  # noqa: PLR0917  # fixtures
    house: House,
    hub: Hub,
    desk: CommandDesk,
    holder: Holder,
    neighbour: Holder,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setattr("tillbridge.portal.commands.hub.SEND_SECONDS", 0.05)
    line, bystander = await entered(hub, house, holder), await entered(hub, house, neighbour)
    setattr(line, fault, True)
    lost, made = await start(desk, house, holder), await start(desk, house, neighbour)
    await hub.look()
    assert bystander.commands == [("payment", made)]
    assert line.bye is not None
    assert hub.lines == (bystander,)
    # It may have it: what became of it is asked when it is back.
    assert await state_of(house, holder, lost) is State.GIVEN
    back = await entered(hub, house, holder)
    assert back.commands == [("ask", lost)]


async def test_reports_are_written_in_one_go_and_not_lost(
    house: House, hub: Hub, holder: Holder, neighbour: Holder, clock: HandClock
) -> None:
    for one in (holder, neighbour):
        hub.report(Report(one.location_id, one.link_id, clock.now(), 0, heartbeat("1.0.0")))
    hub.report(Report(holder.location_id, holder.link_id, clock.now(), 0, heartbeat("1.0.1")))
    await hub.flush()
    async with house.database.reading() as connection:
        kept = [await store.equipment(connection, one.location_id) for one in (holder, neighbour)]
        versions = [(await Links(house).link(connection, one.link_id)).connector.version for one in (holder, neighbour)]
    assert None not in kept
    assert versions == ["1.0.1", "1.0.0"]
    clock.forward(seconds=60)
    hub.report(Report(holder.location_id, holder.link_id, clock.now(), 0, heartbeat("1.0.2")))
    # The last ones are written when the process ends.
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(hub.keep_reports())
        await asyncio.sleep(0)
        keeping.cancel()
    async with house.database.reading() as connection:
        assert (await Links(house).link(connection, holder.link_id)).connector.version == "1.0.2"


async def test_a_report_that_could_not_be_written_waits(
    house: House, hub: Hub, holder: Holder, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    hub.report(Report(holder.location_id, holder.link_id, clock.now(), 0, heartbeat("2.0.0")))
    with monkeypatch.context() as broken:
        broken.setattr(store, "note_reports", fail)
        with pytest.raises(ConnectionError):
            await hub.flush()
    await hub.flush()
    async with house.database.reading() as connection:
        assert (await Links(house).link(connection, holder.link_id)).connector.version == "2.0.0"


@pytest.mark.parametrize("dialect", [Dialect.POSTGRESQL])  # SQLite notifies nobody: there the poll has to do
async def test_postgresql_wakes_the_other_replica_without_the_poll(
    house: House,
    other_house: House,
    desk: CommandDesk,
    holder: Holder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tillbridge.portal.commands.hub.POLL_SECONDS", 3600)
    other = Hub(other_house)
    line = await entered(other, other_house, holder)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        jobs = [group.create_task(other.hear_announcements()), group.create_task(other.hand_out())]
        await _listening(house)
        made = await start(desk, house, holder)
        while not line.commands:
            await asyncio.sleep(0.01)
        for job in jobs:
            job.cancel()
    assert line.commands == [("payment", made)]


async def _listening(house: House) -> None:
    """Returns once somebody listens in this database."""
    asked = text("select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen %'")
    while True:
        async with house.database.reading() as connection:
            if (await connection.execute(asked)).scalar_one():
                return
        await asyncio.sleep(0.01)


async def test_without_work_nothing_is_written(
    house: House, hub: Hub, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = await entered(hub, house, holder)

    def refuse(*_: object) -> None:
        raise AssertionError("it wrote")

    monkeypatch.setattr(house.database, "writing", refuse)
    await hub.look()
    await hub.flush()
    assert (line.sent, line.bye) == ([], None)


async def test_an_answer_that_comes_for_another_location_changes_nothing(
    house: House, hub: Hub, desk: CommandDesk, holder: Holder, neighbour: Holder
) -> None:
    await entered(hub, house, holder)
    made = payment(house, holder)
    async with house.database.writing() as connection:
        await store.add(connection, made)
    await hub.look()
    await desk.answered(neighbour, answer(made.id, CommandState.DONE, "approved"))
    assert await state_of(house, holder, made.id) is State.GIVEN


async def test_of_many_that_come_at_once_one_stays(house: House, hub: Hub, holder: Holder) -> None:
    """While they push each other out, the portal looks again and again: the last one is never sent away, too."""
    lines = [TestLine(house.runtime.ids.new(), holder) for _ in range(20)]
    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(hub.enter(line))
            group.create_task(hub.look())
    await hub.look()
    (stayed,) = hub.lines
    assert [line.id for line in lines if line.bye is None] == [stayed.id]
    async with house.database.reading() as connection:
        newest = await store.newest_lines(connection, house.runtime.clock.now())
    assert newest == {holder.location_id: stayed.id}
