"""A screen of lines, for a terminal that can do nothing else, and for input that is no terminal at all."""

import getpass
import sys
from typing import Final, TextIO

from tillbridge.connector.setup.finding import Watch
from tillbridge.connector.setup.front import BACK_WORD, Back, Prompt, Stopped
from tillbridge.transports.serial_line import PortDescription
from tillbridge.web.language import Catalogue

LONGEST_LINE: Final = 16 * 1024
"""Characters of an answer; what is longer is no answer, and is not gathered in memory."""


class PlainFront:
    """See `front.Front`. A password is read without being shown wherever the system can do that."""

    def __init__(self, texts: Catalogue, source: TextIO = sys.stdin, out: TextIO = sys.stdout) -> None:
        self._texts = texts
        self._in = source
        self._out = out

    def say(self, text: str) -> None:
        """See `Front.say`."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def warn(self, text: str) -> None:
        """See `Front.warn`."""
        self.say(f"!!! {text}")

    def ask(self, prompt: Prompt) -> str | Back:
        """See `Front.ask`."""
        self.say("")
        self.say(prompt.title)
        if prompt.help:
            self.say(f"  {prompt.help}")
        for number, choice in enumerate(prompt.choices, start=1):
            self.say(f"  {number}) {choice.label}")
        while True:
            typed = self._read(prompt)
            if typed == BACK_WORD:
                if prompt.may_go_back:
                    return Back.BACK
                self.say(self._texts("wrong.no_way_back"))
                continue
            answer = self._meant(prompt, typed)
            wrong = prompt.check(answer)
            if wrong is None:
                return answer
            self.say(f"  {wrong}")

    def wait_for(self, watch: Watch, title: str) -> PortDescription | None:
        """See `Front.wait_for`: this screen cannot watch and listen at once, so that the person says when."""
        self.say(title)
        self._read(Prompt(self._texts("say.press_enter")))
        return watch.look()

    def _meant(self, prompt: Prompt, typed: str) -> str:
        if not typed and not prompt.secret:
            return prompt.usual
        if prompt.choices and typed.isascii() and typed.isdigit() and 0 < int(typed[:4]) <= len(prompt.choices):
            return prompt.choices[int(typed[:4]) - 1].value
        return typed

    def _read(self, prompt: Prompt) -> str:
        usual = f" [{prompt.usual}]" if prompt.usual else ""
        try:
            if prompt.secret and self._in.isatty():
                return getpass.getpass("> ")
            self._out.write(f"{usual}> " if usual else "> ")
            self._out.flush()
            typed = self._in.readline(LONGEST_LINE)
        except (KeyboardInterrupt, EOFError):
            raise Stopped from None
        if not typed:
            raise Stopped
        return typed.rstrip("\r\n") if prompt.secret else typed.strip()
