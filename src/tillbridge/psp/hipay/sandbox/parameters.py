"""Reads the parameters of a request to the gateway: a form as urlencoded text or as multipart, in UTF-8."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARAMETERS: Final = 200
"""An order with everything that is documented has about a hundred."""

URLENCODED: Final = b"application/x-www-form-urlencoded"
MULTIPART: Final = b"multipart/form-data"


def read_parameters(content_type: str | None, body: bytes) -> Mapping[str, str]:
    """The parameters by name. `GatewayRefusal` for a name that stands twice, and for what is no form or not UTF-8."""
    media, options = parse_options_header(content_type or "")
    match media:
        case b"application/x-www-form-urlencoded":
            pairs = _urlencoded(body)
        case b"multipart/form-data":
            pairs = _multipart(body, options.get(b"boundary", b""))
        case _:
            raise _malformed(f"the content type must be {URLENCODED.decode()} or {MULTIPART.decode()}")
    if len(pairs) > MOST_PARAMETERS:
        raise _malformed(f"more than {MOST_PARAMETERS} parameters")
    found = dict(pairs)
    if len(found) != len(pairs):
        # One reader takes the first and another the last: two amounts could be meant.
        raise _malformed("a parameter stands twice")
    return {name: value for name, value in found.items() if value != ""}


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS + 1)
    except UnicodeDecodeError:
        raise GatewayRefusal(GatewayCode.NOT_UTF8, "the parameters are not UTF-8") from None
    except ValueError:
        raise _malformed("the form could not be read") from None


class _Parts:
    """Collects the parts of a multipart body while its parser goes through it."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self.whole = False
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value, self._data = bytearray(), bytearray(), bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser is to call."""
        return {
            "on_part_begin": self.on_part_begin,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_header_begin": self.on_header_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_end": self.on_end,
        }

    def on_part_begin(self) -> None:
        self._headers = {}
        self._data = bytearray()

    def on_header_begin(self) -> None:
        self._name, self._value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def on_part_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options or b"filename" in options:
            raise _malformed("a part of the form is no parameter")
        self.pairs.append((options[b"name"], bytes(self._data)))

    def on_end(self) -> None:
        self.whole = True


def _multipart(body: bytes, boundary: bytes) -> list[tuple[str, str]]:
    if not boundary:
        raise _malformed("the multipart form names no boundary")
    parts = _Parts()
    parser = MultipartParser(boundary, parts.callbacks())
    try:
        parser.write(body)
        parser.finalize()
        pairs = [(name.decode("utf-8"), value.decode("utf-8")) for name, value in parts.pairs]
    except UnicodeDecodeError:
        raise GatewayRefusal(GatewayCode.NOT_UTF8, "the parameters are not UTF-8") from None
    except FormParserError:
        raise _malformed("the multipart form could not be read") from None
    if not parts.whole:
        raise _malformed("the multipart form breaks off")
    return pairs


def _malformed(description: str) -> GatewayRefusal:
    return GatewayRefusal(GatewayCode.MALFORMED, description)
