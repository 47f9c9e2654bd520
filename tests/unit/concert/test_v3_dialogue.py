"""Both roles of one connection: when a message is over, and what an end of the line means at each moment."""

import pytest

from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.dialogue import (
    LineClosed,
    MessageRead,
    Pause,
    TerminalDialogue,
    TerminalState,
    TillDialogue,
    TillState,
    Unreadable,
    missing_tags,
)
from tillbridge.protocols.concert.v3.judgement import settled

REQUEST = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
ANSWER = b"CZ0040320CJ012012345678901AE00210CA00201CB0041250CC00300BCD0010CE003978"
PING = b"CZ0040320CJ012012345678901CA00201CD001I"


def _till() -> TillDialogue:
    dialogue = TillDialogue(REQUEST, settled)
    assert dialogue.start() == REQUEST
    return dialogue


class TestTheTill:
    def test_it_sends_one_request(self) -> None:
        dialogue = _till()
        assert dialogue.state is TillState.WAITING
        with pytest.raises(RuntimeError):
            dialogue.start()

    def test_the_answer_is_over_when_the_line_is_quiet(self) -> None:
        dialogue = _till()
        assert dialogue.received(ANSWER) is None
        assert [dialogue.pause] == [Pause.COMPLETE]
        event = dialogue.quiet()
        assert isinstance(event, MessageRead)
        assert event.fields.get("CB") == "1250"
        assert (dialogue.state, dialogue.pause) == (TillState.ENDED, Pause.NOTHING)

    def test_the_answer_is_over_when_the_terminal_closes(self) -> None:
        dialogue = _till()
        dialogue.received(ANSWER)
        assert isinstance(dialogue.closed(), MessageRead)
        assert dialogue.quiet() is None
        assert dialogue.closed() is None

    def test_quiet_proves_nothing_while_something_is_missing(self) -> None:
        for place in range(len(ANSWER)):
            dialogue = _till()
            dialogue.received(ANSWER[:place])
            assert dialogue.pause is (Pause.NOTHING if place == 0 else Pause.INCOMPLETE), place
            assert dialogue.quiet() is None
            dialogue.received(ANSWER[place:])
            assert isinstance(dialogue.quiet(), MessageRead)

    def test_a_close_between_elements_gives_what_is_there(self) -> None:
        dialogue = _till()
        dialogue.received(ANSWER[: ANSWER.index(b"CB")])
        event = dialogue.closed()
        assert isinstance(event, MessageRead)
        assert event.fields.get("CB") is None

    @pytest.mark.parametrize(("piece", "begun"), [(b"", False), (b"CZ", True), (b"\r\n", True), (ANSWER[:-1], True)])
    def test_a_close_anywhere_else_gives_nothing(self, piece: bytes, begun: bool) -> None:
        dialogue = _till()
        dialogue.received(piece)
        assert dialogue.closed() == LineClosed(begun)
        assert dialogue.state is TillState.ENDED

    def test_a_line_end_behind_the_answer_is_no_part_of_it(self) -> None:
        dialogue = _till()
        dialogue.received(ANSWER + b"\r\n")
        assert dialogue.pause is Pause.COMPLETE
        assert isinstance(dialogue.quiet(), MessageRead)

    @pytest.mark.parametrize("garbage", [b"\x00", b"\x02", b"\x7f\x01"])
    def test_garbage_ends_it_wherever_it_stands(self, garbage: bytes) -> None:
        for place in range(len(ANSWER) + 1):
            dialogue = _till()
            event = dialogue.received(ANSWER[:place] + garbage + ANSWER[place:])
            assert isinstance(event, Unreadable), place
            assert dialogue.received(ANSWER) is None
            assert dialogue.state is TillState.ENDED

    @pytest.mark.parametrize("garbage", [b"?", b"OK", b"HTTP/1.1 400 Bad Request"])
    def test_a_text_behind_the_answer_makes_it_unreadable(self, garbage: bytes) -> None:
        dialogue = _till()
        event = dialogue.received(ANSWER + garbage) or dialogue.closed()
        assert isinstance(event, Unreadable | LineClosed)

    def test_a_terminal_that_speaks_first_is_not_believed(self) -> None:
        dialogue = TillDialogue(REQUEST, settled)
        assert isinstance(dialogue.received(ANSWER), Unreadable)
        with pytest.raises(RuntimeError):
            dialogue.start()

    def test_a_line_that_ends_before_the_request_ends_the_dialogue(self) -> None:
        dialogue = TillDialogue(REQUEST, settled)
        assert dialogue.closed() == LineClosed(begun=False)
        with pytest.raises(RuntimeError):
            dialogue.start()


class TestTheTerminal:
    @pytest.mark.parametrize("request_bytes", [REQUEST, PING])
    def test_a_whole_request_is_over_when_the_line_is_quiet(self, request_bytes: bytes) -> None:
        for place in range(len(request_bytes) + 1):
            dialogue = TerminalDialogue()
            dialogue.received(request_bytes[:place])
            dialogue.received(request_bytes[place:])
            assert dialogue.pause is Pause.COMPLETE
            assert isinstance(dialogue.quiet(), MessageRead)
            assert dialogue.state is TerminalState.WORKING

    def test_it_does_not_wait_for_the_till_to_close(self) -> None:
        dialogue = TerminalDialogue()
        dialogue.received(REQUEST)
        assert isinstance(dialogue.quiet(), MessageRead)
        assert dialogue.closed() is None
        assert dialogue.state is TerminalState.WORKING

    def test_a_till_that_closes_its_half_has_said_all(self) -> None:
        dialogue = TerminalDialogue()
        dialogue.received(REQUEST)
        assert isinstance(dialogue.closed(), MessageRead)

    def test_a_request_that_lacks_something_is_read_after_a_longer_silence(self) -> None:
        dialogue = TerminalDialogue()
        dialogue.received(REQUEST[: REQUEST.index(b"CE")])
        assert dialogue.pause is Pause.INCOMPLETE
        event = dialogue.quiet()
        assert isinstance(event, MessageRead)
        assert missing_tags(event.fields) == ("CE",)

    def test_half_an_element_is_unreadable_after_a_longer_silence(self) -> None:
        dialogue = TerminalDialogue()
        dialogue.received(REQUEST[:-1])
        assert isinstance(dialogue.quiet(), Unreadable)
        assert dialogue.state is TerminalState.WORKING

    def test_silence_before_the_first_byte_means_nothing(self) -> None:
        dialogue = TerminalDialogue()
        assert dialogue.pause is Pause.NOTHING
        assert dialogue.quiet() is None
        assert dialogue.closed() == LineClosed(begun=False)

    def test_what_comes_behind_the_request_is_not_looked_at(self) -> None:
        dialogue = TerminalDialogue()
        dialogue.received(REQUEST)
        dialogue.quiet()
        assert dialogue.received(b"garbage?") is None
        dialogue.answer()
        assert dialogue.received(REQUEST) is None
        assert dialogue.state is TerminalState.ENDED

    def test_bytes_that_are_no_request_are_unreadable_at_once(self) -> None:
        dialogue = TerminalDialogue()
        assert isinstance(dialogue.received(b"GET / HTTP/1.1\r\n"), Unreadable)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"CD": "I"}, ("CZ", "CJ", "CA")),
        ({"CD": "0"}, ("CZ", "CJ", "CA", "CB", "CE")),
        ({}, ("CZ", "CJ", "CA", "CB", "CD", "CE")),
        ({"CZ": "0300", "CJ": "012345678901", "CA": "01", "CD": "T"}, ("CF",)),
        ({"CZ": "0300", "CJ": "012345678901", "CA": "01", "CD": "3"}, ()),
    ],
)
def test_each_action_has_its_own_needs(values: dict[str, str], missing: tuple[str, ...]) -> None:
    assert missing_tags(Fields(values)) == missing
