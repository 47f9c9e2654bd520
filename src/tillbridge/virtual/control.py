"""The control API of virtual terminals: a person or a test plays the customer, the mishap and the next scenario.

docs/reference/virtual-terminal.md describes it. It moves nobody's money, and it can never change a ledger.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.control_bodies import (
    Body,
    CancelKeyBody,
    ScenarioBody,
    ledger_view,
    scenarios_view,
    terminal_view,
)
from tillbridge.virtual.scenarios import scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.asgi import App
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.problem import problem_json

ROWS_AT_ONCE: Final = 1000
"""Rows of a ledger in one answer: a page that a person or a test can still read whole."""

METHOD_NOT_ALLOWED: Final = 405

LARGEST_BODY: Final = 16 * 1024
"""Bytes of a request's body: an inline scenario with every fault there is takes less than two thousand."""

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A virtual terminal with the switches of its door."""

    terminal: VirtualTerminal
    behaviour: ScriptedBehaviour


def control_app(simulated: Mapping[str, Simulated], hosts: Iterable[str] = ()) -> App:
    """The ASGI application for these terminals, by name, behind its guard; `hosts` are names besides localhost."""
    pages = _Pages(simulated)
    at = "/terminals/{name}"
    pages_app = Starlette(
        routes=[
            Route("/scenarios", pages.scenarios, methods=["GET"]),
            Route("/terminals", pages.terminals, methods=["GET"]),
            Route(at, pages.terminal, methods=["GET"]),
            Route(f"{at}/ledger", pages.ledger, methods=["GET"]),
            Route(f"{at}/scenario", pages.set_scenario, methods=["POST"]),
            Route(f"{at}/scenario", pages.clear_scenario, methods=["DELETE"]),
            Route(f"{at}/cancel-key", pages.cancel_key, methods=["POST"]),
            *(Route(f"{at}/{path}", pages.press(action), methods=["POST"]) for path, action in _BUTTONS.items()),
        ],
        exception_handlers={BridgeError: _refused, HTTPException: _no_such_page},
    )
    return LoopbackGuard(pages_app, hosts=hosts, max_body=LARGEST_BODY)


_BUTTONS: Final[Mapping[str, Callable[[Simulated], None]]] = {
    "card": lambda one: one.terminal.present_card(),
    "pin": lambda one: one.terminal.enter_pin(),
    "reboot": lambda one: one.terminal.reboot(),
    "pull-line": lambda one: one.behaviour.pull_line(),
    "plug-line": lambda one: one.behaviour.plug_line(),
}


class _Pages:
    def __init__(self, simulated: Mapping[str, Simulated]) -> None:
        self._simulated = simulated

    async def scenarios(self, _: Request) -> Response:
        return JSONResponse(scenarios_view())

    async def terminals(self, _: Request) -> Response:
        views = [terminal_view(one.terminal, one.behaviour) for one in self._simulated.values()]
        return JSONResponse({"terminals": views})

    async def terminal(self, request: Request) -> Response:
        return _shown(self._named(request))

    async def ledger(self, request: Request) -> Response:
        one = self._named(request)
        after = _number(request, "after", 0, lowest=0)
        limit = min(_number(request, "limit", ROWS_AT_ONCE, lowest=1), ROWS_AT_ONCE)
        return JSONResponse(ledger_view(one.terminal.ledger, after, limit))

    async def set_scenario(self, request: Request) -> Response:
        one = self._named(request)
        body = await _body(request, ScenarioBody)
        chosen = body.inline.scenario() if body.inline is not None else scenario(body.name or "")
        one.terminal.script.set(Step(chosen, body.times))
        return _shown(one)

    async def clear_scenario(self, request: Request) -> Response:
        one = self._named(request)
        one.terminal.script.set()
        return _shown(one)

    async def cancel_key(self, request: Request) -> Response:
        one = self._named(request)
        body = await _body(request, CancelKeyBody)
        one.terminal.press_cancel(body.by)
        return _shown(one)

    def press(self, action: Callable[[Simulated], None]) -> Callable[[Request], Any]:
        async def pressed(request: Request) -> Response:
            one = self._named(request)
            await _body(request, Body)
            action(one)
            return _shown(one)

        return pressed

    def _named(self, request: Request) -> Simulated:
        name = request.path_params["name"]
        found = self._simulated.get(name)
        if found is None:
            known = ", ".join(self._simulated)
            raise BridgeError(Code.TERMINAL_UNKNOWN, f"there is no terminal {name[:40]!r}; there are: {known}")
        return found


def _shown(one: Simulated) -> Response:
    return JSONResponse(terminal_view(one.terminal, one.behaviour))


async def _body(request: Request, model: type[B]) -> B:
    """The body as this model; an empty one is an empty object."""
    raw = await request.body()
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise _invalid(raw, error) from None


def _invalid(raw: bytes, error: ValidationError) -> BridgeError:
    """The first thing that is wrong, by the name of its field."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return BridgeError(Code.BODY_INVALID, first["msg"])
    return BridgeError(Code.FIELD_INVALID, first["msg"], place=_place(from_json(raw or b"{}"), first["loc"]))


def _place(value: object, location: tuple[int | str, ...]) -> str:
    """The path of a field, without the names of alternatives that pydantic puts behind it."""
    path: list[str] = []
    for step in location:
        path.append(str(step))
        if not isinstance(value, dict) or step not in value:
            break
        value = value[step]
        if not isinstance(value, dict):
            break
    return ".".join(path) or "body"


def _number(request: Request, name: str, default: int, *, lowest: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < len(str(2**53)) and int(text) >= lowest):
        raise BridgeError(Code.FIELD_INVALID, f"{name} is a whole number from {lowest} on", place=name)
    return int(text)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, BridgeError):
        raise error
    status, headers, body = problem_json(error)
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


async def _no_such_page(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = Code.METHOD_NOT_ALLOWED if error.status_code == METHOD_NOT_ALLOWED else Code.PATH_UNKNOWN
    answer = await _refused(request, BridgeError(code))
    answer.headers.update(error.headers or {})
    return answer
