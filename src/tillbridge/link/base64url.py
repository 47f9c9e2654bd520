"""Bytes as text in JSON and headers: base64url without padding (RFC 4648, section 5; RFC 7515, section 2).

Each value has exactly one spelling: what decodes but would be written otherwise is refused, so that two different
texts never stand for the same bytes.
"""

import base64
import binascii
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer

KEY_BYTES: Final = 32
"""Keys, hashes and MACs of the link are all of this length."""


def encode(value: bytes) -> str:
    """The text of these bytes."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of this text; `ValueError` if it is not base64url, padded, or not in its one spelling."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
    if encode(value) != text:
        raise ValueError("not base64url in its one spelling")
    return value


def _decoded(value: object) -> object:
    return decode(value) if isinstance(value, str) else value


AsBase64Url = Annotated[bytes, BeforeValidator(_decoded), PlainSerializer(encode, when_used="json")]
"""A field of a model: bytes here, base64url in JSON. Each use bounds its length."""

Bytes32 = Annotated[AsBase64Url, Field(min_length=KEY_BYTES, max_length=KEY_BYTES)]
