"""The wire trace of a running connector: switched on, masked, over by itself, and still on after a restart."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.counter import Counter as ShopCounter
from tests.support.console.manual_counter import at_counter
from tests.support.console.reading import hidden
from tests.support.counter import SOON, Counter, counter
from tillbridge.connector.settings import Configured
from tillbridge.connector.tracing import files
from tillbridge.connector.tracing.files import LARGEST_TRACE, Span
from tillbridge.connector.tracing.tracing import Ended, open_tracing
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.tap import Direction

PAN = "4111111111111111"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter(tmp_path) as made:
        yield made


async def told(place: Counter, *words: str) -> str:
    answer = await place.command("connector", "trace", *words, "--data", str(place.data))
    assert answer.code == 0, answer.err
    return answer.out


async def test_a_payment_stands_in_the_trace_and_the_trace_outlives_a_restart(place: Counter) -> None:
    connector = await place.open()
    assert "Tracing counter until" in await told(place, "start", "counter", "--minutes", "5", "--by", "Jana")
    paid = await place.command("pay", "12.50", "--data", str(place.data))
    assert paid.code == 0, paid.err
    shown = await told(place, "show", "counter")
    assert "The trace of counter runs." in shown
    assert "CB" in shown, "the amount of a Concert V3 message"
    await connector.stop()
    kept = [json.loads(line) for line in (place.data / files.TRACE_FILE).read_text().splitlines()]
    assert {one["direction"] for one in kept} == {"sent", "received"}
    assert PAN not in json.dumps(kept)
    await place.open()
    assert "The trace of counter runs." in await told(place, "show", "counter")
    assert "No trace of counter runs." in await told(place, "stop", "counter")
    assert files.read_spans(place.data) == {}
    wrong = await place.command("connector", "trace", "start", "nobody", "--data", str(place.data))
    assert wrong.code == 1
    assert "nobody" in wrong.err


# ---------------------------------------------------------------- under manual time


def configured(*names: str) -> list[Configured]:
    model = registry.driver("concert-v3").settings
    return [Configured(name, "concert-v3", model.model_validate({"host": "127.0.0.1"})) for name in names]


def line_of(tracing: Any, name: str) -> Any:
    return tracing._lines[name].observe  # what stands on the terminal's line


def scene(folder: Path, play: Any, before: Callable[[datetime], object] = lambda _: None) -> None:
    async def main() -> None:
        runtime = manual_runtime()
        before(runtime.clock.now())
        tracing = open_tracing(folder, configured("front", "bar"), runtime)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(tracing.run())
            await play(tracing, runtime)
            running.cancel()

    run_manual(main())


def test_it_ends_by_itself_and_what_comes_after_is_not_kept(tmp_path: Path) -> None:
    async def play(tracing: Any, _: Any) -> None:
        observe = line_of(tracing, "front")
        observe(Direction.SENT, b"before")
        await tracing.start("front", 10, "Jana")
        observe(Direction.SENT, b"within")
        await asyncio.sleep(599)
        assert tracing.state("front").span is not None
        assert tracing.state("bar").span is None
        await asyncio.sleep(2)
        assert (tracing.state("front").span, tracing.state("front").ended) == (None, Ended.TIME)
        observe(Direction.SENT, b"after")
        assert [line.text for line in await tracing.tail("front")] == ["within"]

    scene(tmp_path, play)
    assert files.read_spans(tmp_path) == {}


def test_it_ends_when_its_file_is_full(tmp_path: Path) -> None:
    async def play(tracing: Any, _: Any) -> None:
        await tracing.start("front", 60, "Jana")
        (tmp_path / files.TRACE_FILE).write_bytes(b"x" * LARGEST_TRACE)
        line_of(tracing, "front")(Direction.SENT, b"one more")
        line_of(tracing, "front")(Direction.RECEIVED, b"x")
        await asyncio.sleep(1.1)
        assert tracing.state("front").ended is Ended.SIZE

    scene(tmp_path, play)


def test_a_disk_that_refuses_ends_it_and_nothing_else(tmp_path: Path) -> None:
    async def play(tracing: Any, _: Any) -> None:
        await tracing.start("front", 60, "Jana")
        (tmp_path / files.TRACE_FILE).mkdir()
        line_of(tracing, "front")(Direction.SENT, b"one")
        line_of(tracing, "front")(Direction.RECEIVED, b"two")
        await asyncio.sleep(1.1)
        assert tracing.state("front").ended is Ended.DISK

    scene(tmp_path, play)


@pytest.mark.parametrize(("begun", "left", "goes_on"), [(-60, 60, True), (-60, -1, False), (3600, 7200, False)])
def test_after_a_restart_it_goes_on_for_what_is_left_unless_the_clock_was_set_back(
    tmp_path: Path, begun: int, left: int, goes_on: bool
) -> None:
    def before(now: datetime) -> None:
        span = Span(now + timedelta(seconds=begun), now + timedelta(seconds=left), "Jana")
        files.write_spans(tmp_path, {"front": span, "gone": span})

    async def play(tracing: Any, _: Any) -> None:
        assert (tracing.state("front").span is not None) is goes_on
        await asyncio.sleep(max(0, left) + 1)
        assert tracing.state("front").span is None

    scene(tmp_path, play, before)


def test_what_a_person_asks_wrongly_is_refused(tmp_path: Path) -> None:
    async def play(tracing: Any, _: Any) -> None:
        for name, minutes, code in (
            ("nobody", 60, Code.TERMINAL_UNKNOWN),
            ("front", 0, Code.FIELD_INVALID),
            ("front", 100_000, Code.FIELD_INVALID),
        ):
            with pytest.raises(BridgeError) as refused:
                await tracing.start(name, minutes, "Jana")
            assert refused.value.code is code
        assert tracing.running == 0

    scene(tmp_path, play)


# ---------------------------------------------------------------- interface and console


def test_the_native_interface_starts_shows_and_stops_it(tmp_path: Path) -> None:
    async def play(place: ShopCounter) -> None:
        till = place.till()
        body = {"minutes": 30, "by": "Jana"}
        started = await till.post("/v1/terminals/front/trace", body, idempotency_key="t1")
        assert (started.status, started.json["running"], started.json["by"]) == (200, True, "Jana")
        again = await till.post("/v1/terminals/front/trace", body, idempotency_key="t1")
        assert again.json == started.json
        until = datetime.fromisoformat(started.json["until"])
        assert until - datetime.fromisoformat(started.json["since"]) == timedelta(minutes=30)
        assert (await till.get("/v1/terminals/front/trace?lines=5")).json["pieces"] == []
        assert (await till.get("/v1/terminals/nobody/trace")).status == 404
        wrong = await till.post("/v1/terminals/front/trace", {"minutes": 0, "by": "x"}, idempotency_key="t2")
        assert wrong.status == 400
        stopped = await till.ask("DELETE", "/v1/terminals/front/trace", headers={"idempotency-key": "t3"})
        assert (stopped.json["running"], stopped.json["ended"]) == (False, "person")

    at_counter(tmp_path, play)


@pytest.mark.parametrize(
    ("language", "words"), [("de", "Mitschnitt läuft"), ("fr", "trace est en cours"), ("cs", "Záznam probíhá")]
)
def test_a_person_switches_it_on_in_the_console(tmp_path: Path, language: str, words: str) -> None:
    async def play(place: ShopCounter) -> None:
        person = await place.person(language)
        assert "/terminals/front/trace" in (await person.get("/terminals")).text
        page = await person.get("/terminals/front/trace")
        token = hidden(page, "/terminals/front/trace")["token"]
        unsigned = await person.submit("/terminals/front/trace", token=token, by=" ", minutes="60")
        assert unsigned.status == 422
        done = await person.submit("/terminals/front/trace", token=token, by="Jana", minutes="480")
        assert done.status == 303
        assert words in (await person.get("/terminals/front/trace")).text
        await person.submit("/terminals/front/trace/stop", token=token)
        assert words not in (await person.get("/terminals/front/trace")).text
        assert (await person.get("/terminals/nobody/trace")).status == 404

    at_counter(tmp_path, play)


async def test_nothing_of_a_line_is_kept_while_no_trace_runs(place: Counter) -> None:
    await place.open()
    async with asyncio.timeout(SOON):
        assert (await place.command("pay", "1.00", "--data", str(place.data))).code == 0
    assert not (place.data / files.TRACE_FILE).exists()
