"""What an idle connector keeps in memory, with one terminal, with fifty, and with every wire and every door in use.

Both figures of the kernel are taken: RSS counts the pages of shared libraries in full, PSS shares them out among the
programs that use them. The goal is held against the larger one.
"""

import json
import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.bridge import bridge, free_port, over_serial, over_tcp
from benchmarks.figures import Bench, Figure
from benchmarks.http_till import HttpTill
from benchmarks.programs import own, program
from benchmarks.wire_tills import NativeTill

MANY: Final = 50
GOALS: Final = {1: 80.0, MANY: 150.0}
"""Megabytes (of 1,000,000 bytes), by terminals."""

WIRES: Final = ("concert-v2", "concert-v3", "touchscreen", "mypos-xml")
"""Each is a terminal and a door; the HiPay door and the native interface are there besides."""

PAYMENTS: Final = 200
"""On the first terminal before it is measured: an idle connector is one that has worked, not one that just started."""


@contextmanager
def _silent_lines(folder: Path, number: int) -> Iterator[list[Path]]:
    """Ports of terminals that say nothing; the connector opens each and listens there."""
    pairs = [os.openpty() for _ in range(number)]
    links = []
    for place, (_, slave) in enumerate(pairs):
        tty.setraw(slave)
        links.append(folder / f"line-{place}")
        links[-1].symlink_to(os.ttyname(slave))
    try:
        yield links
    finally:
        for pair in pairs:
            for descriptor in pair:
                os.close(descriptor)


def megabytes(process: int) -> dict[str, float]:
    """Megabytes (of 1,000,000 bytes) of a process: `Rss` and `Pss`, as the kernel counts them."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("Rss", "Pss")}


def _idle(bench: Bench, terminals: int) -> dict[str, float]:
    folder = bench.folder / str(terminals)
    folder.mkdir()
    with (
        program(own("wire_terminal", folder / "terminal")) as terminal,
        _silent_lines(folder, terminals - 1) as lines,
    ):
        ports = [Path(terminal.hear()), *lines]
        entries = [over_serial(f"terminal-{place}", port) for place, port in enumerate(ports)]
        with bridge(folder, entries) as connector, HttpTill(connector.till_port) as till:
            for number in range(bench.choose(PAYMENTS, 5)):
                till.order(number)
            return megabytes(connector.program.pid)


def _door(wire: str) -> dict[str, Any]:
    address: dict[str, Any] = {"port": free_port()}
    settings = {"concert-v2": {"tcp": address}, "mypos-xml": {**address, "currency": "EUR"}}.get(wire, address)
    return {"name": f"door-{wire}", "door": wire, "settings": {**settings, "terminal": wire}}


def _every_wire(bench: Bench) -> dict[str, float]:
    with program(own("simulators", "0", *WIRES)) as simulators:
        ports = json.loads(simulators.hear())
        terminals = [over_tcp(wire, wire, port) for wire, port in zip(WIRES, ports, strict=True)]
        doors = [_door(wire) for wire in WIRES]
        with bridge(bench.folder, terminals, doors) as connector:
            tills = [NativeTill(connector.api_port, connector.authorization, wire) for wire in WIRES]
            for number in range(bench.choose(PAYMENTS, 5)):
                tills[number % len(tills)].pay(number)
            return megabytes(connector.program.pid)


def _figure(what: str, taken: dict[str, float], goal: float | None) -> Figure:
    detail = f"RSS {taken['Rss']:.1f} MB, PSS {taken['Pss']:.1f} MB"
    return Figure("memory", f"memory of an idle connector with {what}", max(taken.values()), "MB", goal, detail)


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    for terminals, goal in GOALS.items():
        yield _figure(f"{terminals} terminal{'s' if terminals > 1 else ''}", _idle(bench, terminals), goal)
    yield _figure("a terminal of each wire and all doors", _every_wire(bench), None)
