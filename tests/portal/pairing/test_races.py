"""Many at once, and more than one portal process: each limit holds exactly, and one connector wins."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.portal.clock import HandClock
from tests.portal.pairing.floor import Connector, Floor, code_of, open_floor, post, replica, try_guess
from tests.portal.postgres import cluster
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.app import open_house
from tillbridge.portal.pairing.model import PinState
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime

SOURCES = [f"198.51.100.{number}" for number in range(1, 255)]


async def test_of_fifty_guesses_at_once_exactly_five_are_counted(floor: Floor, settings: PortalSettings) -> None:
    """A06, through two portal processes over one database."""
    pin_digits = await floor.make_pin()
    pin = await floor.pin()
    async with replica(floor, settings) as second, asyncio.TaskGroup() as group:
        tries = [
            group.create_task(try_guess((floor, second)[number % 2], pin, number, SOURCES[number]))
            for number in range(50)
        ]
    assert Counter(code_of(task.result()) for task in tries) == {"P101": 50}
    burned = await floor.pin()
    assert (burned.state, burned.tries, burned.wrong) == (PinState.BURNED, 5, 5)
    assert (await floor.events()).count("pairing.failed") == 50
    assert (await floor.events()).count("pin.burned") == 1
    assert code_of(await Connector(floor).retrieve(pin_digits)) == "P101"


async def test_of_two_connectors_with_the_right_pin_one_wins(floor: Floor, settings: PortalSettings) -> None:
    """A10, each at another portal process."""
    pin = await floor.make_pin()
    async with replica(floor, settings) as second:
        connectors = [Connector(floor, seed=1), Connector(second, source="192.0.2.2", seed=10)]
        for one in connectors:
            await one.begin(pin)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.finish()) for one in connectors]
    assert sorted(code_of(task.result()) for task in tasks) == ["", "P101"]
    assert await floor.links() == 1
    used = await floor.pin()
    assert (used.state, used.tries, used.wrong) == (PinState.USED, 0, 0)


async def test_start_and_finish_may_reach_two_processes(
    floor: Floor, connector: Connector, settings: PortalSettings
) -> None:
    await connector.begin(await floor.make_pin())
    async with replica(floor, settings) as second:
        connector.floor = second
        connector.conclude(await connector.finish())


async def test_four_wrong_and_the_right_one_at_once(floor: Floor) -> None:
    """The right one may come last and is paired nevertheless: the others were judged, it was the fifth."""
    digits = await floor.make_pin()
    pin, right = await floor.pin(), Connector(floor)
    await right.begin(digits)
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(try_guess(floor, pin, number, SOURCES[number])) for number in range(4)]
        winner = group.create_task(right.finish())
    assert [code_of(task.result()) for task in tries] == ["P101"] * 4
    right.conclude(winner.result())
    used = await floor.pin()
    assert (used.state, used.tries) == (PinState.USED, used.wrong)
    assert used.wrong <= 4, "whoever comes after the right one is not looked at"


async def test_two_new_pins_at_once_leave_one_open(floor: Floor, settings: PortalSettings) -> None:
    async with replica(floor, settings) as second, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.make_pin()) for one in (floor, second, floor, second)]
    digits = {task.result() for task in tasks}
    assert (await floor.events()).count("pin.replaced") == 3
    won = [code_of(await Connector(floor, seed=number).retrieve(pin)) for number, pin in enumerate(sorted(digits))]
    assert won.count("") == 1


async def test_a_new_pin_at_the_moment_of_the_finish(floor: Floor) -> None:
    """Either the old one wins, or it is over: never both, and never a portal that stands still."""
    connector = Connector(floor)
    await connector.begin(await floor.make_pin())
    async with asyncio.TaskGroup() as group:
        finish = group.create_task(connector.finish())
        group.create_task(floor.make_pin(replace_link=True))
    assert code_of(finish.result()) in {"", "P101"}
    assert await floor.links() == (1 if code_of(finish.result()) == "" else 0)
    assert (await floor.pin()).state is PinState.OPEN


async def test_a_source_has_ten_failures_a_day(floor: Floor, clock: HandClock) -> None:
    """Where no PIN is open, too: then they count for the source alone."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(try_guess(floor, None, number, "192.0.2.66")) for number in range(16)]
    assert Counter(code_of(task.result()) for task in tasks) == {"P101": 10, "P103": 6}
    refused = await try_guess(floor, None, 99, "192.0.2.66")
    assert int(refused.headers["retry-after"]) == 86400
    assert code_of(await try_guess(floor, None, 99, "192.0.2.67")) == "P101"
    clock.forward(hours=24)
    assert code_of(await try_guess(floor, None, 100, "192.0.2.66")) == "P101"


async def test_starts_are_limited_by_source_and_by_location(floor: Floor, clock: HandClock) -> None:
    async def start(source: str, number: LocationNumber) -> str:
        # A share that is none: it is counted before it is looked at, and costs no SPAKE2.
        body = b'{"suite":"TB-PAIR-1","location_number":"%s","share_a":"%s"}' % (str(number).encode(), b"Q" + b"A" * 43)
        return code_of(await post(floor.browser(source), "/v1/pairing/start", body))

    one = [await start("192.0.2.5", LocationNumber.of(number)) for number in range(12)]
    assert Counter(one) == {"P102": 10, "P103": 2}
    many = [await start(source, LocationNumber.of(77)) for source in SOURCES[:22]]
    assert Counter(many) == {"P102": 20, "P103": 2}
    clock.forward(seconds=60)
    assert await start("192.0.2.5", LocationNumber.of(77)) == "P102"


@pytest.mark.parametrize("sources", [1, 254])
async def test_a_run_of_guesses_wins_nothing(floor: Floor, clock: HandClock, sources: int) -> None:
    """A bounded sample; `make soak` has the ten thousand. Whoever burns a PIN meets a new one each time."""
    await _guess_on(floor, clock, SOURCES[:sources], rounds=6, at_once=20)
    assert await floor.links() == 0


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sources", [1, 254])
async def test_ten_thousand_guesses_win_nothing(floor: Floor, clock: HandClock, sources: int) -> None:
    judged = await _guess_on(floor, clock, SOURCES[:sources], rounds=500, at_once=20)
    assert await floor.links() == 0
    assert judged <= 500 * 5


async def _guess_on(floor: Floor, clock: HandClock, sources: list[str], rounds: int, at_once: int) -> int:
    """Guesses at an open PIN, again and again; returns how many of them were looked at."""
    judged = 0
    for turn in range(rounds):
        await floor.make_pin()
        pin = await floor.pin()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    try_guess(floor, pin, turn * at_once + number, sources[(turn * at_once + number) % len(sources)])
                )
                for number in range(at_once)
            ]
        said = Counter(code_of(task.result()) for task in tasks)
        assert set(said) <= {"P101", "P103"}
        if len(sources) == 1:
            assert said["P101"] == (10 if turn == 0 else 0), "ten a day from one address, however many PINs there are"
        ended = await floor.pin()
        assert ended.wrong <= 5
        judged += ended.wrong
        clock.forward(seconds=1)
    return judged


@pytest.mark.soak
async def test_postgresql_dies_in_the_middle_of_a_pairing(tmp_path: Path, runtime: Runtime) -> None:
    """The try was committed, the rest was not: after the start of the database the same finish is paired, once."""
    with cluster(durable=True) as running:
        running.run("create database portal")
        database = DatabaseSettings(url=SecretStr(running.url("portal")))
        own = PortalSettings(data=tmp_path, database=database)
        migrate(own)
        async with open_house(own, runtime) as house:
            floor = await open_floor(house)
            pin, connector = await floor.make_pin(), Connector(floor)

            async def kill() -> None:
                await asyncio.to_thread(running.kill)

            floor.conditions.before = kill
            assert (await connector.retrieve(pin)).status == 503
            floor.conditions.before = None
            await asyncio.to_thread(running.start)
            connector.conclude(await connector.finish())
            assert ((await floor.pin()).state, (await floor.pin()).tries) == (PinState.USED, 0)
            assert await floor.links() == 1
