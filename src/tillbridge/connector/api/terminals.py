"""The terminals of the native interface: what each can do, how it is, where it is, and what occupies it."""

from typing import Final

from fastapi import FastAPI, Request, Response

from tillbridge.connector.api.bodies import LONGEST_NAME, MoveBody, digest
from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.payments import WRITING
from tillbridge.connector.api.repeats import Repeats
from tillbridge.connector.api.resources import TerminalResource, TerminalsResource
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import Engine

_UNKNOWN: Final = (Code.TERMINAL_UNKNOWN,)
_MOVING: Final = (*WRITING, *_UNKNOWN, Code.TERMINAL_BUSY, Code.TERMINAL_LOCKED, Code.OPERATION_UNSUPPORTED)


class _Terminals:
    """The routes' functions, over one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._repeats = Repeats()

    async def all(self) -> Response:
        """Every terminal: what it can do, how it is, where it is, and what occupies it."""
        places = self._engine.moves.places()
        found = tuple(TerminalResource.of(one, places.get(one.name)) for one in await self._engine.terminals())
        return json_answer(TerminalsResource(terminals=found))

    async def one(self, name: str) -> Response:
        """One terminal."""
        return json_answer(await self._terminal(name))

    async def move(self, request: Request, name: str, body: MoveBody, idempotency_key: IdempotencyKey) -> Response:
        """A named person says that a terminal on the network has another address now, having looked at it.

        It counts from the next connection on, also after a restart, until its settings get another address. It is
        refused while a payment runs on the terminal or is in doubt there. The answer says whether it was reached.
        """

        async def act() -> Resource:
            await self._engine.moves.move(name, body.address, by=body.by, reason=body.reason)
            return await self._terminal(name)

        return await self._repeats.once(granted(request).caller, idempotency_key, digest(body, request.url.path), act)

    async def _terminal(self, name: str) -> TerminalResource:
        statuses = await self._engine.terminals()
        for status in statuses:
            if status.name == name:
                return TerminalResource.of(status, self._engine.moves.places().get(name))
        known = ", ".join(status.name for status in statuses) or "none"
        raise BridgeError(Code.TERMINAL_UNKNOWN, f"{name[:LONGEST_NAME]!r} is not one of: {known}", place="name")


def add_terminals(app: FastAPI, engine: Engine) -> None:
    """Adds the routes about terminals."""
    of = _Terminals(engine)
    every, one, tag, shape = "/terminals", "/terminals/{name}", "terminals", TerminalResource
    decide = (Scope.SETTLE, Scope.ADMIN)
    for route in (
        Route("GET", every, of.all, "list_terminals", "List terminals", tag, TerminalsResource),
        Route("GET", one, of.one, "get_terminal", "Look at one", tag, shape, _UNKNOWN),
        Route("POST", f"{one}/address", of.move, "move_terminal", "Say where it is now", tag, shape, _MOVING, decide),
    ):
        route.add_to(app)
