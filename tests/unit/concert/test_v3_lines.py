"""The till's connections on TCP: what a terminal may conclude from their ends, and answers that nobody waited for."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from tests.support.concert_v3 import ANSWER, REFERENCE, driver_settings, operation
from tests.support.wires import Journal
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine, TillConnection
from tillbridge.protocols.contract import HealthState, LateResult
from tillbridge.runtime.manual import run_manual
from tillbridge.transports.memory import memory_pair


class Answering(asyncio.Protocol):
    """A terminal that writes its answer after `delay` seconds, ends its side, and writes down when the till's ends."""

    def __init__(self, trace: list[str], delay: float = 0.0, greeting: bytes = b"") -> None:
        self._trace, self._delay, self._greeting = trace, delay, greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._greeting:
            transport.write(self._greeting)

    def data_received(self, _data: bytes) -> None:
        self._trace.append("request")
        asyncio.get_running_loop().call_later(self._delay, self._answer)

    def _answer(self) -> None:
        self._trace.append("answer")
        self._transport.write(ANSWER)
        self._transport.write_eof()

    def eof_received(self) -> bool:
        self._trace.append("closed")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._trace.append("lost" if exc else "over")


class Keeping(Journal):
    """A journal that takes its time, and writes into the terminal's trace."""

    def __init__(self, trace: list[str], seconds: float) -> None:
        super().__init__()
        self._steps, self._seconds = trace, seconds

    async def signature(self, approved: Approved) -> bool:
        raise AssertionError(f"nobody signs here: {approved}")

    async def outcome(self, outcome: Outcome) -> None:
        await asyncio.sleep(self._seconds)
        await super().outcome(outcome)
        self._steps.append("kept")


def _terminal(answering: Callable[[], Answering], turns: int = 0, **settings: object) -> ConcertV3Terminal:
    async def connect(factory: Callable[[], TillConnection]) -> tuple[asyncio.Transport, TillConnection]:
        near, far = memory_pair()
        connection = factory()
        transport = near.attach(connection)
        far.attach(answering())
        for _ in range(turns):
            await asyncio.sleep(0)
        return transport, connection

    return ConcertV3Terminal(driver_settings(**settings), TcpLine(connect, 0.3))


async def _all_of(late: AsyncGenerator[LateResult, None]) -> list[LateResult]:
    return [one async for one in late]


def test_the_connection_stays_open_until_the_outcome_is_kept() -> None:
    async def main() -> None:
        trace: list[str] = []
        terminal = _terminal(lambda: Answering(trace))
        assert isinstance(await terminal.perform(operation(), Keeping(trace, 2.0)), Approved)
        await asyncio.sleep(1.0)
        assert trace == ["request", "answer", "kept", "closed", "over"]
        await terminal.close()

    run_manual(main())


def test_a_late_answer_is_let_go_once_whoever_heard_it_has_kept_it() -> None:
    async def main() -> None:
        trace: list[str] = []
        terminal = _terminal(lambda: Answering(trace, delay=10.0), answer_timeout=5.0)
        outcome = await terminal.perform(operation(), Keeping(trace, 0.0))
        assert isinstance(outcome, InDoubt)
        assert outcome.reason is DoubtReason.NO_ANSWER
        late = terminal.late()
        heard = await anext(late)
        assert isinstance(heard.outcome, Approved)
        await asyncio.sleep(60.0)
        assert trace == ["request", "kept", "answer"]
        assert (await terminal.health()).state is HealthState.BUSY
        async with asyncio.TaskGroup() as group:
            more = group.create_task(_all_of(late))
            await asyncio.sleep(1.0)
            assert trace[3:] == ["closed", "over"]
            await terminal.close()
        assert more.result() == []

    run_manual(main())


def test_an_answer_whose_keeping_was_interrupted_is_heard_again() -> None:
    async def main() -> None:
        trace: list[str] = []
        terminal = _terminal(lambda: Answering(trace))
        async with asyncio.TaskGroup() as group:
            selling = group.create_task(terminal.perform(operation(), Keeping(trace, 60.0)))
            await asyncio.sleep(10.0)
            selling.cancel()
        assert selling.cancelled()
        assert trace == ["request", "answer"]
        heard: list[LateResult] = [await anext(terminal.late())]
        assert [(type(late.outcome), late.wire_reference) for late in heard] == [(Approved, REFERENCE)]
        await terminal.close()

    run_manual(main())


def test_an_answer_whose_keeping_was_interrupted_by_the_end_is_let_go() -> None:
    async def main() -> None:
        trace: list[str] = []
        terminal = _terminal(lambda: Answering(trace))
        async with asyncio.TaskGroup() as group:
            selling = group.create_task(terminal.perform(operation(), Keeping(trace, 60.0)))
            await asyncio.sleep(10.0)
            await terminal.close()
            selling.cancel()
        await asyncio.sleep(1.0)
        assert trace == ["request", "answer", "closed", "over"]
        assert await _all_of(terminal.late()) == []

    run_manual(main())


def test_a_new_operation_lets_an_unkept_late_answer_go() -> None:
    async def main() -> None:
        trace: list[str] = []
        terminal = _terminal(lambda: Answering(trace, delay=10.0), answer_timeout=5.0)
        assert isinstance(await terminal.perform(operation(), Keeping(trace, 0.0)), InDoubt)
        await asyncio.sleep(60.0)
        async with asyncio.TaskGroup() as group:
            again = group.create_task(terminal.perform(operation(id="op-2"), Keeping(trace, 0.0)))
            await asyncio.sleep(1.0)
            assert trace == ["request", "kept", "answer", "closed", "request", "over"]
        assert isinstance(again.result(), InDoubt)
        await terminal.close()

    run_manual(main())


def test_whoever_speaks_before_it_is_asked_is_no_terminal_and_gets_no_request() -> None:
    async def main() -> None:
        trace: list[str] = []
        terminal = _terminal(lambda: Answering(trace, greeting=b"220 ready\r\n"), turns=5)
        outcome = await terminal.perform(operation(), Journal())
        assert isinstance(outcome, NotStarted)
        assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
        assert "spoke before it was asked" in outcome.detail
        assert "request" not in trace
        await terminal.close()

    run_manual(main())
