"""How a route of the native interface is declared, and how it answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tillbridge.connector.api.problems import ALWAYS, documented
from tillbridge.connector.api.scopes import SCOPES, Scope
from tillbridge.domain.errors import Code

NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Route:
    """A route with what the description of the interface says about it.

    A key needs one of `scopes`, or none where none is named: that is checked before anything else of the request is
    read. `errors` come besides those that every request may meet; `more` are further `responses` of OpenAPI.
    """

    method: str
    path: str
    answer: Callable[..., Awaitable[Response]]
    operation: str
    summary: str
    tag: str
    model: type[BaseModel] | None = None
    errors: tuple[Code, ...] = ()
    scopes: tuple[Scope, ...] = ()
    more: dict[int | str, dict[str, Any]] | None = None

    def add_to(self, app: FastAPI) -> None:
        """Adds the route to the application of the native interface."""
        refusals = (Code.SCOPE_MISSING,) if self.scopes else ()
        app.add_api_route(
            self.path,
            self.answer,
            methods=[self.method],
            tags=[self.tag],
            operation_id=self.operation,
            summary=self.summary,
            response_model=self.model,
            # Only for the description: it says that a model is JSON. The answers are made by `json_answer`.
            response_class=Response if self.model is None else JSONResponse,
            responses=documented(*ALWAYS, *refusals, *self.errors) | (self.more or {}),
            openapi_extra={SCOPES: [scope.value for scope in self.scopes]},
        )


def json_answer(resource: BaseModel, status: int = HTTPStatus.OK) -> Response:
    """A resource as an answer that nobody in between keeps."""
    return Response(resource.model_dump_json(), status, NO_STORE, media_type="application/json")
