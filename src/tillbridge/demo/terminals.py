"""The demo's virtual terminals.

They live in this process and not in the connector's: they outlive its death as real terminals do, and their ledgers
tell what really happened.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from tillbridge.connector.settings import LOCAL
from tillbridge.demo.plan import CURRENCY, MYPOS, PTYS, TOUCH, V2, V3, Plan
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Door
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.control import Simulated, control_app
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.serving import serve_asgi

Serve = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def virtual_terminals(plan: Plan, runtime: Runtime) -> AsyncIterator[Mapping[str, VirtualTerminal]]:
    """The terminals by name, once all of them and their control listen. Leaving the block ends them."""
    lines: dict[str, dict[str, Any]] = {
        V2: {"pty": plan.line} if PTYS else {"tcp": {"host": LOCAL, "port": plan.v2_port}},
        V3: {"host": LOCAL, "port": plan.v3_port},
        TOUCH: {"host": LOCAL, "port": plan.touch_port},
        MYPOS: {"host": LOCAL, "port": plan.mypos_port, "currency": CURRENCY},
    }
    doors = {V2: "concert-v2", V3: "concert-v3", TOUCH: "touchscreen", MYPOS: "mypos-xml"}
    with ExitStack() as books:
        terminals = {name: VirtualTerminal(name, runtime, _ledger(plan, name, books), plan.delay) for name in lines}
        simulated = {name: Simulated(terminal, ScriptedBehaviour(terminal)) for name, terminal in terminals.items()}
        jobs: list[Serve] = [_open(doors[name], lines[name], one, runtime).serve for name, one in simulated.items()]
        app = control_app(simulated)
        jobs.append(lambda ready: serve_asgi(app, "localhost", plan.control_port, lambda _: ready()))
        async with _served(jobs):
            yield terminals


def _ledger(plan: Plan, name: str, books: ExitStack) -> Ledger:
    ledger = Ledger(plan.ledger(name))
    books.callback(ledger.close)
    return ledger


def _open(door: str, line: dict[str, Any], simulated: Simulated, runtime: Runtime) -> Door:
    maker = registry.door(door)
    settings = maker.settings.model_validate(line)
    return maker.open(settings, simulated.terminal, runtime, behaviour=simulated.behaviour)


@asynccontextmanager
async def _served(jobs: list[Serve]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        ready = [asyncio.Event() for _ in jobs]
        tasks = [group.create_task(job(event.set)) for job, event in zip(jobs, ready, strict=True)]
        for event in ready:
            await event.wait()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
