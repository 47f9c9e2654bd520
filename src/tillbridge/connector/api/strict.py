"""How a request comes in, before FastAPI sees it: the key first, then JSON as money needs it, nothing ambiguous."""

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from tillbridge.connector.api.scopes import SCOPES, Grant, Scope, keep_grant
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.web.strict_request import StrictRequest

LONGEST_SHOWN: Final = 64
"""Characters of a wrong name that an error repeats."""


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
