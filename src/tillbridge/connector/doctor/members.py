"""What is in a support bundle, each member masked as it is made and bounded in size."""

import json
import os
import platform
import sqlite3
import ssl
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import tillbridge
from tillbridge.connector.doctor.extract import journal_extract
from tillbridge.connector.doctor.report import ReportResource
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.doctor.searching import Secrets, harmless
from tillbridge.connector.doctor.secrets import hidden_name
from tillbridge.connector.supervisor.room import room_of
from tillbridge.connector.tracing.files import TRACE_FILE
from tillbridge.connector.updates.layout import packaged
from tillbridge.connector.updates.state import read_state
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.runtime.logging import FILE_NAME
from tillbridge.runtime.scrubbing import REDACTED
from tillbridge.runtime.settings.yaml_file import Unreadable, read_document

LOG_BYTES: Final = 1024 * 1024
"""The end of the log that is taken: a day or more of a busy shop, and small enough for an e-mail once packed."""

TRACE_BYTES: Final = 1024 * 1024
"""The end of the wire trace that is taken: some hundred payments."""

DEEPEST: Final = 12

_PACKAGES: Final = (
    *("aiohttp", "argon2-cffi", "cryptography", "fastapi", "filelock", "joserfc", "pydantic", "python-multipart"),
    *("rich", "serialx", "starlette", "structlog", "tuf", "typer", "uvicorn"),
)
"""Libraries whose version has mattered in a fault before."""


class Member(StrEnum):
    """The parts of a bundle, as `--without` names them."""

    REPORT = "report"
    SETTINGS = "settings"
    VERSIONS = "versions"
    STATE = "state"
    JOURNAL = "journal"
    LOG = "log"
    TRACE = "trace"


_FILES: Final[Mapping[Member, str]] = {
    Member.REPORT: "report.json",
    Member.SETTINGS: "settings.json",
    Member.VERSIONS: "versions.json",
    Member.STATE: "state.json",
    Member.JOURNAL: "journal.json",
    Member.LOG: "log.jsonl",
    Member.TRACE: "trace.jsonl",
}


def members_of(
    scene: Scene, report: ReportResource, secrets: Secrets, left_out: frozenset[Member] = frozenset()
) -> list[tuple[str, bytes]]:
    """Every member with its name in the file."""
    make: Mapping[Member, Callable[[], bytes]] = {
        Member.REPORT: lambda: as_json(report.model_dump(mode="json"), secrets),
        Member.SETTINGS: lambda: as_json(_settings(scene.file), secrets),
        Member.VERSIONS: lambda: as_json(_versions(), secrets),
        Member.STATE: lambda: as_json(_state(scene), secrets),
        Member.JOURNAL: lambda: as_json(_journal(scene), secrets),
        Member.LOG: partial(_tail, scene, FILE_NAME, LOG_BYTES, secrets),
        Member.TRACE: partial(_tail, scene, TRACE_FILE, TRACE_BYTES, secrets),
    }
    return [(_FILES[member], make[member]()) for member in Member if member not in left_out]


def as_json(value: object, secrets: Secrets) -> bytes:
    """The value as JSON with everything hidden that can be recognised."""
    return json.dumps(masked(value, secrets), ensure_ascii=False, indent=1).encode()


def masked(value: object, secrets: Secrets, name: str = "", depth: int = DEEPEST) -> object:
    """The value with secrets and card numbers hidden, also in names and in numbers."""
    if depth == 0:
        return "…"
    match value:
        case None | bool():
            return value
        case Mapping():
            return {
                harmless(str(key), secrets): masked(one, secrets, str(key), depth - 1) for key, one in value.items()
            }
        case list() | tuple():
            return [masked(one, secrets, name, depth - 1) for one in value]
        case int() | float():
            text = harmless(str(value), secrets)
            return REDACTED if hidden_name(name) else value if text == str(value) else text
        case _:
            return REDACTED if hidden_name(name) and value != "" else harmless(str(value), secrets)


def _settings(file: Path) -> object:
    """The settings as they were written. References to secrets say where one is kept, so that they may stay."""
    try:
        return _without_secrets(read_document(file).value, "", DEEPEST)
    except OSError as error:
        return {"unreadable": error.strerror}
    except Unreadable as error:
        return {"unreadable": f"line {error.problem.line}: {error.problem.sentence}"}


def _without_secrets(value: object, name: str, depth: int) -> object:
    if depth == 0:
        return "…"
    match value:
        case Mapping() if hidden_name(name):
            # {env: NAME}, {file: PATH}, {sealed: NAME}: said without the field's own name, which would hide it again.
            kind = next(iter(value), "")
            return {"reference": str(kind)} if len(value) == 1 and kind in ("env", "file", "sealed") else REDACTED
        case Mapping():
            return {_shown(str(key), one): _without_secrets(one, str(key), depth - 1) for key, one in value.items()}
        case list():
            return [_without_secrets(one, name, depth - 1) for one in value]
        case str() if value.lower().startswith(("http://", "https://")) and not hidden_name(name):
            parts = urlsplit(value)
            # Some services put a token into the path of an address.
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{'/…' if parts.path.strip('/') else ''}"
        case None | bool() | int() | float() | str():
            return REDACTED if hidden_name(name) and value not in (None, "") else value
        case _:
            return str(value)


def _shown(name: str, value: object) -> str:
    """A secret's reference under a name that the masking does not hide."""
    return f"{name} (kept elsewhere)" if hidden_name(name) and isinstance(value, Mapping) else name


def _versions() -> dict[str, Any]:
    return {
        "tillbridge": tillbridge.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "packaged": packaged(Path(sys.executable)) is not None,
        "processors": os.cpu_count(),
        "libraries": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _state(scene: Scene) -> dict[str, Any]:
    """What supervisor and updates have written down, and which files lie in the data folder."""
    found: dict[str, Any] = {}
    layout = packaged(Path(sys.executable))
    if layout is not None:
        found["updates"] = read_state(layout.updates).model_dump(mode="json") | {"current": layout.current()}
    if scene.folder is None:
        return found
    status = room_of(scene.folder).status()
    if status is not None:
        found["supervisor"] = {name: getattr(status, name) for name in type(status).__dataclass_fields__}
    found["files"] = _listed(scene.folder)
    return found


def _listed(folder: Path) -> list[dict[str, Any]]:
    try:
        there = sorted(folder.iterdir())
    except OSError as error:
        return [{"unreadable": error.strerror}]
    return [{"file": one.name, "bytes": _size(one)} for one in there[:200]]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _journal(scene: Scene) -> object:
    path = None if scene.folder is None else scene.folder / JOURNAL_FILE
    if path is None or not path.is_file():
        return {"journal": "there is none"}
    try:
        return journal_extract(path)
    except (sqlite3.Error, ValueError) as error:
        return {"journal": f"it cannot be read: {type(error).__name__}"}


def _tail(scene: Scene, name: str, most: int, secrets: Secrets) -> bytes:
    """The last whole lines of a file of the data folder. The file is closed at once: the connector may rotate it."""
    if scene.folder is None:
        return b""
    try:
        with (scene.folder / name).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            content = file.read(most)
    except OSError:
        return b""
    if size > most:
        content = content.partition(b"\n")[2]
    return harmless(content.decode("utf-8", errors="replace"), secrets).encode()
