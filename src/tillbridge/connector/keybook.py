"""The named keys of the native interface: a file in the data folder, with a digest of each key and never a key.

A key is 256 bits of chance, so SHA-256 is the right digest: nobody can try out enough of them to need a slow one, and
each request to the interface computes it. A running connector looks at the file on every use and takes up what changed.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tillbridge.connector.api.scopes import Scope
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import OWNER_ONLY_FILE, DataFolder

KEYS_FILE: Final = "native-keys.json"
LOCK_FILE: Final = "native-keys.lock"

KEY_BYTES: Final = 32
"""256 bits of chance, as the connector's own key has."""

MARK: Final = "tbk_"
"""What a key begins with, so that a search for secrets that were left somewhere finds it."""

MOST_KEYS: Final = 200
"""A till or a program each; every request compares with all of them."""

MOST_BYTES: Final = 200_000
"""Of the file: `MOST_KEYS` of the longest names take a third of it."""

LOCK_SECONDS: Final = 5.0
"""For another command that is writing the file, which takes a moment."""

RESERVED: Final = "main"
"""The name of the connector's own key."""

NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
LONGEST_NAME: Final = 40

log = structlog.get_logger(__name__)


def digest_of(key: str) -> str:
    """What is kept of a key. All have one length, so that a comparison does not show the length of the key either."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class NamedKey(BaseModel):
    """A key as it is kept: `digest` is SHA-256 in hexadecimal digits, `created_at` is UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created_at: datetime

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name == RESERVED:
            raise ValueError(f"{RESERVED} is the name of the connector's own key")
        return name


class _Written(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: Annotated[tuple[NamedKey, ...], Field(max_length=MOST_KEYS)] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """The file as it was read last; `stamp` tells whether it still is that file."""

    stamp: tuple[int, ...] | None = None
    keys: tuple[NamedKey, ...] = ()


class KeyBook:
    """The named keys of one data folder."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._path: Path = folder.path / KEYS_FILE
        self._seen = _Seen()

    def keys(self) -> tuple[NamedKey, ...]:
        """The keys that are valid now. Where the file cannot be read none is: a doubt opens nothing."""
        stamp = _stamp(self._path)
        if stamp != self._seen.stamp:
            try:
                self._seen = _Seen(stamp, self.read())
            except BridgeError as error:
                log.warning("native_keys_unreadable", detail=str(error))
                self._seen = _Seen(stamp)
        return self._seen.keys

    def read(self) -> tuple[NamedKey, ...]:
        """The keys, oldest first. `BridgeError(FOLDER_UNUSABLE)` where the file is not what this program writes."""
        text = self._folder.read(KEYS_FILE, MOST_BYTES)
        if text is None:
            return ()
        try:
            return _Written.model_validate_json(text).keys
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise BridgeError(Code.FOLDER_UNUSABLE, f"{where}: {first['msg']}", place=str(self._path)) from None

    def add(self, name: str, scopes: frozenset[Scope], now: datetime) -> str:
        """Makes a key of this name and returns it: it can be seen this once.

        `BridgeError(SETTINGS_INVALID)` for a name that is taken or does not do, no scope, or too many keys.
        """
        key = MARK + secrets.token_urlsafe(KEY_BYTES)
        made = _checked(name=name, scopes=scopes, digest=digest_of(key), created_at=now)
        with self._changing() as keys:
            if any(one.name == name for one in keys):
                raise BridgeError(Code.SETTINGS_INVALID, f"there is a key named {name!r} already", place="name")
            if len(keys) >= MOST_KEYS:
                raise BridgeError(Code.SETTINGS_INVALID, f"there are {MOST_KEYS} keys already: remove one first")
            self._write((*keys, made))
        return key

    def remove(self, name: str) -> None:
        """Takes a key away; a running connector knows it no more. `BridgeError(SETTINGS_INVALID)` if there is none."""
        with self._changing() as keys:
            left = tuple(one for one in keys if one.name != name)
            if len(left) == len(keys):
                known = ", ".join(one.name for one in keys) or "none"
                raise BridgeError(Code.SETTINGS_INVALID, f"there is no key named {name!r}; there are: {known}")
            self._write(left)

    @contextmanager
    def _changing(self) -> Iterator[tuple[NamedKey, ...]]:
        """The keys, with the assurance that no other command changes them meanwhile."""
        lock = FileLock(self._folder.path / LOCK_FILE, mode=OWNER_ONLY_FILE)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except (Timeout, OSError):
            raise BridgeError(
                Code.FOLDER_IN_USE, "another command is changing the keys", place=str(self._path)
            ) from None
        try:
            yield self.read()
        finally:
            lock.release()

    def _write(self, keys: tuple[NamedKey, ...]) -> None:
        content = [key.model_dump(mode="json") | {"scopes": sorted(key.scopes)} for key in keys]
        self._folder.write(KEYS_FILE, json.dumps({"keys": content}, indent=1) + "\n")


def _checked(**fields: Any) -> NamedKey:  # noqa: ANN401  # the model says what it takes
    try:
        return NamedKey(**fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        words = first["msg"].removeprefix("Value error, ")
        raise BridgeError(Code.SETTINGS_INVALID, words, place=str(first["loc"][0])) from None


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file is written anew; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  # asked with every request: half the time of the path's own method
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
