"""From the start of a connector to its first payment, and how soon a supervisor has it back after `kill -9`.

Both are held against the start of a bare Python that does nothing: what a computer takes for that, it takes for any
program. The goals are in seconds, as people wait in seconds; the killed connector had a payment at the terminal, which
the new one has looked into before it says that it is ready.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.bridge import free_port
from benchmarks.figures import Bench, Figure
from benchmarks.programs import Program, program

READY_GOAL: Final = 1.5
RESTART_GOAL: Final = 5.0

LOOK_SECONDS: Final = 0.005
MOST_SECONDS: Final = 60.0
"""For a status to change: beyond what it takes on a busy computer."""


def _settings(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "connector.yml"
    slow = {"name": "counter", "driver": "virtual", "settings": {"delay": 600}}
    settings = {"data": "data", "console": {"port": free_port()}, "engine": {"probe_seconds": 0}, "terminals": [slow]}
    path.write_text(yaml.safe_dump(settings))
    return path


def _bare_start() -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True)
    return time.perf_counter() - begin


def _start_to_ready(folder: Path) -> float:
    command: list[str | Path] = [sys.executable, "-m", "tillbridge", "connector", "run", "--config"]
    command.append(_settings(folder))
    begin = time.perf_counter()
    with program(command, errors=subprocess.DEVNULL) as connector:
        connector.hear_until("ready: ")
        return time.perf_counter() - begin


@contextmanager
def _supervised(config: Path) -> Iterator[Program]:
    command: list[str | Path] = [sys.executable, "-m", "tillbridge", "supervise", "--config", config]
    with program(command, errors=subprocess.DEVNULL) as supervisor:
        supervisor.hear_until("takes payments")
        yield supervisor


def _restart(folder: Path) -> float:
    """Seconds from the kill to the line that says that payments are taken again."""
    config = _settings(folder)
    with _supervised(config) as supervisor:
        status = _status(config)
        _begin_payment(config, status["address"])
        os.kill(status["connector"], signal.SIGKILL)
        begin = time.perf_counter()
        said = supervisor.hear_until("crashed")
        if "A payment was running" not in said:
            raise RuntimeError(f"the payment was not on its way: {said}")
        supervisor.hear_until("takes payments")
        return time.perf_counter() - begin


def _status(config: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((config.parent / "data" / "supervisor" / "status.json").read_text())
    return found


def _begin_payment(config: Path, address: str) -> None:
    """Returns once the payment is at the terminal."""
    key = (config.parent / "data" / "console-key").read_text().strip()
    _ask(address, key, json.dumps({"amount": {"minor": 1250, "currency": "EUR"}}).encode())
    end = time.perf_counter() + MOST_SECONDS
    while time.perf_counter() < end:
        if any(one["stage"] == "sending" for one in _ask(address, key)["payments"]):
            return
        time.sleep(LOOK_SECONDS)
    raise RuntimeError("the payment never came to the terminal")


def _ask(address: str, key: str, body: bytes | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Idempotency-Key": "k1"}
    request = urllib.request.Request(f"{address}/v1/payments", body, headers)  # noqa: S310  # our own loopback address
    with urllib.request.urlopen(request, timeout=MOST_SECONDS) as answer:  # noqa: S310  # as above
        found: dict[str, Any] = json.load(answer)
        return found


def measure(bench: Bench) -> Iterator[Figure]:
    """Rounds of each, taken in turn."""
    rounds = bench.choose(9, 2)
    bare, ready, back = [], [], []
    for number in range(rounds):
        bare.append(_bare_start())
        ready.append(_start_to_ready(bench.folder / f"start-{number}"))
        back.append(_restart(bench.folder / f"restart-{number}"))
    middle = statistics.median(bare)
    for what, found, goal in (
        ("start to ready", ready, READY_GOAL),
        ("supervisor: back after kill -9 in a payment", back, RESTART_GOAL),
    ):
        seconds = statistics.median(found)
        detail = (
            f"{seconds / middle:.0f} x a bare Python ({middle * 1000:.0f} ms),"
            f" {min(found):.2f} to {max(found):.2f} s in {rounds} rounds"
        )
        yield Figure("supervisor_restart", what, seconds, "s", goal, detail)
