"""The keys that sign a repository: one file each, sealed under a passphrase.

The key that seals comes from the passphrase by Argon2id (RFC 9106), the sealing is ChaCha20-Poly1305 (RFC 8439), and
the role and the public key are bound to it. The root's keys sign once a year and belong on a stick in a safe; the
others sign every release and every timestamp, and have a passphrase of their own.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # where its documents say

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded, write_durably

LEAST_PASSPHRASE: Final = 12
"""Characters: a stolen file can be guessed at for years."""

LARGEST_KEY_FILE: Final = 4096
SUFFIX: Final = ".key"
MOST_KEYS: Final = 50

_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SEED_BYTES: Final = 32
_NAMED_LETTERS: Final = 12
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+\Z")

Entropy = Callable[[int], bytes]
Hex = Annotated[str, Field(pattern=_HEX.pattern.replace(r"\Z", "$"), max_length=256)]


class RoleName(StrEnum):
    """The four roles of the specification."""

    ROOT = "root"
    TARGETS = "targets"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"


ONLINE: Final = (RoleName.TARGETS, RoleName.SNAPSHOT, RoleName.TIMESTAMP)
"""What signs every day; the root stays offline."""


class Cost(BaseModel):
    """What one guess at a passphrase costs: the second choice of RFC 9106, section 4, unless told otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory_kib: Annotated[int, Field(ge=8, le=1024 * 1024)] = 64 * 1024
    passes: Annotated[int, Field(ge=1, le=16)] = 3
    lanes: Annotated[int, Field(ge=1, le=16)] = 4


USUAL_COST: Final = Cost()


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    role: RoleName
    public: Hex
    cost: Cost
    salt: Hex
    nonce: Hex
    sealed: Annotated[Hex, Field(repr=False)]

    def cipher(self, passphrase: str) -> ChaCha20Poly1305:
        """What this passphrase opens."""
        kdf = Argon2id(
            salt=bytes.fromhex(self.salt),
            length=_SEED_BYTES,
            iterations=self.cost.passes,
            lanes=self.cost.lanes,
            memory_cost=self.cost.memory_kib,
        )
        return ChaCha20Poly1305(kdf.derive(passphrase.encode()))

    @property
    def bound(self) -> bytes:
        """What the sealing is bound to."""
        return f"tillbridge release key 1 {self.role} {self.public}".encode()


@dataclass(frozen=True, slots=True)
class RoleKey:
    """A key that was opened: the role that it was made for, and what signs with it."""

    role: RoleName
    signer: CryptoSigner

    @property
    def public(self) -> SSlibKey:
        """What everybody may know of it."""
        return self.signer.public_key


def make_key(folder: Path, role: RoleName, passphrase: str, entropy: Entropy, cost: Cost | None = None) -> RoleKey:
    """A new key for this role, sealed in a file of its own. `BridgeError` where passphrase or folder is unfit."""
    if len(passphrase) < LEAST_PASSPHRASE:
        raise refuse(f"a passphrase of at least {LEAST_PASSPHRASE} characters is needed for the {role} key")
    private = Ed25519PrivateKey.from_private_bytes(entropy(_SEED_BYTES))
    public = private.public_key().public_bytes_raw().hex()
    file = _KeyFile(
        role=role,
        public=public,
        cost=cost or USUAL_COST,
        salt=entropy(_SALT_BYTES).hex(),
        nonce=entropy(_NONCE_BYTES).hex(),
        sealed="00",
    )
    sealed = file.cipher(passphrase).encrypt(bytes.fromhex(file.nonce), private.private_bytes_raw(), file.bound)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = file.model_copy(update={"sealed": sealed.hex()}).model_dump_json(indent=1)
    write_durably(folder / f"{role}-{public[:_NAMED_LETTERS]}{SUFFIX}", content.encode())
    return RoleKey(role, CryptoSigner(private))


def open_keys(folder: Path, roles: Iterable[RoleName], passphrase: str) -> list[RoleKey]:
    """Every key of these roles in this folder. `BridgeError(RELEASE_REFUSED)` names the file that does not open."""
    wanted = frozenset(roles)
    paths = sorted(folder.glob(f"*{SUFFIX}"))[:MOST_KEYS]
    files = [(path, _read(path)) for path in paths]
    found = [_open(path, file, passphrase) for path, file in files if file.role in wanted]
    if not found:
        named = ", ".join(sorted(wanted))
        raise BridgeError(Code.RELEASE_REFUSED, f"there is no key for {named}", place=str(folder))
    return found


def _read(path: Path) -> _KeyFile:
    try:
        return _KeyFile.model_validate_json(read_bounded(path, LARGEST_KEY_FILE) or b"")
    except (OSError, ValidationError):
        raise BridgeError(Code.RELEASE_REFUSED, "this is no key file that can be read", place=str(path)) from None


def _open(path: Path, file: _KeyFile, passphrase: str) -> RoleKey:
    try:
        seed = file.cipher(passphrase).decrypt(bytes.fromhex(file.nonce), bytes.fromhex(file.sealed), file.bound)
        private = Ed25519PrivateKey.from_private_bytes(seed)
    except (InvalidTag, ValueError):
        raise BridgeError(
            Code.RELEASE_REFUSED, "the passphrase does not open this key, or the file was changed", place=str(path)
        ) from None
    return RoleKey(file.role, CryptoSigner(private))


def refuse(why: str, place: str | None = None) -> BridgeError:
    """A release that is not made, and why."""
    return BridgeError(Code.RELEASE_REFUSED, why, place=place)
