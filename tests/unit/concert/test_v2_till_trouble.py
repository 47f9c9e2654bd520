"""The till of Concert V2 where two things meet: collisions, lost lines, abandoned requests, probes."""

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST
from tests.support.concert_till import ACK, ENQ, EOT, NAK, OTHER_REPLY, REPLY, Till
from tillbridge.protocols.concert.v2.machine import Deadline, Tell
from tillbridge.protocols.concert.v2.messages import parse_reply

# ---------------------------------------------------------------- both sides begin


@pytest.mark.parametrize("pause", [False, True], ids=["after ENQ", "between two ENQ"])
def test_a_collision_takes_the_late_reply_first_and_asks_again(asking: Till, pause: bool) -> None:
    if pause:
        asking.waits_in_vain(Deadline.ACK)
    assert asking.hears(ENQ) == [ACK]
    assert asking.hears(OTHER_REPLY) == []
    (notice,) = asking.notices()
    assert (notice.tell, notice.message) == (Tell.LATE, parse_reply(OTHER_REPLY[1:-2]))
    asking.dialogue.confirm(notice.held)
    assert asking.sent() == [ACK]
    assert asking.hears(EOT) == [ENQ]
    assert asking.hears(ACK) == [REFERENCE_REQUEST]
    assert asking.told() == []


def test_a_late_reply_that_nobody_keeps_does_not_hold_up_the_request_for_ever(asking: Till) -> None:
    asking.hears(ENQ, OTHER_REPLY)
    assert asking.waits_in_vain(Deadline.HOLD) == [ENQ]


def test_a_terminal_that_always_begins_itself_counts_as_busy(asking: Till) -> None:
    for _ in range(3):
        assert asking.hears(ENQ) == [ACK]
        assert asking.hears(EOT) == [ENQ]
    assert asking.hears(ENQ) == [EOT]
    assert asking.told() == [Tell.BUSY]
    assert asking.dialogue.at_rest


def test_a_request_waits_behind_a_late_reply(till: Till) -> None:
    assert till.hears(ENQ) == [ACK]
    till.dialogue.request(REFERENCE_REQUEST)
    assert till.sent() == []
    till.hears(REPLY)
    till.dialogue.confirm(till.notices()[0].held)
    assert till.sent() == [ACK]
    assert till.waits_in_vain(Deadline.EOT) == [ENQ]


# ---------------------------------------------------------------- nobody waits any more


@pytest.mark.parametrize("stage", ["asking", "pausing", "sending", "committed", "receiving", "holding"])
def test_an_abandoned_request_leaves_an_open_ear(stage: str, request: pytest.FixtureRequest) -> None:
    till: Till = request.getfixturevalue("asking" if stage == "pausing" else stage)
    if stage == "pausing":
        till.waits_in_vain(Deadline.ACK)
    till.told()
    till.dialogue.abandon()
    assert till.sent() == ([EOT] if stage in ("asking", "sending") else [])
    if stage == "holding":
        assert till.told() == [Tell.LATE]
    elif stage == "receiving":
        assert till.hears(REPLY) == []
        assert till.told() == [Tell.LATE]
    else:
        assert till.dialogue.at_rest
        assert till.hears(ENQ, REPLY) == [ACK]
        assert till.told() == [Tell.LATE]


@pytest.mark.parametrize(
    ("stage", "tells"),
    [
        ("till", []),
        ("asking", [Tell.LOST_BEFORE]),
        ("sending", [Tell.LOST_AFTER]),
        ("committed", [Tell.LOST_AFTER]),
        ("receiving", [Tell.LOST_AFTER]),
        ("holding", []),
    ],
)
def test_a_lost_line_tells_whether_the_request_was_out(
    stage: str, tells: list[Tell], request: pytest.FixtureRequest
) -> None:
    till: Till = request.getfixturevalue(stage)
    till.told()
    till.dialogue.lost()
    assert till.told() == tells
    assert till.hears(ENQ, REPLY, ACK) == []
    till.dialogue.lost()
    assert till.told() == []


def test_a_request_on_a_lost_line_is_lost_before_it_left(till: Till) -> None:
    till.dialogue.lost()
    till.dialogue.request(REFERENCE_REQUEST)
    assert till.told() == [Tell.LOST_BEFORE]


def test_a_request_that_waited_is_lost_with_the_line(till: Till) -> None:
    till.hears(ENQ)
    till.dialogue.request(REFERENCE_REQUEST)
    till.dialogue.lost()
    assert till.told() == [Tell.LOST_BEFORE]


@pytest.mark.parametrize("stage", ["asking", "sending", "committed", "receiving", "holding"])
def test_one_request_at_a_time(stage: str, request: pytest.FixtureRequest) -> None:
    till: Till = request.getfixturevalue(stage)
    with pytest.raises(RuntimeError, match="one request"):
        till.dialogue.request(REFERENCE_REQUEST)


# ---------------------------------------------------------------- signs of life


@pytest.mark.parametrize(
    ("answer", "sent", "tell"),
    [
        (ACK, [EOT], Tell.PROBE_ANSWERED),
        (NAK, [EOT], Tell.PROBE_REFUSED),
        (ENQ, [ACK], Tell.PROBE_ANSWERED),
        (b"", [EOT], Tell.PROBE_SILENT),
    ],
    ids=["ACK", "NAK", "ENQ", "silence"],
)
def test_a_probe(till: Till, answer: bytes, sent: list[bytes], tell: Tell) -> None:
    till.dialogue.probe()
    assert till.sent() == [ENQ]
    assert (till.hears(answer) if answer else till.waits_in_vain(Deadline.ACK)) == sent
    assert till.told() == [tell]


def test_a_request_goes_before_a_probe_that_waits(till: Till) -> None:
    till.hears(ENQ)
    till.dialogue.probe()
    till.dialogue.request(REFERENCE_REQUEST)
    assert till.hears(EOT) == [ENQ]
    assert till.hears(ACK) == [REFERENCE_REQUEST]


@pytest.mark.parametrize("before", [True, False])
def test_a_probe_on_a_lost_line_is_silent(till: Till, before: bool) -> None:
    if before:
        till.dialogue.lost()
        till.dialogue.probe()
    else:
        till.dialogue.probe()
        till.dialogue.lost()
    assert till.told() == [Tell.PROBE_SILENT]
