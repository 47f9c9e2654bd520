"""The doors for tills: what a person has to enter in each till, and whether the door listens now."""

import asyncio
import math
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Reference, Site
from tillbridge.connector.console.words import Words
from tillbridge.connector.doors import DoorState

PATIENCE: Final = 180.0
"""Seconds that a payment may take at the terminal where a door's settings name no patience of their own."""

TILL_WAITS_LONGER: Final = 20.0
"""Seconds by which a till has to be more patient than its door: else it gives up just before the answer comes."""

EVERYWHERE: Final = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104  # recognised here, not listened on

_AT_PORT: Final = re.compile(r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[^\]]+\]|[^/\[\]:]+):(?P<port>[0-9]{1,5})(?:/.*)?")
_NAMES: Final = ("api_username", "username", "login")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to enter in the till. `copied` where it is taken letter by letter."""

    label: str
    value: str
    copied: bool = True


@dataclass(frozen=True, slots=True)
class DoorCard:
    """One door as the page shows it."""

    name: str
    wire: str
    listening: bool
    entries: list[Entry]


class DoorPages:
    """The pages under `/doors`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [gate.page("/doors", self.page), gate.page("/doors/reference/{name}", self.reference)]

    async def page(self, request: Request, session: Session) -> Response:
        """Every door, and what to read about the language that it speaks."""
        words = self._site.words(request)
        return self._site.page(
            request,
            "doors.html",
            session=session,
            doors=[door_card(state, words) for state in self._site.doors.states()],
            references=[(name, _kibibytes(content)) for name, _, content in await self._references()],
        )

    async def reference(self, request: Request, _: Session) -> Response:
        """One reference as a file."""
        wanted = request.path_params["name"]
        for name, media_type, content in await self._references():
            if name == wanted:
                headers = {"Content-Disposition": f'attachment; filename="{name}"'}
                return Response(content, media_type=media_type, headers=headers)
        raise HTTPException(HTTPStatus.NOT_FOUND)

    async def _references(self) -> Sequence[Reference]:
        # In a thread: payments go on while they are made.
        return await asyncio.to_thread(self._site.premises.references)


def door_card(state: DoorState, words: Words) -> DoorCard:
    """The door with everything that its till has to know."""
    return DoorCard(state.name, state.wire, state.listening, list(_entries(state, words)))


def _entries(state: DoorState, words: Words) -> Iterator[Entry]:
    yield from _line(state, words)
    yield from _bluetooth(state.settings, words)
    yield from _login(state.settings, words)
    patience = getattr(state.settings, "patience", PATIENCE)
    seconds = math.ceil(patience + TILL_WAITS_LONGER)
    yield Entry(words.t("door.timeout"), words.t("door.seconds", seconds=seconds), copied=False)
    terminal = getattr(state.settings, "terminal", None)
    yield Entry(words.t("door.leads_to"), terminal or words.t("door.any_terminal"), copied=False)
    allowed = getattr(state.settings, "allow_from", ())
    if allowed:
        yield Entry(words.t("door.allow_from"), ", ".join(map(str, allowed)), copied=False)


def _line(state: DoorState, words: Words) -> Iterator[Entry]:
    """Where the till finds the door: an address and a port, or a serial line."""
    settings = state.settings
    found = _AT_PORT.fullmatch(state.address)
    if found is not None:
        host = found["host"]
        everywhere = host in EVERYWHERE
        yield Entry(words.t("door.address"), socket.gethostname() if everywhere else host)
        yield Entry(words.t("door.port"), found["port"])
        if found["scheme"]:
            shown = socket.gethostname() if everywhere else host
            yield Entry(words.t("door.url"), f"{found['scheme']}://{shown}:{found['port']}")
        return
    serial = getattr(settings, "serial", None)
    place = state.address or getattr(serial, "port", "") or str(getattr(settings, "pty", None) or "")
    if place:
        yield Entry(words.t("door.serial"), place)
    if serial is not None:
        yield Entry(words.t("door.line"), serial.line, copied=False)


def _bluetooth(settings: BaseModel, words: Words) -> Iterator[Entry]:
    bluetooth = getattr(settings, "bluetooth", None)
    if isinstance(bluetooth, BaseModel):
        for name in type(bluetooth).model_fields:
            value = getattr(bluetooth, name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                yield Entry(f"{words.t('door.bluetooth')} ({name})", str(value))
    elif bluetooth:
        yield Entry(words.t("door.bluetooth"), str(bluetooth))


def _login(settings: BaseModel, words: Words) -> Iterator[Entry]:
    """The login, and which setting holds the password: never the password itself, nor its hash."""
    fields = type(settings).model_fields
    for name in _NAMES:
        if fields.get(name) is not None and getattr(settings, name):
            yield Entry(words.t("door.login"), str(getattr(settings, name)))
    for name in fields:
        if "password" in name and getattr(settings, name):
            yield Entry(words.t("door.password"), words.t("door.password.where", setting=name), copied=False)


def _kibibytes(content: bytes) -> str:
    return f"{max(1, len(content) // 1024)} KiB"
