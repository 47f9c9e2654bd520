"""Where the key comes from that seals a file: the system if it can keep one, else a file beside it.

A sealed file names the source that it was sealed with and is read with that one; each write uses the best source there
is, so that a better one is taken up by itself. docs/reference/setup.md says what each of them protects against.
"""

import os
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillbridge.runtime import windows_sealing
from tillbridge.runtime.durable import open_to_others, read_bounded, write_durably

Entropy = Callable[[int], bytes]

KEY_BYTES: Final = 32
CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
MOST_BYTES: Final = 64 * 1024
"""Of a credential or of a DPAPI blob, which takes a few hundred."""

log = structlog.get_logger(__name__)


class SealKind(StrEnum):
    """Who keeps the sealing key."""

    SYSTEMD = "systemd"
    WINDOWS = "windows"
    FILE = "file"


class NoSealingKey(Exception):
    """There is no such key, or it cannot be used. Says why, and never what it is."""


@dataclass(frozen=True, slots=True)
class SealNames:
    """What one kind of sealed file calls its keys: the two files, the credential of systemd, and what it is for.

    No two kinds share a name or a purpose, so that a key of one opens nothing of another.
    """

    key_file: str
    windows_file: str
    credential: str
    purpose: bytes


class SealSource(Protocol):
    """One place of a sealing key of 32 bytes."""

    @property
    def kind(self) -> SealKind:
        """Its name in the sealed file."""
        ...

    def key(self) -> bytes:
        """The key that is there; `NoSealingKey` if there is none."""
        ...

    def made(self, entropy: Entropy) -> bytes:
        """The key, made first where there is none.

        `NoSealingKey` where it cannot be, `BridgeError(FOLDER_UNUSABLE)` where nothing can be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class SystemdSeal:
    """A credential that systemd has opened for this service; on the disk it is sealed to the computer."""

    directory: Path
    names: SealNames
    kind: SealKind = SealKind.SYSTEMD

    def key(self) -> bytes:
        """See `SealSource.key`."""
        name = self.names.credential
        try:
            content = read_bounded(self.directory / name, MOST_BYTES)
        except OSError as error:
            raise NoSealingKey(f"the credential {name} cannot be read: {error.strerror}") from None
        if content is None:
            raise NoSealingKey(f"systemd gives no credential {name}")
        if not KEY_BYTES <= len(content) <= MOST_BYTES:
            raise NoSealingKey(f"the credential {name} must have {KEY_BYTES} bytes of chance or more")
        # It may be of any length, or text: what seals has exactly the bytes that a key has.
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=self.names.purpose).derive(content)

    def made(self, entropy: Entropy) -> bytes:
        """See `SealSource.made`: the person who sets up the service makes it."""
        del entropy
        return self.key()


@dataclass(frozen=True, slots=True)
class WindowsSeal:
    """A key that Windows has sealed to this computer."""

    folder: Path
    names: SealNames
    kind: SealKind = SealKind.WINDOWS

    def key(self) -> bytes:
        """See `SealSource.key`."""
        name = self.names.windows_file
        try:
            sealed = read_bounded(self.folder / name, MOST_BYTES)
            if sealed is None:
                raise NoSealingKey(f"there is no {name}")
            return _whole(windows_sealing.unprotect(sealed, self.names.purpose), name)
        except OSError as error:
            raise NoSealingKey(f"Windows does not open {name}: {error.strerror}") from None

    def made(self, entropy: Entropy) -> bytes:
        """See `SealSource.made`."""
        path = self.folder / self.names.windows_file
        if path.exists():
            return self.key()
        key = entropy(KEY_BYTES)
        try:
            sealed = windows_sealing.protect(key, self.names.purpose)
        except OSError as error:
            raise NoSealingKey(f"Windows does not seal: {error.strerror}") from None
        write_durably(path, sealed)
        return key


@dataclass(frozen=True, slots=True)
class FileSeal:
    """A file of the service's own account. Whoever copies the whole folder can open what was sealed with it."""

    folder: Path
    names: SealNames
    kind: SealKind = SealKind.FILE

    def key(self) -> bytes:
        """See `SealSource.key`."""
        name = self.names.key_file
        path = self.folder / name
        try:
            content = read_bounded(path, KEY_BYTES)
            if content is None:
                raise NoSealingKey(f"there is no {name}")
            if open_to_others(path):
                # A careless copy or a restored backup: closed again, and said, because it may have been read.
                path.chmod(stat.S_IRUSR | stat.S_IWUSR)
                log.warning("sealing_key_was_open_to_others", file=str(path))
            return _whole(content, name)
        except OSError as error:
            raise NoSealingKey(f"{name} cannot be read: {error.strerror}") from None

    def made(self, entropy: Entropy) -> bytes:
        """See `SealSource.made`."""
        path = self.folder / self.names.key_file
        if path.exists():
            return self.key()
        key = entropy(KEY_BYTES)
        write_durably(path, key)
        return key

    def forget(self) -> None:
        """Takes the file away, once nothing is sealed with it any more."""
        (self.folder / self.names.key_file).unlink(missing_ok=True)


def source_of(
    kind: SealKind, folder: Path, names: SealNames, environment: Mapping[str, str] = os.environ
) -> SealSource:
    """The source of this name; `NoSealingKey` where this system has none such."""
    match kind:
        case SealKind.SYSTEMD:
            directory = environment.get(CREDENTIALS_DIRECTORY)
            if not directory:
                raise NoSealingKey("this process was not started by systemd with a credential")
            return SystemdSeal(Path(directory), names)
        case SealKind.WINDOWS:
            return WindowsSeal(folder, names)
        case SealKind.FILE:
            return FileSeal(folder, names)


def best_source(folder: Path, names: SealNames, environment: Mapping[str, str] = os.environ) -> SealSource:
    """The best place for a key that this system has."""
    if sys.platform == "win32":
        return WindowsSeal(folder, names)
    else:  # noqa: RET505  # mypy leaves out the branch of another system only where it is one
        directory = environment.get(CREDENTIALS_DIRECTORY)
        if directory and (Path(directory) / names.credential).exists():
            return SystemdSeal(Path(directory), names)
        return FileSeal(folder, names)


def _whole(key: bytes, name: str) -> bytes:
    if len(key) != KEY_BYTES:
        raise NoSealingKey(f"{name} does not hold a key of {KEY_BYTES} bytes")
    return key
