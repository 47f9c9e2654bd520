"""The closed sets of words in the messages of the link, and what becomes of a word that is not in one.

Where an older side can go on without having understood a word, it reads it as `unknown`.
"""

from collections.abc import Callable
from enum import StrEnum


class StationHealth(StrEnum):
    """How a terminal looks to its connector."""

    READY = "ready"
    BUSY = "busy"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How a payment ended. A word that is not known here leaves it open: it is never read as approved or declined."""

    APPROVED = "approved"
    DECLINED = "declined"
    ABORTED = "aborted"
    NOT_STARTED = "not_started"
    IN_DOUBT = "in_doubt"
    UNKNOWN = "unknown"


class CommandKind(StrEnum):
    """What the portal can ask of a connector."""

    PAYMENT = "payment"
    CONFIGURATION = "configuration"
    ASK = "ask"
    ROTATE = "rotate"


class CommandState(StrEnum):
    """Where a command stands at its connector."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """What a maintenance does to the component that it is about."""

    UNAVAILABLE = "unavailable"
    RESTRICTED = "restricted"
    UNKNOWN = "unknown"


def or_unknown(words: type[StrEnum]) -> Callable[[object], object]:
    """Reads a text as one of these words, or as the word `unknown` that each such set has."""
    known = {word.value for word in words}

    def read(value: object) -> object:
        if isinstance(value, str):
            return words(value if value in known else "unknown")
        return value

    return read
