"""The description of the native interface (OpenAPI 3.1), as it really answers."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tillbridge.connector.api.resources import ProblemResource, StreamedResource
from tillbridge.connector.api.voucher_events import StreamedVoucherResource

_FRAMEWORK_ERROR: Final = "HTTPValidationError"
"""What the framework would answer to a wrong request; here that is a problem like every other."""

_NOT_AN_ANSWER: Final = (ProblemResource, StreamedResource, StreamedVoucherResource)
"""Shapes that no route has as its model: errors, and what comes in the stream of events."""

REFERENCE: Final = "#/components/schemas/{model}"


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the application."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=app.servers,
    )
    schemas = document["components"]["schemas"]
    for name in (_FRAMEWORK_ERROR, "ValidationError"):
        schemas.pop(name, None)
    for shape in _NOT_AN_ANSWER:
        described = shape.model_json_schema(mode="serialization", ref_template=REFERENCE)
        schemas.update(described.pop("$defs", {}))
        schemas[shape.__name__] = described
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"] = {
                status: answer for status, answer in operation["responses"].items() if not _framework_made(answer)
            }
    return document


def _framework_made(answer: dict[str, Any]) -> bool:
    return _FRAMEWORK_ERROR in str(answer.get("content", {}))
