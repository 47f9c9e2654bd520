"""Where SPAKE2 is computed: a few at a time, and with an end to the queue."""

import asyncio
import threading

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.pairing.bench import Bench


async def test_who_comes_too_late_is_told_so_at_once() -> None:
    bench, go = Bench(at_once=2, most_waiting=3), threading.Event()
    running = most = 0
    lock = threading.Lock()

    def work() -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert go.wait(10)
        with lock:
            running -= 1
        return "done"

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bench.compute(work)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(BridgeError) as caught:
            await bench.compute(work)
        go.set()
    assert caught.value.code is Code.OVERLOADED
    assert caught.value.retry_after
    assert [task.result() for task in tasks] == ["done"] * 5
    assert most == 2
    assert await bench.compute(lambda: "free again") == "free again"


async def test_a_fault_frees_its_place() -> None:
    bench = Bench(at_once=1, most_waiting=0)

    def fail() -> None:
        raise ValueError("a share that is none")

    for _ in range(3):
        with pytest.raises(ValueError, match="none"):
            await bench.compute(fail)
