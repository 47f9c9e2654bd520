"""The Concert V3 door as a real till meets it: raw bytes in, raw bytes out, and desks that behave badly behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from tests.lines import Recorder
from tests.support.wires import Switches
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import DoubtReason, InDoubt
from tillbridge.protocols.concert.tlv import Fields, decode
from tillbridge.protocols.concert.v3.door import TcpDoor
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.contract import Fault, Payment, PaymentRequest
from tillbridge.runtime.manual import manual_runtime
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.terminal import VirtualTerminal

SALE = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
ACCEPTED = b"CZ0040320CJ012012345678901AE00210CA00201CB0041250CC003001CD0010CE003978CI0011"
PING = b"CZ0040320CJ012012345678901CA00201CD001I"
PATIENCE = 2000.0


@dataclass
class Counter:
    """A door with its desk, and tills that connect to it."""

    desk: VirtualTerminal
    door: TcpDoor
    group: asyncio.TaskGroup

    def till(self) -> Recorder:
        recorder = Recorder(stays_half_open=True)
        near, far = memory_pair()
        far.attach(self.door.connection(self.group))
        near.attach(recorder)
        return recorder

    async def raw(self, request: bytes) -> bytes:
        """What a till hears that closes once the door has."""
        till = self.till()
        till.transport.write(request)
        await heard_end(till)
        till.transport.close()
        return till.received

    async def answer(self, request: bytes) -> Fields:
        """The same, read."""
        return Fields.of(decode(await self.raw(request)))


async def heard_end(till: Recorder) -> None:
    async with asyncio.timeout(PATIENCE):
        while "eof" not in till.heard and not till.lost:
            with suppress(TimeoutError):
                await till.until(lambda me: "eof" in me.heard or me.lost)


@asynccontextmanager
async def counter(
    desk: VirtualTerminal | None = None, faults: dict[Fault, int] | None = None, delay: float = 0.0, **settings: Any
) -> AsyncIterator[Counter]:
    desk = desk or VirtualTerminal(runtime=manual_runtime(), delay=delay)
    asked = DoorSettings.model_validate(settings)
    door = TcpDoor(asked, TerminalService(desk, asked, Switches(faults) if faults else None))
    async with asyncio.TaskGroup() as group:
        yield Counter(desk, door, group)


class DoubtingTerminal(VirtualTerminal):
    """A desk that never learns how its payments end."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        payment = await super().wait(payment_id, patience)
        return replace(payment, stage=Stage.IN_DOUBT, outcome=InDoubt(DoubtReason.LINE_LOST, "the line was lost"))

    async def inquire(self, payment_id: str) -> Payment:
        return await self.wait(payment_id, 0)


class RefusingTerminal(VirtualTerminal):
    """A desk that refuses everything for one reason."""

    def __init__(self, code: Code) -> None:
        super().__init__(runtime=manual_runtime())
        self._code = code

    async def start(self, request: PaymentRequest) -> Payment:
        raise BridgeError(self._code, "a sentence for people", payment_id="p-1" if request.keyless else None)


class FaultyTerminal(VirtualTerminal):
    """A desk with a fault of its own."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        raise LookupError(f"{payment_id} is gone after {patience}")


class StoppingTerminal(VirtualTerminal):
    """A desk that stops while its payments run."""

    async def wait(self, payment_id: str, patience: float) -> Payment:
        raise BridgeError(Code.CONNECTOR_STOPPING, f"after {patience} seconds", payment_id=payment_id)


class ForgetfulTerminal(VirtualTerminal):
    """A desk whose journal cannot be read."""

    async def inquire(self, payment_id: str) -> Payment:
        raise BridgeError(Code.JOURNAL_UNAVAILABLE, "the disk is gone", payment_id=payment_id)
