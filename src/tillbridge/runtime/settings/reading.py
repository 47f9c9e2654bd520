"""Reads a settings file into models, and says of everything that is wrong in it where it stands."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.settings.problems import in_file, problems_of
from tillbridge.runtime.settings.secret_values import NoSecret, resolve_secret, secret_places
from tillbridge.runtime.settings.yaml_file import Document, Key, Problem, Unreadable, read_document, show

M = TypeVar("M", bound=BaseModel)

MOST_PROBLEMS: Final = 20
"""So many are shown at once; who has more than that has one mistake with many faces."""

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


def open_document(path: Path) -> Document:
    """The file as it stands. `BridgeError(SETTINGS_INVALID)` if it cannot be read at all."""
    try:
        return read_document(path)
    except OSError as error:
        raise BridgeError(
            Code.SETTINGS_INVALID, f"the file cannot be read: {error.strerror}", place=str(path)
        ) from None
    except Unreadable as error:
        raise SettingsInvalid(path, [error.problem]) from None


class ModelReader:
    """Fits parts of a document into models; what does not fit is gathered in `problems`.

    `folder` is where a relative path in the file starts, `environment` where `{env: NAME}` looks.
    """

    def __init__(self, document: Document, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.problems: list[Problem] = []
        self.document = document
        self._folder = folder
        self._environment = environment

    def check(self, model: type[M], key: Key) -> M | None:
        """What stands at this place, as the model has it; None if it does not fit."""
        raw = self.at(key)
        if not self._fill_in_secrets(model, raw, key):
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            if not self._take_as_written(error, key):
                self.problems += problems_of(error, model, self.document, key)
                return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            self.problems += problems_of(error, model, self.document, key)
            return None

    def _fill_in_secrets(self, model: type[BaseModel], raw: object, key: Key) -> bool:
        found = len(self.problems)
        for place, reference_only in list(secret_places(model, raw, key)):
            written = self.at(place)
            try:
                secret = resolve_secret(
                    written, reference_only=reference_only, folder=self._folder, environment=self._environment
                )
            except NoSecret as error:
                self.note(place, str(error))
            else:
                self._put(place, secret)
        return len(self.problems) == found

    def _take_as_written(self, error: ValidationError, above: Key) -> bool:
        changed = False
        for detail in error.errors(include_url=False):
            key = (*above, *in_file(detail["loc"], self.document, above, detail["type"]))
            written = self.document.texts.get(key)
            if detail["type"] in AS_TEXT and written is not None and not isinstance(self.at(key), str | None):
                self._put(key, written)
                changed = True
        return changed

    def note(self, key: Key, sentence: str) -> None:
        """One more thing that is wrong."""
        self.problems.append(Problem(self.document.line(key), show(key), sentence))

    def at(self, key: Key) -> Any:  # noqa: ANN401  # a value from YAML may be anything
        """What stands at this place; None where nothing does."""
        value: Any = self.document.value
        for part in key:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int):
                value = value[part]
            else:
                return None
        return value

    def _put(self, key: Key, value: object) -> None:
        self.at(key[:-1])[key[-1]] = value
