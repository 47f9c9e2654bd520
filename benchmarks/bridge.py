"""A running connector, as a shop would start it: the command, a settings file, and a data folder on a real disk."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import yaml
from argon2 import PasswordHasher

from benchmarks.http_till import LOGIN, PASSWORD
from benchmarks.programs import Program, program

TILLBRIDGE: Final = (sys.executable, "-m", "tillbridge")
READY: Final = "ready"
LAST_WORDS: Final = 2000
"""Characters of its log that are shown when it does not start."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """`till_port` is the HiPay door's; `ready_after` is in seconds, from the start of the command."""

    program: Program
    till_port: int
    ready_after: float


def free_port() -> int:
    """A port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def over_serial(name: str, port: str | Path) -> dict[str, Any]:
    """A Concert V2 terminal of the settings."""
    return {"name": name, "driver": "concert-v2", "settings": {"serial": {"port": str(port)}}}


def _settings(folder: Path, terminals: Sequence[dict[str, Any]], till_port: int) -> Path:
    password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    till = {"port": till_port, "api_username": LOGIN, "api_password_hash": password_hash}
    if len(terminals) > 1:
        till["terminal"] = terminals[0]["name"]
    settings = {
        "data": str(folder / "data"),
        "console": {"port": free_port()},
        "engine": {"probe_seconds": 0},
        "terminals": list(terminals),
        "doors": [{"name": "till", "door": "hipay", "settings": till}],
    }
    path = folder / "connector.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@contextmanager
def bridge(folder: Path, terminals: Sequence[dict[str, Any]]) -> Iterator[Bridge]:
    """The connector with these terminals and one HiPay door, ready, for the time of the block."""
    till_port = free_port()
    command = [*TILLBRIDGE, "connector", "run", "--config", _settings(folder, terminals, till_port)]
    log = folder / "connector.log"
    begin = perf_counter()
    with log.open("a") as errors, program(command, errors=errors.fileno()) as started:
        try:
            started.hear_until(READY)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {log.read_text()[-LAST_WORDS:]}") from error
        yield Bridge(started, till_port, perf_counter() - begin)
