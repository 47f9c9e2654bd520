"""Reads the settings file and checks all of it, the settings of every wire included, before anything starts."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from tillbridge.connector.problems import in_file, problems_of, unknown_name
from tillbridge.connector.reaching import listening
from tillbridge.connector.secret_values import NoSecret, resolve_secret, secret_places
from tillbridge.connector.settings import Configured, ConnectorSettings, SettingsFile
from tillbridge.connector.yaml_file import Document, Key, Problem, Unreadable, read_document, show
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry

M = TypeVar("M", bound=BaseModel)

MOST_PROBLEMS: Final = 20
"""So many are shown at once; who has more than that has one mistake with many faces."""

ANY_PORT: Final = 0
"""The system chooses one, and never one that is taken."""

AS_TEXT: Final = frozenset({"string_type", "literal_error", "enum"})
"""What pydantic says when a text was wanted: `register: 12` and `version: 3.2` are then taken as they were written."""


class SettingsInvalid(BridgeError):
    """Everything that is wrong with a settings file, in the order of its lines."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda one: (one.line, one.path)))[:MOST_PROBLEMS]
        self.sentences = [f"{path}, {problem}" for problem in self.problems]
        first = self.problems[0]
        detail = f"{first.path}: {first.sentence}" if first.path else first.sentence
        super().__init__(Code.SETTINGS_INVALID, detail, place=f"{path}, line {first.line}")


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> ConnectorSettings:
    """The settings in this file. Raises `BridgeError(SETTINGS_INVALID)`: `SettingsInvalid` where it could be read."""
    try:
        document = read_document(path)
    except OSError as error:
        raise BridgeError(
            Code.SETTINGS_INVALID, f"the file cannot be read: {error.strerror}", place=str(path)
        ) from None
    except Unreadable as error:
        raise SettingsInvalid(path, [error.problem]) from None
    reader = _Reader(document, path.parent, environment)
    settings = reader.read()
    if settings is None or reader.problems:
        raise SettingsInvalid(path, reader.problems)
    return settings


class _Reader:
    def __init__(self, document: Document, folder: Path, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._folder = folder
        self._environment = environment

    def read(self) -> ConnectorSettings | None:
        """The settings, or None where problems stand in the way."""
        file = self._check(SettingsFile, ())
        terminals = self._wires("terminals", "driver", lambda name: registry.driver(name).settings)
        doors = self._wires("doors", "door", lambda name: registry.door(name).settings)
        if file is None or self.problems:
            return None
        self._check_together(file, terminals, doors)
        data = self._folder / file.data.expanduser()
        return ConnectorSettings(
            data=data.resolve(),
            console=file.console,
            engine=file.engine,
            log=file.log,
            webhooks=file.webhooks,
            receipts=file.receipts,
            terminals=tuple(terminals),
            doors=tuple(doors),
        )

    # ------------------------------------------------------------ one model

    def _check(self, model: type[M], key: Key) -> M | None:
        raw = self._at(key)
        if not self._fill_in_secrets(model, raw, key):
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            if not self._take_as_written(error, key):
                self.problems += problems_of(error, model, self._document, key)
                return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            self.problems += problems_of(error, model, self._document, key)
            return None

    def _fill_in_secrets(self, model: type[BaseModel], raw: object, key: Key) -> bool:
        found = len(self.problems)
        for place, reference_only in list(secret_places(model, raw, key)):
            written = self._at(place)
            try:
                secret = resolve_secret(
                    written, reference_only=reference_only, folder=self._folder, environment=self._environment
                )
            except NoSecret as error:
                self._note(place, str(error))
            else:
                self._put(place, secret)
        return len(self.problems) == found

    def _take_as_written(self, error: ValidationError, above: Key) -> bool:
        changed = False
        for detail in error.errors(include_url=False):
            key = (*above, *in_file(detail["loc"], self._document, above, detail["type"]))
            written = self._document.texts.get(key)
            if detail["type"] in AS_TEXT and written is not None and not isinstance(self._at(key), str | None):
                self._put(key, written)
                changed = True
        return changed

    # ------------------------------------------------------------ the wires

    def _wires(self, section: str, word: str, find: Callable[[str], type[BaseModel]]) -> list[Configured]:
        found: list[Configured] = []
        entries = self._at((section,))
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if not isinstance(entry, dict) or not isinstance(entry.get(word), str):
                continue  # the model of the whole file has said so already
            key: Key = (section, index)
            try:
                model = find(entry[word])
            except BridgeError as error:
                self._note((*key, word), error.detail)
                continue
            settings = self._check_wire(model, entry, (*key, "settings"))
            if settings is not None:
                found.append(Configured(str(entry.get("name")), entry[word], settings))
        return found

    def _check_wire(self, model: type[BaseModel], entry: dict[str, Any], key: Key) -> BaseModel | None:
        if entry.get("settings") is None:
            if not entry.keys() <= {"name", "driver", "door", "settings"}:
                return None  # they are there under a name that does not exist, which has been said
            entry["settings"] = {}
        return self._check(model, key) if isinstance(entry["settings"], dict) else None

    # ------------------------------------------------------------ what only shows when all of it is seen together

    def _check_together(self, file: SettingsFile, terminals: list[Configured], doors: list[Configured]) -> None:
        names = [one.name for one in terminals]
        for section, found in (("terminals", names), ("doors", [one.name for one in doors])):
            for index, name in enumerate(found):
                if name in found[:index]:
                    self._note((section, index, "name"), f"the name {name!r} is already taken")
        for index, route in enumerate(file.engine.routes):
            if route.terminal not in names:
                said = f"there is no terminal {route.terminal!r}; {unknown_name(route.terminal, names)}"
                self._note(("engine", "routes", index, "terminal"), said)
        taken: dict[int, str] = {file.console.port: "the console"}
        for index, door in enumerate(doors):
            key: Key = ("doors", index, "settings")
            terminal = getattr(door.settings, "terminal", None)
            if terminal is not None and terminal not in names:
                self._note((*key, "terminal"), f"there is no terminal {terminal!r}; {unknown_name(terminal, names)}")
            self._check_port(door, key, taken)
        self._check_tills(doors)

    def _check_tills(self, doors: list[Configured]) -> None:
        """Two doors whose tills could not be told apart: one till would get the answer that another one has lost."""
        known: dict[str, str] = {}
        for index, door in enumerate(doors):
            if "name" not in type(door.settings).model_fields:
                continue
            till = getattr(door.settings, "name", None) or door.wire
            if till in known:
                said = f"the door {known[till]!r} goes by {till!r} too: give each door's till a name of its own"
                self._note(("doors", index, "settings", "name"), said)
            known.setdefault(till, door.name)

    def _check_port(self, door: Configured, key: Key, taken: dict[int, str]) -> None:
        listens = listening(door.settings)
        if listens is None or listens.port == ANY_PORT:
            return
        if listens.port in taken:
            place = (*key, "tcp", "port") if getattr(door.settings, "tcp", None) is not None else (*key, "port")
            self._note(place, f"port {listens.port} is already that of {taken[listens.port]}")
        taken.setdefault(listens.port, f"the door {door.name!r}")

    # ------------------------------------------------------------ places

    def _note(self, key: Key, sentence: str) -> None:
        self.problems.append(Problem(self._document.line(key), show(key), sentence))

    def _at(self, key: Key) -> Any:  # noqa: ANN401  # a value from YAML may be anything
        value: Any = self._document.value
        for part in key:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int):
                value = value[part]
            else:
                return None
        return value

    def _put(self, key: Key, value: object) -> None:
        self._at(key[:-1])[key[-1]] = value
