import asyncio
import socket
import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.runtime import manual
from tillbridge.runtime.manual import EPOCH, ManualClock, ManualLoop, NothingWillHappen, manual_runtime, run_manual


def _loop() -> ManualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ManualLoop)
    return loop


def test_the_result_comes_back() -> None:
    async def main() -> int:
        return 42

    assert run_manual(main()) == 42


def test_an_error_comes_out() -> None:
    async def main() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_manual(main())


@pytest.mark.parametrize("seconds", [0.001, 180.0, 86_400.0, 10 * 86_400.0])
def test_waiting_takes_exactly_its_time(seconds: float) -> None:
    async def main() -> float:
        await asyncio.sleep(seconds)
        return _loop().time()

    assert run_manual(main()) == seconds


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=30))
def test_timers_fire_on_time_and_in_an_order_that_repeats(delays: list[float]) -> None:
    async def main() -> list[tuple[float, float]]:
        fired: list[tuple[float, float]] = []

        def ring(due: float) -> None:
            fired.append((due, _loop().time()))

        for delay in delays:
            _loop().call_later(delay, ring, delay)
        await asyncio.sleep(1e6 + 1)
        return fired

    fired = run_manual(main())
    assert [due for due, _ in fired] == sorted(delays)
    assert all(abs(when - due) < 1e-6 for due, when in fired)
    assert run_manual(main()) == fired


def test_a_timeout_ends_a_wait() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return _loop().time()

    assert run_manual(main()) == 30


def test_nobody_hangs_who_waits_for_nothing() -> None:
    cleaned = []

    async def waits_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    async def main() -> None:
        await asyncio.sleep(7)
        async with asyncio.TaskGroup() as group:
            group.create_task(waits_for_ever(), name="the one that waits")

    with pytest.raises(
        NothingWillHappen, match=r"nothing will ever happen at 7 s.*the one that waits in .*waits_for_ever"
    ):
        run_manual(main())
    assert cleaned == ["up"]


def test_time_stands_still_while_a_thread_works() -> None:
    go = threading.Event()

    async def main() -> float:
        rang: list[float] = []
        _loop().call_later(1, lambda: rang.append(_loop().time()))
        async with asyncio.TaskGroup() as group:
            job = group.create_task(asyncio.to_thread(go.wait, 60))
            for _ in range(100):
                await asyncio.sleep(0)
            go.set()
        assert job.result()
        assert rang == []
        return _loop().time()

    assert run_manual(main()) == 0


def test_a_failing_job_lets_time_go_on() -> None:
    def fails() -> None:
        raise KeyError("in the thread")

    async def main() -> float:
        with pytest.raises(KeyError):
            await asyncio.to_thread(fails)
        await asyncio.sleep(5)
        return _loop().time()

    assert run_manual(main()) == 5


def test_a_wake_up_from_outside_arrives_while_time_stands_still() -> None:
    async def main() -> float:
        woken = asyncio.Event()
        _loop().call_later(1, lambda: None)
        with _loop().standing_still():
            thread = threading.Thread(target=_loop().call_soon_threadsafe, args=(woken.set,))
            thread.start()
            await woken.wait()
        thread.join()
        return _loop().time()

    assert run_manual(main()) == 0


def test_a_real_connection_is_waited_for_when_there_is_no_timer() -> None:
    async def main() -> bytes:
        here, there = socket.socketpair()
        here.setblocking(False)
        with here, there:
            thread = threading.Thread(target=there.sendall, args=(b"real",))
            _loop().call_soon(thread.start)
            received = await _loop().sock_recv(here, 4)
            thread.join()
            return received

    assert run_manual(main()) == b"real"


def test_what_is_ready_on_a_real_connection_comes_before_any_timer() -> None:
    async def main() -> float:
        here, there = socket.socketpair()
        here.setblocking(False)
        with here, there:
            _loop().call_later(1, lambda: None)
            _loop().call_soon(there.sendall, b"real")
            await _loop().sock_recv(here, 4)
            return _loop().time()

    assert run_manual(main()) == 0


def test_a_real_connection_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual, "REAL_PATIENCE", 0.01)

    async def main() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        with here, there:
            await _loop().sock_recv(here, 4)

    with pytest.raises(NothingWillHappen):
        run_manual(main())


def test_the_clock_reads_the_loop() -> None:
    async def main() -> None:
        await asyncio.sleep(5)
        clock = ManualClock(_loop())
        assert clock.now() == EPOCH
        await asyncio.sleep(90)
        assert clock.now() == EPOCH + timedelta(seconds=90)
        assert clock.monotonic() == 95

    run_manual(main())


def test_setting_the_clock_leaves_the_monotonic_count_alone() -> None:
    async def main() -> None:
        clock = ManualClock(_loop())
        await asyncio.sleep(10)
        clock.set(EPOCH - timedelta(days=1))
        await asyncio.sleep(1)
        assert clock.now() == EPOCH - timedelta(days=1) + timedelta(seconds=1)
        assert clock.monotonic() == 11

    run_manual(main())


def test_the_effects_repeat_for_a_seed() -> None:
    async def main(seed: int) -> tuple[list[str], float]:
        runtime = manual_runtime(seed)
        await asyncio.sleep(1)
        return [runtime.ids.new() for _ in range(5)], runtime.chance.random()

    assert run_manual(main(1)) == run_manual(main(1))
    assert run_manual(main(1)) != run_manual(main(2))


def test_every_run_starts_with_a_loop_of_its_own() -> None:
    async def main() -> float:
        start = _loop().time()
        await asyncio.sleep(3)
        return start

    assert [run_manual(main()), run_manual(main())] == [0, 0]
