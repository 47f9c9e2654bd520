"""A connector imports the wires that its settings name, and no other: what a shop does not use costs it no memory.

The command itself is run, and says at its end what Python holds in memory, so that nothing that came in by a way round
is missed.
"""

import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.shop import Program, free_port
from tillbridge.protocols import registry

WIRES: Final[Mapping[str, str]] = {
    "concert-v2": "tillbridge.protocols.concert",
    "concert-v3": "tillbridge.protocols.concert",
    "hipay": "tillbridge.protocols.hipay",
    "mypos-xml": "tillbridge.protocols.mypos_xml",
    "touchscreen": "tillbridge.protocols.touchscreen",
}
"""The folder of each wire. Both versions of Concert are one: on a serial line V3 stands on the dialogue of V2."""

DRIVERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "concert-v2": {"tcp": {"host": "127.0.0.1", "port": 1}},
    "concert-v3": {"host": "127.0.0.1"},
    "mypos-xml": {"host": "127.0.0.1", "currency": "EUR"},
    "touchscreen": {"host": "127.0.0.1"},
    "virtual": {},
}
HASH: Final = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$ZGlnZXN0ZGlnZXN0"
DOORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "concert-v2": {"tcp": {"port": 0}},
    "concert-v3": {"port": 0},
    "hipay": {"port": 0, "api_username": "log", "api_password_hash": HASH},
    "mypos-xml": {"port": 0, "currency": "EUR"},
    "touchscreen": {"port": 0},
}
RUN: Final = """
import atexit, runpy, sys
atexit.register(lambda: print(*(f"imported {name}" for name in sys.modules), sep="\\n", flush=True))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a command as the shell would, and names its modules when it is over."""


async def imported(folder: Path, driver: str, doors: list[str]) -> set[str]:
    """Every module that a connector with this driver and these doors has imported once it takes payments."""
    settings = {
        "data": "data",
        "console": {"port": free_port()},
        "engine": {"probe_seconds": 0},
        "terminals": [{"name": "counter", "driver": driver, "settings": dict(DRIVERS[driver])}],
        "doors": [{"name": f"door-{one}", "door": one, "settings": dict(DOORS[one])} for one in doors],
    }
    path = folder / "connector.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    run = folder / "run.py"
    run.write_text(RUN, encoding="utf-8")
    before = (sys.executable, str(run))
    program = await Program.start("connector", "run", "--config", str(path), before=before, ready="ready: ")
    await program.stop()
    lines = "".join(program.said).splitlines()
    modules = {line.removeprefix("imported ") for line in lines if line.startswith("imported ")}
    assert "tillbridge.engine.engine" in modules, lines
    return modules


def folders(modules: set[str]) -> set[str]:
    """The wires' folders of which anything was imported."""
    return {folder for folder in WIRES.values() if any(module.startswith(f"{folder}.") for module in modules)}


def entries(modules: set[str]) -> set[str]:
    """The drivers and doors that were imported, as the registry names them, in one set for both groups."""
    return {
        f"{group}:{entry.name}"
        for group in (registry.DRIVERS, registry.DOORS)
        for entry in entry_points(group=group)
        if entry.module in modules
    }


def test_every_wire_that_is_installed_is_looked_for_here() -> None:
    assert set(registry.names(registry.DRIVERS)) == set(DRIVERS)
    assert set(registry.names(registry.DOORS)) == set(DOORS) == set(WIRES)
    for group in (registry.DRIVERS, registry.DOORS):
        for entry in entry_points(group=group):
            assert entry.module.startswith(WIRES.get(entry.name, "tillbridge.virtual"))


@pytest.mark.parametrize("driver", sorted(DRIVERS))
async def test_a_connector_with_one_wire_imports_no_other(tmp_path: Path, driver: str) -> None:
    modules = await imported(tmp_path, driver, [])
    assert entries(modules) == {f"{registry.DRIVERS}:{driver}"}
    assert folders(modules) == {folder for wire, folder in WIRES.items() if wire == driver}


@pytest.mark.parametrize("door", sorted(DOORS))
async def test_a_door_brings_its_own_wire_and_no_driver(tmp_path: Path, door: str) -> None:
    modules = await imported(tmp_path, "virtual", [door])
    assert entries(modules) == {f"{registry.DRIVERS}:virtual", f"{registry.DOORS}:{door}"}
    assert folders(modules) == {WIRES[door]}
