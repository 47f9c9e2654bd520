"""The self-test of a version: on copies, with this computer's settings."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tillbridge.connector.updates.testing_itself import COPY, NotNow, run_self_test
from tillbridge.connector.vouchers import schema as vouchers_schema
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal import schema as journal_schema
from tillbridge.engine.opening import JOURNAL_FILE

SETTINGS = """
data: data
terminals:
  - {name: counter, driver: virtual}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    path = tmp_path / "connector.yml"
    path.write_text(SETTINGS)
    return path


def sums(folder: Path) -> dict[str, str]:
    # The index of SQLite's log is made by whoever reads, and means nothing.
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_all_is_well_and_nothing_was_changed(config: Path) -> None:
    data = config.parent / "data"
    journal_schema.migrate(data / JOURNAL_FILE)
    vouchers_schema.migrate(data / vouchers_schema.FILE)
    (data / f"{COPY}left").mkdir()
    # A connector works in it at this moment.
    working = sqlite3.connect(data / JOURNAL_FILE, isolation_level=None)
    working.execute(f"PRAGMA user_version = {journal_schema.VERSION}")
    before = sums(data)
    try:
        run_self_test(config)
    finally:
        assert sums(data) == before
        working.close()
    assert not list(data.glob(f"{COPY}*"))


def test_without_settings_the_program_is_tried_alone() -> None:
    run_self_test(None)


def test_settings_that_a_person_broke_are_not_the_versions_fault(config: Path) -> None:
    config.write_text("data: [")
    with pytest.raises(NotNow, match=r"connector\.yml"):
        run_self_test(config)


def test_a_journal_of_the_future_is_the_versions_fault(config: Path) -> None:
    journal = config.parent / "data" / JOURNAL_FILE
    journal_schema.migrate(journal)
    connection = sqlite3.connect(journal)
    connection.execute("INSERT INTO readable_by VALUES (?)", [journal_schema.VERSION + 1])
    connection.execute(f"PRAGMA user_version = {journal_schema.VERSION + 1}")
    connection.commit()
    connection.close()
    with pytest.raises(BridgeError) as refused:
        run_self_test(config)
    assert refused.value.code is Code.JOURNAL_TOO_NEW


def test_a_file_that_is_no_journal_is_not_the_versions_fault(config: Path) -> None:
    (config.parent / "data" / JOURNAL_FILE).write_bytes(b"no journal at all" * 100)
    with pytest.raises(NotNow, match="could not be made"):
        run_self_test(config)


def test_a_full_disk_is_not_the_versions_fault(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal_schema.migrate(config.parent / "data" / JOURNAL_FILE)
    full = shutil.disk_usage(config.parent)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(NotNow, match="the disk is too full"):
        run_self_test(config)
