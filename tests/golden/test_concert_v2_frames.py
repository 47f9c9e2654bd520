"""The worked frames of Concert V2, both ways, and the reference exchange byte for byte on both roles."""

import pytest

from tests.support.concert_frames import (
    ALL,
    FULL_PAN,
    MASKED_PAN,
    REFERENCE_REQUEST,
    REPLIES,
    REQUESTS,
    Worked,
    worked,
)
from tillbridge.protocols.concert.frames import Control, Event, Frame, FrameDecoder, check_byte, encode
from tillbridge.protocols.concert.v2.dialogue import TerminalDialogue, TerminalState, TillDialogue, TillState
from tillbridge.protocols.concert.v2.line import CONTROL_BYTES
from tillbridge.protocols.concert.v2.machine import Input, Send, Tell
from tillbridge.protocols.concert.v2.messages import Reply, Request, Status, parse_reply, parse_request
from tillbridge.protocols.concert.v2.settings import Timers

LIMITS = Timers().limits
ENQ, ACK, EOT = b"\x05", b"\x06", b"\x04"


def _decode(*pieces: bytes) -> list[Event]:
    decoder = FrameDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def _bytewise(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


@pytest.mark.parametrize("one", ALL, ids=str)
class TestEachWorkedFrame:
    def test_carries_its_body(self, one: Worked) -> None:
        body = one.frame[1:-2]
        assert encode(body) == one.frame
        assert check_byte(body) == one.frame[-1]

    def test_is_decoded_whole(self, one: Worked) -> None:
        assert _decode(one.frame) == [Frame(one.frame[1:-2])]

    def test_is_decoded_byte_by_byte(self, one: Worked) -> None:
        assert _decode(*_bytewise(one.frame)) == [Frame(one.frame[1:-2])]

    def test_is_decoded_at_every_split_point(self, one: Worked) -> None:
        for place in range(len(one.frame) + 1):
            assert _decode(one.frame[:place], one.frame[place:]) == [Frame(one.frame[1:-2])]

    @pytest.mark.parametrize(
        "tail", [Control.EOT, Control.ENQ, Control.ACK, Control.NAK], ids=lambda control: control.name
    )
    def test_is_decoded_with_a_tail(self, one: Worked, tail: Control) -> None:
        assert _decode(one.frame + bytes([tail])) == [Frame(one.frame[1:-2]), tail]

    def test_is_decoded_twice_in_a_row(self, one: Worked) -> None:
        assert _decode(one.frame + one.frame) == 2 * [Frame(one.frame[1:-2])]


@pytest.mark.parametrize("one", REQUESTS, ids=str)
def test_a_request_means_what_it_says(one: Worked) -> None:
    assert isinstance(one.message, Request)
    assert parse_request(one.frame[1:-2]) == one.message
    assert encode(one.message.encode()) == one.frame


@pytest.mark.parametrize("one", REPLIES, ids=str)
def test_a_reply_means_what_it_says(one: Worked) -> None:
    assert isinstance(one.message, Reply)
    assert parse_reply(one.frame[1:-2]) == one.message
    if one.lossless:
        assert encode(one.message.encode()) == one.frame


def test_the_card_number_of_c1_is_masked_and_nothing_else_changes() -> None:
    body = worked("C1")[1:-2]
    assert FULL_PAN.encode() in body
    assert parse_reply(body).encode() == body.replace(FULL_PAN.encode(), MASKED_PAN.encode())


def test_c2_and_c3_share_their_check_byte_and_differ_in_what_counts() -> None:
    accepted, refused = worked("C2"), worked("C3")
    assert accepted[-1] == refused[-1]
    assert parse_reply(accepted[1:-2]).status is Status.ACCEPTED
    assert parse_reply(refused[1:-2]).status is Status.NOT_ACCEPTED


@pytest.mark.parametrize(("minor", "lrc"), [(1, 6), (2, 5), (3, 4), (4, 3), (5, 2), (7, 0), (28, 0x0D), (49, 0x0A)])
def test_the_check_byte_of_small_amounts_is_a_control_byte(minor: int, lrc: int) -> None:
    shape = worked("A1")[1:-2]
    body = shape[:2] + b"%08d" % minor + shape[10:]
    frame = encode(body)
    assert frame[-1] == lrc
    for place in range(len(frame) + 1):
        assert _decode(frame[:place], frame[place:]) == [Frame(body)]


def test_lengths_are_those_of_the_wire() -> None:
    assert [len(worked(name)) for name in ("B1", "A1", "B3", "C2", "C1")] == [29, 37, 33, 28, 83]


# ---------------------------------------------------------------- the reference exchange

REFERENCE = [
    ("till", ENQ),
    ("terminal", ACK),
    ("till", EOT),
    ("till", ENQ),
    ("terminal", ACK),
    ("till", REFERENCE_REQUEST),
    ("terminal", ACK),
    ("till", EOT),
    ("terminal", ENQ),
    ("till", ACK),
    ("terminal", worked("C3")),
    ("till", ACK),
    ("terminal", EOT),
]
"""A probe, then a sale that is refused."""


def _writes(outbox: list[Send], frame: bytes) -> list[bytes]:
    sent = [frame if what is Send.FRAME else CONTROL_BYTES[what] for what in outbox]
    outbox.clear()
    return sent


def _pieces(data: bytes, bytewise: bool) -> list[bytes]:
    return _bytewise(data) if bytewise else [data]


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "byte by byte"])
def test_the_till_speaks_the_reference_exchange(bytewise: bool) -> None:
    till = TillDialogue(LIMITS, parse_reply)
    till.probe()
    written: list[tuple[str, bytes]] = []
    for who, data in REFERENCE:
        written += [("till", sent) for sent in _writes(till.outbox, REFERENCE_REQUEST)]
        if who == "terminal":
            written.append((who, data))
            for piece in _pieces(data, bytewise):
                till.receive(piece)
        for notice in till.told:
            if notice.tell is Tell.PROBE_ANSWERED:
                till.request(REFERENCE_REQUEST)
            elif notice.tell is Tell.RESULT:
                assert notice.message == parse_reply(worked("C3")[1:-2])
                till.confirm(notice.held)
        till.told.clear()
    assert written + [("till", sent) for sent in _writes(till.outbox, REFERENCE_REQUEST)] == REFERENCE
    assert till.state is TillState.IDLE


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "byte by byte"])
def test_the_terminal_speaks_the_reference_exchange(bytewise: bool) -> None:
    terminal = TerminalDialogue(LIMITS, parse_request, lambda _, heard: heard)
    written: list[tuple[str, bytes]] = []
    for who, data in REFERENCE:
        if who == "till":
            written.append((who, data))
            for piece in _pieces(data, bytewise):
                terminal.receive(piece)
        if [notice.tell for notice in terminal.told] == [Tell.REQUESTED]:
            assert terminal.told[0].message == parse_request(REFERENCE_REQUEST[1:-2])
            terminal.told.clear()
            terminal.apply(Input.ACCEPT)
            terminal.answer()
        written += [("terminal", sent) for sent in _writes(terminal.outbox, worked("C3"))]
    assert written == REFERENCE
    assert [notice.tell for notice in terminal.told] == [Tell.DELIVERED]
    assert terminal.state is TerminalState.IDLE
