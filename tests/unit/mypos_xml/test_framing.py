"""Where a message ends, however its bytes come, and what is refused before any parser sees it."""

import time

import pytest

from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.framing import MAX_MESSAGE, Encoding, Frame, FrameReader

OK = b"<payresp><result>OK</result><ref>1</ref></payresp>"


def _fed(*pieces: bytes) -> Frame | None:
    reader = FrameReader()
    for piece in pieces:
        frame = reader.feed(piece)
        if frame is not None:
            return frame
    return None


@pytest.mark.parametrize(
    "raw",
    [
        OK,
        b"\xef\xbb\xbf" + OK,
        b"\r\n \t\x00" + OK,
        b"\x00\xef\xbb\xbf\r\n" + OK,
        b'<?xml version="1.0" encoding="ISO-8859-2"?>\n' + OK,
        b"<PayResp><RESULT>OK</RESULT></PAYRESP>",
        b"< payresp ><result>OK</result></ payresp >",
        b"<payresp\n><result>OK</result></payresp\r\n >",
        b"<payresp/>",
        b"<payresp />",
        b"<payresp a='/'><x/><result>a > b</result></payresp>",
        "<payresp><ref>Hibás XML</ref></payresp>".encode(),
    ],
)
def test_a_message_is_whole_with_the_end_of_its_root_and_not_before(raw: bytes) -> None:
    whole = _fed(raw)
    assert whole is not None
    for place in range(len(raw)):
        assert _fed(raw[:place]) is None, place
        assert _fed(raw[:place], raw[place:]) == whole, place
    assert _fed(*(raw[place : place + 1] for place in range(len(raw)))) == whole
    assert whole.rest == b""


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\x00", b" \n\x00"])
def test_blanks_behind_a_message_are_nothing(tail: bytes) -> None:
    frame = _fed(OK + tail)
    assert frame is not None
    assert frame.rest == b""


def test_what_comes_behind_in_the_same_piece_is_handed_on() -> None:
    frame = _fed(OK + b"\n" + OK)
    assert frame is not None
    assert (frame.text.encode(), frame.rest) == (OK, OK)


def test_blanks_in_tags_are_taken_out_and_nowhere_else() -> None:
    frame = _fed(b"<  payresp><ref> a b </ref><\tx></\r\nx></ payresp >")
    assert frame is not None
    assert frame.text == "<payresp><ref> a b </ref><x></x></payresp >"


def test_what_is_no_utf_8_is_read_in_the_other_code_page() -> None:
    frame = _fed("<payresp><ref>Hibás</ref></payresp>".encode("cp1250"))
    assert frame is not None
    assert (frame.encoding, "Hibás" in frame.text) == (Encoding.CP_1250, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"<!DOCTYPE payresp><payresp/>",
        b"<payresp><!-- x --></payresp>",
        b"<payresp><![CDATA[x]]></payresp>",
        b"<payresp><!",
        b"hello",
        b"\xff\xfe<\x00p\x00",
        "<payresp/>".encode("utf-16"),
        b"</payresp>",
        b"<>",
        b"< >",
        b"<1payresp>",
        b"<" + b"x" * 65 + b">",
        b"<payresp><ref>\x81\xff</ref></payresp>",
        b"{}",
    ],
)
def test_what_can_be_no_message_is_refused_at_once(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        _fed(raw)
    with pytest.raises(ProtocolError):
        _fed(*(raw[place : place + 1] for place in range(len(raw))))


def test_a_declaration_behind_the_message_is_not_part_of_it() -> None:
    frame = _fed(OK + b"<!-- bye -->")
    assert frame is not None
    assert frame.rest == b"<!-- bye -->"


def test_the_largest_message_is_read_and_one_byte_more_is_not() -> None:
    filler = MAX_MESSAGE - len(b"<payresp><x></x></payresp>")
    assert _fed(b"<payresp><x>" + b"a" * filler + b"</x></payresp>") is not None
    with pytest.raises(ProtocolError):
        _fed(b"<payresp><x>" + b"a" * (filler + 1) + b"</x></payresp>")


def test_ten_megabytes_cost_neither_memory_nor_time() -> None:
    reader = FrameReader()
    began = time.process_time()
    with pytest.raises(ProtocolError, match="no end"):
        reader.feed(b"<payresp>" + b"a" * 10_000_000)
    assert time.process_time() - began < 1.0
    assert len(reader.raw) == MAX_MESSAGE


def test_a_drip_of_tags_is_read_in_reasonable_time() -> None:
    reader = FrameReader()
    began = time.process_time()
    for place in range(MAX_MESSAGE):
        assert reader.feed(b"<a><b>"[place % 6 : place % 6 + 1]) is None
    with pytest.raises(ProtocolError, match="no end"):
        reader.feed(b"<")
    assert time.process_time() - began < 5.0


def test_blanks_in_front_do_not_count_however_many_they_are() -> None:
    blanks = b" \r\n\x00" * MAX_MESSAGE
    assert _fed(blanks + OK) == _fed(blanks, OK) == _fed(OK)


def test_blanks_alone_are_no_beginning() -> None:
    reader = FrameReader()
    assert reader.feed(b"\r\n\x00 \xef\xbb") is None
    assert not reader.begun
    assert reader.feed(b"\xbf<") is None
    assert reader.begun
