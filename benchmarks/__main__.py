"""Runs the benchmarks and prints one table: what was measured, the goal, and whether it was met.

`python -m benchmarks --peer PYTHON [--only NAME] [--quick]`. A goal that is missed does not fail the command: a
shared computer misses goals that a quiet one meets, so that a person reads the table.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.figures import Bench, Figure, markdown, print_table

NAMES: Final = (
    "added_time",
    "whole_bridge",
    "driver_alone",
    "paced_line",
    "history",
    "memory",
    "codec",
    "wires",
    "many_terminals",
    "events",
    "portal_pairing",
    "portal_conversion",
    "voucher_redeem",
    "voucher_settlement",
    "portal_pages",
    "portal_links",
    "upstream_outbox",
    "supervisor_restart",
)
"""One module each, with a function `measure`."""

PLACE: Final = Path("build") / "benchmarks"
"""Below the project and not in the system's folder for temporary files, which is often no disk at all."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the figures of tillbridge.")
    parser.add_argument("--peer", type=Path, help="the Python of the environment that the published client is in")
    parser.add_argument("--only", action="append", choices=NAMES, help="one benchmark; may be given more than once")
    parser.add_argument("--quick", action="store_true", help="only see that each benchmark works")
    parser.add_argument("--folder", type=Path, default=PLACE, help="where the journals are made: on a real disk")
    parser.add_argument("--markdown", type=Path, help="a file to write the table to as well")
    return parser.parse_args()


def _run(name: str, bench: Bench) -> list[Figure]:
    begin = perf_counter()
    print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
    measure: Callable[[Bench], Iterable[Figure]] = import_module(f"benchmarks.{name}").measure
    figures = list(measure(bench))
    print(f"{perf_counter() - begin:.0f} s", file=sys.stderr)
    return figures


def main() -> None:
    """See the module."""
    given = _arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    for name in given.only or NAMES:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=given.folder.resolve()))
        try:
            figures.extend(_run(name, Bench(given.quick, folder, given.peer)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print_table(figures)
    if given.markdown is not None:
        given.markdown.write_text(markdown(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
