"""The terminal's role of Concert V2: every state, every trouble, without a clock."""

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST, worked
from tests.support.concert_till import ACK, ENQ, EOT, NAK
from tillbridge.protocols.concert.v2.dialogue import TERMINAL, TERMINAL_WAITS, TerminalDialogue, TerminalState
from tillbridge.protocols.concert.v2.line import CONTROL_BYTES
from tillbridge.protocols.concert.v2.machine import Deadline, Input, Send, Tell
from tillbridge.protocols.concert.v2.messages import Request, parse_request
from tillbridge.protocols.concert.v2.settings import Timers

REPLY = worked("C3")
BAD_REQUEST = REFERENCE_REQUEST[:-1] + b"\x7f"


class Terminal:
    """A terminal's dialogue with a pencil."""

    def __init__(self) -> None:
        self.dialogue: TerminalDialogue[Request] = TerminalDialogue(
            Timers().limits, parse_request, lambda _, heard: heard
        )

    def sent(self) -> list[bytes]:
        outbox, self.dialogue.outbox = self.dialogue.outbox, []
        return [REPLY if what is Send.FRAME else CONTROL_BYTES[what] for what in outbox]

    def told(self) -> list[Tell]:
        told, self.dialogue.told = self.dialogue.told, []
        return [notice.tell for notice in told]

    def hears(self, *pieces: bytes) -> list[bytes]:
        for piece in pieces:
            self.dialogue.receive(piece)
        return self.sent()

    def does(self, what: Input) -> list[bytes]:
        self.dialogue.apply(what)
        return self.sent()

    def waits_in_vain(self, deadline: Deadline) -> list[bytes]:
        assert self.dialogue.deadline is deadline
        self.dialogue.expire()
        return self.sent()


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def taking(terminal: Terminal) -> Terminal:
    assert terminal.hears(ENQ) == [ACK]
    assert terminal.hears(REFERENCE_REQUEST) == []
    assert terminal.told() == [Tell.REQUESTED]
    return terminal


@pytest.fixture
def paying(taking: Terminal) -> Terminal:
    assert taking.does(Input.ACCEPT) == [ACK]
    assert taking.hears(EOT) == []
    return taking


@pytest.fixture
def calling(paying: Terminal) -> Terminal:
    paying.dialogue.answer()
    assert paying.sent() == [ENQ]
    return paying


@pytest.fixture
def replying(calling: Terminal) -> Terminal:
    assert calling.hears(ACK) == [REPLY]
    return calling


def test_every_wait_on_the_line_ends() -> None:
    for state in TerminalState:
        assert ((state, Input.EXPIRED) in TERMINAL) == (state in TERMINAL_WAITS)


def test_only_the_tills_own_acknowledgement_counts_as_delivery() -> None:
    delivering = [key for key, move in TERMINAL.items() if move.tell is Tell.DELIVERED]
    assert delivering == [(TerminalState.W_ACK_R, Input.ACK)]


@pytest.mark.parametrize("noise", [EOT, ACK, NAK, b"noise", REFERENCE_REQUEST])
def test_at_rest_only_enq_is_answered(terminal: Terminal, noise: bytes) -> None:
    assert terminal.hears(noise) == []
    assert terminal.dialogue.at_rest
    assert terminal.hears(ENQ) == [ACK]


def test_a_probe_leaves_nothing_behind(terminal: Terminal) -> None:
    assert terminal.hears(ENQ) == [ACK]
    assert terminal.hears(EOT) == []
    assert terminal.dialogue.at_rest
    assert terminal.told() == []


def test_a_till_that_says_enq_twice_is_answered_twice(terminal: Terminal) -> None:
    assert terminal.hears(ENQ, ENQ) == [ACK, ACK]


def test_a_till_that_says_nothing_more_is_given_up(terminal: Terminal) -> None:
    terminal.hears(ENQ)
    assert terminal.waits_in_vain(Deadline.BYTE) == [EOT]
    assert terminal.dialogue.at_rest


def test_a_bad_request_is_asked_for_again_three_times(terminal: Terminal) -> None:
    terminal.hears(ENQ)
    assert [terminal.hears(BAD_REQUEST) for _ in range(4)] == [[NAK], [NAK], [NAK], [EOT]]
    assert terminal.dialogue.at_rest
    assert terminal.told() == []


def test_a_request_that_does_not_end_is_a_bad_one(terminal: Terminal) -> None:
    terminal.hears(ENQ, REFERENCE_REQUEST[:30])
    assert terminal.waits_in_vain(Deadline.BYTE) == [NAK]
    terminal.hears(REFERENCE_REQUEST)
    assert terminal.told() == [Tell.REQUESTED]


def test_a_refused_request_may_come_again(taking: Terminal) -> None:
    assert taking.does(Input.REFUSE) == [NAK]
    assert taking.hears(REFERENCE_REQUEST) == []
    assert taking.told() == [Tell.REQUESTED]
    assert taking.does(Input.REFUSE) == [NAK]
    assert taking.hears(EOT) == []
    assert taking.dialogue.at_rest


def test_the_same_frame_again_is_acknowledged_again_and_is_no_second_request(taking: Terminal) -> None:
    taking.does(Input.ACCEPT)
    assert taking.hears(REFERENCE_REQUEST) == [ACK]
    assert taking.told() == []
    assert taking.hears(worked("A1")) == []
    assert taking.told() == []


@pytest.mark.parametrize("end", ["EOT", "time", "line"])
def test_work_begins_with_or_without_eot(taking: Terminal, end: str) -> None:
    taking.does(Input.ACCEPT)
    taking.dialogue.answer()
    assert taking.sent() == [], "the till still has the line"
    match end:
        case "EOT":
            assert taking.hears(EOT) == [ENQ]
        case "time":
            assert taking.waits_in_vain(Deadline.EOT) == [ENQ]
        case _:
            taking.dialogue.lost()
            assert taking.sent() == [ENQ]


@pytest.mark.parametrize("lost", [False, True], ids=["EOT", "line lost"])
def test_a_till_that_leaves_before_the_acknowledgement_still_hears_the_result(taking: Terminal, lost: bool) -> None:
    if lost:
        taking.dialogue.lost()
    else:
        taking.hears(EOT)
    assert taking.does(Input.ACCEPT) == []
    taking.dialogue.answer()
    assert taking.sent() == [ENQ]


@pytest.mark.parametrize("what", [Input.REFUSE, Input.LEAVE])
def test_a_till_that_left_and_was_not_served_hears_nothing(taking: Terminal, what: Input) -> None:
    taking.hears(EOT)
    assert taking.does(what) == []
    assert taking.dialogue.at_rest


@pytest.mark.parametrize("said", [ENQ, EOT, REFERENCE_REQUEST, ACK])
def test_a_terminal_that_works_does_not_answer(paying: Terminal, said: bytes) -> None:
    assert paying.hears(said) == []
    assert paying.told() == []


def test_without_an_answer_it_just_comes_to_rest(paying: Terminal) -> None:
    paying.dialogue.no_answer()
    assert paying.sent() == []
    assert paying.dialogue.at_rest
    assert paying.hears(ENQ) == [ACK]


@pytest.mark.parametrize("answer", [NAK, REFERENCE_REQUEST, b""], ids=["NAK", "frame", "silence"])
def test_a_till_that_does_not_answer_is_called_three_times(calling: Terminal, answer: bytes) -> None:
    sent = [calling.hears(answer) if answer else calling.waits_in_vain(Deadline.ACK) for _ in range(3)]
    assert sent == [[ENQ], [ENQ], [EOT]]
    assert calling.told() == [Tell.UNDELIVERED]
    assert calling.dialogue.at_rest


def test_noise_brings_another_call_but_once(calling: Terminal) -> None:
    assert calling.hears(b"noise", b"more") == [ENQ]
    assert calling.hears(ACK) == [REPLY]


@pytest.mark.parametrize("said", [ENQ, EOT])
def test_what_the_till_says_of_its_own_is_no_answer_to_the_call(calling: Terminal, said: bytes) -> None:
    armings = calling.dialogue.armings
    assert calling.hears(said) == []
    assert calling.dialogue.armings == armings
    assert calling.hears(ACK) == [REPLY]


def test_an_acknowledged_reply_is_delivered(replying: Terminal) -> None:
    assert replying.hears(ACK) == [EOT]
    assert replying.told() == [Tell.DELIVERED]
    assert replying.dialogue.at_rest


def test_a_refused_reply_is_sent_three_times(replying: Terminal) -> None:
    assert [replying.hears(NAK) for _ in range(3)] == [[REPLY], [REPLY], [EOT]]
    assert replying.told() == [Tell.UNDELIVERED]


def test_a_reply_that_nobody_acknowledges_is_not_delivered(replying: Terminal) -> None:
    assert replying.hears(b"x", ENQ) == []
    assert replying.waits_in_vain(Deadline.ACK) == [EOT]
    assert replying.told() == [Tell.UNDELIVERED]


def test_a_line_lost_behind_the_reply_waits_for_its_acknowledgement_in_vain(replying: Terminal) -> None:
    replying.dialogue.lost()
    assert replying.told() == []
    replying.waits_in_vain(Deadline.ACK)
    assert replying.told() == [Tell.UNDELIVERED]


def test_an_answer_that_was_given_up_too_late_does_not_reach_the_next_request(replying: Terminal) -> None:
    assert replying.hears(ACK) == [EOT]
    replying.dialogue.no_answer()
    assert replying.hears(ENQ, REFERENCE_REQUEST) == [ACK]
    assert replying.does(Input.ACCEPT) == [ACK]
    assert replying.hears(EOT) == []
    replying.dialogue.answer()
    assert replying.sent() == [ENQ]
