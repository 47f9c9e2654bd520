"""A sealed file gives back what was put in, whole, or says that it does not."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connector.keeping.sealed_file import (
    MAGIC,
    PIECE,
    TAG_BYTES,
    Cost,
    OpeningReader,
    SealingWriter,
    checked_passphrase,
)
from tillbridge.domain.errors import BridgeError, Code

PASSPHRASE = "correct horse battery"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
"""The file carries its cost: one that costs less is a file of the same kind."""


def sealed(*contents: bytes, seed: int = 1) -> bytes:
    file = io.BytesIO()
    writer = SealingWriter(file, PASSPHRASE, random.Random(seed).randbytes, CHEAP)
    for content in contents:
        writer.write(content)
    writer.finish()
    return file.getvalue()


def opened(file: bytes, size: int, passphrase: str = PASSPHRASE) -> bytes:
    reader = OpeningReader(io.BytesIO(file), passphrase, "copy.tbk")
    found = reader.read(size)
    reader.end()
    return found


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 17])
def test_what_is_put_in_comes_out(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert opened(sealed(content), size) == content
    assert opened(sealed(content[: size // 3], content[size // 3 :]), size) == content


def test_the_content_is_not_to_be_seen() -> None:
    assert b"secret words" not in sealed(b"secret words" * 10_000)


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(BridgeError, match="the passphrase is not the one") as refused:
        opened(sealed(b"x"), 1, "correct horse batterz")
    assert refused.value.code is Code.FILE_UNREADABLE


WHOLE = sealed(random.Random(0).randbytes(2 * PIECE + 100))
BODY = WHOLE.index(b"}") + 1


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found(place: int, by: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] ^= by
    with pytest.raises(BridgeError):
        opened(bytes(changed), 2 * PIECE + 100)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_off_is_found(size: int) -> None:
    with pytest.raises(BridgeError):
        opened(WHOLE[:size], 2 * PIECE + 100)


def test_pieces_that_are_moved_dropped_or_doubled_are_found() -> None:
    step = PIECE + TAG_BYTES
    head, pieces = WHOLE[:BODY], [WHOLE[BODY + step * n : BODY + step * (n + 1)] for n in range(3)]
    for order in ((1, 0, 2), (0, 2), (0, 1, 1, 2), (0, 1), (0, 1, 2, 2)):
        with pytest.raises(BridgeError):
            opened(head + b"".join(pieces[n] for n in order), 2 * PIECE + 100)


def test_a_piece_of_another_file_is_found() -> None:
    other = sealed(random.Random(0).randbytes(2 * PIECE + 100), seed=2)
    with pytest.raises(BridgeError):
        opened(WHOLE[:BODY] + other[BODY:], 2 * PIECE + 100)


@pytest.mark.parametrize("wish", ['"memory_kib":99999999', '"passes":1000', '"lanes":0', '"kdf":"none"', '"more":1'])
def test_a_header_cannot_ask_for_everything(wish: str) -> None:
    size = int.from_bytes(WHOLE[len(MAGIC) : len(MAGIC) + 4])
    name = wish.split(":", maxsplit=1)[0]
    head = WHOLE[len(MAGIC) + 4 : len(MAGIC) + 4 + size].decode()
    fields = [field for field in head.strip("{}").split(",") if not field.startswith(name)]
    changed = ("{" + ",".join([*fields, wish]) + "}").encode()
    with pytest.raises(BridgeError, match="header"):
        opened(MAGIC + len(changed).to_bytes(4) + changed + WHOLE[BODY:], 1)


@pytest.mark.parametrize("weak", ["", "short", "aaaaaaaaaaaaaaaaaaaa", "x" * 2000])
def test_a_passphrase_that_is_soon_guessed_is_refused(weak: str) -> None:
    with pytest.raises(BridgeError) as refused:
        checked_passphrase(weak, "--passphrase-file")
    assert weak == "" or weak not in str(refused.value)
