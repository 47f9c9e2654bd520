"""The end of a setup: who starts the connector from now on."""

from enum import StrEnum

from tillbridge.connector.setup.front import Choice, Front, Prompt
from tillbridge.web.language import Catalogue


class Start(StrEnum):
    """What a person can choose once the settings are written."""

    SERVICE = "service"
    NOW = "now"
    LATER = "later"


def ask_start(front: Front, texts: Catalogue, *, has_service: bool, failed: bool) -> Start:
    """What the person wants. The service is offered where the system has one; after a failure `later` is usual.

    Raises `front.Stopped`.
    """
    ways = [way for way in Start if has_service or way is not Start.SERVICE]
    words = ", ".join(ways)
    choices = [Choice(way, texts(f"choice.{way}")) for way in ways]
    usual = Start.LATER if failed else ways[0]

    def check(text: str) -> str | None:
        return None if text in ways else texts("wrong.choice", choices=words)

    prompt = Prompt(texts("ask.start"), usual=usual, choices=choices, may_go_back=False, check=check)
    return Start(str(front.ask(prompt)))
