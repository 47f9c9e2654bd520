"""Signed callbacks of the Terminal API: told again until they are taken. Nothing of it outlives the program."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError
from tillbridge.psp.hipay.sandbox.faults import Fault, Faults
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal
from tillbridge.psp.hipay.sandbox.sending import TAKEN, next_attempt
from tillbridge.runtime.effects import Runtime
from tillbridge.web.webhooks.courier import Courier

SIGNATURE: Final = "x-hipay-signature"
MOST_WAITING: Final = 1000
"""Payments and callbacks under way; a sandbox is for one shop's tries."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A callback."""

    url: str
    body: bytes


Make = Callable[[], Awaitable[Letter]]


def callback_signature(body: bytes, passphrase: str) -> str:
    """A plain hash over the raw body with the passphrase behind it."""
    return hashlib.sha256(body + passphrase.encode()).hexdigest()


class Callbacks:
    """Plays payments whose result is told later, and tells it."""

    def __init__(self, courier: Courier, passphrase: str, faults: Faults, runtime: Runtime) -> None:
        self._courier = courier
        self._passphrase = passphrase
        self._faults = faults
        self._runtime = runtime
        self._begun: asyncio.Queue[Make] = asyncio.Queue(MOST_WAITING)

    def begin(self, make: Make) -> None:
        """Something is to be done and told; `asyncio.QueueFull` where far too much is waiting."""
        self._begun.put_nowait(make)

    async def run(self) -> None:
        """Plays and tells, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                make = await self._begun.get()
                group.create_task(self._tell(make))

    async def _tell(self, make: Make) -> None:
        try:
            letter = await make()
        except (BridgeError, GatewayRefusal) as error:
            log.warning("sandbox_callback_not_made", reason=str(error))
            return
        made = self._runtime.clock.now()
        attempts = 0
        while True:
            attempts += 1
            taken = await self._attempt(letter)
            if taken and self._faults.strikes(Fault.NOTICE_TWICE):
                taken = await self._attempt(letter)
            now = self._runtime.clock.now()
            due = None if taken else next_attempt(attempts, made, now)
            if due is None:
                log.info("sandbox_callback_ended", taken=taken, attempts=attempts)
                return
            await asyncio.sleep((due - now).total_seconds())

    async def _attempt(self, letter: Letter) -> bool:
        headers = {"Content-Type": "application/json"}
        body = letter.body
        fault = self._faults.take(Fault.NOTICE_UNSIGNED, Fault.NOTICE_PASSPHRASE, Fault.NOTICE_CHANGED)
        match None if fault is None else fault.fault:
            case Fault.NOTICE_UNSIGNED:
                pass
            case Fault.NOTICE_PASSPHRASE:
                headers[SIGNATURE] = callback_signature(body, f"{self._passphrase}x")
            case Fault.NOTICE_CHANGED:
                headers[SIGNATURE] = callback_signature(body, self._passphrase)
                body = body + b" "
            case _:
                headers[SIGNATURE] = callback_signature(body, self._passphrase)
        reply = await self._courier.carry(letter.url, headers, body)
        return reply.status == TAKEN
