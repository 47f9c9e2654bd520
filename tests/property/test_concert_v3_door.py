"""Anything at all sent to the Concert V3 door: it answers clearly or ends, goes on, and starts nothing by mistake."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.concert_raw import RawEnd
from tests.support.concert_v3 import money_taken
from tests.support.concert_v3_till import SALE, counter, heard_end
from tillbridge.domain.money import BY_NUMERIC
from tillbridge.protocols.concert.frames import FrameDecoder, encode
from tillbridge.protocols.concert.tlv import Fields, Tlv, decode
from tillbridge.protocols.concert.tlv import encode as message_of
from tillbridge.protocols.concert.v3.dialogue import missing_tags
from tillbridge.protocols.concert.v3.serial_tills import SerialTill
from tillbridge.protocols.concert.v3.service import TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.contract import ProtocolError
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.memory import memory_pair
from tillbridge.virtual.terminal import VirtualTerminal

DETAILS = {"00", "04", "07", "09", "10", "12", "13"}
"""What a refusal may say; "done" says nothing."""

FRAME = encode(SALE)
PLACES = st.lists(st.integers(0, 10_000), max_size=5)
VALUES = {
    "CZ": ["0300", "0320", "x"],
    "CJ": ["012345678901", "1"],
    "CA": ["01", "1", "001", "AB", "??"],
    "CB": ["1250", "01", "00", "12.50", "1" * 12, "1" * 13, "9" * 15],
    "CD": ["0", "1", "2", "3", "7", "I", "T", "P", "X"],
    "CE": ["978", "392", "000", "EUR"],
    "BA": ["0", "1", "2"],
    "BB": ["0", "1"],
    "BF": ["0", "1"],
    "CC": ["00C", "001", "x"],
    "CF": ["ref", "x" * 99, "x" * 999, "\xe9"],
    "CK": ["000", "100", "121", "?"],
    "AA": ["4970101234567890"],
    "ZZ": ["unknown"],
}
ELEMENTS = st.sampled_from([Tlv(tag, value) for tag, values in VALUES.items() for value in values])


@st.composite
def _requests(draw: st.DrawFn) -> bytes:
    """A sale with a few tags changed, left out, added and moved."""
    values = {element.tag: element.value for element in decode(SALE)}
    for tag in draw(st.lists(st.sampled_from(sorted(values)), max_size=2)):
        values[tag] = draw(st.sampled_from(VALUES[tag]))
    for tag in draw(st.lists(st.sampled_from(sorted(values)), max_size=1)):
        del values[tag]
    elements = [Tlv(tag, value) for tag, value in values.items()] + draw(st.lists(ELEMENTS, max_size=4))
    return message_of(draw(st.permutations(elements)))


REQUESTS = st.one_of(_requests(), st.lists(ELEMENTS, max_size=14).map(message_of))
GARBAGE = st.one_of(
    st.binary(max_size=150),
    st.tuples(st.integers(0, len(SALE)), st.binary(min_size=1, max_size=4)).map(
        lambda piece: SALE[: piece[0]] + piece[1] + SALE[piece[0] :]
    ),
    st.integers(0, len(SALE) - 1).map(lambda end: SALE[:end]),
    st.tuples(st.integers(0, len(SALE) - 1), st.integers(1, 255)).map(
        lambda spoilt: SALE[: spoilt[0]] + bytes([SALE[spoilt[0]] ^ spoilt[1]]) + SALE[spoilt[0] + 1 :]
    ),
)


def _asked(raw: bytes) -> Fields | None:
    """What these bytes ask for, by the wire's facts alone; None if they are no message."""
    try:
        return Fields.of(decode(raw))
    except ProtocolError:
        return None


def _may_pay(raw: bytes) -> bool:
    """Whether these bytes ask for money as the wire has it: a whole message with every tag that a payment needs."""
    asked = _asked(raw)
    if asked is None or missing_tags(asked) or asked.conflicts & {"CA", "CB", "CD", "CE"}:
        return False
    amount, register = asked.get("CB") or "", asked.get("CA") or ""
    return (
        asked.get("CD") in {"0", "1", "2"}
        and amount.isdecimal()
        and 0 < int(amount) < 10**12
        and register.isdecimal()
        and len(register) <= 2
        and asked.get("CE") in BY_NUMERIC
    )


def _assert_clear(answer: bytes) -> None:
    """Nothing, or one whole answer that says what it is."""
    if not answer:
        return
    said = Fields.of(decode(answer))
    assert said.get("AE") in {"10", "01", "11"}
    if said.get("AE") == "01":
        assert (said.get("AF") or "")[:2] in DETAILS


def _cut(raw: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted(place % (len(raw) + 1) for place in places)
    return [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]


async def _tcp(raw: bytes, places: Sequence[int], *, half_closes: bool) -> None:
    async with counter() as here:
        till = here.till()
        for piece in _cut(raw, places):
            till.transport.write(piece)
            await asyncio.sleep(0.01)
        if half_closes:
            till.transport.write_eof()
        await heard_end(till)
        till.transport.close()
        _assert_clear(till.received)
        if not _may_pay(raw):
            assert here.desk.ledger.rows == []
            assert b"AE00210" not in till.received or _asked(raw) is not None
        before = money_taken(here.desk)
        # The register of the next till is another one: what the first one did not hear is not its business.
        assert (await here.answer(SALE.replace(b"CA00201", b"CA00277"))).get("AE") == "10"
        assert money_taken(here.desk) == before + 1250


async def _serial(raw: bytes, places: Sequence[int]) -> None:
    desk = VirtualTerminal(runtime=manual_runtime())
    near, far = memory_pair()
    till = RawEnd()
    async with asyncio.TaskGroup() as group:
        far.attach(SerialTill(TerminalService(desk, DoorSettings()), 0.0, group.create_task))
        near.attach(till)
        for piece in _cut(raw, places):
            till.says(piece)
            await asyncio.sleep(0.01)
        await asyncio.sleep(60.0)
        if not any(_may_pay(getattr(event, "body", b"")) for event in FrameDecoder().feed(raw)):
            assert desk.ledger.rows == []
        before = money_taken(desk)
        till.pieces.clear()
        await till.asks(FRAME)
        assert b"\x05" in await _next(till)
        assert money_taken(desk) == before + 1250
        till.hangs_up()


async def _next(till: RawEnd) -> bytes:
    async with asyncio.timeout(60.0):
        while not till.pieces:
            await asyncio.sleep(0.01)
    return till.pieces.pop(0)


def _run(main: Coroutine[Any, Any, None]) -> None:
    run_manual(main)


@settings(max_examples=150)
@example(raw=SALE + b"\x00", places=[], half_closes=False)
@example(raw=b"\r\n" * 40, places=[3], half_closes=True)
@given(raw=GARBAGE, places=PLACES, half_closes=st.booleans())
def test_garbage_on_tcp_starts_nothing_and_stops_nothing(raw: bytes, places: list[int], half_closes: bool) -> None:
    _run(_tcp(raw, places, half_closes=half_closes))


@settings(max_examples=200)
@given(raw=REQUESTS, places=PLACES, half_closes=st.booleans())
def test_any_elements_on_tcp_are_answered_clearly(raw: bytes, places: list[int], half_closes: bool) -> None:
    _run(_tcp(raw, places, half_closes=half_closes))


@settings(max_examples=100)
@example(raw=b"\x05" + FRAME[:-1] + b"\x00\x04", places=[1])
@given(
    raw=st.lists(
        st.one_of(
            st.sampled_from([b"\x05", b"\x06", b"\x15", b"\x04", b"\x02", b"\x03", FRAME, b"\x05" + FRAME]), GARBAGE
        ),
        max_size=8,
    ).map(b"".join),
    places=PLACES,
)
def test_garbage_on_a_serial_line_starts_nothing_and_stops_nothing(raw: bytes, places: list[int]) -> None:
    _run(_serial(raw, places))
