"""The till's role of Concert V2, one request from ENQ to the end, without a clock."""

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST
from tests.support.concert_till import ACK, BAD_REPLY, ENQ, EOT, NAK, OTHER_REPLY, REPLY, Till
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.dialogue import TILL, TILL_WAITS, TillState
from tillbridge.protocols.concert.v2.machine import NOT_SENT, UNKNOWN, Deadline, Input, Notice, Send, Tell
from tillbridge.protocols.concert.v2.messages import Status, parse_reply

# ---------------------------------------------------------------- the table


def test_every_wait_ends_and_every_state_survives_the_loss_of_its_line() -> None:
    for state in set(TillState) - {TillState.GONE}:
        assert (state, Input.LOST) in TILL
        assert ((state, Input.EXPIRED) in TILL) == (state in TILL_WAITS)


def test_only_idle_held_and_gone_wait_without_a_limit() -> None:
    assert set(TillState) - TILL_WAITS.keys() == {TillState.IDLE, TillState.HOLD, TillState.GONE}


def test_once_the_frame_is_out_only_refusals_of_it_prove_that_nothing_was_started() -> None:
    out = {TillState.W_ACK2, TillState.W_ENQ, TillState.W_STX}
    for (state, what), move in TILL.items():
        tells = {move.tell} | ({move.spent.tell} if move.spent else set())
        if tells & NOT_SENT:
            assert state not in out or (state, what) == (TillState.W_ACK2, Input.NAK)
        if tells & UNKNOWN:
            assert state in out


def test_a_reply_is_acknowledged_by_nothing_but_a_confirmation() -> None:
    for (state, what), move in TILL.items():
        if state in (TillState.HOLD, TillState.LATE_HOLD) and move.send is Send.ACK:
            assert what is Input.CONFIRM


# ---------------------------------------------------------------- before the request


@pytest.mark.parametrize("answer", [b"x", EOT, b"\xff", REPLY, BAD_REPLY], ids=["noise", "EOT", "FF", "frame", "bad"])
def test_another_answer_to_enq_is_tried_again(asking: Till, answer: bytes) -> None:
    assert asking.hears(answer) == [EOT]
    assert asking.waits_in_vain(Deadline.PAUSE) == [ENQ]
    assert asking.hears(ACK) == [REFERENCE_REQUEST]


def test_silence_to_three_enq_means_not_sent(asking: Till) -> None:
    for _ in range(2):
        assert asking.waits_in_vain(Deadline.ACK) == [EOT]
        assert asking.waits_in_vain(Deadline.PAUSE) == [ENQ]
    assert asking.waits_in_vain(Deadline.ACK) == [EOT]
    assert asking.told() == [Tell.SILENT]
    assert asking.dialogue.at_rest


def test_nak_to_three_enq_means_busy(asking: Till) -> None:
    for _ in range(2):
        assert asking.hears(NAK) == [EOT]
        assert asking.waits_in_vain(Deadline.PAUSE) == [ENQ]
    assert asking.hears(NAK) == [EOT]
    assert asking.told() == [Tell.BUSY]


def test_a_late_ack_of_the_enq_before_is_no_answer_to_the_next(asking: Till) -> None:
    asking.waits_in_vain(Deadline.ACK)
    assert asking.hears(ACK) == []
    assert asking.waits_in_vain(Deadline.PAUSE) == [ENQ]


# ---------------------------------------------------------------- the request is out


def test_nak_to_the_frame_is_answered_with_the_frame(sending: Till) -> None:
    assert sending.hears(NAK) == [REFERENCE_REQUEST]
    assert sending.hears(ACK) == [EOT]
    assert sending.told() == [Tell.COMMITTED]


def test_three_nak_to_the_frame_mean_not_sent(sending: Till) -> None:
    assert sending.hears(NAK) == [REFERENCE_REQUEST]
    assert sending.hears(NAK) == [REFERENCE_REQUEST]
    assert sending.hears(NAK) == [EOT]
    assert sending.told() == [Tell.REFUSED]


@pytest.mark.parametrize("other", [b"x", EOT, ENQ, b"\x95", REPLY, BAD_REPLY])
def test_another_answer_to_the_frame_is_ignored_and_then_nobody_knows(sending: Till, other: bytes) -> None:
    armings = sending.dialogue.armings
    assert sending.hears(other) == []
    assert sending.told() == []
    assert sending.dialogue.armings == armings, "the wait went on"
    assert sending.waits_in_vain(Deadline.ACK) == [EOT]
    assert sending.told() == [Tell.NO_ACK]


def test_a_late_reply_after_a_request_without_an_answer(sending: Till) -> None:
    sending.waits_in_vain(Deadline.ACK)
    assert sending.told() == [Tell.NO_ACK]
    assert sending.hears(ENQ, REPLY) == [ACK]
    assert sending.told() == [Tell.LATE]


@pytest.mark.parametrize("other", [b"garbage", EOT, ACK, NAK, REPLY, BAD_REPLY])
def test_the_wait_for_the_terminal_goes_on_through_garbage(committed: Till, other: bytes) -> None:
    armings = committed.dialogue.armings
    assert committed.hears(other) == []
    assert committed.dialogue.armings == armings
    assert committed.hears(ENQ, REPLY) == [ACK]
    assert committed.told() == [Tell.RESULT]


def test_no_reply_in_time_means_that_nobody_knows_and_the_ear_stays_open(committed: Till) -> None:
    assert committed.waits_in_vain(Deadline.TRANSACTION) == []
    assert committed.told() == [Tell.NO_REPLY]
    assert committed.hears(ENQ, REPLY) == [ACK]
    assert committed.told() == [Tell.LATE]


# ---------------------------------------------------------------- the reply


def test_a_second_enq_is_acknowledged_again(receiving: Till) -> None:
    assert receiving.hears(ENQ) == [ACK]
    receiving.hears(REPLY)
    assert receiving.told() == [Tell.RESULT]


def test_garbage_before_the_reply_is_skipped(receiving: Till) -> None:
    assert receiving.hears(b"\x7f\x00U*" + REPLY) == []
    assert receiving.told() == [Tell.RESULT]


def test_eot_instead_of_the_reply_means_that_nobody_knows(receiving: Till) -> None:
    assert receiving.hears(EOT) == []
    assert receiving.told() == [Tell.BROKEN_OFF]


@pytest.mark.parametrize(
    "bad",
    [BAD_REPLY, encode(b"01700001250"), encode(REPLY[1:-2].replace(b"7", b"5", 1))],
    ids=["LRC", "length", "STAT"],
)
def test_a_reply_that_cannot_be_used_is_asked_for_again(receiving: Till, bad: bytes) -> None:
    assert receiving.hears(bad) == [NAK]
    assert receiving.hears(REPLY) == []
    assert receiving.told() == [Tell.RESULT]


def test_three_bad_replies_are_refused_and_then_nobody_knows(receiving: Till) -> None:
    assert [receiving.hears(BAD_REPLY) for _ in range(4)] == [[NAK], [NAK], [NAK], [EOT]]
    assert receiving.told() == [Tell.UNREADABLE]


def test_no_reply_at_all_is_asked_for_three_times(receiving: Till) -> None:
    assert [receiving.waits_in_vain(Deadline.BYTE) for _ in range(4)] == [[NAK], [NAK], [NAK], [EOT]]
    assert receiving.told() == [Tell.NO_REPLY]


def test_a_reply_that_does_not_end_is_a_bad_one(receiving: Till) -> None:
    receiving.hears(REPLY[:-1])
    assert receiving.waits_in_vain(Deadline.BYTE) == [NAK]
    assert receiving.dialogue.fault == "the frame did not end"
    assert receiving.hears(REPLY) == []
    assert receiving.told() == [Tell.RESULT]


def test_each_byte_of_a_reply_starts_the_wait_afresh_but_noise_does_not(receiving: Till) -> None:
    seen = {receiving.dialogue.armings}
    for byte in REPLY[:-1]:
        receiving.hears(bytes([byte]))
        seen.add(receiving.dialogue.armings)
    assert len(seen) == len(REPLY)
    receiving.hears(REPLY[-1:])
    other = Till()
    other.dialogue.receive(ENQ)
    before = other.dialogue.armings
    other.dialogue.receive(b"zzz")
    assert other.dialogue.armings == before


def test_the_reply_is_acknowledged_only_when_it_is_kept(holding: Till) -> None:
    (notice,) = holding.notices()
    assert notice == Notice(Tell.RESULT, parse_reply(REPLY[1:-2]), notice.held)
    assert holding.sent() == []
    holding.dialogue.confirm(notice.held)
    assert holding.sent() == [ACK]
    assert holding.hears(EOT) == []
    assert holding.dialogue.at_rest


def test_a_reply_that_cannot_be_kept_is_not_acknowledged(holding: Till) -> None:
    (notice,) = holding.notices()
    holding.dialogue.drop(notice.held)
    holding.dialogue.confirm(notice.held)
    assert holding.sent() == []
    assert holding.dialogue.at_rest


def test_a_confirmation_after_the_terminal_gave_up_sends_nothing(holding: Till) -> None:
    (notice,) = holding.notices()
    assert holding.hears(EOT) == []
    holding.dialogue.confirm(notice.held)
    assert holding.sent() == []


def test_a_confirmation_never_reaches_another_session(holding: Till) -> None:
    (first,) = holding.notices()
    holding.hears(EOT)
    assert holding.hears(ENQ, OTHER_REPLY) == [ACK]
    (second,) = holding.notices()
    holding.dialogue.confirm(first.held)
    assert holding.sent() == []
    holding.dialogue.confirm(second.held)
    assert holding.sent() == [ACK]


def test_the_reply_that_was_told_is_the_one_that_was_held(receiving: Till) -> None:
    receiving.hears(REPLY + OTHER_REPLY)
    (notice,) = receiving.notices()
    assert notice.message is not None
    assert notice.message.status is Status.NOT_ACCEPTED


def test_two_late_sessions_in_one_piece_are_two_replies(till: Till) -> None:
    till.hears(ENQ + REPLY + EOT + ENQ + OTHER_REPLY)
    first, second = till.notices()
    assert first.message is not None
    assert second.message is not None
    assert (first.message.status, second.message.status) == (Status.NOT_ACCEPTED, Status.ACCEPTED)
    till.sent()
    till.dialogue.confirm(first.held)
    assert till.sent() == []


@pytest.mark.parametrize("ends", [True, False], ids=["EOT", "no EOT"])
def test_the_next_request_waits_for_the_end_of_the_session(holding: Till, ends: bool) -> None:
    holding.dialogue.confirm(holding.notices()[0].held)
    assert holding.sent() == [ACK]
    holding.dialogue.request(REFERENCE_REQUEST)
    assert holding.sent() == []
    assert (holding.hears(EOT) if ends else holding.waits_in_vain(Deadline.EOT)) == [ENQ]


def test_a_terminal_that_begins_again_without_eot_is_heard(holding: Till) -> None:
    holding.dialogue.confirm(holding.notices()[0].held)
    holding.sent()
    assert holding.hears(ENQ, OTHER_REPLY) == [ACK]
    assert holding.told() == [Tell.LATE]
