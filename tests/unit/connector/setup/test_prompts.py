"""The screen with menus: keys go in as from a keyboard, and nothing of a password comes out."""

import io
from collections.abc import Iterator
from functools import partial

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from tillbridge.connector.setup.finding import Watch
from tillbridge.connector.setup.front import Back, Choice, Prompt, Stopped
from tillbridge.connector.setup.language import texts
from tillbridge.connector.setup.prompts import PromptFront
from tillbridge.domain.cashier_texts import Language
from tillbridge.transports.serial_line import PortDescription

DOWN, UP, ENTER, CTRL_C = "\x1b[B", "\x1b[A", "\r", "\x03"
PORT = PortDescription("/dev/ttyUSB0", "Ingenico Move")
CHOICES = (Choice("a", "first"), Choice("b", "second"))


class Keyboard:
    def __init__(self, keys: PipeInput, shown: io.StringIO) -> None:
        self.keys = keys
        self.shown = shown
        self.front = PromptFront(texts(Language.EN, {}))


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    shown = io.StringIO()
    output = Vt100_Output(shown, lambda: Size(rows=40, columns=120), term="xterm", enable_cpr=False)
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        yield Keyboard(keys, shown)


def test_arrows_choose(keyboard: Keyboard) -> None:
    keyboard.keys.send_text(DOWN + ENTER)
    assert keyboard.front.ask(Prompt("?", choices=CHOICES)) == "b"
    keyboard.keys.send_text(ENTER)
    assert keyboard.front.ask(Prompt("?", usual="b", choices=CHOICES)) == "b"
    keyboard.keys.send_text(UP + ENTER)
    assert keyboard.front.ask(Prompt("?", choices=CHOICES)) is Back.BACK
    assert "← back" in keyboard.shown.getvalue()


def test_a_wrong_answer_is_not_taken(keyboard: Keyboard) -> None:
    tried = []

    def check(text: str) -> str | None:
        tried.append(text)
        return None if text == "right" else "This is wrong."

    keyboard.keys.send_text("x" + ENTER + "\x15right " + ENTER)
    assert keyboard.front.ask(Prompt("?", usual="w", help="Some help.", check=check)) == "right"
    assert "wx" in tried
    assert "Some help." in keyboard.shown.getvalue()


def test_a_password_is_never_shown(keyboard: Keyboard) -> None:
    keyboard.keys.send_text("opensesame" + ENTER)
    assert keyboard.front.ask(Prompt("?", secret=True)) == "opensesame"
    assert "open" not in keyboard.shown.getvalue()


def test_one_goes_back_and_away(keyboard: Keyboard) -> None:
    keyboard.keys.send_text("<" + ENTER)
    assert keyboard.front.ask(Prompt("?")) is Back.BACK
    keyboard.keys.send_text("<" + ENTER + "\x15here" + ENTER)
    assert keyboard.front.ask(Prompt("?", may_go_back=False)) == "here"
    keyboard.keys.send_text(CTRL_C)
    with pytest.raises(Stopped):
        keyboard.front.ask(Prompt("?"))


def test_a_plug_is_noticed_while_one_looks(keyboard: Keyboard) -> None:
    listed: list[list[PortDescription]] = [[], [PORT]]
    assert keyboard.front.wait_for(Watch(partial(listed.pop, 0)), "Plug it in") == PORT
    assert "Plug it in" in keyboard.shown.getvalue()


def test_any_key_gives_up_waiting(keyboard: Keyboard) -> None:
    keyboard.keys.send_text("q")
    assert keyboard.front.wait_for(Watch(list), "Plug it in") is None
