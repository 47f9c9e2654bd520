"""`tillbridge connector check`: what it does."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillbridge.cli.exits import Exit
from tillbridge.cli.remote_desk import remote_desk
from tillbridge.cli.running import run
from tillbridge.connector.reaching import Listening, listening
from tillbridge.connector.settings import ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.wiring import set_up_terminals
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import Health, HealthState
from tillbridge.runtime.data_folder import Address, DataFolder, owned
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.web.listening import bind

HEALTH_SECONDS: Final = 30.0
"""For a terminal's sign of life: a driver bounds it by itself, this is for a driver that does not."""


class Verdict(StrEnum):
    """How a line of the check came out."""

    WELL = "well"
    CARE = "take care"
    WRONG = "wrong"
    UNKNOWN = "not checked"


VERDICTS: Final = {
    HealthState.READY: Verdict.WELL,
    HealthState.BUSY: Verdict.WELL,
    HealthState.SILENT: Verdict.WRONG,
    HealthState.UNREACHABLE: Verdict.WRONG,
    HealthState.UNKNOWN: Verdict.UNKNOWN,
}
COLOURS: Final = {
    Verdict.WELL: "green",
    Verdict.CARE: "bold yellow",
    Verdict.WRONG: "red",
    Verdict.UNKNOWN: "yellow",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was checked."""

    what: str
    name: str
    verdict: Verdict
    words: str = ""


def check_file(path: Path) -> Exit:
    """Prints a table of everything that was checked. Raises `BridgeError` for settings that are wrong."""
    settings = load_settings(path)
    set_up_logging(level=Level.ERROR, console=sys.stderr, readable=True)
    lines = [Line("settings", path.name, Verdict.WELL, str(path.resolve())), *run(_check(settings))]
    Console(highlight=False).print(_table(lines))
    return Exit.FAILED if any(line.verdict is Verdict.WRONG for line in lines) else Exit.APPROVED


async def _check(settings: ConnectorSettings) -> list[Line]:
    with ExitStack() as stack:
        try:
            stack.enter_context(owned(settings.data))
        except BridgeError as error:
            address = DataFolder(settings.data).address() if error.code is Code.FOLDER_IN_USE else None
            if address is not None:
                return [line async for line in _running(settings, address)]
            return [Line("data folder", "", Verdict.WRONG, str(error))]
        folder = Line("data folder", "", Verdict.WELL, f"{settings.data}, free to use")
        terminals = [line async for line in _terminals(settings)]
        return [folder, *[line async for line in _ports(settings)], *terminals]


async def _running(settings: ConnectorSettings, address: Address) -> AsyncIterator[Line]:
    yield Line("connector", "", Verdict.WELL, f"runs at {address.url} (process {address.pid})")
    for line in exposures(settings):
        yield line
    key = DataFolder(settings.data).known_key() or ""
    async with remote_desk(address.url, key) as desk:
        for terminal in await desk.terminals():
            yield _health_line(terminal.name, Health(terminal.health.state, terminal.health.detail))


async def _ports(settings: ConnectorSettings) -> AsyncIterator[Line]:
    console = settings.console
    yield await _port("console", "", Listening(console.host, console.port, login=True))
    for door in settings.doors:
        at = listening(door.settings)
        if at is None:
            yield Line(f"door {door.wire}", door.name, Verdict.UNKNOWN, "its line is opened when the connector runs")
        else:
            yield await _port(f"door {door.wire}", door.name, at)


async def _port(what: str, name: str, at: Listening) -> Line:
    try:
        sockets, address = await bind(at.host, at.port)
    except BridgeError as error:
        return Line(what, name, Verdict.WRONG, str(error))
    for one in sockets:
        one.close()
    free = f"{address} is free"
    return (
        Line(what, name, Verdict.CARE, f"{free}; {at.warning}") if at.warning else Line(what, name, Verdict.WELL, free)
    )


def exposures(settings: ConnectorSettings) -> Iterator[Line]:
    """What a running connector lets the network do."""
    for door in settings.doors:
        at = listening(door.settings)
        if at is not None and at.warning:
            yield Line(f"door {door.wire}", door.name, Verdict.CARE, at.warning)


async def _terminals(settings: ConnectorSettings) -> AsyncIterator[Line]:
    for setup in set_up_terminals(settings.terminals, Runtime()):
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                health = await setup.terminal.health()
        except TimeoutError:
            health = Health(HealthState.SILENT, f"nothing for {HEALTH_SECONDS:g} seconds")
        finally:
            await setup.terminal.close()
        yield _health_line(setup.name, health)


def _health_line(name: str, health: Health) -> Line:
    verdict = VERDICTS[health.state]
    return Line("terminal", name, verdict, ": ".join(filter(None, (health.state, health.detail))))


def _table(lines: Sequence[Line]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("what", "name", "is"):
        table.add_column(name, no_wrap=True)
    table.add_column("", overflow="fold")
    for line in lines:
        table.add_row(line.what, line.name, Text(line.verdict, style=COLOURS[line.verdict]), Text(line.words))
    return table
