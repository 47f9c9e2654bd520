"""An event loop with time in our own hands: nothing waits, and every timer fires exactly on time.

`run_manual(main())` runs a coroutine like `asyncio.run`, but whenever nothing is ready the loop's time jumps to the
next timer. Three minutes of a customer's hesitation take no time at all, and a run repeats exactly.

Work in other threads goes through `loop.run_in_executor` (or `asyncio.to_thread`): time stands still while such a job
runs, because nobody can say how much of it the job would take. Anything else that will wake the loop from outside
does it inside `with loop.standing_still():`.

A program that waits for something that can never come does not hang: `NothingWillHappen` names the tasks that wait.
"""

import asyncio
import random
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tillbridge.runtime.effects import Runtime, TimeOrderedIds

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike as Descriptor

T = TypeVar("T")

CLOCK_RESOLUTION: Final = 1e-6
"""Seconds by which a timer may fire early: far above a float's rounding after centuries, far below any time-out."""

REAL_PATIENCE: Final = 10.0
"""Real seconds to wait for a thread or an open file descriptor before the run counts as stuck.

Long enough for a busy machine to run any job of a test, short enough that a hang is found while somebody watches.
"""

EPOCH: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""Where a manual wall clock starts unless told otherwise; any moment does, as long as it is always the same."""

TASKS_NAMED: Final = 20
"""How many waiting tasks `NothingWillHappen` names: enough to see the knot, few enough to read."""


class NothingWillHappen(RuntimeError):
    """Everything waits, and there is no timer, no thread and no open connection that could ever end that."""


class _ManualSelector(selectors.BaseSelector):
    """Looks at the real file descriptors without waiting, and turns every wait into a jump of the loop's time."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now = 0.0
        self.outside = 0
        self.own_descriptors = 0
        self.stuck: Callable[[], NothingWillHappen] = NothingWillHappen

    def register(self, fileobj: "Descriptor", events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: "Descriptor") -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: "Descriptor", events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> "Mapping[Descriptor, selectors.SelectorKey]":
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if self.outside:
            return self._wait_for_real()
        if timeout is not None:
            self.now += max(timeout, 0.0)
            return ready
        if len(self._real.get_map()) > self.own_descriptors:
            return self._wait_for_real()
        raise self.stuck()

    def _wait_for_real(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(REAL_PATIENCE)
        if not ready:
            raise self.stuck()
        return ready


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` starts at 0 and jumps to the next timer when nothing else is ready.

    Real file descriptors are looked at first, without waiting; with no timer left the loop does wait for them, at
    most `REAL_PATIENCE` seconds. Bytes that the kernel still carries (a pty's do that in its own time) can therefore
    lose against a timer: tests of real lines run on an ordinary loop.
    """

    def __init__(self) -> None:
        self._manual = _ManualSelector()
        super().__init__(self._manual)
        # A float's steps grow with the hours: a timer that is due within one of them is due, or time would stand still.
        self._clock_resolution = CLOCK_RESOLUTION
        self._manual.own_descriptors = len(self._manual.get_map())
        self._manual.stuck = self._stuck

    def time(self) -> float:
        """Seconds of manual time since the loop was made."""
        return self._manual.now

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """While this is open, time does not jump: something outside of the loop is about to wake it."""
        self._manual.outside += 1
        try:
            yield
        finally:
            self._manual.outside -= 1

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """As the base class; time stands still until the job is done."""
        future = super().run_in_executor(executor, func, *args)
        self._manual.outside += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, *limit: float | None) -> None:
        """As the base class; time stands still until its threads have ended."""
        with self.standing_still():
            await super().shutdown_default_executor(*limit)

    def _job_done(self, _: "asyncio.Future[Any]") -> None:
        self._manual.outside -= 1

    def _stuck(self) -> NothingWillHappen:
        waiting = sorted(_where(task) for task in asyncio.all_tasks(self))
        named = "; ".join(waiting[:TASKS_NAMED]) or "no task at all"
        threads = "" if threading.active_count() == 1 else f" ({threading.active_count() - 1} other threads live)"
        return NothingWillHappen(f"nothing will ever happen at {self.time():g} s: waiting are {named}{threads}")


def _where(task: "asyncio.Task[Any]") -> str:
    frames = task.get_stack(limit=1)
    place = f" in {frames[0].f_code.co_qualname}, line {frames[0].f_lineno}" if frames else ""
    return f"{task.get_name()}{place}"


class ManualClock:
    """A wall clock that reads the hands of a loop: `start` plus the loop's time since the clock was made."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = EPOCH) -> None:
        self._loop = loop
        self._start = start
        self._origin = loop.time()

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return self._start + timedelta(seconds=self._loop.time() - self._origin)

    def monotonic(self) -> float:
        """The loop's own time, in seconds."""
        return self._loop.time()

    def set(self, moment: datetime) -> None:
        """Sets the wall clock as a person or a time server does; the monotonic count does not notice."""
        self._start = moment
        self._origin = self._loop.time()


def manual_runtime(seed: int = 0, start: datetime = EPOCH) -> Runtime:
    """The effects for a run under manual time: called inside `run_manual`, repeatable for a seed."""
    clock = ManualClock(asyncio.get_running_loop(), start)
    # Seeded on purpose: this is for runs that repeat exactly, never for secrets.
    of_ids, chance = random.Random(f"ids {seed}"), random.Random(f"chance {seed}")  # noqa: S311
    return Runtime(clock, TimeOrderedIds(clock, of_ids), chance)


def run_manual(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on a fresh `ManualLoop` and returns its result.

    Raises `NothingWillHappen` when it waits for something that cannot come.
    """
    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        return runner.run(coroutine)
