"""Fuzzed bytes on a line of Concert V2, into both roles over a real journal: a clear end, and no payment changes."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from tests.support.concert_frames import ALL, REFERENCE_REQUEST, REPLIES, REQUESTS, Worked
from tests.support.concert_raw import RawEnd, RawTerminals, open_door
from tests.support.concert_v2 import driver_settings
from tests.unit.engine.house import SETTINGS, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Approved, MoneyMoved, NotStarted, NotStartedReason
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.protocols.concert.frames import check_byte, encode
from tillbridge.protocols.concert.v2.driver import ConcertV2Terminal
from tillbridge.protocols.concert.v2.messages import Reply, Status, parse_reply, parse_request
from tillbridge.protocols.contract import ProtocolError
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sqlite import InlineCommitter

PRICE = Money(1250, EUR)
ACCEPTED = encode(Reply("01", Status.ACCEPTED, 1250, "978").encode())
QUIET = 60.0
"""Seconds of manual time in which every wait on the line has run out, except the customer's."""

CUSTOMER = 180.0
FRAMES = [one.frame for one in ALL] + [ACCEPTED, REFERENCE_REQUEST]


@st.composite
def _broken_frames(draw: st.DrawFn) -> bytes:
    """A frame with one byte changed, a piece missing, or another one's check byte."""
    frame = draw(st.sampled_from(FRAMES))
    place = draw(st.integers(0, len(frame) - 1))
    match draw(st.sampled_from(["change", "head", "tail", "check"])):
        case "change":
            return frame[:place] + bytes([frame[place] ^ draw(st.integers(1, 255))]) + frame[place + 1 :]
        case "head":
            return frame[:place]
        case "tail":
            return frame[place + 1 :]
        case _:
            return frame[:-1] + bytes([frame[-1] ^ 0x15])


PIECES = st.one_of(
    st.sampled_from(b"\x02\x03\x04\x05\x06\x15\x00\x7f\x82").map(lambda byte: bytes([byte])),
    st.sampled_from([b"\x05\x06", b"\x06\x04", b"\x06\x06", b"\x02\x03\x03"]),
    st.binary(max_size=40),
    _broken_frames(),
)
SILENCES = st.sampled_from([0.0, 0.01, 0.4, 1.0, 4.0])
Talk = list[tuple[bytes, float]]
"""What is said, and the silence behind it in seconds."""


def _talk(foreign: Sequence[Worked]) -> st.SearchStrategy[Talk]:
    """Garbage, and whole frames that the other role would understand."""
    return st.lists(st.tuples(PIECES | st.sampled_from([one.frame for one in foreign]), SILENCES), max_size=25)


def _says_nothing(talk: Talk, parse: Callable[[bytes], object]) -> bool:
    """Whether no good frame stands anywhere in it, wherever a receiver might begin to read."""
    said = b"".join(piece for piece, _ in talk)
    found = re.finditer(rb"(?s)(?=\x02([^\x02\x03]*)\x03(.))", said)
    return not any(check_byte(frame[1]) == frame[2][0] and _is_read(frame[1], parse) for frame in found)


def _is_read(body: bytes, parse: Callable[[bytes], object]) -> bool:
    try:
        parse(body)
    except ProtocolError:
        return False
    return True


TO_DOOR, TO_TILL = _talk(REPLIES), _talk(REQUESTS)


async def _talks(end: RawEnd, talk: Talk) -> None:
    for piece, silence in talk:
        if not end.lost.is_set():
            end.says(piece)
        await asyncio.sleep(silence)


def _books(engine: Engine) -> list[tuple[object, ...]]:
    return [(one, *engine.events(one.id)) for one in engine.payments()]


# ---------------------------------------------------------------- into the terminal's role


async def _pays(till: RawEnd, puppet: Puppet) -> None:
    """A whole payment, behind whatever the line has heard before."""
    till.pieces.clear()
    await till.asks(REFERENCE_REQUEST)
    puppet.answers.put_nowait(Approved(PRICE))
    await till.takes(ACCEPTED)
    await till.hears_nothing(1)


@settings(max_examples=60)
@given(TO_DOOR)
def test_a_door_fed_garbage_starts_nothing_and_serves_the_next_till(talk: Talk) -> None:
    assume(_says_nothing(talk, parse_request))

    async def main(folder: Path) -> None:
        puppet = Puppet()
        async with house(folder, puppet) as engine, open_door(engine) as door:
            till = await door.till()
            await _pays(till, puppet)
            before = _books(engine)
            await _talks(till, talk)
            await asyncio.sleep(QUIET)
            assert _books(engine) == before
            await _pays(till, puppet)
            assert len(engine.payments()) == len(puppet.taken) == 2

    with TemporaryDirectory() as folder:
        run_manual(main(Path(folder)))


@settings(max_examples=60)
@given(TO_DOOR)
def test_garbage_during_a_payment_changes_nothing_about_it(talk: Talk) -> None:
    assume(_says_nothing(talk, parse_request))

    async def main(folder: Path) -> None:
        puppet = Puppet()
        async with house(folder, puppet) as engine, open_door(engine) as door:
            till = await door.till()
            await till.asks(REFERENCE_REQUEST)
            await asyncio.sleep(1)
            before = _books(engine)
            await _talks(till, talk)
            assert _books(engine) == before
            assert [payment.stage for payment in engine.payments()] == [Stage.SENDING]
            await asyncio.sleep(QUIET)
            till.pieces.clear()
            puppet.answers.put_nowait(Approved(PRICE))
            await till.takes(ACCEPTED)
            (paid,) = engine.payments()
            assert (paid.outcome, len(puppet.taken)) == (Approved(PRICE), 1)

    with TemporaryDirectory() as folder:
        run_manual(main(Path(folder)))


# ---------------------------------------------------------------- into the till's role


@asynccontextmanager
async def _till(folder: Path) -> AsyncIterator[tuple[Engine, RawTerminals]]:
    """An engine whose one terminal is at the other end of a Concert V2 line."""
    line = RawTerminals()
    setup = TerminalSetup("t1", "concert-v2", ConcertV2Terminal(driver_settings(), line.open))
    async with open_engine(folder, [setup], SETTINGS, manual_runtime(), InlineCommitter) as engine:
        while not line.ends:
            await asyncio.sleep(0)
        yield engine, line


async def _terminal_serves(engine: Engine, end: RawEnd) -> None:
    """A whole sale, behind whatever the line has heard before."""
    end.pieces.clear()
    payment = await engine.start(ask(PRICE))
    await end.serves(REFERENCE_REQUEST)
    await end.replies(ACCEPTED)
    assert (await engine.wait(payment.id, CUSTOMER)).outcome is not None


@settings(max_examples=60)
@given(TO_TILL)
def test_garbage_at_rest_is_no_late_result(talk: Talk) -> None:
    assume(_says_nothing(talk, parse_reply))

    async def main(folder: Path) -> None:
        async with _till(folder) as (engine, line):
            await _terminal_serves(engine, line.current)
            before = _books(engine)
            await _talks(line.current, talk)
            await asyncio.sleep(QUIET)
            assert _books(engine) == before
            await _terminal_serves(engine, line.current)
            assert [one.stage for one in engine.payments()] == [Stage.APPROVED] * 2

    with TemporaryDirectory() as folder:
        run_manual(main(Path(folder)))


@settings(max_examples=80)
@pytest.mark.parametrize("served", [False, True], ids=["from ENQ on", "from the frame on"])
@given(talk=TO_TILL, afterwards=TO_TILL)
def test_a_till_fed_garbage_never_believes_that_money_moved_or_did_not(
    served: bool, talk: Talk, afterwards: Talk
) -> None:
    assume(_says_nothing([*talk, *afterwards], parse_reply))

    async def main(folder: Path) -> None:
        async with _till(folder) as (engine, line):
            payment = await engine.start(ask(PRICE))
            if served:
                await line.current.serves(REFERENCE_REQUEST)
            await _talks(line.current, talk)
            ended = await engine.wait(payment.id, CUSTOMER + QUIET)
            event(ended.stage)
            assert ended.stage in (Stage.IN_DOUBT, Stage.NOT_STARTED)
            if ended.stage is Stage.NOT_STARTED:
                _check_not_started(ended.outcome, heard=b"".join(line.current.pieces), served=served)
            before = _books(engine)
            await _talks(line.current, afterwards)
            await asyncio.sleep(QUIET)
            assert _books(engine) == before
            await _comes_right(engine, line.current)

    with TemporaryDirectory() as folder:
        run_manual(main(Path(folder)))


def _check_not_started(outcome: object, *, heard: bytes, served: bool) -> None:
    """Nothing was started only if the frame never left, or if it was refused each time."""
    assert isinstance(outcome, NotStarted)
    assert not served
    times = 3 if outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE else 0
    assert heard.count(REFERENCE_REQUEST) == times


async def _comes_right(engine: Engine, end: RawEnd) -> None:
    """A doubt is settled by the terminal's late reply, and then the next sale works."""
    end.pieces.clear()
    (payment,) = engine.payments()
    if payment.stage is Stage.IN_DOUBT:
        assert payment.money_moved is MoneyMoved.UNKNOWN
        await end.replies(ACCEPTED)
        await asyncio.sleep(1)
        assert (await engine.inquire(payment.id)).outcome is not None
        assert (await engine.inquire(payment.id)).stage is Stage.APPROVED
    await _terminal_serves(engine, end)
    assert len(engine.payments()) == 2
