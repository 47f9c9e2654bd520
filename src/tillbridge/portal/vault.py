"""The keys that never stand in the database: a stolen copy of it opens nothing by itself.

One file in the data folder holds them. Every process that serves the same portal must have the same file; it belongs
into the backup, but not into that of the database.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from filelock import FileLock, Timeout

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import DataFolder, make

_VERSION: Final = 1

FILE: Final = "portal-keys.json"
LOCK: Final = "portal-keys.lock"
LOCK_SECONDS: Final = 10.0
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
LARGEST_FILE: Final = 65536

MARK: Final = b"\x00tbs"
"""What a sealed value begins with once keys have been rotated; four bytes follow that name the key."""

HEAD_BYTES: Final = 8

FIRST: Final = "s1"
"""The name of the sealing key of a portal that has never rotated; it marks nothing, so that older releases read it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the file holds. `sealing` are 32 bytes by name, of which `active` seals and all unseal.

    `authenticating` are 32 bytes, `signing` Ed25519 keys by their name, the newest last.
    """

    sealing: Mapping[str, bytes] = field(repr=False)
    active: str
    authenticating: bytes = field(repr=False)
    signing: Mapping[str, Ed25519PrivateKey] = field(repr=False)

    @property
    def rotated(self) -> bool:
        """Whether there ever was another sealing key than the first."""
        return self.sealing.keys() != {FIRST}


class Vault:
    """Seals, authenticates and signs with the portal's own keys. `read` gives the keys of the file as they are now."""

    def __init__(self, keys: Keys, read: Callable[[], Keys]) -> None:
        self._read = read
        self._signing = dict(keys.signing)
        self._authenticating = keys.authenticating
        self._take(keys)

    def _take(self, keys: Keys) -> None:
        self._keys = keys
        self._by_head = {head_of(key): ChaCha20Poly1305(key) for key in keys.sealing.values()}

    def refresh(self) -> None:
        """Takes in what another process has changed about the sealing keys. `BridgeError(FOLDER_UNUSABLE)`."""
        found = self._read()
        if found.sealing != self._keys.sealing or found.active != self._keys.active:
            self._take(found)

    @property
    def active(self) -> str:
        """The name of the key that seals."""
        return self._keys.active

    @property
    def active_head(self) -> bytes:
        """What every value that is sealed now begins with; empty as long as no key was ever rotated."""
        return head_of(self._keys.sealing[self._keys.active]) if self._keys.rotated else b""

    @property
    def heads(self) -> Mapping[str, bytes]:
        """What values begin with that a key has sealed, by the key's name."""
        return {name: head_of(key) for name, key in self._keys.sealing.items()}

    def seal(self, plain: bytes, context: str) -> bytes:
        """`plain`, readable only by `unseal` with the same context (what and whose it is, such as "pin/ID")."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = head_of(self._keys.sealing[self._keys.active])
        sealed = nonce + self._by_head[head].encrypt(nonce, plain, context.encode())
        return head + sealed if self._keys.rotated else sealed

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """What was sealed. `ValueError` if it was not sealed here for this context, or was changed."""
        head = sealed[:HEAD_BYTES]
        if head.startswith(MARK):
            if head not in self._by_head:
                # Another process may have rotated since this one read the file.
                self.refresh()
            cipher = self._by_head.get(head)
            plain = None if cipher is None else _opened(cipher, sealed[HEAD_BYTES:], context)
            if plain is not None:
                return plain
        for cipher in self._by_head.values():
            # Of before the first rotation; its first bytes are chance, and may look like a mark.
            plain = _opened(cipher, sealed, context)
            if plain is not None:
                return plain
        raise ValueError(f"this was not sealed with this portal's key for {context.partition('/')[0]}")

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


def head_of(key: bytes) -> bytes:
    """What a value begins with that this key has sealed; it tells nothing about the key."""
    return MARK + hashlib.sha256(b"tillbridge sealing key\n" + key).digest()[: HEAD_BYTES - len(MARK)]


def _opened(cipher: ChaCha20Poly1305, sealed: bytes, context: str) -> bytes | None:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        return None


def open_vault(folder: Path) -> Vault:
    """The keys of this data folder, made at the first time. `BridgeError(FOLDER_UNUSABLE)` if they cannot be read."""
    make(folder)
    with locked(folder):
        files = DataFolder(folder)
        if files.read(FILE, LARGEST_FILE) is None:
            files.write(FILE, json.dumps(_fresh(), indent=1))
    return Vault(read_keys(folder), lambda: read_keys(folder))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Alone with the file of keys. `BridgeError(FOLDER_UNUSABLE)` if somebody else holds it for too long."""
    try:
        with FileLock(folder / LOCK, timeout=LOCK_SECONDS, mode=0o600):
            yield
    except Timeout:
        said = "another process has held this lock for too long"
        raise BridgeError(Code.FOLDER_UNUSABLE, said, place=str(folder / LOCK)) from None


def read_keys(folder: Path) -> Keys:
    """The keys in this folder's file. `BridgeError(FOLDER_UNUSABLE)` if they cannot be read."""
    text = DataFolder(folder).read(FILE, LARGEST_FILE)
    try:
        return keys_in(json.loads(text or ""))
    except ValueError:
        said = "the portal's keys cannot be read: restore the file"
        raise BridgeError(Code.FOLDER_UNUSABLE, said, place=str(folder / FILE)) from None


def _fresh() -> dict[str, object]:
    return {
        "version": _VERSION,
        "sealing": _text(secrets.token_bytes(KEY_BYTES)),
        "authenticating": _text(secrets.token_bytes(KEY_BYTES)),
        "signing": [{"name": "k1", "key": _text(Ed25519PrivateKey.generate().private_bytes_raw())}],
    }


def keys_in(read: object) -> Keys:
    """The keys that a JSON object tells; `ValueError` if it is none of ours. Version 2 is of after a rotation."""
    try:
        match read:
            case {
                "version": 1,
                "sealing": str(sealing),
                "authenticating": str(authenticating),
                "signing": [_, *_] as signing,
            }:
                return Keys({FIRST: _bytes(sealing)}, FIRST, _bytes(authenticating), _signing_keys(signing))
            case {
                "version": 2,
                "sealing": [_, *_] as sealing,
                "active": str(active),
                "authenticating": str(authenticating),
                "signing": [_, *_] as signing,
            }:
                by_name = {str(one["name"]): _bytes(one["key"]) for one in sealing}
                if active in by_name:
                    return Keys(by_name, active, _bytes(authenticating), _signing_keys(signing))
    except (KeyError, TypeError):
        pass
    raise ValueError("these are no keys of a portal")


def members_of(keys: Keys) -> dict[str, object]:
    """The keys as a JSON object of version 2."""
    return {
        "version": 2,
        "sealing": [{"name": name, "key": _text(key)} for name, key in keys.sealing.items()],
        "active": keys.active,
        "authenticating": _text(keys.authenticating),
        "signing": [{"name": name, "key": _text(key.private_bytes_raw())} for name, key in keys.signing.items()],
    }


def _signing_keys(signing: Sequence[Mapping[str, str]]) -> dict[str, Ed25519PrivateKey]:
    return {one["name"]: Ed25519PrivateKey.from_private_bytes(_bytes(one["key"])) for one in signing}


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _bytes(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return key
