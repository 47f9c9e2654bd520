"""A backup is everything, of one moment; and it comes back whole, or not at all, wherever the power is cut."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.unit.connector.keeping.books import DAY, DOUBT, START, Books, paid, rows
from tests.unit.connector.keeping.test_sealed_file import CHEAP, PASSPHRASE
from tillbridge.connector.keeping.contents import JOURNAL
from tillbridge.connector.keeping.exporting import Exported, export
from tillbridge.connector.keeping.importing import Imported, Wish, look_into, restore
from tillbridge.connector.keeping.marking import LEAP
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal import schema
from tillbridge.runtime.data_folder import owned
from tillbridge.runtime.manual import manual_runtime
from tillbridge.runtime.sealed_secrets import SealedSecrets
from tillbridge.runtime.swapping import PLAN_FILE, Disk

SETTINGS = "data: kept\nterminals: []\n"


class PowerCut(BaseException):
    """The computer is off."""


class CutDisk(Disk):
    """A disk whose power is cut before its deed number `at`; or one that is full from then on."""

    def __init__(self, at: int, how: type[BaseException] = PowerCut) -> None:
        self.left = at
        self.how = how

    def _deed(self) -> None:
        if self.left == 0:
            raise self.how
        self.left -= 1

    def folder(self, path: Path) -> None:
        self._deed()
        super().folder(path)

    def create(self, path: Path) -> BinaryIO:
        self._deed()
        return super().create(path)

    def keep(self, file: BinaryIO) -> None:
        if self.left == 0:
            file.close()
        self._deed()
        super().keep(file)

    def write(self, path: Path, content: bytes) -> None:
        self._deed()
        super().write(path, content)

    def move(self, source: Path, target: Path) -> None:
        self._deed()
        super().move(source, target)

    def remove(self, path: Path) -> None:
        self._deed()
        super().remove(path)


async def shop(folder: Path, name: str = "old") -> Path:
    """A data folder with something of everything, and its settings beside it."""
    data = folder / name / "kept"
    data.mkdir(parents=True)
    (folder / name / "connector.yml").write_text(SETTINGS)
    books = Books(data)
    await books.payment(START, paid(), key="k1")
    await books.payment(START + DAY, DOUBT, terminal="t2")
    await books.payment(START + DAY, None, terminal="t3")
    await books.payment(START + DAY, None, accepted_only=True, terminal="t4")
    await books.do("INSERT INTO upstream_receiver (name, seq, since) VALUES ('hipay', 99, 0)")
    await books.do(
        "INSERT INTO upstream_message (receiver, operation_id, event_seq, slot, type, state, attempts, made_at, since,"
        " next_at) VALUES ('hipay', ?, 1, 's', 'payment.approved', 'waiting', 3, 0, 0, 7)",
        f"{1:032x}",
    )
    await books.close()
    (data / "console-key").write_text(f"key of {name}\n")
    (data / "archive").mkdir()
    SealedSecrets(folder / name).keep("hipay-password", f"secret of {name}")
    return data


def exported(folder: Path, name: str = "old", file: str = "copy.tbk") -> Exported:
    return export(
        folder / name / "kept", folder / name / "connector.yml", folder / file, PASSPHRASE, manual_runtime(1), CHEAP
    )


def wish(folder: Path, name: str = "new", *, replace: bool = False, file: str = "copy.tbk") -> Wish:
    return Wish(folder / file, folder / name / "kept", folder / name / "connector.yml", "Ada", replace=replace)


async def restored(wanted: Wish, disk: Disk | None = None) -> Imported:
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with owned(wanted.folder):
        return await restore(wanted, PASSPHRASE, manual_runtime(2), disk)


async def test_everything_comes_back_on_another_computer(tmp_path: Path) -> None:
    await shop(tmp_path)
    found = exported(tmp_path)
    assert found.missed == ()
    assert b"secret of old" not in (tmp_path / "copy.tbk").read_bytes()
    assert look_into(tmp_path / "copy.tbk", PASSPHRASE) == (found.contents, SETTINGS.encode())
    done = await restored(wish(tmp_path))
    new = tmp_path / "new"
    assert done.aside is None
    assert (new / "connector.yml").read_text() == SETTINGS
    assert (new / "kept" / "console-key").read_text() == "key of old\n"
    assert SealedSecrets(new).reveal("hipay-password") == "secret of old"
    assert rows(new / "kept" / JOURNAL, "SELECT scope, key, operation_id FROM key") == [("till", "k1", f"{1:032x}")]
    assert not (new / "kept" / PLAN_FILE).exists()


async def test_what_may_have_been_sent_since_is_asked_about_and_not_sent_again(tmp_path: Path) -> None:
    await shop(tmp_path)
    exported(tmp_path)
    done = await restored(wish(tmp_path))
    journal = tmp_path / "new" / "kept" / JOURNAL
    assert rows(journal, "SELECT terminal, stage FROM operation ORDER BY terminal") == [
        ("t1", "approved"),
        ("t2", "in_doubt"),
        ("t3", "sending"),
        ("t4", "sending"),
    ]
    assert (done.marked.running, done.marked.reports) == (3, 1)
    assert rows(journal, "SELECT state, said FROM upstream_message")[0][0] == "dead"
    ((detail,),) = rows(journal, "SELECT detail FROM event WHERE type = 'restored'")
    assert json.loads(detail)["by"] == "Ada"
    assert json.loads(detail)["newest_at"] == (START + DAY).isoformat()


async def test_who_reads_on_behind_the_backup_misses_nothing(tmp_path: Path) -> None:
    old = await shop(tmp_path)
    exported(tmp_path)
    (before,) = rows(old / JOURNAL, "SELECT max(seq) FROM event")[0]
    await restored(wish(tmp_path))
    (line,) = rows(tmp_path / "new" / "kept" / JOURNAL, "SELECT min(seq) FROM event WHERE seq > ?", before)[0]
    assert line > LEAP


async def test_a_running_connector_is_copied_as_it_is_at_one_moment(tmp_path: Path) -> None:
    data = await shop(tmp_path)
    writer = sqlite3.connect(data / JOURNAL, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO key (scope, key, fingerprint, operation_id) VALUES ('till', 'open', 'f', 'x')")
    exported(tmp_path)
    writer.execute("COMMIT")
    writer.close()
    await restored(wish(tmp_path))
    assert rows(tmp_path / "new" / "kept" / JOURNAL, "SELECT key FROM key") == [("k1",)]


async def test_nothing_that_is_there_is_replaced_without_being_told(tmp_path: Path) -> None:
    await shop(tmp_path)
    await shop(tmp_path, "new")
    exported(tmp_path)
    with pytest.raises(BridgeError, match="--replace"):
        await restored(wish(tmp_path))
    assert (tmp_path / "new" / "kept" / "console-key").read_text() == "key of new\n"


async def test_the_old_one_is_kept_aside(tmp_path: Path) -> None:
    await shop(tmp_path)
    await shop(tmp_path, "new")
    (tmp_path / "new" / "connector.yml").write_text("data: kept # the new one\n")
    exported(tmp_path)
    done = await restored(wish(tmp_path, replace=True))
    assert done.aside is not None
    assert (done.aside / "console-key").read_text() == "key of new\n"
    assert "the new one" in (done.aside / "settings" / "connector.yml").read_text()
    assert SealedSecrets(done.aside / "settings").reveal("hipay-password") == "secret of new"
    assert (tmp_path / "new" / "kept" / "console-key").read_text() == "key of old\n"


async def test_a_wrong_passphrase_changes_nothing(tmp_path: Path) -> None:
    await shop(tmp_path)
    await shop(tmp_path, "new")
    (tmp_path / "new" / "connector.yml").write_text("data: kept # the new one\n")
    exported(tmp_path)
    wanted = wish(tmp_path, replace=True)
    with owned(wanted.folder), pytest.raises(BridgeError, match="passphrase"):
        await restore(wanted, "not the passphrase", manual_runtime(2))
    assert await state(tmp_path / "new") == "new"


async def test_a_journal_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    data = await shop(tmp_path)
    with closing(sqlite3.connect(data / JOURNAL)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        connection.execute("UPDATE readable_by SET version = ?", (schema.VERSION + 1,))
        connection.commit()
    exported(tmp_path)
    with pytest.raises(BridgeError) as refused:
        await restored(wish(tmp_path))
    assert refused.value.code is Code.JOURNAL_TOO_NEW
    assert not (tmp_path / "new" / "kept" / JOURNAL).exists()


async def test_a_damaged_journal_is_not_taken_for_a_backup(tmp_path: Path) -> None:
    data = await shop(tmp_path)
    with closing(sqlite3.connect(data / JOURNAL)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE operation SET parent_id = 'nobody' WHERE terminal = 't2'")
        connection.commit()
    with pytest.raises(BridgeError, match="damaged"):
        exported(tmp_path)
    assert not (tmp_path / "copy.tbk").exists()
    assert not list(data.glob(".export-*"))


async def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    await shop(tmp_path)
    (tmp_path / "copy.tbk").write_text("somebody's")
    with pytest.raises(BridgeError, match="already"):
        exported(tmp_path)
    assert (tmp_path / "copy.tbk").read_text() == "somebody's"


async def state(home: Path) -> str:
    """Whose everything is: of one connector, or it is a mixture."""
    data = home / "kept"
    with owned(data):
        keys = {(data / "console-key").read_text().strip().removeprefix("key of ")}
    keys.add(SealedSecrets(home).reveal("hipay-password").removeprefix("secret of "))
    restored_lines = rows(data / JOURNAL, "SELECT count(*) FROM event WHERE type = 'restored'")[0][0]
    keys.add("old" if restored_lines else "new")
    keys.add("new" if "the new one" in (home / "connector.yml").read_text() else "old")
    assert len(keys) == 1, f"half of each: {keys}"
    assert not (data / PLAN_FILE).exists()
    return keys.pop()


async def cuts(folder: Path, step: int) -> list[str]:
    """What is there after the power was cut at every deed, or every few, once somebody has opened the folder again."""
    await shop(folder)
    exported(folder)
    await shop(folder, "model")
    model = folder / "model"
    (model / "kept" / "console-key").write_text("key of new\n")
    SealedSecrets(model).keep("hipay-password", "secret of new")
    (model / "connector.yml").write_text("data: kept # the new one\n")
    found: list[str] = []
    for at in range(0, 200, step):
        home = Path(shutil.copytree(model, folder / f"cut-{at}"))
        try:
            await restored(wish(folder, home.name, replace=True), CutDisk(at))
        except PowerCut:
            found.append(await state(home))
        else:
            found.append(await state(home))
            return found
    raise AssertionError("it never came to its end")


def check(found: list[str]) -> None:
    assert (found[0], found[-1]) == ("new", "old")
    assert found == sorted(found), "once it was decided, it is the backup for ever"


async def test_a_power_cut_leaves_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    found = await cuts(tmp_path, 5)
    check(found)
    assert {"new", "old"} == set(found[1:-1])


@pytest.mark.soak
async def test_a_power_cut_at_every_deed_leaves_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    found = await cuts(tmp_path, 1)
    check(found)
    assert len(found) > 20


@pytest.mark.parametrize("at", [0, 2, 5, 7, 9])
async def test_a_full_disk_leaves_the_old_one_or_a_plan_that_is_carried_on(tmp_path: Path, at: int) -> None:
    await shop(tmp_path)
    exported(tmp_path)
    await shop(tmp_path, "new")
    (tmp_path / "new" / "connector.yml").write_text("data: kept # the new one\n")
    with pytest.raises(BridgeError) as refused:
        await restored(wish(tmp_path, replace=True), CutDisk(at, OSError))
    assert refused.value.code is Code.FOLDER_UNUSABLE
    decided = (tmp_path / "new" / "kept" / PLAN_FILE).exists()
    assert await state(tmp_path / "new") == ("old" if decided else "new")


async def test_an_import_after_a_power_cut_begins_anew(tmp_path: Path) -> None:
    await shop(tmp_path)
    exported(tmp_path)
    with pytest.raises(PowerCut):
        await restored(wish(tmp_path), CutDisk(4))
    await restored(wish(tmp_path))
    assert (tmp_path / "new" / "kept" / "console-key").read_text() == "key of old\n"
