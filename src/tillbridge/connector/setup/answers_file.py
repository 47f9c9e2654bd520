"""The file of a silent installation: YAML or JSON with an answer under each question's name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.setup.answers import ContractType, Key
from tillbridge.connector.setup.checks import Around
from tillbridge.connector.setup.completing import Completed, Given, complete
from tillbridge.connector.setup.questions import SECRETS
from tillbridge.runtime.settings.problems import unknown_name
from tillbridge.runtime.settings.reading import SettingsInvalid, open_document
from tillbridge.runtime.settings.secret_values import NoSecret, resolve_secret
from tillbridge.runtime.settings.yaml_file import Document, Problem, show
from tillbridge.runtime.settings.yaml_file import Key as Place
from tillbridge.web.language import Catalogue

PASSWORD_HASH: Final = "api_password_hash"  # noqa: S105  # the name of an answer
"""Stands for `api_password` where its hash is at hand (`tillbridge connector hash-password`)."""

CONTRACT: Final = "contract"
_NAMES: Final = {*map(str, Key), PASSWORD_HASH}


def read_answers(path: Path, around: Around, texts: Catalogue, environment: Mapping[str, str]) -> Completed:
    """Every answer. Raises `SettingsInvalid` with all that is wrong or missing, `BridgeError` for an unreadable file.

    A password is a reference here too (`{env: NAME}`, `{file: PATH}`): this file is copied from shop to shop.
    """
    document = open_document(path)
    reader = _Reader(document, path.parent, environment)
    given = reader.read()
    found = complete(given, around, texts, reader.lines())
    problems = [*reader.problems, *(found if isinstance(found, list) else ())]
    if isinstance(found, list) or problems:
        raise SettingsInvalid(path, [one for one in problems if not _said_twice(one, reader.problems)])
    return found


def _said_twice(problem: Problem, earlier: list[Problem]) -> bool:
    # What could not be read is not missing as well.
    return problem not in earlier and any(problem.path == one.path for one in earlier)


class _Reader:
    def __init__(self, document: Document, folder: Path, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._folder = folder
        self._environment = environment

    def read(self) -> dict[Key, Given]:
        if not isinstance(self._document.value, dict):
            self._note((), "this must be a mapping: lines of `name: value`")
            return {}
        given: dict[Key, Given] = {}
        for place, value in self._flat(self._document.value, ()):
            name = show(place)
            if name not in _NAMES:
                self._note(place, f"there is no such answer; {unknown_name(name, _NAMES)}")
                continue
            key = Key.API_PASSWORD if name == PASSWORD_HASH else Key(name)
            text = self._secret(place, value) if key in SECRETS and name != PASSWORD_HASH else self._text(place, value)
            if text is not None:
                given[key] = Given(text, self._document.line(place), name, hashed=name == PASSWORD_HASH)
        return self._with_contract_type(given)

    def lines(self) -> dict[Key, int]:
        """The line to name for an answer that is missing: that of the part where it belongs."""
        return {key: self._document.line(tuple(key.split("."))) for key in Key}

    def _flat(self, value: Mapping[str, Any], above: Place) -> Iterator[tuple[Place, Any]]:
        for name, inner in value.items():
            place = (*above, name)
            if isinstance(inner, dict) and place[0] == CONTRACT and len(place) < len(("contract", "proxy", "rank")):
                yield from self._flat(inner, place)
            else:
                yield place, inner

    def _with_contract_type(self, given: dict[Key, Given]) -> dict[Key, Given]:
        contract = self._document.value.get(CONTRACT) if isinstance(self._document.value, dict) else None
        if isinstance(contract, dict) and Key.CONTRACT_TYPE not in given:
            kind = contract_type(contract)
            given[Key.CONTRACT_TYPE] = Given(kind, self._document.line((CONTRACT,)), CONTRACT)
        return given

    def _secret(self, place: Place, value: object) -> str | None:
        try:
            found = resolve_secret(value, reference_only=True, folder=self._folder, environment=self._environment)
        except NoSecret as error:
            self._note(place, str(error))
            return None
        return "" if found is None else str(found)

    def _text(self, place: Place, value: object) -> str | None:
        if isinstance(value, dict | list):
            self._note(place, "it must be a single value")
            return None
        return self._document.texts.get(place, "" if value is None else str(value))

    def _note(self, place: Place, sentence: str) -> None:
        self.problems.append(Problem(self._document.line(place), show(place), sentence))


def contract_type(contract: Mapping[str, Any]) -> ContractType:
    """Which contracts a mapping of them has."""
    match (contract.get("proxy") is not None, contract.get("nfc") is not None):
        case (True, True):
            return ContractType.BOTH
        case (True, False):
            return ContractType.PROXY
        case (False, True):
            return ContractType.NFC
        case _:
            return ContractType.NONE
