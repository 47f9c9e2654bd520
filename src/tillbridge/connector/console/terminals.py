"""The terminals: how each is, and what it can do."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.till_form import AT_TILL, can
from tillbridge.connector.console.views import TerminalCard, terminal_card
from tillbridge.connector.console.words import Words
from tillbridge.domain.operation import Kind
from tillbridge.protocols.contract import Capabilities, TerminalStatus
from tillbridge.protocols.moving import Place


@dataclass(frozen=True, slots=True)
class Ability:
    """One line of what a terminal can do."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class AbleTerminal:
    """A terminal with its abilities and its place; `kinds` are what the till page can take on it.

    `movable` says whether it has an address on a network.
    """

    card: TerminalCard
    kinds: list[Kind]
    abilities: list[Ability]
    movable: bool


class TerminalPages:
    """The page `/terminals`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [gate.page("/terminals", self.page)]

    async def page(self, request: Request, session: Session) -> Response:
        """Every terminal."""
        words = self._site.words(request)
        found = await self._site.engine.terminals()
        places = self._site.engine.moves.places()
        return self._site.page(
            request,
            "terminals.html",
            session=session,
            terminals=[able_terminal(one, places.get(one.name), words) for one in found],
            notice="moved" if request.query_params.get("notice") == "moved" else None,
        )


def able_terminal(status: TerminalStatus, place: Place | None, words: Words) -> AbleTerminal:
    """The terminal as the page shows it."""
    kinds = [kind for kind in AT_TILL if can(status, kind, linked=False)]
    lines = list(abilities(status.capabilities, words))
    if place is not None:
        lines.extend(about_place(place, words))
    return AbleTerminal(terminal_card(status, words), kinds, lines, place is not None)


def about_place(place: Place, words: Words) -> Iterator[Ability]:
    """Where a terminal is, in words."""
    both = words.t("place.configured", address=place.address, configured=place.configured)
    yield Ability(words.t("place.address"), place.address if place.address == place.configured else both)
    if place.candidates:
        yield Ability(words.t("place.seen"), ", ".join(place.candidates))


def abilities(able: Capabilities, words: Words) -> Iterator[Ability]:
    """What a terminal can do, in words."""
    yield Ability(words.t("able.kinds"), ", ".join(words.kind(kind) for kind in Kind if kind in able.kinds))
    linked = [words.kind(kind) for kind in Kind if kind in able.linked and kind in able.kinds]
    if linked:
        yield Ability(words.t("able.linked"), ", ".join(linked))
    yield Ability(words.t("able.abort"), words.t(f"abort.{able.abort}"))
    yield Ability(words.t("able.recovery"), words.t(f"recovery.{able.recovery}"))
    codes = words.t("able.every") if able.currencies is None else ", ".join(sorted(able.currencies))
    yield Ability(words.t("able.currencies"), codes)
    yield Ability(words.t("able.partial"), words.t("yes" if able.partial else "no"))
