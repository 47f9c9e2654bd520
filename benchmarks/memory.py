"""What an idle connector keeps in memory, with one terminal and with fifty.

Both figures of the kernel are taken: RSS counts the pages of shared libraries in full, PSS shares them out among the
programs that use them. The goal is held against the larger one.
"""

import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.bridge import bridge, over_serial
from benchmarks.figures import Bench, Figure
from benchmarks.http_till import HttpTill
from benchmarks.programs import own, program

MANY: Final = 50
GOALS: Final = {1: 80.0, MANY: 150.0}
"""Megabytes (of 1,000,000 bytes), by terminals."""

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


def _megabytes(process: int) -> dict[str, float]:
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
            return _megabytes(connector.program.pid)


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    for terminals, goal in GOALS.items():
        taken = _idle(bench, terminals)
        what = f"memory of an idle connector with {terminals} terminal{'s' if terminals > 1 else ''}"
        detail = f"RSS {taken['Rss']:.1f} MB, PSS {taken['Pss']:.1f} MB"
        yield Figure("memory", what, max(taken.values()), "MB", goal, detail)
