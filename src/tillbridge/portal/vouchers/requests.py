"""Reads requests about vouchers: small, strict, and with errors that name the place and nothing that stood there."""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from fastapi.exceptions import HTTPException
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR
from tillbridge.link.voucher_messages import KEY_PATTERN
from tillbridge.web.strict_request import read_json

LARGEST: Final = 4096
"""Bytes of a body; a redemption with every name at its longest takes a third of it."""

KEY_HEADER: Final = "Idempotency-Key"

_KEY: Final = re.compile(KEY_PATTERN, re.ASCII)

_BY_FIELD: Final = {
    "amount": Code.VOUCHER_AMOUNT,
    "up_to": Code.VOUCHER_AMOUNT,
    "exact": Code.VOUCHER_AMOUNT,
    "number": Code.VOUCHER_UNREADABLE,
    "pin": Code.VOUCHER_UNREADABLE,
}

T = TypeVar("T", bound=BaseModel)


def read_key(request: Request, named: str | None = None) -> str:
    """The key of an action, from its header or from the path. `BridgeError`: KEY_REQUIRED, FIELD_INVALID."""
    if named is not None:
        return one_key([named], "key")
    return one_key(request.headers.getlist(KEY_HEADER), KEY_HEADER)


def one_key(given: Sequence[str], place: str) -> str:
    """The one key among what was given. `BridgeError`: KEY_REQUIRED, FIELD_INVALID."""
    if not given:
        raise BridgeError(Code.KEY_REQUIRED, place=place)
    # `fullmatch`: a `$` would let a line end through.
    if len(given) != 1 or _KEY.fullmatch(given[0]) is None:
        said = "a key has 16 to 64 letters, digits, dots, hyphens or underscores"
        raise BridgeError(Code.FIELD_INVALID, said, place=place)
    return given[0]


def read_body(kind: type[T], body: bytes, largest: int = LARGEST) -> T:
    """A request. `BridgeError`: BODY_TOO_LARGE, BODY_INVALID, FIELD_INVALID, VOUCHER_AMOUNT, VOUCHER_UNREADABLE."""
    if len(body) > largest:
        raise BridgeError(Code.BODY_TOO_LARGE, f"a request is limited to {largest} bytes")
    try:
        read: Any = read_json(body)
    except HTTPException as error:
        raise BridgeError(Code.BODY_INVALID, str(error.detail)) from None
    try:
        return kind.model_validate(read)
    except ValidationError as error:
        raise _refused(error) from None


def read_nothing(body: bytes) -> None:
    """Nothing is said in the body of such a request; an empty object is nothing, too."""
    if body.strip() not in {b"", b"{}"}:
        raise BridgeError(Code.BODY_INVALID, "this request has no body")


def _refused(error: ValidationError) -> BridgeError:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(step) for step in first["loc"]) or "body"
    code = _BY_FIELD.get(place, Code.FIELD_INVALID)
    if first["type"] in {"missing", "extra_forbidden"}:
        code = Code.FIELD_INVALID
    members = {"min": 1, "max": MAX_MINOR} if code is Code.VOUCHER_AMOUNT else {}
    return BridgeError(code, first["msg"], place=place, members=members)
