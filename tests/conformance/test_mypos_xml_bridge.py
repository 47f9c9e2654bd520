"""A till that speaks myPOS XML, the engine between, and a terminal that speaks it too: the bridge as a whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.concert_v3 import money_taken
from tests.support.mypos import PAY, Counter, Network, door_settings, driver_settings, heard
from tests.support.wires import Switches
from tests.unit.engine.house import SETTINGS
from tillbridge.domain.operation import Stage
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.opening import open_engine
from tillbridge.protocols.contract import Fault
from tillbridge.protocols.mypos_xml.door import MyposXmlDoor
from tillbridge.protocols.mypos_xml.driver import MyposXmlTerminal
from tillbridge.protocols.mypos_xml.framing import FrameReader
from tillbridge.protocols.mypos_xml.line import Line
from tillbridge.protocols.mypos_xml.messages import Answer, parse_answer
from tillbridge.protocols.mypos_xml.opening import manner_of
from tillbridge.protocols.mypos_xml.service import TerminalService
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sqlite import InlineCommitter
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal

SLIPS = b"<receipt>OFF</receipt><custrcpt>OFF</custrcpt>"
PREAUTH = PAY.replace(b"<pay>", b"<preauth>").replace(b"</pay>", b"</preauth>")


@dataclass
class Bridge:
    """The till's side as a counter, the engine, and the terminal behind it all."""

    counter: Counter
    engine: Engine
    terminal: VirtualTerminal
    network: Network

    async def asks(self, raw: bytes) -> Answer:
        frame = FrameReader().feed(await self.counter.raw(raw))
        assert frame is not None
        return parse_answer(frame.text)


@asynccontextmanager
async def bridge(
    folder: Path, faults: dict[Fault, int] | None = None, delay: float = 0.0, **driver: Any
) -> AsyncIterator[Bridge]:
    desk = VirtualTerminal(runtime=manual_runtime(7), delay=delay)
    network, far = Network(), door_settings()
    behind = MyposXmlDoor(far, TerminalService(desk, far, Switches(faults or {})))
    asked = driver_settings(**driver)
    terminal = MyposXmlTerminal(asked, Line(network.connect, manner_of(asked)))
    setups = [TerminalSetup("t1", "mypos-xml", terminal)]
    async with (
        asyncio.TaskGroup() as group,
        open_engine(folder, setups, SETTINGS, manual_runtime(), InlineCommitter) as engine,
    ):
        behind.attend(group)
        network.answering = behind.connection
        front = MyposXmlDoor(door_settings(), TerminalService(engine, door_settings()))
        front.attend(group)
        yield Bridge(Counter(desk, front), engine, desk, network)


def test_a_sale_passes_through(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path) as here:
            said = await here.asks(PAY)
            (payment,) = here.engine.payments()
            assert (said.result, said.ref) == ("OK", payment.id)
            assert payment.stage is Stage.APPROVED
            assert money_taken(here.terminal) == 1250
            # The reference that the terminal hears is made from the payment's own, and is no longer than it may be.
            assert f"<invoice>{payment.id[:12]}{payment.id[-8:]}</invoice>".encode() in here.network.from_till

    run_manual(main())


@pytest.mark.parametrize("cancel", [False, True])
def test_a_hold_is_found_again_by_its_code(tmp_path: Path, cancel: bool) -> None:
    async def main() -> None:
        async with bridge(tmp_path) as here:
            hold = await here.asks(PREAUTH)
            code = f"<preauthcode> {hold.ref} </preauthcode>".encode()
            root, amount = (b"preauthcancel", b"") if cancel else (b"preauthcompletion", b"<sum>10</sum>")
            said = await here.asks(b"<" + root + b">" + code + amount + SLIPS + b"</" + root + b">")
            assert said.result == "OK"
            moved = [(row.movement, row.minor) for row in here.terminal.ledger.rows]
            then = (Movement.RELEASED, 1250) if cancel else (Movement.CAPTURED, 1000)
            assert moved == [(Movement.HELD, 1250), then]
            again = await here.asks(b"<" + root + b">" + code + amount + SLIPS + b"</" + root + b">")
            assert again.result == "ERROR"
            assert len(here.terminal.ledger.rows) == 2

    run_manual(main())


def test_a_doubt_locks_the_terminal_and_the_late_answer_is_evidence(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path, delay=200) as here:
            said = await here.asks(PAY)
            assert (said.result, said.status) == ("ERROR", "8")
            (payment,) = here.engine.in_doubt()
            locked = await here.asks(PAY)
            assert (locked.status, locked.status_text) == ("3", "EARLIER_PAYMENT_UNKNOWN")
            await asyncio.sleep(60)
            # The terminal has answered by now, and that closes nothing: a person looks.
            assert here.engine.in_doubt()[0].id == payment.id
            assert EventType.EVIDENCE in [event.type for event in here.engine.events(payment.id)]
            assert len(here.terminal.ledger.rows) == 1

    run_manual(main())


def test_an_approval_that_nobody_heard_of_is_told_again_to_who_asks_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path, delay=30) as here:
            till = here.counter.till()
            till.transport.write(PAY)
            await asyncio.sleep(10)
            till.transport.close()
            await asyncio.sleep(60)
            (payment,) = here.engine.undelivered()
            other = await here.asks(PAY.replace(b"12.50", b"12.51"))
            assert other.status_text == "EARLIER_PAYMENT_NOT_TOLD"
            again = await here.asks(PAY)
            assert (again.result, again.ref) == ("OK", payment.id)
            assert money_taken(here.terminal) == 1250
            await asyncio.sleep(1)
            assert here.engine.undelivered() == []

    run_manual(main())


def test_two_sales_of_the_same_price_one_behind_the_other_are_two(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path) as here:
            till = here.counter.till()
            for number in range(1, 4):
                till.transport.write(PAY)
                await heard(till, number)
            assert money_taken(here.terminal) == 3 * 1250
            till.transport.close()
            assert len({payment.id for payment in here.engine.payments()}) == 3

    run_manual(main())


def test_what_the_terminal_cannot_do_is_refused_in_the_words_of_the_door(tmp_path: Path) -> None:
    async def main() -> None:
        async with bridge(tmp_path, preauth_enabled=False, currency="USD") as here:
            assert (await here.asks(PREAUTH)).status_text == "OPERATION_UNSUPPORTED"
            assert (await here.asks(PAY)).status_text == "INVALID_CURRENCY"
            assert here.network.from_till == b""

    run_manual(main())
