"""A counter whose connector is kept up by `tillbridge supervise`, with real processes."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from argon2 import PasswordHasher

from tests.support.counter import Counter, _environment, counter
from tests.support.shop import Program, free_port

PATIENCE: Final = 60.0
"""Seconds in which a loaded computer starts two programs, one after the other."""

HASH: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pwd")
LOGIN: Final = {"Authorization": aiohttp.encode_basic_auth("log", "pwd")}


@dataclass
class Supervised:
    """A counter, and where its supervisor writes down what it does."""

    counter: Counter
    till_port: int

    @property
    def room(self) -> Path:
        """The supervisor's folder."""
        return self.counter.data / "supervisor"

    async def supervise(self, *words: str, ready: str = "takes payments") -> Program:
        """Starts a supervisor and waits until it says this."""
        arguments = ("supervise", "--config", str(self.counter.settings), *words)
        with _environment(self.counter.environment):
            program = await Program.start(*arguments, ready=ready)
        self.counter.running.append(program)
        return program

    def status(self) -> dict[str, Any]:
        """What the supervisor has written last; empty before that."""
        try:
            found: dict[str, Any] = json.loads((self.room / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    async def until(self, **wanted: object) -> dict[str, Any]:
        """The status, once it says this."""
        with self._telling():
            async with asyncio.timeout(PATIENCE):
                while not wanted.items() <= (found := self.status()).items():
                    await asyncio.sleep(0.02)
        return found

    async def ready_again(self, before: int) -> int:
        """The connector that takes payments after the one of this process."""
        with self._telling():
            async with asyncio.timeout(PATIENCE):
                while (found := self.status()).get("state") != "ready" or found["connector"] == before:
                    await asyncio.sleep(0.02)
        return int(found["connector"])

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What does not come in time is a riddle without what the supervisor has done meanwhile."""
        try:
            yield
        except TimeoutError as error:
            log = self.room / "tillbridge.log"
            said = log.read_text().splitlines()[-20:] if log.exists() else []
            error.add_note("\n".join([str(self.status()), *said]))
            raise

    async def pay(self, key: str = "k1", wait: int | None = None) -> tuple[int, dict[str, Any]]:
        """Asks the native interface for 12.50 EUR."""
        headers = {"Authorization": f"Bearer {self.counter.key()}", "Idempotency-Key": key}
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        body = {"amount": {"minor": 1250, "currency": "EUR"}}
        address = f"{self.counter.url}/v1/payments"
        async with (
            aiohttp.ClientSession(headers=headers) as till,
            till.post(address, json=body) as answer,
        ):
            return answer.status, await answer.json()

    async def look(self, payment_id: str) -> dict[str, Any]:
        """What the connector knows of a payment."""
        headers = {"Authorization": f"Bearer {self.counter.key()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as till,
            till.get(f"{self.counter.url}/v1/payments/{payment_id}") as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found

    async def ask_to_stop(self) -> dict[str, Any]:
        """The till's `/stop`."""
        async with (
            aiohttp.ClientSession(headers=LOGIN) as till,
            till.get(f"http://localhost:{self.till_port}/stop") as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found


def kill(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    """A signal to one process; it may have gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, how)


def alive(pid: int) -> bool:
    """Whether there is such a process, other than one that only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pid: int) -> None:
    """Returns when that process is not there any more."""
    async with asyncio.timeout(PATIENCE):
        while alive(pid):
            await asyncio.sleep(0.02)


@asynccontextmanager
async def supervised(folder: Path, more: Mapping[str, object] | None = None) -> AsyncIterator[Supervised]:
    """A counter with a HiPay door whose supervisor is still to be started. Nothing is left running."""
    async with counter(folder) as made:
        place = Supervised(made, free_port())
        till = {"port": place.till_port, "api_username": "log", "api_password_hash": HASH}
        made.write_settings(doors=[{"name": "till", "door": "hipay", "settings": till}], more=more)
        try:
            yield place
        finally:
            found = place.status()
            for name in ("supervisor", "connector"):
                pid = found.get(name)
                if isinstance(pid, int) and pid != os.getpid() and not found["state"].startswith("stopped"):
                    kill(pid)
