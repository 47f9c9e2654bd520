"""Passwords that the settings name and do not hold: `{sealed: NAME}`. One sealed file beside the settings has them all.

The file is ChaCha20-Poly1305 under a key of `runtime.sealing`: DPAPI with machine scope on Windows, a credential of
systemd where the service has one, else a key file of its owner alone. docs/reference/setup.md says plainly what each of
them protects against. Besides, a single secret may come from systemd itself, as the credential `tillbridge.NAME`.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from filelock import FileLock, Timeout
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import open_to_others, read_bounded, write_durably
from tillbridge.runtime.sealing import (
    CREDENTIALS_DIRECTORY,
    Entropy,
    FileSeal,
    NoSealingKey,
    SealKind,
    SealNames,
    best_source,
    source_of,
)

SECRETS_FILE: Final = "secrets.sealed"
ASIDE_FILE: Final = "secrets.unreadable"
LOCK_FILE: Final = "secrets.lock"

NAMES: Final = SealNames(
    key_file="secrets.key",
    windows_file="secrets.dpapi",
    credential="tillbridge-secrets",
    purpose=b"tillbridge secrets",
)

CREDENTIAL_PREFIX: Final = "tillbridge."
"""What a credential of systemd is called that is a secret itself: `tillbridge.hipay-password`."""

MOST_BYTES: Final = 256 * 1024
"""Of the file: fifty secrets of the largest size."""

LONGEST_SECRET: Final = 4096
"""Bytes of one secret; a key in a file may be as long (`settings.secret_values`)."""

MOST_SECRETS: Final = 50

LOCK_SECONDS: Final = 10.0
"""How long another process may take to write: it writes some thousand bytes and flushes them, on a slow disk a second
or two."""

NONCE_BYTES: Final = 12
_PURPOSE: Final = "tillbridge secrets 1 "
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_PLAIN: Final = TypeAdapter(dict[str, str])


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Literal[1] = 1
    seal: SealKind
    nonce: Annotated[Base64Bytes, Field(repr=False)]
    sealed: Annotated[Base64Bytes, Field(repr=False)]


class SealedSecrets:
    """The secrets of one folder. Nothing touches the disk before one is asked for.

    Every method raises `BridgeError(SECRETS_UNREADABLE)` where the file is there and cannot be opened: on another
    computer, under another account, or broken. No message ever has a secret in it.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str] = os.environ, entropy: Entropy = os.urandom
    ) -> None:
        self._folder = folder
        self._path = folder / SECRETS_FILE
        self._environment = environment
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"SealedSecrets({str(self._folder)!r}, <redacted>)"

    def names(self) -> tuple[str, ...]:
        """The names of what is kept here, sorted; those that systemd hands over are among them."""
        given = self._credentials()
        listed = [path.name for path in given.iterdir()] if given is not None and given.is_dir() else []
        handed = {name.removeprefix(CREDENTIAL_PREFIX) for name in listed if name.startswith(CREDENTIAL_PREFIX)}
        return tuple(sorted({*self._read(), *filter(_NAME.fullmatch, handed)}))

    def reveal(self, name: str) -> str:
        """The secret of this name; SECRETS_UNREADABLE also where there is none."""
        handed = self._handed(name)
        if handed is not None:
            return handed
        kept = self._read()
        if name not in kept:
            there = ", ".join(sorted(kept)) or "none"
            raise self._fault(f"no secret {name!r} is kept; kept are: {there}")
        return kept[name]

    def keep(self, name: str, secret: str) -> None:
        """Keeps a secret under this name, in place of an earlier one: on the disk when this returns.

        `ValueError` for a name or a secret that cannot be kept, `BridgeError(FOLDER_UNUSABLE)` where the disk refuses;
        then everything is as it was.
        """
        if not _NAME.fullmatch(name):
            raise ValueError("a secret's name has small letters, digits, dots and dashes, 63 at most")
        if not 0 < len(secret.encode()) <= LONGEST_SECRET:
            raise ValueError(f"a secret has at least one character and at most {LONGEST_SECRET} bytes")
        self._change(lambda kept: {**kept, name: secret})

    def forget(self, name: str) -> None:
        """Takes a secret out of the file; one that is not there is no error."""
        if name in self._read():
            self._change(lambda kept: {one: secret for one, secret in kept.items() if one != name})

    def put_aside(self) -> Path | None:
        """Moves a file that cannot be opened out of the way, so that secrets can be kept anew; None if there is none.

        Nothing of it is destroyed: on another day the system may give its key back.
        """
        try:
            self._read()
        except BridgeError:
            aside = self._folder / ASIDE_FILE
            try:
                self._path.replace(aside)
            except OSError as error:
                raise BridgeError(
                    Code.FOLDER_UNUSABLE, f"it cannot be put aside: {error.strerror}", place=str(self._path)
                ) from None
            self._drop_useless_key()
            return aside
        return None

    def _drop_useless_key(self) -> None:
        # A key file that is no key opens nothing and would only be in the way of a new one.
        try:
            FileSeal(self._folder, NAMES).key()
        except NoSealingKey:
            FileSeal(self._folder, NAMES).forget()

    # ------------------------------------------------------------ what systemd hands over

    def _credentials(self) -> Path | None:
        directory = self._environment.get(CREDENTIALS_DIRECTORY)
        return Path(directory) if directory else None

    def _handed(self, name: str) -> str | None:
        directory = self._credentials()
        if directory is None or not _NAME.fullmatch(name):
            return None
        path = directory / f"{CREDENTIAL_PREFIX}{name}"
        try:
            content = read_bounded(path, LONGEST_SECRET)
            text = None if content is None else content.decode("utf-8").strip()
        except OSError as error:
            raise self._fault(f"the credential {path.name} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise self._fault(f"the credential {path.name} is not UTF-8 text") from None
        if text is not None and not 0 < len(text.encode()) <= LONGEST_SECRET:
            raise self._fault(f"the credential {path.name} is empty, or larger than {LONGEST_SECRET} bytes")
        return text

    # ------------------------------------------------------------ the file

    def _change(self, edit: Callable[[dict[str, str]], dict[str, str]]) -> None:
        try:
            with FileLock(self._folder / LOCK_FILE, timeout=LOCK_SECONDS, mode=0o600):
                kept = edit(self._read())
                if len(kept) > MOST_SECRETS:
                    raise ValueError(f"at most {MOST_SECRETS} secrets are kept")
                self._write(kept)
        except Timeout:
            raise BridgeError(
                Code.FOLDER_IN_USE, "another process keeps the stored passwords", place=str(self._path)
            ) from None
        except OSError as error:
            raise BridgeError(
                Code.FOLDER_UNUSABLE, f"it cannot be written: {error.strerror}", place=str(self._path)
            ) from None

    def _write(self, kept: dict[str, str]) -> None:
        source = best_source(self._folder, NAMES, self._environment)
        try:
            key = source.made(self._entropy)
        except NoSealingKey as error:
            raise self._fault(str(error)) from None
        nonce = self._entropy(NONCE_BYTES)
        plain = json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()
        sealed = ChaCha20Poly1305(key).encrypt(nonce, plain, _bound_to(source.kind))
        envelope = _Envelope.model_construct(seal=source.kind, nonce=nonce, sealed=sealed)
        write_durably(self._path, envelope.model_dump_json().encode() + b"\n")
        if source.kind is not SealKind.FILE:
            FileSeal(self._folder, NAMES).forget()

    def _read(self) -> dict[str, str]:
        try:
            content = read_bounded(self._path, MOST_BYTES)
            if content is None:
                return {}
            if open_to_others(self._path):
                self._path.chmod(0o600)
        except OSError as error:
            raise self._fault(f"the file cannot be read: {error.strerror}") from None
        try:
            envelope = _Envelope.model_validate_json(content)
            key = source_of(envelope.seal, self._folder, NAMES, self._environment).key()
            plain = ChaCha20Poly1305(key).decrypt(envelope.nonce, envelope.sealed, _bound_to(envelope.seal))
            return _PLAIN.validate_json(plain, strict=True)
        except NoSealingKey as error:
            raise self._fault(f"locked: {error}") from None
        except InvalidTag:
            raise self._fault("locked: the file was sealed with another key, or changed") from None
        except (ValidationError, ValueError):
            raise self._fault("the file is cut off, or was written by another version") from None

    def _fault(self, detail: str) -> BridgeError:
        return BridgeError(Code.SECRETS_UNREADABLE, detail, place=str(self._path))


def _bound_to(kind: SealKind) -> bytes:
    """A sealed text cannot be moved under the name of another source."""
    return f"{_PURPOSE}{kind}".encode()
