"""Reads the settings of HiPay's own connector, and says of every line what became of it.

It takes `config.yml` of the desktop connector, and the lines `KEY=value` of `config.txt`, which the connector for
unattended terminals has; src/tillbridge/protocols/hipay/README.md, "The settings of HiPay's connector".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from tillbridge.connector.setup.answers import UNATTENDED, ContractType, Key
from tillbridge.connector.setup.answers_file import contract_type
from tillbridge.connector.setup.checks import Around
from tillbridge.connector.setup.completing import Completed, Given, complete
from tillbridge.connector.setup.questions import SECRETS
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded
from tillbridge.runtime.settings.reading import SettingsInvalid, open_document
from tillbridge.runtime.settings.yaml_file import MAX_BYTES, Document, Problem, show
from tillbridge.runtime.settings.yaml_file import Key as Place
from tillbridge.web.language import Catalogue

UNATTENDED_SUFFIX: Final = ".txt"

_LINE: Final = ("baudRate", "dataBits", "parity", "stopBits")
_USUAL_LINE: Final = {"baudRate": "9600", "dataBits": "8", "parity": "none", "stopBits": "1"}
_PARITIES: Final = {"none": "N", "even": "E", "odd": "O"}
_CONTRACT: Final = "contract"
_TAKEN: Final = (
    *(Key.HIPAY_LOGIN, Key.HIPAY_PASSWORD, Key.SERIAL_PORT, Key.SERIAL_NUMBER, Key.LOCAL_PORT, Key.API_USERNAME),
    *(Key.API_PASSWORD, Key.ENVIRONMENT, Key.AUTHORIZATION_THRESHOLD, Key.UPDATE_TIME, Key.PROXY_APPLICATION),
    *(Key.NFC_APPLICATION, Key.PROXY_MERCHANT, Key.NFC_MERCHANT, Key.PROXY_RANK, Key.NFC_RANK),
)
_NAMES: Final = {str(key): key for key in _TAKEN}
_UNATTENDED: Final = {
    "SERIAL_PORT": Key.SERIAL_PORT,
    "LOCAL_PORT": Key.LOCAL_PORT,
    "TERMINAL_MANAGER_LOGIN": Key.API_USERNAME,
    "TERMINAL_MANAGER_PWD": Key.API_PASSWORD,
    "HIPAY_LOGIN": Key.HIPAY_LOGIN,
    "HIPAY_PWD": Key.HIPAY_PASSWORD,
    "UPDATE_TIME": Key.UPDATE_TIME,
}


class Fate(StrEnum):
    """What became of a line."""

    TAKEN = "taken"
    CHANGED = "changed"
    IGNORED = "ignored"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Became:
    """One line of the report. Line 0 is for what does not stand in the file."""

    line: int
    name: str
    fate: Fate
    sentence: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The answers, and the report."""

    completed: Completed
    report: tuple[Became, ...]


@dataclass(slots=True)
class _Found:
    given: dict[Key, Given] = field(default_factory=dict)
    ignored: list[Became] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Key, int] = field(default_factory=dict)
    """Where an answer belongs that is missing."""


def import_hipay(path: Path, around: Around, texts: Catalogue) -> Imported:
    """What the file says, as answers. Raises `SettingsInvalid` with every line that cannot be used."""
    unattended = path.suffix.lower() == UNATTENDED_SUFFIX
    found = _unattended(path, texts) if unattended else _desktop(path, texts)
    found.given[Key.FOLDER] = Given(str(around.folder), 0, Key.FOLDER)
    completed = complete(found.given, around, texts, found.lines)
    problems = [*found.problems, *(completed if isinstance(completed, list) else ())]
    if isinstance(completed, list) or problems:
        read_badly = {problem.path for problem in found.problems}
        raise SettingsInvalid(path, [one for one in problems if one in found.problems or one.path not in read_badly])
    return Imported(completed, tuple(_report(found, completed, texts)))


# ------------------------------------------------------------ config.yml


def _desktop(path: Path, texts: Catalogue) -> _Found:
    document = open_document(path)
    found = _Found()
    if not isinstance(document.value, dict) or not document.value:
        found.problems.append(Problem(1, "", texts("wrong.no_hipay_file")))
        return found
    found.lines = {key: document.line(tuple(key.split("."))) for key in Key}
    for place, value in _flat(document.value, ()):
        name = show(place)
        line = document.line(place)
        if name in _LINE:
            continue
        if name not in _NAMES:
            found.ignored.append(Became(line, name, Fate.IGNORED, texts("import.unknown")))
        elif isinstance(value, dict | list):
            found.problems.append(Problem(line, name, texts("wrong.single")))
        elif value is None:
            found.ignored.append(Became(line, name, Fate.IGNORED, texts("import.empty")))
        else:
            text = document.texts.get(place, str(value))
            found.given[_NAMES[name]] = Given(text, line, name)
    _add_contract_type(document, found)
    _add_line(document, found, texts)
    return found


def _flat(value: Mapping[str, Any], above: Place) -> Iterator[tuple[Place, Any]]:
    for name, inner in value.items():
        place = (*above, name)
        if isinstance(inner, dict) and place[0] == _CONTRACT:
            yield from _flat(inner, place)
        else:
            yield place, inner


def _add_contract_type(document: Document, found: _Found) -> None:
    contract = document.value.get(_CONTRACT) if isinstance(document.value, dict) else None
    kind = contract_type(contract) if isinstance(contract, dict) else ContractType.NONE
    found.given[Key.CONTRACT_TYPE] = Given(kind, document.line((_CONTRACT,)), Key.CONTRACT_TYPE)


def _add_line(document: Document, found: _Found, texts: Catalogue) -> None:
    """The four settings of the serial line, which are one here."""
    values = document.value if isinstance(document.value, dict) else {}
    said = {name: str(document.texts.get((name,), values.get(name))) for name in _LINE if values.get(name) is not None}
    parts = {**_USUAL_LINE, **said}
    parity = _PARITIES.get(parts["parity"].lower())
    line = min((document.line((name,)) for name in said), default=0)
    if parity is None:
        found.problems.append(
            Problem(document.line(("parity",)), "parity", texts("wrong.choice", choices=", ".join(_PARITIES)))
        )
        return
    text = f"{parts['baudRate']} {parts['dataBits']}{parity}{parts['stopBits']}"
    found.given[Key.LINE] = Given(text, line, ", ".join(said) or Key.LINE)


# ------------------------------------------------------------ config.txt


def _unattended(path: Path, texts: Catalogue) -> _Found:
    found = _Found()
    for number, line in enumerate(_lines(path), start=1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in written.partition("="))
        key = _UNATTENDED.get(name)
        if not equals:
            found.problems.append(Problem(number, "", texts("wrong.no_equals")))
        elif key is None:
            found.ignored.append(Became(number, name, Fate.IGNORED, texts("import.unknown")))
        elif key in found.given:
            found.problems.append(Problem(number, name, texts("wrong.twice", line=found.given[key].line)))
        else:
            found.given[key] = Given(value, number, name)
    # These connectors name no contracts: what belongs to them stands in the terminal alone.
    found.given[Key.CONTRACT_TYPE] = Given(ContractType.NONE, 0, Key.CONTRACT_TYPE)
    found.given[Key.PROFILE] = Given(UNATTENDED, 0, Key.PROFILE)
    if not any(given.line for given in found.given.values()) and not found.problems:
        found.problems.append(Problem(1, "", texts("wrong.no_hipay_file")))
    return found


def _lines(path: Path) -> list[str]:
    try:
        content = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise BridgeError(
            Code.SETTINGS_INVALID, f"the file cannot be read: {error.strerror}", place=str(path)
        ) from None
    if content is None:
        raise BridgeError(Code.SETTINGS_INVALID, "there is no such file", place=str(path))
    if len(content) > MAX_BYTES:
        raise SettingsInvalid(path, [Problem(1, "", f"the file is larger than {MAX_BYTES // 1024} KiB")])
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsInvalid(path, [Problem(line, "", "this is not UTF-8 text: save the file as UTF-8")]) from None


# ------------------------------------------------------------ the report


def _report(found: _Found, completed: Completed, texts: Catalogue) -> Iterator[Became]:
    lines = [*found.ignored]
    answers = completed.answers
    for key, given in found.given.items():
        if not given.line:
            continue
        if key in SECRETS:
            how = "import.hashed" if key is Key.API_PASSWORD else "import.sealed"
            lines.append(Became(given.line, given.path, Fate.CHANGED, texts(how)))
        elif key is Key.CONTRACT_TYPE:
            continue
        elif answers.get(key) == given.text:
            lines.append(Became(given.line, given.path, Fate.TAKEN, given.text))
        else:
            lines.append(Became(given.line, given.path, Fate.CHANGED, f"{given.text} → {answers.get(key)}"))
    yield from sorted(lines, key=lambda one: (one.line, one.name))
    added = (key for key in Key if key in completed.usual or key is Key.PROFILE)
    for key in added:
        if answers.get(key):
            yield Became(0, key, Fate.ADDED, answers.get(key))
