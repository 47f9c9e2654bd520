"""Frames of Concert: what the decoder makes of bad, torn and endless input."""

import pytest

from tests.support.concert_frames import ALL, FULL_PAN, worked
from tillbridge.protocols.concert.frames import (
    MAX_BODY,
    BadFrame,
    BadFrameReason,
    Control,
    Event,
    Frame,
    FrameDecoder,
    Noise,
    encode,
)

REQUEST = worked("A1")
GOOD = Frame(REQUEST[1:-2])
TOO_LONG, CHECK = BadFrame(BadFrameReason.TOO_LONG), BadFrame(BadFrameReason.CHECK)
NO_START, CHARACTER = BadFrame(BadFrameReason.NO_START), BadFrame(BadFrameReason.CHARACTER)


def decode(data: bytes) -> list[Event]:
    """The events of these bytes, which must be the same however they are cut."""
    whole = FrameDecoder().feed(data)
    bytewise = FrameDecoder()
    assert [event for byte in data for event in bytewise.feed(bytes([byte]))] == whole
    return whole


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"\x05\x06\x15\x04", [Control.ENQ, Control.ACK, Control.NAK, Control.EOT]),
        (b"", []),
        (b"hello", [Noise()]),
        (b"\x00\x0a\x0d\xff", [Noise()]),
        (b"hello\x05", [Noise(), Control.ENQ]),
        (b"hello" + REQUEST, [Noise(), GOOD]),
        (b"\x03\x05", [Noise(), Control.ENQ]),
        (b"\x06garbage\x05", [Control.ACK, Noise(), Control.ENQ]),
    ],
)
def test_what_stands_between_frames(data: bytes, events: list[Event]) -> None:
    assert decode(data) == events


def test_the_rest_of_a_frame_without_its_start_is_one_bad_frame() -> None:
    # Its LRC is ENQ, ACK, EOT or NAK for some amounts, and must not be taken for one.
    for minor in range(1, 100):
        body = REQUEST[1:3] + b"%08d" % minor + REQUEST[11:-2]
        assert decode(encode(body)[1:]) == [Noise(), NO_START]
        assert decode(encode(body)[1:] + b"\x05") == [Noise(), NO_START, Control.ENQ]


def test_a_wrong_check_byte_makes_a_bad_frame() -> None:
    assert decode(REQUEST[:-1] + bytes([REQUEST[-1] ^ 0x40])) == [CHECK]


def test_a_missing_check_byte_takes_the_next_byte() -> None:
    assert decode(REQUEST[:-1] + b"\x04\x05") == [CHECK, Control.ENQ]


def test_the_tail_of_a_torn_frame_is_not_a_second_bad_frame() -> None:
    torn = REQUEST[:9] + b"\x03" + REQUEST[10:]
    assert decode(torn) == [CHECK, Noise()]
    assert decode(torn + b"\x05") == [CHECK, Noise(), Control.ENQ]
    assert decode(torn + REQUEST) == [CHECK, Noise(), GOOD]


def test_a_start_inside_a_frame_starts_again() -> None:
    assert decode(REQUEST[:12] + REQUEST) == [Noise(), GOOD]


@pytest.mark.parametrize("other", [0x00, 0x04, 0x05, 0x06, 0x0A, 0x15, 0x1F, 0x80, 0xFF])
def test_a_frame_with_another_character_is_bad(other: int) -> None:
    body = b"0100001" + bytes([other]) + b"99"
    check = 3
    for byte in body:
        check ^= byte
    assert decode(b"\x02" + body + b"\x03" + bytes([check])) == [CHARACTER]


def test_the_longest_frame_is_good_and_one_character_more_is_not() -> None:
    longest = b"x" * MAX_BODY
    assert decode(encode(longest)) == [Frame(longest)]
    assert decode(b"\x02" + longest + b"x\x03\x42") == [TOO_LONG]
    assert decode(b"\x02" + longest + b"xxx\x03\x05" + REQUEST) == [TOO_LONG, GOOD]


def test_endless_input_is_not_stored() -> None:
    decoder = FrameDecoder()
    events = decoder.feed(b"\x02")
    for _ in range(1000):
        events += decoder.feed(b"y" * 1000)
        assert len(decoder._body) <= MAX_BODY
    assert events == [TOO_LONG]
    assert not decoder.in_frame


@pytest.mark.parametrize("body", [b"", b"x" * (MAX_BODY + 1), b"a\x03b", b"\xe9"])
def test_what_no_frame_carries_is_not_sent(body: bytes) -> None:
    with pytest.raises(ValueError, match="a frame carries"):
        encode(body)


def test_a_frame_that_did_not_end_is_forgotten_on_demand() -> None:
    decoder = FrameDecoder()
    decoder.feed(REQUEST[:20])
    begun = decoder.in_frame
    decoder.reset()
    assert (begun, decoder.in_frame) == (True, False)
    assert decoder.feed(REQUEST) == [GOOD]


def _with_parity(data: bytes, *, even: bool) -> bytes:
    return bytes(byte | (0x80 if (byte.bit_count() % 2 == 1) is even else 0) for byte in data)


def test_a_line_of_7e1_read_as_8n1_is_recognised() -> None:
    # protocols/concert/README.md, section 2: STX 82, EOT 84, NAK 95; ENQ, ACK and ETX stay as they are.
    assert _with_parity(b"\x02\x04\x15\x05\x06\x03", even=True) == b"\x82\x84\x95\x05\x06\x03"
    for one in ALL:
        decoder = FrameDecoder()
        decoder.feed(_with_parity(one.frame, even=True))
        assert decoder.looks_like_even_parity
        decoder.feed(_with_parity(one.frame, even=False))
        assert not decoder.looks_like_even_parity


def test_plain_bytes_do_not_look_like_parity() -> None:
    decoder = FrameDecoder()
    for one in ALL:
        decoder.feed(one.frame)
    assert not decoder.looks_like_even_parity


def test_a_frame_does_not_show_its_body() -> None:
    (frame,) = decode(worked("C1"))
    assert FULL_PAN not in repr(frame)
