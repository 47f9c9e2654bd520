"""Where a message ends: bytes in, whole documents out; no clock and no socket.

The wire has no length, no terminator and no checksum: a message is over with the end tag of its root. Neither a newline
nor the end of a read nor the close of the line is relied on. Rules: protocols/mypos_xml/README.md, section 5.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.protocols.contract import ProtocolError

MAX_MESSAGE: Final = 64 * 1024
"""Bytes of one message. A real one has less than one KiB; the rest is room for an odd terminal, not for an attack."""

BLANKS: Final = b" \t\r\n\x00"
"""What may stand before and behind a message: a NUL is sent by programs that print their strings whole."""

NO_DECLARATIONS: Final = "the message holds <!, which begins nothing that this wire has"
"""Document types, entities, comments and sections: refused before any parser sees them."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_NAME_ENDS: Final = re.compile(rb"[ \t\r\n/]")
_NAME: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_STRAY_BLANKS: Final = re.compile(r"<(/?)[ \t\r\n]+(?=[A-Za-z_])")


class Encoding(StrEnum):
    """How the bytes of a message were read."""

    UTF_8 = "utf-8"
    CP_1250 = "cp1250"


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole message. `text` is ready for an XML parser: decoded, and without blanks in front of names in tags.

    `rest` is what had come behind it by then, without the blanks around it.
    """

    text: str
    encoding: Encoding
    rest: bytes = b""


class FrameReader:
    """Finds the first message in what comes. After its frame, or after an error, it is used up."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._root: bytes | None = None
        self._started = False

    @property
    def begun(self) -> bool:
        """Whether anything but blanks has come."""
        return self._started

    @property
    def raw(self) -> bytes:
        """What has come so far, at most `MAX_MESSAGE` bytes, for a log."""
        return bytes(self._buffer[:MAX_MESSAGE])

    def feed(self, chunk: bytes) -> Frame | None:
        """Takes a piece of any size; the message once it is whole. `ProtocolError` as soon as it cannot be one."""
        rest = self._take(chunk)
        if not self._started:
            return None
        end = self._scan()
        if end is None and len(self._buffer) <= MAX_MESSAGE:
            return None
        if end is None or end > MAX_MESSAGE:
            raise ProtocolError(f"no end of the message within {MAX_MESSAGE} bytes")
        behind = (bytes(self._buffer[end:]) + rest)[:MAX_MESSAGE].strip(BLANKS)
        return _decoded(bytes(self._buffer[:end]), behind)

    def _take(self, chunk: bytes) -> bytes:
        """Keeps what can belong to the message, and gives back what is beyond the largest one."""
        # One byte more than allowed is enough to know that it is too long, however much has come.
        while chunk and (room := MAX_MESSAGE + 1 - len(self._buffer)) > 0:
            self._buffer += chunk[:room]
            chunk = chunk[room:]
            if not self._started:
                self._begin()
        return chunk

    def _begin(self) -> None:
        """Drops what may stand in front of the message, and notices its first byte."""
        while True:
            before = len(self._buffer)
            self._buffer = self._buffer.lstrip(BLANKS)
            if self._buffer.startswith(BYTE_ORDER_MARK):
                del self._buffer[: len(BYTE_ORDER_MARK)]
            if len(self._buffer) == before:
                break
        if not self._buffer or (len(self._buffer) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(self._buffer)):
            return
        self._started = True
        if not self._buffer.startswith(b"<"):
            raise ProtocolError("the message does not begin with a tag")

    def _scan(self) -> int | None:
        """Walks over the tags that are whole; where the message ends, once its last tag is."""
        while True:
            opening = self._buffer.find(b"<", self._at)
            if opening < 0:
                self._at = len(self._buffer)
                return None
            self._at = opening
            following = self._buffer[opening + 1 : opening + 2]
            if following == b"!":
                raise ProtocolError(
                    "the message holds a declaration, a comment or a section, which this wire never has"
                )
            closing = b"?>" if following == b"?" else b">"
            found = self._buffer.find(closing, opening + 1)
            if found < 0:
                return None
            self._at = found + len(closing)
            if following != b"?" and self._ends(bytes(self._buffer[opening + 1 : found])):
                return self._at

    def _ends(self, tag: bytes) -> bool:
        """Whether the message ends with this tag, which is given without its angles."""
        tag = tag.strip(BLANKS)
        if tag.startswith(b"/"):
            name = tag[1:].strip(BLANKS)
            if self._root is None:
                raise ProtocolError("the message begins with an end tag")
            return name.lower() == self._root
        if self._root is not None:
            return False
        name = _NAME_ENDS.split(tag, maxsplit=1)[0]
        if _NAME.fullmatch(name) is None:
            raise ProtocolError("the first tag of the message has no name")
        self._root = name.lower()
        return tag.endswith(b"/")


def _decoded(raw: bytes, rest: bytes) -> Frame:
    """Strict UTF-8, else the code page of the terminal maker's country; README.md, section 5."""
    for encoding in Encoding:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return Frame(_STRAY_BLANKS.sub(r"<\1", text), encoding, rest)
    raise ProtocolError("the message is text neither in UTF-8 nor in windows-1250")
