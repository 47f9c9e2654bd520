"""The demo: a whole shop on this computer, with virtual terminals and nobody's money."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from rich.console import Console

from tillbridge.connector.settings import LOCAL
from tillbridge.demo.check import take_one_on_each
from tillbridge.demo.child import Child, Program, running
from tillbridge.demo.plan import HIGHEST_PORT, Plan
from tillbridge.demo.provider import provider
from tillbridge.demo.terminals import virtual_terminals
from tillbridge.demo.words import after_the_end, results_table, tries, what_runs_where
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.listening import bind

STEP: Final = 1000
"""What is suggested to add to the ports when one of them is taken."""


async def run_demo(plan: Plan, command: str, console: Console) -> bool:
    """Runs until somebody asks to stop. Returns whether the connector did not die meanwhile."""
    began = asyncio.get_running_loop().time()
    stop = _Stop()
    with on_interrupt(stop.interrupted):
        async with _shop(plan, Runtime()) as (_, child):
            stop.hurry = child.hurry
            console.print(what_runs_where(plan, asyncio.get_running_loop().time() - began))
            for line in tries(plan, command):
                console.print(line, soft_wrap=True, markup=False)
            well = await _watch(child, plan, command, stop, console)
    console.print("Stopped.")
    return well


async def run_check(plan: Plan, console: Console) -> bool:
    """Takes one payment on each wire and prints the results. Returns whether all of them are right."""
    runtime = Runtime()
    async with _shop(plan, runtime, portal=False) as (terminals, _):
        results = await take_one_on_each(plan, terminals, runtime)
    console.print(results_table(results))
    return all(result.agrees for result in results)


@asynccontextmanager
async def _shop(
    plan: Plan, runtime: Runtime, *, portal: bool = True
) -> AsyncIterator[tuple[Mapping[str, VirtualTerminal], Child]]:
    """Everything, ready, with the connector. Nothing of it is left when the block is."""
    await _find_taken_port(plan)
    async with virtual_terminals(plan, runtime) as terminals, provider(plan, runtime):
        # Only now: another demo that has this folder has its ledgers, and keeps its files.
        plan.write_files()
        programs = [Program("connector", ("run",), plan.settings)]
        if portal:
            programs.append(Program("portal", ("serve", "--demo"), plan.portal_settings))
        async with running(programs) as children:
            yield terminals, children[0]


class _Stop:
    """What Ctrl-C means here: the first one stops, another one does not wait for a payment that still runs."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry: Callable[[], None] = lambda: None

    def interrupted(self) -> None:
        if self.asked.is_set():
            self.hurry()
        self.asked.set()


async def _watch(child: Child, plan: Plan, command: str, stop: _Stop, console: Console) -> bool:
    """Waits for the person to end it. A connector that dies is not started again: that is for the person to see."""
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(child.ended())
        asked = group.create_task(stop.asked.wait())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        died = ended.done() and not stop.asked.is_set()
        if died:
            for line in after_the_end(ended.result(), plan, command):
                console.print(line, soft_wrap=True, markup=False)
            await asked
        ended.cancel()
    return not died


async def _find_taken_port(plan: Plan) -> None:
    for port, role in plan.ports():
        try:
            sockets, _ = await bind(LOCAL, port)
        except BridgeError as error:
            if error.code is not Code.PORT_TAKEN:
                raise
            raise BridgeError(
                Code.PORT_TAKEN,
                f"port {port} is needed for {role}, and another program has it:"
                f" stop that one, or move all ports with --port-offset {_other_offset(plan)}",
            ) from None
        for one in sockets:
            one.close()


def _other_offset(plan: Plan) -> int:
    return plan.offset + STEP if plan.offset < HIGHEST_PORT // 2 else STEP
