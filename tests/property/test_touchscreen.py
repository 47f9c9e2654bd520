"""Whatever a terminal or a till sends over the touch-screen wire: an outcome or a refusal, and never an exception."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.touchscreen import (
    SECRET,
    TWELVE_FIFTY,
    WIRE_ID,
    Journal,
    Network,
    driver_settings,
    exchange,
    last,
    lone_door,
    operation,
    question,
)
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted
from tillbridge.protocols.contract import ProtocolError, Unanswered
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.judgement import Asked, judge
from tillbridge.protocols.touchscreen.link import Ended, Heard, Question
from tillbridge.protocols.touchscreen.messages import (
    Result,
    Start,
    one_line,
    read_result,
    read_terminal,
    read_told,
    start_body,
)
from tillbridge.protocols.touchscreen.profile import Op, built_in
from tillbridge.protocols.touchscreen.requests import read_body, read_start
from tillbridge.protocols.touchscreen.starting import Taken
from tillbridge.protocols.touchscreen.starting import read_start as read_start_answer
from tillbridge.protocols.touchscreen.strict_json import write
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

GSA = built_in()
NAMES = [name for names in GSA.result.model_dump().values() for name in names]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["OK", WIRE_ID, "978"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)
RESULTS = st.dictionaries(st.sampled_from([*NAMES, "transactionId", "status", "isStarted"]) | st.text(), VALUES)
JUNK = st.binary(max_size=300) | st.text().map(str.encode) | RESULTS.map(lambda found: json.dumps(found).encode())
MORE = {name: VALUES for name in [*NAMES, "transactionId"] if name != "responseCode"}
OUTCOMES = (Approved, Declined, Aborted, NotStarted, InDoubt)
ASKED = [
    Asked(kind, WIRE_ID, None if kind is Kind.RECONCILIATION else TWELVE_FIFTY, EUR)
    for kind in (Kind.SALE, Kind.VOID, Kind.REFUND, Kind.RECONCILIATION)
]


@given(JUNK, st.sampled_from(ASKED))
def test_any_result_is_an_outcome_or_a_protocol_error(raw: bytes, asked: Asked) -> None:
    result = _read(raw)
    if result is None:
        return
    outcome = judge(asked, result, GSA)
    assert isinstance(outcome, OUTCOMES)
    if isinstance(outcome, Approved):
        assert json.loads(raw)["responseCode"] == "OK"
        assert outcome.amount == (asked.amount or Money(0, outcome.amount.currency))


@given(st.fixed_dictionaries({"responseCode": st.just("OK")}, optional=MORE))
def test_an_approval_never_names_other_money(found: dict[str, Any]) -> None:
    result = _read(json.dumps(found).encode())
    if result is not None and isinstance(judge(ASKED[0], result, GSA), Approved):
        assert found.get("amount") in (None, 1250, "1250", 1250.0)
        assert found.get("callReversal") in (None, False)
        assert found.get("isReversed") in (None, False)


def _read(raw: bytes) -> Result | None:
    """The result, None where reading it says that it is none."""
    with suppress(ProtocolError):
        return read_result(raw, GSA)
    return None


@given(JUNK)
def test_any_other_answer_is_read_or_a_protocol_error(raw: bytes) -> None:
    for read in (lambda: read_told(raw, GSA, ("isStarted",)), lambda: read_terminal(raw, GSA)):
        with suppress(ProtocolError):
            assert read() is not None
    assert one_line(raw)


@given(JUNK, st.integers(100, 599))
def test_any_answer_to_a_start_is_judged(raw: bytes, status: int) -> None:
    taken = read_start_answer(Heard(status, raw), WIRE_ID, GSA, unsupported=False)
    assert isinstance(taken, Taken | NotStarted)
    if status >= 500:
        assert taken is Taken.UNCLEAR


@given(st.lists(st.tuples(st.integers(200, 599), JUNK), min_size=1, max_size=6))
def test_a_driver_bears_any_answers(junk: list[tuple[int, bytes]]) -> None:
    """Every answer behind the probe is rubbish: it ends in an outcome, and only one start was ever sent."""

    async def main() -> None:
        network, turn = Network(), 0

        def answer(asked: Question) -> Ended:
            nonlocal turn
            if last(asked.path) == "info":
                return Heard(200, b"{}")
            turn += 1
            return Heard(*junk[turn % len(junk)])

        network.deny = answer
        terminal = TouchScreenTerminal(driver_settings(), GSA, network)
        outcome = await terminal.perform(operation(), Journal())
        assert isinstance(outcome, OUTCOMES)
        assert network.asked.count("payment") == 1
        assert isinstance(await terminal.inquire(operation()), (*OUTCOMES, Unanswered))
        await terminal.settle(operation())
        assert (await terminal.health()).state

    run_manual(main())


PATHS = ["payment", "refund", "reverse", "closing", "status", "result", "confirm", "cancel", "terminal"]
BODIES = st.dictionaries(
    st.sampled_from(["secureString", "request", "transactionId", "confirm", "amount", "currencyCode"]), VALUES
).map(lambda found: json.dumps({"secureString": SECRET} | found).encode())


@given(st.sampled_from(PATHS), BODIES | JUNK)
def test_a_door_bears_any_body(path: str, raw: bytes) -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime())
        ended = await exchange(lone_door(desk).app, question(f"/paya/{path}", raw))
        assert isinstance(ended, Heard)
        assert ended.status < 500
        assert isinstance(json.loads(ended.body), dict)

    run_manual(main())


REFERENCES = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(st.integers(1, 10**9), st.sampled_from(["EUR", "CZK", "JPY", "KWD"]), REFERENCES)
def test_what_the_driver_writes_the_door_reads(minor: int, code: str, reference: str) -> None:
    start = Start(Op.SALE, reference, Money(minor, currency(code)))
    read = read_start(read_body(write(start_body(start, SECRET, GSA))), Op.SALE, GSA)
    assert (read.id, read.amount) == (reference, start.amount)


HOSTILE = [b"[" * 1_000_000, b'{"a":' * 100_000, b"9" * 1_000_000, b'{"a":' + b"9" * 1_000_000 + b"}"]


@pytest.mark.parametrize("raw", HOSTILE, ids=["brackets", "deep", "digits", "number"])
def test_hostile_documents_are_refused_in_few_words(raw: bytes) -> None:
    with pytest.raises(ProtocolError) as error:
        read_result(raw, GSA)
    assert len(str(error.value)) < 200


def test_a_number_that_is_too_large_to_be_written_out_is_odd() -> None:
    assert read_result(b'{"amount":1e999999}', GSA).odd == {"amount"}


def test_a_text_of_ten_megabytes_is_kept_as_two_hundred_characters() -> None:
    read = read_result(b'{"responseMessage":"' + b"x" * 10_000_000 + b'"}', GSA)
    assert read.message == "x" * 200
