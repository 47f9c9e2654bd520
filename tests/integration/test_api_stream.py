"""Payments as server-sent events: nobody who watches can hold up the engine, and no stream is left behind."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.console.api import pay, taken
from tests.support.console.asgi_client import Stream
from tests.support.console.counter import KEY, Counter, counter
from tests.support.console.manual_counter import at_counter, settled_loop
from tillbridge.connector.api.stream import BEAT_SECONDS, HEARTBEAT, RETRY, SEND_PATIENCE
from tillbridge.connector.console.sessions import LASTS_SECONDS
from tillbridge.engine.feed import BACKLOG
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.http import BoundAddress, serve_asgi

PROMPTLY = 2.0
"""Seconds within which a server with an open stream stops; a stream that held it up would take its whole grace."""


async def payment_in(stream: Stream) -> dict[str, Any]:
    piece = await stream.next()
    assert piece is not None
    name, data, *_ = piece.decode().split("\n")
    assert name == "event: payment"
    found: dict[str, Any] = json.loads(data.removeprefix("data: "))
    return found


def test_every_change_of_a_payment_is_an_event(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            assert (await stream.start)["status"] == 200
            assert await stream.next() == RETRY
            answer = await pay(counter)
            seen = [await payment_in(stream)]
            while seen[-1]["stage"] not in ("approved", "declined"):
                seen.append(await payment_in(stream))
            assert {payment["id"] for payment in seen} == {answer.json["id"]}
            assert [seen[0]["stage"], seen[1]["stage"]] == ["accepted", "sending"]
            assert seen[-1] == answer.json

    at_counter(tmp_path, scene)


def test_a_quiet_stream_gives_a_sign_of_life(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        loop = asyncio.get_running_loop()
        async with counter.till().stream("/v1/events") as stream:
            assert await stream.next() == RETRY
            assert await stream.next() == HEARTBEAT
            assert loop.time() == BEAT_SECONDS
            await pay(counter)
            assert (await payment_in(stream))["stage"] == "accepted"

    at_counter(tmp_path, scene)


def test_a_reader_that_stops_reading_is_cut_off_and_payments_go_on(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            assert await stream.next() == RETRY
            stream.reads.clear()
            for number in range(BACKLOG // 2):
                assert (await pay(counter, key=f"k{number}")).json["stage"] == "approved"
            await asyncio.sleep(SEND_PATIENCE)
            assert await stream.next() is None
            assert len(watchers(counter)) == 0
        assert taken(counter) == BACKLOG // 2

    at_counter(tmp_path, scene)


def test_a_slow_reader_gets_what_was_kept_for_it_and_then_the_end(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            assert await stream.next() == RETRY
            stream.reads.clear()
            for number in range(BACKLOG // 2):
                await pay(counter, key=f"k{number}")
            stream.reads.set()
            pieces = 0
            while await stream.next() is not None:
                pieces += 1
            # One more than the backlog: the piece that was on its way when the reader stopped.
            assert pieces in (BACKLOG, BACKLOG + 1)

    at_counter(tmp_path, scene)


def test_a_reader_that_leaves_is_forgotten(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        async with counter.till().stream("/v1/events") as stream:
            assert await stream.next() == RETRY
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
        lines = [await stream.content.readline() for _ in range(4)]
        assert b"event: payment\n" in lines
        serving.cancel()
        async with asyncio.timeout(PROMPTLY):
            await asyncio.wait({serving})
            await stream.content.read()
