"""How a request comes in, before FastAPI sees it: the key first, then JSON as money needs it, nothing ambiguous."""

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from tillbridge.connector.api.scopes import SCOPES, Grant, Scope, keep_grant
from tillbridge.domain.errors import BridgeError, Code

BAD_REQUEST: Final = 400

LONGEST_SHOWN: Final = 64
"""Characters of a wrong name that an error repeats."""


def _refuse(detail: str) -> NoReturn:
    raise HTTPException(BAD_REQUEST, detail)


def _no_equal_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # The usual reader keeps the last one, another program the first: so two amounts could be meant.
        _refuse("a name stands twice in one object")
    return found


def _not_in_json(text: str) -> NoReturn:
    _refuse(f"{text} is no number in JSON")


def read_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8; `HTTPException(400)` with a reason for everything else."""
    try:
        value: object = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_no_equal_names, parse_constant=_not_in_json
        )
    except json.JSONDecodeError as error:
        _refuse(f"line {error.lineno}, column {error.colno}: {error.msg}")
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start} is not UTF-8")
    except RecursionError:
        _refuse("the body is nested too deeply")
    except ValueError:
        _refuse("a number has too many digits")
    return value


class StrictRequest(Request):
    """A request whose JSON is read by `read_json`."""

    async def json(self) -> Any:  # noqa: ANN401  # as the base class has it
        """The body's value."""
        return read_json(await self.body())


class StrictRoute(APIRoute):
    """A route that hands out `StrictRequest`s, to who may have them: `app.state.authorize` raises for everybody else.

    The key and its scopes come before everything: who does not have them learns nothing about the body either. A name
    in the query that the route does not know is refused, and one that stands there twice: a wish that is misspelt
    would else be granted as if it had not been made.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handle = super().get_route_handler()
        # A route that does not say whom it is for is for nobody but who sets up the connector.
        scopes: tuple[Scope, ...] = tuple(map(Scope, (self.openapi_extra or {}).get(SCOPES, (Scope.ADMIN,))))
        known = frozenset(self._query_names())

        async def handle_strictly(request: Request) -> Response:
            grant: Grant = request.app.state.authorize(request)
            grant.require(*scopes)
            keep_grant(request, grant)
            if request.scope["query_string"]:
                _check_query(request, known)
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly

    def _query_names(self) -> Iterator[str]:
        for field in self.dependant.query_params:
            shape = field.field_info.annotation
            if isinstance(shape, type) and issubclass(shape, BaseModel):
                yield from shape.model_fields
            else:
                yield field.alias


def _check_query(request: Request, known: frozenset[str]) -> None:
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known or name in seen:
            detail = "this stands in the query twice" if name in seen else "there is no such parameter"
            raise BridgeError(Code.FIELD_INVALID, detail, place=name[:LONGEST_SHOWN] or "query")
        seen.add(name)
