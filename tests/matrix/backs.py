"""The five drivers, each on a real loopback line to a virtual terminal whose ledger is the judge."""

import asyncio
import atexit
import functools
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from tillbridge.protocols import registry
from tillbridge.protocols.contract import Door, Recovery, Terminal
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.terminal import VirtualTerminal

PATIENCE: Final = 1.5
"""Seconds for which a driver waits for its answer here; in the late case the terminal takes longer."""

TERMINALS: Final[Mapping[str, Mapping[str, Any]]] = {
    "concert-v2": {"tcp": {"port": 0}},
    "concert-v3": {"port": 0},
    "touchscreen": {"port": 0},
    "mypos-xml": {"port": 0, "currency": "EUR"},
}
"""The settings of each wire's door in the part of a terminal."""

QUICK: Final = {"ack": 1.0, "transaction": PATIENCE, "byte": 0.5, "pause": 0.1, "eot": 0.5}
DRIVERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "concert-v2": {"timers": QUICK},
    "concert-v3": {"cancel": True, "answer_timeout": PATIENCE, "service_timeout": 0.5, "quiet_time": 0.1},
    "touchscreen": {"currencies": ["EUR"], "patience": PATIENCE},
    "mypos-xml": {
        "currency": "EUR",
        "refund_enabled": True,
        "preauth_enabled": True,
        "answer_timeout": PATIENCE,
        "listen_before": 0,
        "listen_after_doubt": 0.2,
    },
    "virtual": {},
}
"""`patience` of the touch screen is no setting of its own: `profile` puts it into a profile file."""


@dataclass(frozen=True, slots=True)
class Back:
    """A terminal with the driver that is connected to it."""

    desk: VirtualTerminal
    terminal: Terminal


@asynccontextmanager
async def back(driver: str, **different: Any) -> AsyncIterator[Back]:
    """A virtual terminal on its wire, and a driver for it with what is `different` in its settings."""
    runtime = Runtime()
    desk = VirtualTerminal("terminal", runtime)
    behaviour = ScriptedBehaviour(desk)
    if driver == "virtual":
        yield Back(desk, DirectTerminal(desk, behaviour, Recovery.BY_ID, PATIENCE))
        return
    maker = registry.door(driver)
    settings = maker.settings.model_validate(TERMINALS[driver])
    async with served(maker.open(settings, desk, runtime, behaviour=behaviour)) as address:
        yield Back(desk, connected(driver, address, {**DRIVERS[driver], **different}))


def connected(driver: str, address: str, different: Mapping[str, Any]) -> Terminal:
    """This driver, with a line to that address."""
    host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
    where = {"host": host, "port": int(port)}
    line = {"tcp": where} if driver == "concert-v2" else where
    settings = {**line, **different}
    if "patience" in settings:
        settings["profile"] = str(profile(settings.pop("patience")))
    maker = registry.driver(driver)
    return maker.connect(maker.settings.model_validate(settings), Runtime())


@functools.cache
def profile(limit: float) -> Path:
    """The touch screen's own profile with short waits; the file lives as long as this process."""
    text = (files("tillbridge.protocols.touchscreen") / "profiles" / "gsa.toml").read_text(encoding="utf-8")
    quick = {"limit": limit, "poll": 0.05, "silence": 0.5, "grace": 0.3, "confirm": 2.0}
    for name, seconds in quick.items():
        text = re.sub(rf"(?m)^{name} = [0-9.]+$", f"{name} = {seconds}", text)
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "quick.toml"
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    """The door's address, while it is served."""
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        serving = group.create_task(door.serve(ready.set))
        await ready.wait()
        try:
            yield door.address
        finally:
            serving.cancel()
