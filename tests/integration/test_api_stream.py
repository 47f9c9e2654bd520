"""Payments as server-sent events: nobody who watches can hold up the engine, and no stream is left behind.

That no event is lost or told in another order is in test_api_resume.py.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.console.api import pay, taken
from tests.support.console.counter import KEY, Counter, counter
from tests.support.console.events import read, start, told, until
from tests.support.console.manual_counter import at_counter, settled_loop
from tillbridge.connector.api.hub import MOST_KEPT
from tillbridge.connector.api.stream import BEAT_SECONDS, HEARTBEAT, RETRY, SEND_PATIENCE
from tillbridge.connector.console.sessions import LASTS_SECONDS
from tillbridge.runtime.effects import Runtime
from tillbridge.web.serving import BoundAddress, serve_asgi

PROMPTLY = 2.0
"""Seconds within which a server with an open stream stops; a stream that held it up would take its whole grace."""


def test_every_change_of_a_payment_is_an_event(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            assert (await stream.start)["status"] == 200
            assert await start(stream) == 0
            answer = await pay(counter)
            seen = [await told(stream)]
            while seen[-1].change != "outcome":
                seen.append(await told(stream))
            assert {one.payment["id"] for one in seen} == {answer.json["id"]}
            assert [one.change for one in seen if one.id is not None] == ["accepted", "sending", "outcome"]
            stages = list(dict.fromkeys(one.payment["stage"] for one in seen))
            assert stages == ["accepted", "sending", "approved"]
            progress = list(dict.fromkeys(one.payment["progress"] for one in seen if one.id is None))
            assert progress[-2:] == ["connecting", "waiting_for_card"]
            assert {name: value for name, value in seen[-1].payment.items() if name != "change"} == answer.json

    at_counter(tmp_path, scene)


def test_a_quiet_stream_gives_a_sign_of_life(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        loop = asyncio.get_running_loop()
        async with counter.till().stream("/v1/events") as stream:
            await start(stream)
            assert await stream.next() == HEARTBEAT
            assert loop.time() == BEAT_SECONDS
            await pay(counter)
            assert (await told(stream)).payment["stage"] == "accepted"

    at_counter(tmp_path, scene)


def test_a_reader_that_stops_reading_is_given_up_and_payments_go_on(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream, counter.till().stream("/v1/events") as other:
            await start(stream)
            last = await start(other)
            stream.reads.clear()
            await pay(counter)
            while (event := await told(other)).change != "outcome":
                last = event.id or last
            await asyncio.sleep(SEND_PATIENCE)
            assert await stream.next() is None
            await pay(counter, key="k2")
            while (event := await told(other)).change != "outcome":
                assert (event.id or last + 1) > last
        assert len(watchers(counter)) == 0
        assert taken(counter) == 2

    at_counter(tmp_path, scene)


def test_a_reader_that_is_too_far_behind_is_cut_off_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as quick, counter.till().stream("/v1/events") as slow:
            await start(quick)
            last = await start(slow)
            slow.reads.clear()
            pieces, number = 0, 0
            while pieces <= MOST_KEPT + 1:
                await pay(counter, key=f"k{number}")
                number += 1
                while (await told(quick)).change != "outcome":
                    pieces += 1
                pieces += 1
            slow.reads.set()
            # The piece that was on its way when it stopped reading still comes, if any was.
            while (piece := await slow.next()) is not None:
                last = read(piece).id or last
        async with counter.till().stream("/v1/events", last_event_id=str(last)) as again:
            await start(again)
            ends = [one for one in await until(again, counter.engine.last_change()) if one.change == "outcome"]
            assert len(ends) == number
        assert taken(counter) == number

    at_counter(tmp_path, scene)


def test_a_reader_that_leaves_is_forgotten_and_the_others_are_told_on(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as second:
            async with counter.till().stream("/v1/events") as first:
                await start(first)
                await start(second)
                await settled_loop()
                assert len(watchers(counter)) == 1
            await settled_loop()
            await pay(counter)
            while (await told(second)).change != "outcome":
                pass
            assert len(watchers(counter)) == 1
        await settled_loop()
        assert len(watchers(counter)) == 0

    at_counter(tmp_path, scene)


def test_a_page_is_told_that_something_changed_and_for_no_longer_than_its_session(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        assert (await counter.browser().get("/live")).status == 401
        person = await counter.person()
        async with person.stream("/live") as stream:
            assert await stream.next() == RETRY
            assert await stream.next() == b"event: beat\ndata: alive\n\n"
            await pay(counter)
            assert await stream.next() == b"event: change\ndata: payment\n\n"
            await asyncio.sleep(LASTS_SECONDS)
            while await stream.next() is not None:
                pass
        assert (await person.get("/live")).status == 401

    at_counter(tmp_path, scene)


def watchers(counter: Counter) -> set[object]:
    return counter.engine._books.feed._watchers  # type: ignore[return-value]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Counter, str, "asyncio.Task[None]"]]:
    """A counter whose console really listens: the counter, its URL, and the task that serves."""
    address: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
    async with counter(tmp_path, "front", runtime=Runtime()) as inside, asyncio.TaskGroup() as group:
        serving = group.create_task(serve_asgi(inside.app, "127.0.0.1", 0, address.set_result))
        yield inside, f"http://{await address}", serving
        serving.cancel()


async def test_over_a_real_connection_events_come_and_a_stopping_server_does_not_wait_for_them(
    served: tuple[Counter, str, "asyncio.Task[None]"],
) -> None:
    inside, url, serving = served
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(f"{url}/v1/events") as stream:
        assert stream.content_type == "text/event-stream"
        assert await stream.content.readline() == b"retry: 2000\n"
        await pay(inside)
        lines = [await stream.content.readline() for _ in range(6)]
        assert b"event: payment\n" in lines
        serving.cancel()
        async with asyncio.timeout(PROMPTLY):
            await asyncio.wait({serving})
            await stream.content.read()
