"""Reads what a browser sends when a form is submitted."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code

MOST_FIELDS: Final = 150
"""The wire tester's form has a field for each setting of a wire: about forty, a third of this."""

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form by name, without the spaces around them; `BridgeError(BODY_INVALID)` for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise BridgeError(Code.BODY_INVALID, f"a form as {MEDIA_TYPE} is expected")
    try:
        body = (await request.body()).decode("ascii")
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BridgeError(Code.BODY_INVALID, "the form could not be read") from error
    if any("\0" in part for pair in pairs for part in pair):
        # No person types one, and not every database takes one in a text.
        raise BridgeError(Code.BODY_INVALID, "a form holds no zero bytes")
    return {name: value.strip() for name, value in pairs}
