"""What a new version tries out about itself on this computer, before anybody relies on it.

Nothing that is in use changes: all of the program is loaded, the settings are read, and copies of the journals are
brought up to date.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from typing import Final

import tillbridge
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.vouchers import schema as vouchers_schema
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal import schema as journal_schema
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.protocols import registry

NOT_OURS: Final = (
    "tillbridge.portal",
    "tillbridge.demo",
    "tillbridge.__main__",
    "tillbridge.cli.portal",
    "tillbridge.cli.demo",
)
"""What a packaged connector does not have, the commands for it, and what runs when it is imported."""

COPY: Final = ".self-test-"

SPARE_BYTES: Final = 64 * 1024 * 1024
"""Room that is left to the running connector while a copy of its journal stands beside it."""

Migrate = Callable[[Path], None]


class NotNow(Exception):
    """This computer does not let the test go on; says why. The version may be as good as any."""


def run_self_test(config: Path | None) -> None:
    """Returns where all is well. Raises `NotNow`, or whatever a part of this version fails with."""
    for name in sorted(_modules()):
        import_module(name)
    for name in registry.names(registry.DRIVERS):
        registry.driver(name)
    for name in registry.names(registry.DOORS):
        registry.door(name)
    if config is None:
        return
    try:
        data = load_settings(config).data
    except BridgeError as error:
        raise NotNow(str(error)) from error
    try:
        _try_journals(data)
    except OSError as error:
        raise NotNow(f"a copy of the journal could not be made: {error.strerror}") from error


def _modules() -> Iterator[str]:
    for found in walk_packages(tillbridge.__path__, "tillbridge.", onerror=_raise):
        if not found.name.startswith(NOT_OURS):
            yield found.name


def _raise(name: str) -> None:
    if find_spec(name) is not None and not name.startswith(NOT_OURS):
        raise ImportError(name)


def _try_journals(data: Path) -> None:
    if not data.is_dir():
        return
    for left in data.glob(f"{COPY}*"):
        shutil.rmtree(left, ignore_errors=True)
    journals: list[tuple[str, Migrate]] = [
        (JOURNAL_FILE, journal_schema.migrate),
        (vouchers_schema.FILE, vouchers_schema.migrate),
    ]
    for name, migrate in journals:
        if (data / name).is_file():
            with tempfile.TemporaryDirectory(dir=data, prefix=COPY) as folder:
                _try(data / name, Path(folder) / name, migrate)


def _try(journal: Path, copy: Path, migrate: Migrate) -> None:
    size = sum(path.stat().st_size for path in journal.parent.glob(f"{journal.name}*"))
    free = shutil.disk_usage(copy.parent).free
    if free < 2 * size + SPARE_BYTES:
        raise NotNow(f"the disk is too full to try the journal: {free >> 20} MiB are free")
    try:
        _copy(journal, copy)
    except sqlite3.Error as error:
        # The file itself is at fault, and the version in use has the same file before it.
        raise NotNow(f"a copy of {journal.name} could not be made: {error}") from error
    migrate(copy)
    checked = sqlite3.connect(copy)
    try:
        (found,) = checked.execute("PRAGMA quick_check(1)").fetchone()
    finally:
        checked.close()
    if found != "ok":
        raise BridgeError(Code.FOLDER_UNUSABLE, "its copy of the journal is damaged after it was brought up to date")


def _copy(journal: Path, copy: Path) -> None:
    source, target = sqlite3.connect(journal), sqlite3.connect(copy)
    try:
        source.execute("PRAGMA query_only = ON")
        source.backup(target)
    finally:
        source.close()
        target.close()
