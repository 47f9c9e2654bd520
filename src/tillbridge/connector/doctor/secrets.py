"""Every secret that this computer's connector knows, gathered so that it can be looked for in what is to leave."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.doctor.searching import Secrets
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.data_folder import DataFolder
from tillbridge.runtime.scrubbing import is_secret
from tillbridge.runtime.settings.problems import is_secret as is_secret_setting
from tillbridge.runtime.settings.secret_values import NoSecret, resolve_secret
from tillbridge.runtime.settings.yaml_file import Unreadable, read_document
from tillbridge.upstream.secret_file import SECRETS_FILE

LARGEST_FILE: Final = 1024 * 1024
"""Bytes of a file of secrets that are read: a shop's receivers take some hundred each."""

DEEPEST: Final = 12
"""Levels of a settings file that are walked through; the models have five."""


def known_secrets(scene: Scene, environment: Mapping[str, str] = os.environ) -> Secrets:
    """Those of the settings, read or not, and those that lie in the data folder. What is sealed shut stays unknown."""
    found = set(_of_value(scene.settings, "", DEEPEST))
    found |= set(_written(scene.file, environment))
    if scene.folder is not None:
        found |= set(_in_folder(scene.folder))
    return Secrets.of(found)


def hidden_name(name: str) -> bool:
    """Whether a setting or a field of this name may hold something that nobody may read."""
    return is_secret(name) or is_secret_setting(name)


def _of_value(value: object, name: str, depth: int) -> Iterator[str]:
    """The secrets in a model, a mapping or a list."""
    if depth == 0:
        return
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case str() if hidden_name(name):
            yield value
        case _:
            for key, one in _members(value, name):
                yield from _of_value(one, key, depth - 1)


def _members(value: object, name: str) -> Iterator[tuple[str, object]]:
    """What a value is made of, each with its name; a list's members have the list's."""
    if isinstance(value, BaseModel):
        yield from ((field, getattr(value, field)) for field in type(value).model_fields)
    elif isinstance(value, Mapping):
        yield from ((str(key), one) for key, one in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((name, one) for one in value)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from ((one.name, getattr(value, one.name)) for one in fields(value))


def _written(file: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """What the settings file holds in clear, or refers to, also where it is wrong and no model was made of it."""
    try:
        document = read_document(file)
    except (OSError, Unreadable):
        return
    yield from _of_written(document.value, "", file.parent, environment, DEEPEST)


def _of_written(value: Any, name: str, folder: Path, environment: Mapping[str, str], depth: int) -> Iterator[str]:  # noqa: ANN401  # YAML may be anything
    if depth == 0:
        return
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)) in ("env", "file", "sealed"):
            yield from _referred(value, folder, environment)
        for key, one in value.items():
            yield from _of_written(one, str(key), folder, environment, depth - 1)
    elif isinstance(value, list):
        for one in value:
            yield from _of_written(one, name, folder, environment, depth - 1)
    elif isinstance(value, str | int) and not isinstance(value, bool) and hidden_name(name):
        yield str(value)


def _referred(value: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    try:
        found = resolve_secret(dict(value), reference_only=True, folder=folder, environment=environment)
    except (NoSecret, BridgeError):
        return  # it leads nowhere, so that nothing is known that could leave
    if isinstance(found, str):
        yield found


def _in_folder(folder: Path) -> Iterator[str]:
    try:
        key = DataFolder(folder).known_key()
    except BridgeError:
        key = None
    if key is not None:
        yield key
    try:
        with (folder / SECRETS_FILE).open("rb") as file:
            told = json.loads(file.read(LARGEST_FILE))
    except (OSError, ValueError):
        return
    yield from _strings(told, DEEPEST)


def _strings(value: object, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one, depth - 1)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _strings(one, depth - 1)
