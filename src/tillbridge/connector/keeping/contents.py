"""What stands in a backup: a list of its parts, and the parts one after the other.

docs/reference/keeping.md, section 2.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.connector.keeping.sealed_file import PIECE, Measured, OpeningReader, SealingWriter
from tillbridge.domain.errors import BridgeError, Code

LENGTH_BYTES: Final = 4
MOST_LIST: Final = 256 * 1024
"""Bytes of the list of parts: a line for each of some dozens."""

MOST_PARTS: Final = 500
"""A year of old payments is a part, and a till lives for some ten."""

MOST_SMALL: Final = 8 * 1024 * 1024
"""Bytes of a part that is held in memory: settings, keys and secrets take some thousand."""

JOURNAL: Final = "journal.sqlite"
VOUCHERS: Final = "vouchers.db"
SETTINGS: Final = "settings"
SECRETS: Final = "secrets"

PartName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*(/[a-z0-9][a-z0-9.-]*)?$", max_length=100)]


class Part(BaseModel):
    """One part: its name, its bytes, and their SHA-256 in hexadecimal digits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: PartName
    size: Annotated[int, Field(ge=0, le=2**44)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Contents(BaseModel):
    """The list. `made_at` is when the backup was begun, `newest_at` when the newest line of the journal was written.

    `journal_version` is the step of the journal's schema. `settings_name` is the file name of the settings. Times are
    UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    program: Annotated[str, Field(max_length=60)]
    made_at: AwareDatetime
    newest_at: AwareDatetime | None
    journal_version: Annotated[int, Field(ge=1)]
    settings_name: Annotated[str, Field(max_length=200)] | None
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MOST_PARTS)]

    def part(self, name: str) -> Part | None:
        """The part of this name."""
        return next((one for one in self.parts if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Source:
    """A part to be written: from a file, at most `most` bytes of it, or from memory."""

    name: str
    content: bytes | Path
    most: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, a piece at a time."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        left = self.most
        with self.content.open("rb") as file:
            while piece := file.read(PIECE if left is None else min(PIECE, left)):
                left = None if left is None else left - len(piece)
                yield piece

    def measured(self) -> Part:
        """The part as the list has it."""
        found = Measured()
        for piece in self.pieces():
            found.update(piece)
        return Part(name=self.name, size=found.size, sha256=found.digest)


def write_contents(writer: SealingWriter, contents: Contents, sources: Sequence[Source]) -> None:
    """Writes the list and then every part; `sources` stand in its order.

    `BridgeError(FOLDER_UNUSABLE)` where one of them has changed since it was measured.
    """
    listed = contents.model_dump_json().encode()
    writer.write(len(listed).to_bytes(LENGTH_BYTES) + listed)
    for part, source in zip(contents.parts, sources, strict=True):
        found = Measured()
        for piece in source.pieces():
            found.update(piece)
            writer.write(piece)
        if (found.size, found.digest) != (part.size, part.sha256):
            raise BridgeError(Code.FOLDER_UNUSABLE, f"{part.name} has changed while it was read: try again")
    writer.finish()


def read_contents(reader: OpeningReader) -> Contents:
    """The list. `BridgeError(FILE_UNREADABLE)` where it makes no sense."""
    size = int.from_bytes(reader.read(LENGTH_BYTES))
    if size > MOST_LIST:
        raise reader.unreadable("its list of parts is too long")
    try:
        contents = Contents.model_validate(json.loads(reader.read(size)))
    except (ValidationError, ValueError):
        raise reader.unreadable("its list of parts is of another version of the program") from None
    names = [one.name for one in contents.parts]
    if len(set(names)) != len(names) or contents.part(JOURNAL) is None:
        raise reader.unreadable("its list of parts makes no sense")
    return contents


def read_part(reader: OpeningReader, part: Part, write: Callable[[bytes], object]) -> None:
    """Hands over the bytes of a part. `BridgeError(FILE_UNREADABLE)` where they are not what the list says."""
    found, left = Measured(), part.size
    while left:
        piece = reader.read(min(left, PIECE))
        found.update(piece)
        write(piece)
        left -= len(piece)
    if found.digest != part.sha256:
        raise reader.unreadable(f"{part.name} is not what was put in")


def read_small(reader: OpeningReader, part: Part) -> bytes:
    """A part that is held in memory."""
    if part.size > MOST_SMALL:
        raise reader.unreadable(f"{part.name} is too large")
    found = bytearray()
    read_part(reader, part, found.extend)
    return bytes(found)


def read_into(reader: OpeningReader, part: Part, file: BinaryIO) -> None:
    """A part as a file."""
    read_part(reader, part, file.write)
