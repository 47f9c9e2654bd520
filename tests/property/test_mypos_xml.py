"""myPOS XML fed with anything: answers, doubts or `ProtocolError` and nothing else, and never money out of nowhere."""

import asyncio
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.concert_v3 import money_taken
from tests.support.mypos import DECLARATION, PAY, Canned, Network, counter, heard, shop
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.documents import Child, Document, Layout, Tags, parse, write
from tillbridge.protocols.mypos_xml.framing import Frame, FrameReader
from tillbridge.protocols.mypos_xml.judgement import Asked, judge, oddities
from tillbridge.protocols.mypos_xml.messages import ANSWERS, Answer, Root, parse_answer, parse_request
from tillbridge.runtime.manual import run_manual

OK = b"<payresp><result>OK</result><ref>R</ref></payresp>"
PLACES = st.lists(st.integers(0, 10_000), max_size=8)
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=20).map(str.strip)
FIELDS = st.sampled_from(["result", "status", "status_text", "ref", "RESULT", "unknown", "sum"])
VALUES = st.one_of(
    st.sampled_from(["OK", "ERROR", "ok", " OK ", "", "0", "1", "2", "3", "8", "99", "Hibás XML", "x"]), TEXT
)
ROOTS = st.sampled_from([*ANSWERS, *(name.upper() for name in ANSWERS), "pay", "preautresp", "x"])
ANSWERED = st.builds(Document, ROOTS, st.lists(st.builds(Child, FIELDS, VALUES), max_size=6).map(tuple))
SPELLED = st.builds(
    lambda document, layout, declaration, tags: write(document, layout, declaration=declaration, tags=tags).encode(),
    ANSWERED,
    st.sampled_from(Layout),
    st.booleans(),
    st.sampled_from(Tags),
)


def _spoilt(sound: bytes) -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=150),
        st.tuples(st.integers(0, len(sound)), st.binary(min_size=1, max_size=4)).map(
            lambda piece: sound[: piece[0]] + piece[1] + sound[piece[0] :]
        ),
        st.integers(0, len(sound) - 1).map(lambda end: sound[:end]),
        st.tuples(st.integers(0, len(sound) - 1), st.integers(1, 255)).map(
            lambda spoilt: sound[: spoilt[0]] + bytes([sound[spoilt[0]] ^ spoilt[1]]) + sound[spoilt[0] + 1 :]
        ),
    )


def _cut(raw: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(raw) + 1) for place in places)
    return [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]


def _read(pieces: list[bytes]) -> Frame | str | None:
    """The frame without what came behind it, "refused", or None for a message that is not all there."""
    reader = FrameReader()
    for piece in pieces:
        try:
            frame = reader.feed(piece)
        except ProtocolError:
            return "refused"
        if frame is not None:
            return Frame(frame.text, frame.encoding)
    return None


@given(st.one_of(_spoilt(OK), _spoilt(PAY), SPELLED), PLACES)
@example(b"<a>\xc3\xa1</a>", [4])
@example(b"\xef\xbb\xbf<a/>", [1, 2])
def test_cuts_change_nothing(raw: bytes, places: list[int]) -> None:
    whole = _read([raw])
    assert _read(_cut(raw, places)) == whole
    assert _read([raw[place : place + 1] for place in range(len(raw))]) == whole


@given(st.one_of(st.binary(max_size=300), _spoilt(OK), _spoilt(PAY), SPELLED))
def test_anything_is_a_message_or_an_error(raw: bytes) -> None:
    frame = _read([raw])
    if isinstance(frame, Frame):
        for read in (parse_answer, parse_request):
            try:
                read(frame.text)
            except ProtocolError:
                continue


@given(st.text(max_size=100))
def test_any_text_is_a_document_or_an_error(text: str) -> None:
    for one in (text, f"<a>{text}</a>", f"<{text}>"):
        try:
            parse(one)
        except ProtocolError:
            continue


@given(ANSWERED, st.sampled_from(Layout), st.booleans(), st.sampled_from(Tags), PLACES)
def test_what_was_written_is_read_however_it_is_cut(
    document: Document, layout: Layout, declaration: bool, tags: Tags, places: list[int]
) -> None:
    raw = write(document, layout, declaration=declaration, tags=tags).encode()
    frame = _read(_cut(raw, places))
    assert isinstance(frame, Frame)
    # A carriage return is a newline to every XML parser, and blanks around a value are nobody's.
    meant = tuple(Child(one.name.lower(), one.text.strip()) for one in document.children)
    assert parse(frame.text) == Document(document.root.lower(), meant)


@given(st.sampled_from(Root), SPELLED)
def test_an_approval_is_never_made_of_anything_else(root: Root, raw: bytes) -> None:
    frame = _read([raw])
    assert isinstance(frame, Frame)
    answer = parse_answer(frame.text)
    oddities(answer)
    outcome = judge(Asked(root, Money(1250, EUR)), answer)
    match outcome:
        case Approved():
            assert answer.root is root
            assert (answer.result or "").upper() == "OK"
            assert not answer.conflicts
            assert int(answer.status or "0") == 0
        case Declined() | Aborted():
            assert answer.root is root
            assert (answer.result or "").upper() == "ERROR"
            assert (answer.status or "") in "1 2 3 4 5 6 7 9".split()
        case NotStarted():
            assert answer.bad_xml
        case InDoubt():
            assert outcome.detail


@settings(max_examples=150)
@given(raw=st.one_of(SPELLED, _spoilt(OK)), places=PLACES, closes=st.booleans())
def test_a_terminal_that_says_anything_gets_no_more_than_it_says(raw: bytes, places: list[int], closes: bool) -> None:
    async def main() -> None:
        async with shop(Network()) as here:
            here.network.answering = lambda: Canned(raw, closes=closes)
            outcome = await here.sell()
            if isinstance(outcome, Approved):
                assert re.search(rb"(?i)<\s*payresp", raw)
                assert re.search(rb"(?i)>\s*OK\s*<", raw)
            assert isinstance(outcome, InDoubt) or not _is_nothing(raw)

    def _is_nothing(raw: bytes) -> bool:
        return _read(_cut(raw, places)) in (None, "refused")

    run_manual(main())


def _may_pay(raw: bytes) -> bool:
    """Whether these bytes ask for money as the wire has it."""
    frame = _read([raw])
    if not isinstance(frame, Frame):
        return False
    try:
        return parse_request(frame.text).root in Root
    except ProtocolError:
        return False


@settings(max_examples=200)
@example(raw=PAY + b"\x00", places=[], half_closes=False)
@example(raw=b"\r\n" * 40, places=[3], half_closes=True)
@given(raw=_spoilt(PAY), places=PLACES, half_closes=st.booleans())
def test_garbage_starts_nothing_and_stops_nothing(raw: bytes, places: list[int], half_closes: bool) -> None:
    async def main() -> None:
        async with counter() as here:
            till = here.till()
            for piece in _cut(raw, places):
                till.transport.write(piece)
                await asyncio.sleep(0.01)
            if half_closes:
                till.transport.write_eof()
            await asyncio.sleep(60.0)
            till.transport.close()
            if not _may_pay(raw):
                assert here.desk.ledger.rows == []
                assert b"OK" not in till.received
            before = money_taken(here.desk)
            after = here.till()
            after.transport.write(PAY)
            await heard(after)
            assert b"<result>OK</result>" in after.received
            assert money_taken(here.desk) == before + 1250
            after.transport.close()

    run_manual(main())


def test_the_sound_messages_of_this_file_are_sound() -> None:
    assert _may_pay(PAY)
    assert PAY.startswith(DECLARATION)
    frame = _read([OK])
    assert isinstance(frame, Frame)
    assert parse_answer(frame.text) == Answer(Root.PAY, "OK", ref="R")
