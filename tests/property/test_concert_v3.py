"""Concert V3 fed with anything: events or `ProtocolError` and nothing else, at a cost that grows with the bytes."""

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.concert.tlv import Fields, Tlv, TlvReader, decode, encode
from tillbridge.protocols.concert.v3.dialogue import Event, Pause, TerminalDialogue, TillDialogue
from tillbridge.protocols.concert.v3.judgement import Asked, judge, late_result, settled
from tillbridge.protocols.concert.v3.messages import Action, parse_answer, parse_detail
from tillbridge.protocols.contract import ProtocolError

TAGS = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
CHARACTERS = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
VALUES = st.one_of(
    st.sampled_from(["01", "10", "11", "0", "978", "1250", "04", "I", "T"]),
    st.text(CHARACTERS, min_size=1, max_size=30),
)
KNOWN = st.sampled_from(["AE", "AF", "CA", "CB", "CD", "CE", "CF", "CC", "ZT", "CK", "BA", "AC", "CI"])
ELEMENTS = st.lists(st.builds(Tlv, st.one_of(KNOWN, TAGS.filter(lambda tag: tag != "AA")), VALUES), max_size=12)
ASKED = Asked(frozenset({Action.DEBIT}), "01", Money(1250, EUR), "0123456789abcdef0123456789abcdef")


def _cut(raw: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(raw) + 1) for place in places)
    return [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]


def _read(pieces: list[bytes]) -> tuple[list[Tlv], bool, bool]:
    reader = TlvReader()
    elements: list[Tlv] = []
    for piece in pieces:
        try:
            elements += reader.feed(piece)
        except ProtocolError:
            return elements, False, True
    return elements, reader.whole, False


@given(st.binary(max_size=200))
def test_anything_is_elements_or_an_error(raw: bytes) -> None:
    elements, whole, broken = _read([raw])
    assert not (whole and broken)
    if whole:
        stripped = bytes(raw)
        for element in elements:
            assert element.tag.encode() in stripped


@given(ELEMENTS, st.lists(st.integers(0, 10_000), max_size=8))
def test_what_was_written_is_read_however_it_is_cut(elements: list[Tlv], places: list[int]) -> None:
    assert _read(_cut(encode(elements), places)) == (elements, True, False)


@given(st.binary(max_size=120), ELEMENTS, st.lists(st.integers(0, 10_000), max_size=8))
def test_cuts_change_neither_the_verdict_nor_what_is_read(
    garbage: bytes, elements: list[Tlv], places: list[int]
) -> None:
    raw = encode(elements) + garbage
    _, whole, broken = _read([raw])
    pieces = _read(_cut(raw, places))
    assert pieces[1:] == (whole, broken)
    single = _read([raw[place : place + 1] for place in range(len(raw))])
    assert single[1:] == (whole, broken)
    assert single[0][: len(elements)] == elements[: len(single[0])]


@given(st.binary(min_size=1, max_size=64), st.integers(1, 50))
def test_what_is_kept_is_bounded(piece: bytes, times: int) -> None:
    reader = TlvReader(limit=256)
    fed = 0
    try:
        for _ in range(times):
            reader.feed(piece)
            fed += len(piece)
    except ProtocolError:
        return
    assert fed <= 256


def _calls(work: Callable[[], object]) -> int:
    """How many calls the interpreter makes for this work: a figure that no busy computer changes."""
    counts = Counter[str]()
    sys.setprofile(lambda _frame, event, _argument: counts.update([event]))
    try:
        work()
    finally:
        sys.setprofile(None)
    return counts["call"] + counts["c_call"]


def _byte_by_byte(times: int) -> None:
    """One till's connection, fed with ever the same elements one byte at a time and asked for its pause each time."""
    message = encode([Tlv("CZ", "0300"), Tlv("ZZ", "x" * 20), Tlv("CD", "0")]) * times
    dialogue = TerminalDialogue()
    for place in range(len(message)):
        assert dialogue.received(message[place : place + 1]) is None
        assert dialogue.pause is Pause.INCOMPLETE


def test_the_work_grows_with_the_bytes_and_not_with_their_square() -> None:
    few, many = (_calls(partial(_byte_by_byte, times)) for times in (20, 200))
    assert many < 10.5 * few


@given(ELEMENTS)
def test_any_fields_can_be_judged(elements: list[Tlv]) -> None:
    fields = Fields.of(elements)
    parse_answer(fields)
    outcome = judge(ASKED, fields)
    if isinstance(outcome, Approved):
        assert outcome.amount == ASKED.amount
        assert (fields.get("AE"), fields.get("CE")) == ("10", "978")
        assert int(fields.get("CB") or "") == 1250
        assert int(fields.get("CA") or "") == 1
        assert fields.get("CD") == "0"
        assert not fields.conflicts & {"AE", "AF", "CA", "CB", "CD", "CE", "CF"}
        assert settled(fields)
    late_result(fields, ASKED)
    late_result(fields, None)


@given(st.text(max_size=40))
def test_any_detail_can_be_read(value: str) -> None:
    assert len(parse_detail(value).code) <= 2


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(["quiet", "closed"])), max_size=12))
def test_both_dialogues_take_anything_and_end_once(steps: list[bytes | str]) -> None:
    till = TillDialogue(b"request", settled)
    till.start()
    for dialogue in (till, TerminalDialogue()):
        events: list[Event] = []
        for step in steps:
            event = dialogue.received(step) if isinstance(step, bytes) else getattr(dialogue, step)()
            events += [] if event is None else [event]
        assert len(events) <= 1


@given(st.binary(max_size=80))
def test_a_decoded_message_is_written_back_the_same(raw: bytes) -> None:
    try:
        elements = decode(raw)
    except ProtocolError:
        return
    if all(element.tag != "AA" for element in elements):
        assert encode(elements) == raw.replace(b"\r", b"").replace(b"\n", b"")
