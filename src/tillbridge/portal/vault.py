"""The keys that never stand in the database: a stolen copy of it opens nothing by itself.

One file in the data folder holds them. Every process that serves the same portal must have the same file; it belongs
into the backup, but not into that of the database.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from filelock import FileLock, Timeout

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import DataFolder, make

FILE: Final = "portal-keys.json"
LOCK: Final = "portal-keys.lock"
LOCK_SECONDS: Final = 10.0
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
LARGEST_FILE: Final = 65536

_VERSION: Final = 1


class Vault:
    """Seals, authenticates and signs with the portal's own keys.

    `sealing` is 32 bytes, `authenticating` 32 bytes, `signing` the Ed25519 keys by their name, the newest last.
    """

    def __init__(self, sealing: bytes, authenticating: bytes, signing: Mapping[str, Ed25519PrivateKey]) -> None:
        self._cipher = ChaCha20Poly1305(sealing)
        self._authenticating = authenticating
        self._signing = dict(signing)

    def seal(self, plain: bytes, context: str) -> bytes:
        """`plain`, readable only by `unseal` with the same context (what and whose it is, such as "pin/ID")."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """What was sealed. `ValueError` if it was not sealed here for this context, or was changed."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise ValueError(f"this was not sealed with this portal's key for {context.partition('/')[0]}") from None

    def mac(self, label: str, message: bytes) -> bytes:
        """32 bytes that nobody can make without this portal's key. One label, one use."""
        mac = hmac.HMAC(self._authenticating, hashes.SHA256())
        mac.update(len(label).to_bytes(2) + label.encode() + message)
        return mac.finalize()

    @property
    def signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        """The newest signing key with its name."""
        return next(reversed(self._signing.items()))

    @property
    def signing_keys(self) -> Mapping[str, Ed25519PrivateKey]:
        """Every signing key whose signatures still count, by name."""
        return self._signing


def open_vault(folder: Path) -> Vault:
    """The keys of this data folder, made at the first time. `BridgeError(FOLDER_UNUSABLE)` if they cannot be read."""
    make(folder)
    files = DataFolder(folder)
    try:
        with FileLock(folder / LOCK, timeout=LOCK_SECONDS, mode=0o600):
            text = files.read(FILE, LARGEST_FILE)
            if text is None:
                text = json.dumps(_fresh(), indent=1)
                files.write(FILE, text)
    except Timeout:
        said = "another process has held this lock for too long"
        raise BridgeError(Code.FOLDER_UNUSABLE, said, place=str(folder / LOCK)) from None
    return _read(text, folder / FILE)


def _fresh() -> dict[str, object]:
    return {
        "version": _VERSION,
        "sealing": _text(secrets.token_bytes(KEY_BYTES)),
        "authenticating": _text(secrets.token_bytes(KEY_BYTES)),
        "signing": [{"name": "k1", "key": _text(Ed25519PrivateKey.generate().private_bytes_raw())}],
    }


def _read(text: str, path: Path) -> Vault:
    try:
        match json.loads(text):
            case {
                "version": 1,
                "sealing": str(sealing),
                "authenticating": str(authenticating),
                "signing": [_, *_] as signing,
            }:
                keys = {one["name"]: Ed25519PrivateKey.from_private_bytes(_bytes(one["key"])) for one in signing}
                return Vault(_bytes(sealing), _bytes(authenticating), keys)
    except (ValueError, KeyError, TypeError):
        pass
    raise BridgeError(Code.FOLDER_UNUSABLE, "the portal's keys cannot be read: restore the file", place=str(path))


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _bytes(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key
