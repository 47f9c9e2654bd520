"""The stream of events over lost connections, restarts and revoked keys: nothing is lost, nothing comes twice."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.api import pay, problem
from tests.support.console.counter import Counter
from tests.support.console.events import Told, rest, start, told, until
from tests.support.console.manual_counter import at_counter, settled_loop
from tillbridge.connector.api.hub import PAGE
from tillbridge.connector.api.stream import BEAT_SECONDS
from tillbridge.domain.errors import Code

CLIENTS = 200


def lines(journal: Path, after: int = 0) -> list[tuple[int, str, str]]:
    """What must be told: every line of the journal about a payment but progress, as number, type and payment."""
    with sqlite3.connect(journal / "journal.sqlite") as connection:
        return connection.execute(
            "SELECT seq, type, operation_id FROM event WHERE seq > ? AND type != 'progress'"
            " AND operation_id IS NOT NULL ORDER BY seq",
            (after,),
        ).fetchall()


def kept(events: list[Told]) -> list[tuple[int, str, str]]:
    return [(one.id, one.change or "", one.payment["id"]) for one in events if one.id is not None]


async def payments(counter: Counter, *keys: str) -> None:
    for key in keys:
        assert (await pay(counter, key=key)).json["stage"] == "approved"


def test_who_comes_back_is_told_what_happened_meanwhile_and_then_what_happens(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            await start(stream)
            await payments(counter, "k1")
            heard = [await told(stream) for _ in range(4)]
        last = [one.id for one in heard if one.id is not None][-1]
        await payments(counter, "k2", "k3")
        async with counter.till().stream("/v1/events", last_event_id=str(last)) as stream:
            assert await start(stream) == last
            await payments(counter, "k4")
            events = await until(stream, counter.engine.last_change())
        assert kept(events) == lines(tmp_path, last)

    at_counter(tmp_path, scene)


def test_everything_can_be_told_from_the_beginning_however_much_it_is(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await payments(counter, *(f"k{number}" for number in range(PAGE)))
        assert len(lines(tmp_path)) > 2 * PAGE
        async with counter.till().stream("/v1/events?after=0") as stream:
            assert await start(stream) == 0
            events = await until(stream, counter.engine.last_change())
        assert kept(events) == lines(tmp_path)
        assert all(one.payment["stage"] == "approved" for one in events)

    at_counter(tmp_path, scene)


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    places: list[int] = []

    async def before(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            places.append(await start(stream))
            await payments(counter, "k1")
            counter.hold("front")
            await pay(counter, key="k2", wait=1)

    async def after(counter: Counter) -> None:
        async with counter.till().stream(f"/v1/events?after={places[0]}") as stream:
            await start(stream)
            events = await until(stream, counter.engine.last_change())
        assert kept(events) == lines(tmp_path, places[0])
        # The one that ran when it stopped is in doubt, and that is told as well.
        assert (events[-1].change, events[-1].payment["stage"]) == ("outcome", "in_doubt")

    at_counter(tmp_path, before)
    at_counter(tmp_path, after)


def test_a_stream_is_told_the_end_of_the_last_payment_before_it_ends(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            await start(stream)
            await payments(counter, "k1")
            counter.engine._books.feed.end()
            events = await rest(stream)
        assert kept(events) == lines(tmp_path)

    at_counter(tmp_path, scene)


def test_a_number_of_another_journal_is_no_place_to_go_on_from(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await payments(counter, "k1")
        place = counter.engine.last_change()
        async with counter.till().stream("/v1/events?after=123456789012") as stream:
            assert await start(stream) == place
            await payments(counter, "k2")
            events = await until(stream, counter.engine.last_change())
        assert kept(events) == lines(tmp_path, place)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    ("path", "headers", "place"),
    [
        ("/v1/events?after=-1", {}, "after"),
        ("/v1/events?after=soon", {}, "after"),
        ("/v1/events?after=9223372036854775808", {}, "after"),
        ("/v1/events", {"last_event_id": "soon"}, "Last-Event-ID"),
    ],
)
def test_a_place_that_is_none_is_refused(tmp_path: Path, path: str, headers: dict[str, str], place: str) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.till().get(path, **headers)
        assert problem(answer, 400, Code.FIELD_INVALID)["place"] == place

    at_counter(tmp_path, scene)


def test_two_hundred_clients_are_told_the_same_and_the_journal_is_read_once(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        asked: list[str] = []
        async with AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(counter.till().stream("/v1/events")) for _ in range(CLIENTS)]
            for stream in streams:
                await start(stream)
            await settled_loop()
            counter.engine._books.reading._connection.set_trace_callback(asked.append)
            await payments(counter, "k1", "k2")
            last = counter.engine.last_change()
            heard = [await until(stream, last) for stream in streams]
            readings = sum("FROM event" in statement for statement in asked)
        assert all(one == heard[0] for one in heard)
        assert kept(heard[0]) == lines(tmp_path)
        # Each change is read when it is published, and once more to see that nothing follows; then `last_change` above.
        assert readings <= 2 * len(heard[0]) + 1 < CLIENTS

    at_counter(tmp_path, scene)


def test_readers_that_come_and_go_at_every_moment_miss_nothing(tmp_path: Path) -> None:
    async def reader(counter: Counter, patience: int) -> list[Told]:
        """Leaves after so many events and comes back, until it has heard of the end of the last order."""
        events: list[Told] = []
        place = 0
        while not events or (events[-1].payment["order_id"], events[-1].change) != ("last", "outcome"):
            async with counter.till().stream("/v1/events", last_event_id=str(place)) as stream:
                await start(stream)
                heard = 0
                while heard < patience and (not events or events[-1].change != "outcome" or not heard):
                    events.append(await told(stream))
                    place = events[-1].id or place
                    heard += 1
        return events

    async def scene(counter: Counter) -> None:
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(reader(counter, patience)) for patience in range(1, 8)]
            for number in range(8):
                await pay(counter, key=f"k{number}")
            await pay(counter, key="k8", order_id="last")
        for one in readers:
            assert kept(one.result()) == lines(tmp_path)

    at_counter(tmp_path, scene, delay=0.5)


def states(events: list[Told]) -> list[Any]:
    return [(one.payment["stage"], one.payment["progress"]) for one in events]


def test_what_was_told_of_a_payment_is_not_taken_back(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            await start(stream)
            counter.hold("front")
            running = await pay(counter, wait=1)
            await counter.till().post(f"/v1/payments/{running.json['id']}/abort", idempotency_key="a")
            await counter.till().get(f"/v1/payments/{running.json['id']}", prefer="wait=10")
            await asyncio.sleep(BEAT_SECONDS)
            events = await until(stream, counter.engine.last_change())
        order = ["accepted", "sending", "aborted"]
        stages = [order.index(stage) for stage, _ in states(events)]
        assert stages == sorted(stages)
        assert "abort_requested" in [one.change for one in events]

    at_counter(tmp_path, scene)
