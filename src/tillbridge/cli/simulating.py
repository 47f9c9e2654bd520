"""Puts a simulated terminal together: a virtual terminal, the door of its wire, and maybe a slow line before it."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tillbridge.cli.addresses import host_and_port
from tillbridge.cli.bodies import wrong_word
from tillbridge.cli.errors import WrongWord
from tillbridge.cli.simulated_lines import ConcertLine, Line
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Door
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.transports.allow import on_loopback
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.control import Simulated, control_app
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.relay import relay_pty, relay_tcp
from tillbridge.virtual.scenarios import ALWAYS, Scenario, scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.serving import serve_asgi


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate. `delay` is how long a customer takes in seconds; `scenario` the name of one for all payments.

    `ledger` is the file of the terminal's books, None forgets them with the program. `baud_rate` carries the bytes of a
    Concert line as slowly as a serial line of that rate.
    """

    name: str
    line: Line
    scenario: str | None = None
    delay: float = 1.0
    ledger: Path | None = None
    baud_rate: int | None = None


class Simulator:
    """A simulation at work; made by `simulator`."""

    def __init__(self, simulation: Simulation, ledger: Ledger, runtime: Runtime, scratch: Path) -> None:
        self.simulation = simulation
        self.terminal = VirtualTerminal(simulation.name, runtime, ledger, simulation.delay)
        self.behaviour = ScriptedBehaviour(self.terminal)
        if simulation.scenario is not None:
            self.terminal.script.set(Step(_scenario(simulation.scenario), ALWAYS))
        self._runtime = runtime
        self._inner = _behind(simulation, scratch)
        self._door = self._open_door()
        self._relayed = ""

    @property
    def simulated(self) -> Simulated:
        """What the control API is given."""
        return Simulated(self.terminal, self.behaviour)

    @property
    def address(self) -> str:
        """Where tills reach it, as a person would type it; known once `serve` has called `on_ready`."""
        return self._relayed or self._door.address

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""
        if self.simulation.baud_rate is None:
            await self._door.serve(on_ready)
            return
        door_is_ready = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._door.serve(door_is_ready.set))
            await door_is_ready.wait()
            await self._relay(self.simulation.baud_rate, on_ready)

    async def _relay(self, baud_rate: int, on_ready: Callable[[], None]) -> None:
        line, inner, clock = self.simulation.line, self._inner, self._runtime.clock
        if not (isinstance(line, ConcertLine) and isinstance(inner, ConcertLine)):
            return

        def ready(address: str) -> None:
            first, self._relayed = not self._relayed, address
            if first:
                on_ready()

        if line.pty is not None and inner.pty is not None:
            await relay_pty(line.pty, inner.pty, baud_rate, clock, ready)
        elif line.tcp is not None:
            await relay_tcp(line.tcp, host_and_port(self._door.address, "--tcp"), baud_rate, clock, ready)

    def _open_door(self) -> Door:
        maker = registry.door(self._inner.wire)
        raw = self._inner.settings()
        try:
            settings = maker.settings.model_validate(raw)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]["loc"]
            raise wrong_word(error, maker.settings, raw, self._inner.option(wrong)) from None
        return maker.open(settings, self.terminal, self._runtime, behaviour=self.behaviour)


@contextmanager
def simulator(simulation: Simulation, runtime: Runtime) -> Iterator[Simulator]:
    """A simulator with its ledger open. Raises `BridgeError` for what cannot be."""
    ledger = Ledger(simulation.ledger)
    try:
        with tempfile.TemporaryDirectory(prefix="tillbridge-") as scratch:
            yield Simulator(simulation, ledger, runtime, Path(scratch))
    finally:
        ledger.close()


def _scenario(name: str) -> Scenario:
    try:
        return scenario(name)
    except BridgeError as error:
        raise WrongWord(Code.SETTINGS_INVALID, error.detail, place="--scenario") from None


def _behind(simulation: Simulation, scratch: Path) -> Line:
    """Where the door itself listens."""
    line = simulation.line
    if simulation.baud_rate is None:
        return line
    if not isinstance(line, ConcertLine):
        raise WrongWord(Code.SETTINGS_INVALID, "only Concert goes over serial lines of a rate", place="--baud")
    if line.tcp is not None and not on_loopback(line.tcp[0]):
        # The slow line itself asks nobody who they are; only the door behind it could.
        raise WrongWord(Code.SETTINGS_INVALID, "a line that is slowed down serves this computer alone", place="--baud")
    return line.behind_a_slow_line(scratch)


async def play(simulation: Simulation, control: str | None) -> None:
    """Simulates until a signal to stop, and says on standard output what runs where."""
    set_up_logging(level=Level.WARNING, readable=True)
    stop = asyncio.Event()
    at = None if control is None else host_and_port(control, "--control")
    with simulator(simulation, Runtime()) as one, on_interrupt(stop.set):
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(one, at))
            await stop.wait()
            serving.cancel()
    sys.stdout.write("Stopped.\n")


async def _serve(one: Simulator, control: tuple[str, int] | None) -> None:
    lines = [f"{one.simulation.name}: {one.simulation.line.spoken}"]
    door_is_ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(one.serve(door_is_ready.set))
        await door_is_ready.wait()
        lines.append(f"  tills connect to   {one.address}{_at_pace(one.simulation)}")
        if control is not None:
            controlled = asyncio.get_running_loop().create_future()
            app = control_app({one.simulation.name: one.simulated}, hosts=(control[0],))
            group.create_task(serve_asgi(app, *control, controlled.set_result))
            lines.append(f"  control API at     http://{await controlled}/terminals")
        if one.simulation.ledger is not None:
            lines.append(f"  its books are in   {one.simulation.ledger}")
        sys.stdout.write("\n".join([*lines, "Ctrl-C stops it.", ""]))
        sys.stdout.flush()


def _at_pace(simulation: Simulation) -> str:
    return f" (at the pace of {simulation.baud_rate} baud)" if simulation.baud_rate else ""
