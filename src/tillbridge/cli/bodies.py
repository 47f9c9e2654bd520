"""Checks what was written on the command line as the native interface would."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tillbridge.domain.errors import BridgeError, Code

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], **fields: Any) -> M:  # noqa: ANN401  # whatever the model takes
    """A body of these fields; `BridgeError(FIELD_INVALID)` naming the option that is wrong."""
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else None
        raise BridgeError(Code.FIELD_INVALID, first["msg"], place=place) from None
