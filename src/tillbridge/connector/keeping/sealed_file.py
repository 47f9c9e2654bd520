"""A file that is sealed under a passphrase, written and read piece by piece: its size is never a matter of memory.

docs/reference/keeping.md, section 2, has its bytes. The key comes from the passphrase by Argon2id (RFC 9106); each
piece is sealed with ChaCha20-Poly1305 (RFC 8439) under a nonce that counts and says whether it is the last, so that
nobody can drop, double or reorder pieces, or cut the file off (the STREAM construction of Hoang and others, 2015). The
header is bound to every piece.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Annotated, BinaryIO, Final, Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.base64url import AsBase64Url

MAGIC: Final = b"tillbridge backup 1\n"

PIECE: Final = 64 * 1024
"""Bytes of a piece before it is sealed: all that is ever held in memory, twice."""

TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
PREFIX_BYTES: Final = 7
"""Of the nonce: the other five count the pieces and mark the last one."""

MOST_HEADER: Final = 4096
"""Bytes of the header, which takes some hundred."""

MEMORY_KIB: Final = 64 * 1024
PASSES: Final = 3
LANES: Final = 4
"""RFC 9106, section 4, second recommended choice: 64 MiB for a second fit a till's computer."""

MOST_MEMORY_KIB: Final = 512 * 1024
MOST_PASSES: Final = 16
MOST_LANES: Final = 16
"""What a header may ask for: it is read before anything about the file is proven."""

LEAST_PASSPHRASE: Final = 12
"""Characters. The file leaves the house and can be guessed at for years; four words are far more."""

LONGEST_PASSPHRASE: Final = 1024

_COUNTED: Final = struct.Struct(">IB")
_LENGTH: Final = struct.Struct(">I")
_MOST_PIECES: Final = 2**32 - 1


class Header(BaseModel):
    """What stands before the sealed pieces, in clear: how the key is made of the passphrase, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kdf: Literal["argon2id"] = "argon2id"
    memory_kib: Annotated[int, Field(ge=8, le=MOST_MEMORY_KIB)] = MEMORY_KIB
    passes: Annotated[int, Field(ge=1, le=MOST_PASSES)] = PASSES
    lanes: Annotated[int, Field(ge=1, le=MOST_LANES)] = LANES
    salt: Annotated[AsBase64Url, Field(min_length=SALT_BYTES, max_length=64)]
    nonce: Annotated[AsBase64Url, Field(min_length=PREFIX_BYTES, max_length=PREFIX_BYTES)]

    def key(self, passphrase: str) -> bytes:
        """The key that this passphrase makes."""
        kdf = Argon2id(
            salt=self.salt, length=KEY_BYTES, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory_kib
        )
        return kdf.derive(passphrase.encode())


def checked_passphrase(passphrase: str, place: str) -> str:
    """A passphrase that a new file may be sealed with; `BridgeError(FIELD_INVALID)` for one that is soon guessed."""
    if not LEAST_PASSPHRASE <= len(passphrase) <= LONGEST_PASSPHRASE or len(set(passphrase)) < LEAST_PASSPHRASE // 2:
        raise BridgeError(
            Code.FIELD_INVALID,
            f"the passphrase must have {LEAST_PASSPHRASE} to {LONGEST_PASSPHRASE} characters, of more than a few sorts;"
            " several words do well",
            place=place,
        )
    return passphrase


@dataclass(frozen=True, slots=True)
class Cost:
    """What each guess at a passphrase costs: memory in KiB, passes over it, and how many can work on it at once."""

    memory_kib: int = MEMORY_KIB
    passes: int = PASSES
    lanes: int = LANES


class SealingWriter:
    """Seals what is written. `finish` writes the last piece; without it the file is never taken for a whole one."""

    def __init__(
        self, file: IO[bytes], passphrase: str, entropy: Callable[[int], bytes], cost: Cost | None = None
    ) -> None:
        cost = cost or Cost()
        header = Header(
            memory_kib=cost.memory_kib,
            passes=cost.passes,
            lanes=cost.lanes,
            salt=entropy(SALT_BYTES),
            nonce=entropy(PREFIX_BYTES),
        )
        head = header.model_dump_json().encode()
        self._file = file
        self._cipher = ChaCha20Poly1305(header.key(passphrase))
        self._prefix = header.nonce
        self._bound = _bound(head)
        self._waiting = bytearray()
        self._count = 0
        file.write(MAGIC + _LENGTH.pack(len(head)) + head)

    def write(self, content: bytes) -> None:
        """More of the content."""
        self._waiting += content
        # One piece is held back: whether it is the last one shows only when more comes, or nothing.
        while len(self._waiting) > PIECE:
            self._seal(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]

    def finish(self) -> None:
        """Writes what is left, marked as the end."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, piece: bytes, *, last: bool) -> None:
        if self._count > _MOST_PIECES:
            raise BridgeError(Code.FOLDER_UNUSABLE, "there is more to keep than one backup can hold")
        nonce = self._prefix + _COUNTED.pack(self._count, last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._bound))
        self._count += 1


class OpeningReader:
    """Opens such a file. Nothing is given out that was not proven to be of it, in its place."""

    def __init__(self, file: BinaryIO, passphrase: str, place: str) -> None:
        """`BridgeError(FILE_UNREADABLE)` for what is no such file."""
        self._file = file
        self._place = place
        header, head = self._header()
        self._cipher = ChaCha20Poly1305(header.key(passphrase))
        self._prefix = header.nonce
        self._bound = _bound(head)
        self._ready = bytearray()
        self._count = 0
        self._over = False
        self._next = file.read(PIECE + TAG_BYTES)

    def read(self, size: int) -> bytes:
        """Exactly that many bytes. `BridgeError(FILE_UNREADABLE)` where the file has fewer, or a piece is not whole."""
        while len(self._ready) < size and not self._over:
            self._open_one()
        if len(self._ready) < size:
            raise self.unreadable("it ends too early")
        found = bytes(self._ready[:size])
        del self._ready[:size]
        return found

    def end(self) -> None:
        """`BridgeError(FILE_UNREADABLE)` where there is more."""
        while not self._over and not self._ready:
            self._open_one()
        if self._ready:
            raise self.unreadable("it has more in it than it says")

    def unreadable(self, why: str) -> BridgeError:
        """The refusal of this file."""
        return BridgeError(Code.FILE_UNREADABLE, why, place=self._place)

    def _header(self) -> tuple[Header, bytes]:
        if self._file.read(len(MAGIC)) != MAGIC:
            raise self.unreadable("it is no backup of a connector")
        length = self._file.read(_LENGTH.size)
        size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else MOST_HEADER + 1
        head = self._file.read(min(size, MOST_HEADER))
        if size > MOST_HEADER or len(head) != size:
            raise self.unreadable("its header is cut off, or was changed")
        try:
            return Header.model_validate_json(head), head
        except ValidationError:
            raise self.unreadable("its header was changed, or is of a newer version") from None

    def _open_one(self) -> None:
        sealed, self._next = self._next, self._file.read(PIECE + TAG_BYTES)
        last = not self._next
        nonce = self._prefix + _COUNTED.pack(self._count, last)
        try:
            self._ready += self._cipher.decrypt(nonce, sealed, self._bound)
        except InvalidTag:
            if self._count == 0:
                why = "the passphrase is not the one that it was sealed with, or the file was changed"
            else:
                why = "it is cut off, or was changed"
            raise self.unreadable(why) from None
        self._count += 1
        self._over = last


class Measured:
    """Counts and hashes what passes."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def update(self, content: bytes) -> Self:
        """More of it."""
        self.size += len(content)
        self._sha256.update(content)
        return self

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits."""
        return self._sha256.hexdigest()


def _bound(head: bytes) -> bytes:
    return MAGIC + hashlib.sha256(head).digest()
