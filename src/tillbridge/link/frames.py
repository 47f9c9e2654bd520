"""Messages of the link as texts, and texts as messages (docs/reference/pairing-protocol.md, section 10)."""

from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link.messages import FromConnector, FromPortal

MAX_FRAME: Final = 256 * 1024
"""Bytes of one message: room for the settings of a location, and no more memory than a stranger may cost."""

_Message = TypeVar("_Message")

_FROM_CONNECTOR: Final[TypeAdapter[FromConnector]] = TypeAdapter(Annotated[FromConnector, Field(discriminator="type")])
_FROM_PORTAL: Final[TypeAdapter[FromPortal]] = TypeAdapter(Annotated[FromPortal, Field(discriminator="type")])
_UNKNOWN_TYPE: Final = "union_tag_invalid"
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that a newer other side knows. It is noted and left alone."""

    type: str


def read_from_connector(text: str | bytes) -> FromConnector | UnknownMessage:
    """Reads what a connector sent; `BridgeError` as in `read_from_portal`."""
    return _read(_FROM_CONNECTOR, text)


def read_from_portal(text: str | bytes) -> FromPortal | UnknownMessage:
    """Reads what a portal sent.

    `BridgeError`: BODY_TOO_LARGE for more than `MAX_FRAME` bytes, FIELD_INVALID with the place for a wrong member,
    BODY_INVALID for what is no message at all. What was sent is not repeated.
    """
    return _read(_FROM_PORTAL, text)


def write(message: FromConnector | FromPortal) -> str:
    """The text of a message. Members that are None are left out."""
    return message.model_dump_json(exclude_none=True)


def _read(adapter: TypeAdapter[_Message], text: str | bytes) -> _Message | UnknownMessage:
    if len(text) > MAX_FRAME:
        raise BridgeError(Code.BODY_TOO_LARGE, f"a message has at most {MAX_FRAME} bytes")
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == _UNKNOWN_TYPE:
            return UnknownMessage(str(first["ctx"]["tag"])[:_SHOWN])
        place = ".".join(str(step) for step in first["loc"])[:100]
        code = Code.FIELD_INVALID if place else Code.BODY_INVALID
        raise BridgeError(code, f"the message cannot be read ({first['type']})", place=place or None) from None
