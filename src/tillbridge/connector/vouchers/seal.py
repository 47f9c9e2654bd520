"""Seals PINs in the vouchers' journal, and recognises one without keeping it.

The key of the journal stands in the journal itself, sealed with the computer's own key (`portal.sealing`): whoever
copies the file reads no PIN. Where that key is lost, PINs that were sealed are lost with it, and nothing else is.
"""

import hashlib
import hmac
import sqlite3
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tillbridge.connector.portal.sealing import NoSealingKey, SealKind, SealSource, best_source, file_seal, source_of
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.base64url import KEY_BYTES
from tillbridge.link.keys import Entropy

FOLDER: Final = "vouchers"
"""A folder of its own for the computer's key: that of the portal's link comes and goes with the link."""

NONCE_BYTES: Final = 12
NAME_BYTES: Final = 4
_PURPOSE: Final = b"tillbridge vouchers 1"

log = structlog.get_logger(__name__)


class PinSeal:
    """Seals and opens with one key. A sealed PIN opens under the action it was sealed for, and under no other."""

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._key = key
        self._entropy = entropy
        self._name = hmac.digest(key, b"name", hashlib.sha256)[:NAME_BYTES]

    def seal(self, action: str, pin: str) -> bytes:
        """The PIN as it may stand on the disk."""
        nonce = self._entropy(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, pin.encode(), _bound_to(action))

    def open(self, action: str, sealed: bytes) -> str | None:
        """The PIN; None where it was sealed with a key that is lost."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(action)).decode()
        except InvalidTag:
            return None

    def mark(self, action: str, pin: str | None) -> bytes:
        """What tells whether a PIN is the same. Without the key it says nothing: there are only ten thousand PINs."""
        said = b"" if pin is None else pin.encode()
        return self._name + hmac.digest(self._key, b"mark" + _bound_to(action) + said, hashlib.sha256)

    def same(self, action: str, pin: str | None, mark: bytes) -> bool:
        """Whether the mark is that of this PIN; of a mark that an older key made nobody knows, and it passes."""
        return mark[:NAME_BYTES] != self._name or hmac.compare_digest(mark, self.mark(action, pin))


def open_seal(
    connection: sqlite3.Connection, folder: Path, entropy: Entropy, environment: Mapping[str, str]
) -> PinSeal:
    """The seal of this journal, made first where there is none, in the best place that this computer has by now.

    `BridgeError(FOLDER_UNUSABLE)` where no key can be had.
    """
    home = folder / FOLDER
    try:
        home.mkdir(mode=stat.S_IRWXU, exist_ok=True)
        best = best_source(home, environment)
        kept = _kept(connection, home, environment)
        if kept is None:
            kept = (best.kind, entropy(KEY_BYTES))
            _write(connection, best, kept[1], entropy)
        elif kept[0] is not best.kind:
            _write(connection, best, kept[1], entropy)
    except (OSError, NoSealingKey) as error:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"no key for PINs can be kept: {error}", place=str(home)) from None
    if best.kind is not SealKind.FILE:
        file_seal(home).forget()
    return PinSeal(kept[1], entropy)


def opened_key(connection: sqlite3.Connection, folder: Path, environment: Mapping[str, str]) -> bytes | None:
    """The key of this journal, for a backup that seals it anew; None where there is none, or it is lost."""
    kept = _kept(connection, folder / FOLDER, environment)
    return None if kept is None else kept[1]


def seal_anew(
    connection: sqlite3.Connection, folder: Path, key: bytes, entropy: Entropy, environment: Mapping[str, str]
) -> None:
    """Seals the key of a journal that was restored here with this computer's own. `NoSealingKey`, `OSError`."""
    home = folder / FOLDER
    home.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    _write(connection, best_source(home, environment), key, entropy)


def _kept(connection: sqlite3.Connection, home: Path, environment: Mapping[str, str]) -> tuple[SealKind, bytes] | None:
    row = connection.execute("SELECT kind, nonce, sealed FROM seal ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return None
    kind = SealKind(row[0])
    try:
        key = source_of(kind, home, environment).key()
        return kind, ChaCha20Poly1305(key).decrypt(row[1], row[2], _PURPOSE + kind.encode())
    except (NoSealingKey, InvalidTag):
        # What was sealed with it is asked about by its key, without the PIN; new ones are sealed with a new key.
        log.warning("voucher_seal_lost", kind=kind)
        return None


def _write(connection: sqlite3.Connection, source: SealSource, key: bytes, entropy: Entropy) -> None:
    nonce = entropy(NONCE_BYTES)
    sealed = ChaCha20Poly1305(source.made(entropy)).encrypt(nonce, key, _PURPOSE + source.kind.encode())
    connection.execute("INSERT INTO seal (kind, nonce, sealed) VALUES (?, ?, ?)", (source.kind, nonce, sealed))


def _bound_to(action: str) -> bytes:
    return b"voucher-pin/" + action.encode()
