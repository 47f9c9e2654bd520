"""Concert V2 fed anything at all: events, messages or `ProtocolError`, bounded memory, and nothing else."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.concert_frames import ALL, REFERENCE_REQUEST, worked
from tillbridge.domain.card import KEPT_FIRST, KEPT_LAST
from tillbridge.domain.outcome import Approved, Declined, InDoubt, NotStarted
from tillbridge.protocols.concert.frames import MAX_BODY, Frame, FrameDecoder, encode
from tillbridge.protocols.concert.v2.dialogue import TerminalDialogue, TerminalState, TillDialogue, TillState
from tillbridge.protocols.concert.v2.judgement import judge
from tillbridge.protocols.concert.v2.machine import NOT_SENT, REQUEST_ENDS, UNKNOWN, Input, Send, Tell
from tillbridge.protocols.concert.v2.messages import (
    Authorisation,
    Reply,
    ReplyDelay,
    Request,
    Status,
    parse_reply,
    parse_request,
)
from tillbridge.protocols.concert.v2.settings import Timers
from tillbridge.protocols.contract import ProtocolError

CHARACTERS = st.characters(min_codepoint=0x20, max_codepoint=0x7F)
MOST_ANSWERS = 100
"""Bytes that a till may answer to one piece of at most 83 bytes."""

BODIES = st.text(CHARACTERS, min_size=1, max_size=MAX_BODY).map(str.encode)
LINE_BYTES = st.sampled_from(b"\x02\x03\x04\x05\x06\x15\x00\x7f\x8209AB ").map(lambda byte: bytes([byte]))
PIECES = st.one_of(st.binary(max_size=40), LINE_BYTES, st.sampled_from([one.frame for one in ALL]))
REGISTERS = st.integers(1, 99).map("{:02d}".format)
AMOUNTS = st.integers(0, 99_999_999)
CURRENCIES = st.integers(0, 999).map("{:03d}".format)
PRIVATE = st.text(CHARACTERS, max_size=10).map(lambda text: text.rstrip(" "))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Any request that the wire can carry."""
    e_plus = draw(st.booleans())
    return Request(
        register=draw(REGISTERS),
        amount_minor=draw(AMOUNTS),
        currency=draw(CURRENCIES),
        operation=draw(CHARACTERS),
        means=draw(CHARACTERS),
        ask_card_report=draw(st.booleans()),
        private=draw(PRIVATE),
        delay=draw(st.sampled_from(ReplyDelay)) if e_plus else None,
        authorisation=draw(st.sampled_from(Authorisation)) if e_plus else None,
        receipt=draw(st.booleans()),
    )


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Any reply that the wire can carry."""
    report = draw(st.none() | st.text("0123456789", max_size=19))
    return Reply(
        register=draw(REGISTERS),
        status=draw(st.sampled_from(Status)),
        amount_minor=draw(AMOUNTS),
        currency=draw(CURRENCIES),
        means=draw(CHARACTERS),
        report=report,
        private=draw(PRIVATE),
        receipt=draw(st.none() | st.text(CHARACTERS, min_size=1, max_size=100)) if report is not None else None,
    )


@given(BODIES)
def test_every_body_survives_its_frame(body: bytes) -> None:
    assert FrameDecoder().feed(encode(body)) == [Frame(body)]


@given(st.lists(PIECES, max_size=30), st.data())
def test_events_do_not_depend_on_how_bytes_are_cut(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    decoder = FrameDecoder()
    events = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        events += decoder.feed(whole[start:end])
        assert len(decoder._body) <= MAX_BODY
    assert events == FrameDecoder().feed(whole)
    assert len(events) <= 2 * len(whole)


@given(requests())
def test_every_request_comes_back(request: Request) -> None:
    assert parse_request(request.encode()) == request


@given(replies())
def test_every_reply_comes_back(reply: Reply) -> None:
    assert parse_reply(reply.encode()) == reply


@pytest.mark.parametrize("parse", [parse_request, parse_reply])
@given(
    body=BODIES
    | st.binary(max_size=100)
    | st.sampled_from([25, 26, 30, 34, 38, 80, 90]).flatmap(
        lambda size: st.text(CHARACTERS, min_size=size, max_size=size).map(str.encode)
    )
)
def test_any_body_is_a_message_or_a_protocol_error(parse: object, body: bytes) -> None:
    assert callable(parse)
    try:
        message = parse(body)
    except ProtocolError:
        return
    assert isinstance(message, Request | Reply)


@given(st.integers(10**12, 10**19 - 1).map(str), st.text("0 ", max_size=10))
def test_no_card_number_comes_out_of_a_reply(pan: str, filler: str) -> None:
    body = worked("C1")[1:13] + (pan + filler).ljust(55).encode() + worked("C1")[68:-2]
    reply = parse_reply(body + f"CARD {pan} ".encode())
    assert pan not in repr(reply)
    assert pan.encode() not in reply.encode()
    shown = [run for text in (reply.report, reply.receipt) for run in re.findall("[0-9]+", text or "")]
    assert all(len(run) <= KEPT_FIRST for run in shown)
    assert sum(map(len, shown)) <= 2 * (KEPT_FIRST + KEPT_LAST)


TILL_STEPS = st.lists(
    st.one_of(PIECES, st.sampled_from(["expire", "request", "probe", "confirm", "drop", "abandon"])), max_size=60
)


class WatchedTill:
    """A till's dialogue that takes steps, and a referee beside it."""

    def __init__(self) -> None:
        self.till: TillDialogue[Reply] = TillDialogue(Timers().limits, parse_reply)
        self.held = 0
        self.frame_left = self.running = False

    def step(self, step: bytes | str) -> None:
        match step:
            case bytes():
                self.till.receive(step)
            case "expire" if self.till.deadline is not None:
                self.till.expire()
            case "request" if not self.running and self.till.state is not TillState.HOLD:
                self.running, self.frame_left = True, False
                self.till.request(REFERENCE_REQUEST)
            case "abandon":
                self.till.abandon()
                self.running = False
            case "confirm" | "drop":
                getattr(self.till, step)(self.held)
            case _:
                self.till.probe()

    def referee(self) -> None:
        self.frame_left = self.frame_left or Send.FRAME in self.till.outbox
        for notice in self.till.told:
            self.held = notice.held or self.held
            if notice.tell in REQUEST_ENDS:
                assert self.running, "an end without a request"
                self.running = False
            assert self.frame_left or notice.tell not in UNKNOWN
            assert not self.frame_left or notice.tell not in NOT_SENT - {Tell.REFUSED}
        assert len(self.till.outbox) <= MOST_ANSWERS
        self.till.outbox.clear()
        self.till.told.clear()


@given(TILL_STEPS)
@example(["request", b"\x06", b"\x15", "expire", b"\x05", worked("C2"), "confirm"])
def test_a_till_fed_anything_keeps_its_promises(steps: list[bytes | str]) -> None:
    watched = WatchedTill()
    for step in steps:
        watched.step(step)
        watched.referee()


TAKING = (TerminalState.TAKING, TerminalState.TAKING_LEFT)
TERMINAL_STEPS = st.lists(
    st.one_of(
        PIECES,
        st.sampled_from(["expire", "answer", "no answer", "lost"]),
        st.sampled_from([Input.ACCEPT, Input.ACCEPT_MUTELY, Input.REFUSE, Input.LEAVE, Input.GIVE_UP]),
    ),
    max_size=60,
)


def _step(terminal: TerminalDialogue[Request], step: bytes | str | Input, *, accepted: bool) -> None:
    match step:
        case bytes():
            terminal.receive(step)
        case Input():
            terminal.apply(step)
        case "expire" if terminal.deadline is not None:
            terminal.expire()
        case "lost":
            terminal.lost()
        case "answer" if accepted:
            terminal.answer()
        case "no answer" if accepted:
            terminal.no_answer()
        case _:
            pass


@given(TERMINAL_STEPS)
def test_a_terminal_fed_anything_replies_only_to_what_it_took(steps: list[bytes | str | Input]) -> None:
    terminal: TerminalDialogue[Request] = TerminalDialogue(Timers().limits, parse_request, lambda _, heard: heard)
    accepted = False
    for step in steps:
        if terminal.state in TAKING and step in (Input.ACCEPT, Input.ACCEPT_MUTELY):
            accepted = True
        _step(terminal, step, accepted=accepted)
        assert accepted or not {Send.FRAME, Send.ENQ} & set(terminal.outbox)
        terminal.outbox.clear()
        terminal.told.clear()


@given(requests(), replies())
def test_only_an_accepted_reply_that_fits_in_everything_is_an_approval(request: Request, reply: Reply) -> None:
    outcome = judge(request, reply)
    fits = (request.register, request.currency) == (reply.register, reply.currency)
    same = fits and request.amount_minor == reply.amount_minor
    match outcome:
        case Approved(amount=amount):
            assert same
            assert reply.status is Status.ACCEPTED
            assert amount.minor == request.amount_minor
        case Declined():
            assert reply.status is Status.NOT_ACCEPTED
            assert fits
            assert reply.amount_minor in (0, request.amount_minor)
        case InDoubt():
            assert not same or reply.status is Status.NOT_KNOWN or reply.status is Status.ACCEPTED
        case _:
            raise AssertionError(f"a reply is no {NotStarted.__name__}: {outcome}")
