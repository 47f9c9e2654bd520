"""One connector from its start to its end: waited for, asked whether it lives, asked to go, and ended if it must be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from tillbridge.connector.supervisor.child import Child, started
from tillbridge.connector.supervisor.endings import Ended, Why
from tillbridge.connector.supervisor.health import CHECK_SECONDS, HealthWatch
from tillbridge.connector.supervisor.journal_look import Payments, payments
from tillbridge.connector.supervisor.liveness import alive
from tillbridge.connector.supervisor.words import Order
from tillbridge.runtime.effects import Clock

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Wanted:
    """What the people around want of a supervisor: that it leaves, and that it does not wait any longer."""

    leave: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Start:
    """How one connector is started. `ready_seconds` is how long that may take; `data` is where its journal is."""

    command: Sequence[str]
    environment: Mapping[str, str]
    data: Path
    ready_seconds: float


@dataclass(frozen=True, slots=True)
class Lived:
    """How it ended, its last words, whether it ever was ready, and whether the journal then had a payment running."""

    ended: Ended
    lines: tuple[str, ...]
    was_ready: bool
    payment_ran: bool


class Life:
    """Leads one connector through its life. `at_work` is run beside it and ends with it."""

    def __init__(self, start: Start, clock: Clock, wanted: Wanted, pass_on: Callable[[str], None]) -> None:
        self._start = start
        self._clock = clock
        self._wanted = wanted
        self._pass_on = pass_on
        self._killed_for: Why | None = None

    async def live(self, at_work: Callable[[Child], Awaitable[None]]) -> Lived:
        """Until it has ended. `BridgeError` where the program cannot be started at all."""
        begun = self._clock.monotonic()
        command, environment = self._start.command, self._start.environment
        async with started(command, environment, self._pass_on) as child, asyncio.TaskGroup() as group:
            beside = (self._watch(child), self._leave(child), self._hurry(child), _run(at_work, child))
            tasks = [group.create_task(one) for one in beside]
            code = await child.ended()
            for task in tasks:
                task.cancel()
        seconds = self._clock.monotonic() - begun
        ended = Ended(code, seconds, child.refusal, self._killed_for, asked=self._wanted.leave.is_set())
        ran = await asyncio.to_thread(payments, self._start.data) is Payments.RUN
        return Lived(ended, tuple(child.lines), child.ready.is_set(), ran)

    async def _watch(self, child: Child) -> None:
        try:
            async with asyncio.timeout(self._start.ready_seconds):
                await child.ready.wait()
        except TimeoutError:
            self._end(child, Why.NEVER_READY)
            return
        watch = HealthWatch()
        while child.address is not None:
            await asyncio.sleep(CHECK_SECONDS)
            if await alive(child.address):
                watch.answered()
                continue
            now = self._clock.monotonic()
            watch.missed(now)
            # The look into the journal may come back as unknown: a payment that may be there counts as one.
            runs = await asyncio.to_thread(payments, self._start.data) is not Payments.NONE
            if watch.hung(now, payment_runs=runs):
                self._end(child, Why.HUNG)
                return

    async def _leave(self, child: Child) -> None:
        await self._wanted.leave.wait()
        await child.leave()

    async def _hurry(self, child: Child) -> None:
        await self._wanted.hurry.wait()
        child.order(Order.HURRY)

    def _end(self, child: Child, why: Why) -> None:
        log.error("connector_ended_by_supervisor", pid=child.pid, why=why)
        self._killed_for = why
        child.kill()


async def _run(at_work: Callable[[Child], Awaitable[None]], child: Child) -> None:
    await at_work(child)
