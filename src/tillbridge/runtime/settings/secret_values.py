"""Passwords in the settings: by reference or as an argon2 hash, never in clear.

A reference leads to the environment, to a file, or to what `runtime.sealed_secrets` keeps beside the settings. A
settings file is copied, mailed to support and kept in backups; what stands in it is no secret any more.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from argon2 import PasswordHasher
from pydantic import BaseModel, SecretStr

from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.sealed_secrets import SealedSecrets
from tillbridge.runtime.settings.problems import is_secret, models_in, written_fields
from tillbridge.runtime.settings.yaml_file import Key

LARGEST_FILE: Final = 4096
"""Bytes of a file that holds one password or one key."""

IN_CLEAR: Final = (
    "a password does not stand here in clear: write `{env: NAME}` to take it from an environment variable,"
    " `{file: PATH}` to take it from a file, or `{sealed: NAME}` for one that `tillbridge connector setup` has stored"
)

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's small variant of Argon2id: 19 MiB for a moment fit a till's computer."""


class NoSecret(Exception):
    """A reference that leads nowhere, or a secret in clear; says which, and never what the secret is."""


def hash_password(password: str) -> str:
    """The Argon2id hash that may stand in the settings in a password's place."""
    return _HASHER.hash(password)


def secret_places(model: type[BaseModel], value: object, key: Key) -> Iterator[tuple[Key, bool]]:
    """Where in this mapping (or list of mappings) a secret may stand, and whether it must be a reference there.

    Where the model keeps a secret as such, only a reference will do. Elsewhere a setting is called after one because it
    holds its hash, and the model itself checks that.
    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_places(model, item, (*key, index))
    elif isinstance(value, Mapping):
        for name, field in written_fields(model).items():
            if name not in value:
                continue
            kept = _keeps_secret(field.annotation)
            if kept or is_secret(name):
                yield (*key, name), kept
            for inner in models_in(field.annotation):
                yield from secret_places(inner, value[name], (*key, name))


def _keeps_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_keeps_secret(argument) for argument in get_args(annotation))


def resolve_secret(
    written: Any,  # noqa: ANN401  # a value from YAML may be anything
    *,
    reference_only: bool,
    folder: Path,
    environment: Mapping[str, str],
) -> object:
    """The secret that was meant. Raises `NoSecret`. What is no reference is left to the model's own check."""
    match written:
        case {"env": str(name), **rest} if not rest:
            if not environment.get(name):
                raise NoSecret(f"the environment variable {name} is not set, or empty")
            return environment[name]
        case {"file": str(name), **rest} if not rest:
            return _from_file(folder / Path(name).expanduser())
        case {"sealed": str(name), **rest} if not rest:
            return _from_store(folder, name, environment)
        case dict():
            raise NoSecret("it must be `{env: NAME}`, `{file: PATH}` or `{sealed: NAME}`")
        case None:
            return None
        case _:
            if reference_only:
                raise NoSecret(IN_CLEAR)
            return written


def _from_store(folder: Path, name: str, environment: Mapping[str, str]) -> str:
    try:
        return SealedSecrets(folder, environment).reveal(name)
    except BridgeError as error:
        raise NoSecret(f"the stored secret {name!r} cannot be read: {error.detail} ({error.place})") from None


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        text = content.decode("utf-8").strip()
    except OSError as error:
        raise NoSecret(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NoSecret(f"the file {path} is not UTF-8 text") from None
    if len(content) > LARGEST_FILE or not text:
        raise NoSecret(f"the file {path} is empty, or larger than {LARGEST_FILE} bytes")
    return text
