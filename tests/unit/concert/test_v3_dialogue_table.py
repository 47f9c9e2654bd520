"""Both roles of Concert V3 as tables: from each state, on all that can happen, what is said and where it leads."""

from collections.abc import Callable
from typing import Final

import pytest

from tillbridge.protocols.concert.v3.dialogue import (
    LineClosed,
    MessageRead,
    Pause,
    TerminalDialogue,
    TerminalState,
    TillDialogue,
    TillState,
    Unreadable,
)
from tillbridge.protocols.concert.v3.judgement import settled

REQUEST: Final = b"CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978"
ANSWER: Final = b"CZ0040320CJ012012345678901AE00210CA00201CB0041250CC00300BCD0010CE003978"
HALF: Final = 30
"""Bytes after which both messages stand in the middle of an element."""

WHOLE_ELEMENTS: Final = ANSWER.index(b"CB")
"""Bytes after which the answer stands between two elements and lacks what counts; `REQUEST` does so at its own CB."""

Till = Callable[[], TillDialogue]
Terminal = Callable[[], TerminalDialogue]


def _till(*heard: bytes, start: bool = True, end: bool = False) -> Till:
    def make() -> TillDialogue:
        dialogue = TillDialogue(REQUEST, settled)
        if start:
            dialogue.start()
        for piece in heard:
            dialogue.received(piece)
        if end:
            dialogue.closed()
        return dialogue

    return make


def _terminal(*heard: bytes, end: bool = False, answered: bool = False) -> Terminal:
    def make() -> TerminalDialogue:
        dialogue = TerminalDialogue()
        for piece in heard:
            dialogue.received(piece)
        if end:
            dialogue.closed()
        if answered:
            dialogue.answer()
        return dialogue

    return make


R, W, E = TillState.READY, TillState.WAITING, TillState.ENDED
NOTHING: Final = type(None)
TILLS: Final[dict[str, tuple[Till, Pause, dict[str, tuple[type, TillState]]]]] = {
    "ready": (
        _till(start=False),
        Pause.NOTHING,
        {"half": (Unreadable, E), "whole": (Unreadable, E), "quiet": (NOTHING, R), "closed": (LineClosed, E)},
    ),
    "waiting": (
        _till(),
        Pause.NOTHING,
        {"half": (NOTHING, W), "whole": (NOTHING, W), "quiet": (NOTHING, W), "closed": (LineClosed, E)},
    ),
    "half an element": (
        _till(ANSWER[:HALF]),
        Pause.INCOMPLETE,
        {"rest": (NOTHING, W), "junk": (Unreadable, E), "quiet": (NOTHING, W), "closed": (LineClosed, E)},
    ),
    "half an answer": (
        _till(ANSWER[:WHOLE_ELEMENTS]),
        Pause.INCOMPLETE,
        {"junk": (Unreadable, E), "quiet": (NOTHING, W), "closed": (MessageRead, E)},
    ),
    "an answer": (
        _till(ANSWER),
        Pause.COMPLETE,
        {
            "half": (NOTHING, W),
            "line end": (NOTHING, W),
            "junk": (Unreadable, E),
            "quiet": (MessageRead, E),
            "closed": (MessageRead, E),
        },
    ),
    "ended": (
        _till(end=True),
        Pause.NOTHING,
        {"whole": (NOTHING, E), "junk": (NOTHING, E), "quiet": (NOTHING, E), "closed": (NOTHING, E)},
    ),
}

D, K, X = TerminalState.READING, TerminalState.WORKING, TerminalState.ENDED
TERMINALS: Final[dict[str, tuple[Terminal, Pause, dict[str, tuple[type, TerminalState]]]]] = {
    "silence": (
        _terminal(),
        Pause.NOTHING,
        {"half": (NOTHING, D), "whole": (NOTHING, D), "quiet": (NOTHING, D), "closed": (LineClosed, K)},
    ),
    "a line end": (
        _terminal(b"\r\n"),
        Pause.INCOMPLETE,
        {"whole": (NOTHING, D), "quiet": (Unreadable, K), "closed": (LineClosed, K)},
    ),
    "half an element": (
        _terminal(REQUEST[:HALF]),
        Pause.INCOMPLETE,
        {"rest": (NOTHING, D), "junk": (Unreadable, K), "quiet": (Unreadable, K), "closed": (LineClosed, K)},
    ),
    "half a request": (
        _terminal(REQUEST[: REQUEST.index(b"CB")]),
        Pause.INCOMPLETE,
        {"junk": (Unreadable, K), "quiet": (MessageRead, K), "closed": (MessageRead, K)},
    ),
    "a request": (
        _terminal(REQUEST),
        Pause.COMPLETE,
        {
            "line end": (NOTHING, D),
            "half": (NOTHING, D),
            "junk": (Unreadable, K),
            "quiet": (MessageRead, K),
            "closed": (MessageRead, K),
        },
    ),
    "working": (
        _terminal(REQUEST, end=True),
        Pause.NOTHING,
        {"whole": (NOTHING, K), "junk": (NOTHING, K), "quiet": (NOTHING, K), "closed": (NOTHING, K)},
    ),
    "answered": (
        _terminal(REQUEST, end=True, answered=True),
        Pause.NOTHING,
        {"whole": (NOTHING, X), "junk": (NOTHING, X), "quiet": (NOTHING, X), "closed": (NOTHING, X)},
    ),
}


def _happens(dialogue: TillDialogue | TerminalDialogue, what: str, message: bytes) -> object:
    match what:
        case "quiet":
            return dialogue.quiet()
        case "closed":
            return dialogue.closed()
        case _:
            pieces = {"half": message[:HALF], "whole": message, "rest": message[HALF:], "line end": b"\r\n"}
            return dialogue.received(pieces.get(what, b"?!"))


@pytest.mark.parametrize("place", TILLS)
def test_the_till(place: str) -> None:
    make, pause, moves = TILLS[place]
    assert make().pause is pause
    for what, (event, state) in moves.items():
        dialogue = make()
        assert type(_happens(dialogue, what, ANSWER)) is event, what
        assert dialogue.state is state, what
        if state is E:
            assert dialogue.pause is Pause.NOTHING


@pytest.mark.parametrize("place", TERMINALS)
def test_the_terminal(place: str) -> None:
    make, pause, moves = TERMINALS[place]
    assert make().pause is pause
    for what, (event, state) in moves.items():
        dialogue = make()
        assert type(_happens(dialogue, what, REQUEST)) is event, what
        assert dialogue.state is state, what
        if state is not D:
            assert dialogue.pause is Pause.NOTHING


@pytest.mark.parametrize("place", [place for place in TILLS if place != "ready"])
def test_a_till_that_has_begun_asks_no_second_time(place: str) -> None:
    dialogue = TILLS[place][0]()
    with pytest.raises(RuntimeError):
        dialogue.start()
