"""The screen of a terminal that can do more: arrows for choices, stars for passwords, a live look at the ports."""

import os
from collections.abc import Mapping
from typing import Any, Final

import questionary
from prompt_toolkit.application import Application

from tillbridge.connector.setup.finding import Watch
from tillbridge.connector.setup.front import BACK_WORD, Back, Prompt, Stopped
from tillbridge.transports.serial_line import PortDescription
from tillbridge.web.language import Catalogue

_BACK: Final = "\0back"
"""No answer is written like this."""

_WARNING: Final = "bold fg:ansired"
_KINDLY: Final = "italic fg:ansigray"


class PromptFront:
    """See `front.Front`."""

    def __init__(self, texts: Catalogue) -> None:
        self._texts = texts

    def say(self, text: str) -> None:
        """See `Front.say`."""
        questionary.print(text)

    def warn(self, text: str) -> None:
        """See `Front.warn`."""
        questionary.print(text, style=_WARNING)

    def ask(self, prompt: Prompt) -> str | Back:
        """See `Front.ask`."""
        if prompt.help:
            questionary.print(f"  {prompt.help}", style=_KINDLY)
        question = self._select(prompt) if prompt.choices else self._typed(prompt)
        try:
            answer = str(question.unsafe_ask())
        except (KeyboardInterrupt, EOFError):
            raise Stopped from None
        if answer.strip() in (_BACK, BACK_WORD) and prompt.may_go_back:
            return Back.BACK
        return answer if prompt.secret else answer.strip()

    def wait_for(self, watch: Watch, title: str) -> PortDescription | None:
        """See `Front.wait_for`: the ports are watched while any key gives up."""
        question = questionary.press_any_key_to_continue(f"{title} ({self._texts('say.any_key')})")
        application: Application[Any] = question.application

        async def watching() -> None:
            application.exit(result=await watch.wait())

        try:
            found = application.run(pre_run=lambda: _begin(application, watching))
        except (KeyboardInterrupt, EOFError):
            raise Stopped from None
        return found if isinstance(found, PortDescription) else None

    def _select(self, prompt: Prompt) -> questionary.Question:
        choices = [questionary.Choice(choice.label, value=choice.value) for choice in prompt.choices]
        if prompt.may_go_back:
            choices.append(questionary.Choice(self._texts("choice.back"), value=_BACK))
        known = {choice.value for choice in prompt.choices}
        return questionary.select(
            prompt.title,
            choices=choices,
            default=prompt.usual if prompt.usual in known else None,
            instruction=self._texts("say.arrows"),
        )

    def _typed(self, prompt: Prompt) -> questionary.Question:
        def validate(text: str) -> bool | str:
            if text.strip() == BACK_WORD:
                return True if prompt.may_go_back else self._texts("wrong.no_way_back")
            return prompt.check(text if prompt.secret else text.strip()) or True

        if prompt.secret:
            return questionary.password(prompt.title, validate=validate)
        return questionary.text(prompt.title, default=prompt.usual, validate=validate)


def _begin(application: Application[Any], watching: Any) -> None:  # noqa: ANN401  # a coroutine function of prompt_toolkit's
    _ = application.create_background_task(watching())  # prompt_toolkit ends it with the application


def can_prompt(environment: Mapping[str, str], *, interactive: bool, windows: bool = os.name == "nt") -> bool:
    """Whether there is a terminal that takes more than lines. On Windows every console does, and no TERM says so."""
    return interactive and (windows or environment.get("TERM", "") not in ("", "dumb"))
