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
LOCAL: Final = "127.0.0.1"
READY: Final = "ready"
KEY_FILE: Final = "console-key"
LAST_WORDS: Final = 2000
"""Characters of its log that are shown when it does not start."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """`till_port` is the HiPay door's, `api_port` that of the native interface, which `key` opens.

    `ready_after` is in seconds, from the start of the command.
    """

    program: Program
    till_port: int
    api_port: int
    key: str
    ready_after: float

    @property
    def authorization(self) -> str:
        """The header that opens the native interface."""
        return f"Bearer {self.key}"


def free_port() -> int:
    """A port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port: int = probe.getsockname()[1]
        return port


def over_serial(name: str, port: str | Path) -> dict[str, Any]:
    """A Concert V2 terminal of the settings."""
    return {"name": name, "driver": "concert-v2", "settings": {"serial": {"port": str(port)}}}


def over_tcp(name: str, wire: str, port: int) -> dict[str, Any]:
    """A terminal of the settings that listens on this port of this computer."""
    address: dict[str, Any] = {"host": LOCAL, "port": port}
    settings = {"concert-v2": {"tcp": address}, "mypos-xml": {**address, "currency": "EUR"}}.get(wire, address)
    return {"name": name, "driver": wire, "settings": settings}


def _hipay(terminals: Sequence[dict[str, Any]], port: int) -> dict[str, Any]:
    password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    till = {"port": port, "api_username": LOGIN, "api_password_hash": password_hash}
    if len(terminals) > 1:
        till["terminal"] = terminals[0]["name"]
    return {"name": "till", "door": "hipay", "settings": till}


def _written(folder: Path, settings: dict[str, Any]) -> Path:
    path = folder / "connector.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@contextmanager
def bridge(folder: Path, terminals: Sequence[dict[str, Any]], doors: Sequence[dict[str, Any]] = ()) -> Iterator[Bridge]:
    """The connector with these terminals, a HiPay door and these other doors, ready, for the time of the block."""
    till_port, api_port = free_port(), free_port()
    settings = {
        "data": str(folder / "data"),
        "console": {"port": api_port},
        "engine": {"probe_seconds": 0},
        "terminals": list(terminals),
        "doors": [_hipay(terminals, till_port), *doors],
    }
    command: list[str | Path] = [*TILLBRIDGE, "connector", "run", "--config", _written(folder, settings)]
    log = folder / "connector.log"
    begin = perf_counter()
    with log.open("a") as errors, program(command, errors=errors.fileno()) as started:
        try:
            started.hear_until(READY)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {log.read_text()[-LAST_WORDS:]}") from error
        ready_after = perf_counter() - begin
        key = (folder / "data" / KEY_FILE).read_text().strip()
        yield Bridge(started, till_port, api_port, key, ready_after)
