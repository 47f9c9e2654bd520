"""What the wizard needs of a screen: to say something, to ask something, and to wait for a terminal's plug."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from tillbridge.connector.setup.finding import Watch
from tillbridge.transports.serial_line import PortDescription

BACK_WORD: Final = "<"
"""What a person types to go back where an answer is typed."""


class Back(Enum):
    """The answer that is none: the question before is wanted again."""

    BACK = auto()


class Stopped(Exception):
    """The person went away: Ctrl-C, or the end of the input. What was answered is kept."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers: what it is, and what a person reads."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as it is put. `check` says what is wrong with an answer, or None; `choices` are offered if there are.

    `usual` is what Enter alone answers. A `secret` is shown by nothing while it is typed.
    """

    title: str
    help: str = ""
    usual: str = ""
    choices: Sequence[Choice] = ()
    secret: bool = False
    may_go_back: bool = True
    check: Callable[[str], str | None] = lambda _: None


class Front(Protocol):
    """A screen. Every method may raise `Stopped`."""

    def say(self, text: str) -> None:
        """A line for the person."""
        ...

    def warn(self, text: str) -> None:
        """A line that must not be missed."""
        ...

    def ask(self, prompt: Prompt) -> str | Back:
        """The answer, which passes the prompt's check."""
        ...

    def wait_for(self, watch: Watch, title: str) -> PortDescription | None:
        """The port that appears; None when the person gives up."""
        ...
