"""The keystore: sealed, whole after any crash, and no reason for anything else to stop when it cannot be read."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.connector.portal.scripted import Portal, Till
from tillbridge.connector.portal.keystore import ASIDE_FILE, KEYSTORE_FILE, Kept, Keystore
from tillbridge.connector.portal.sealing import PORTAL, NoSealingKey, SealKind, best_source
from tillbridge.connector.portal.states import LinkState, Warned
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime import windows_sealing
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sealing import WindowsSeal

KEY_FILE = PORTAL.key_file


def keystore(folder: Path, **environment: str) -> Keystore:
    found = Keystore(folder, manual_runtime(), environment)
    found.load()
    return found


def counted(kept: Kept) -> Kept:
    return kept.model_copy(update={"counter": kept.counter + 1})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def written(folder: Path, **environment: str) -> Keystore:
    made = keystore(folder, **environment)
    await made.change(counted)
    return made


async def test_what_is_changed_is_on_the_disk_and_nobody_elses(tmp_path: Path) -> None:
    made = await written(tmp_path)
    again = keystore(tmp_path)
    assert again.kept == made.kept
    assert again.seal is SealKind.FILE
    for name in (KEYSTORE_FILE, KEY_FILE):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert names(tmp_path) == sorted([KEYSTORE_FILE, KEY_FILE])


async def test_changes_at_once_are_one_after_another(tmp_path: Path) -> None:
    made = keystore(tmp_path)
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(made.change(counted))
    kept = keystore(tmp_path).kept
    assert kept is not None
    assert kept.counter == 20


def cut(folder: Path) -> None:
    path = folder / KEYSTORE_FILE
    path.write_bytes(path.read_bytes()[:-30])


def emptied(folder: Path) -> None:
    (folder / KEYSTORE_FILE).write_bytes(b"")


def flipped(folder: Path) -> None:
    path = folder / KEYSTORE_FILE
    text = path.read_text()
    at = text.index('"sealed":"') + 20
    path.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


def with_another_key(folder: Path) -> None:
    (folder / PORTAL.key_file).write_bytes(bytes(32))


def with_half_a_key(folder: Path) -> None:
    (folder / PORTAL.key_file).write_bytes(bytes(16))


def without_its_key(folder: Path) -> None:
    (folder / PORTAL.key_file).unlink()


def a_folder(folder: Path) -> None:
    (folder / KEYSTORE_FILE).unlink()
    (folder / KEYSTORE_FILE).mkdir()


def of_another_source(folder: Path) -> None:
    path = folder / KEYSTORE_FILE
    path.write_text(path.read_text().replace('"seal":"file"', '"seal":"systemd"'))


def of_a_later_version(folder: Path) -> None:
    path = folder / KEYSTORE_FILE
    path.write_text(path.read_text().replace('"version":1', '"version":2'))


@pytest.mark.parametrize(
    "harm",
    [
        cut,
        emptied,
        flipped,
        with_another_key,
        with_half_a_key,
        without_its_key,
        a_folder,
        of_another_source,
        of_a_later_version,
    ],
)
def test_a_keystore_that_cannot_be_read_is_named_and_a_new_pairing_heals_it(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async def main() -> None:
        runtime = manual_runtime()
        till = Till(Portal(runtime), runtime, tmp_path)
        await till.pair()
        master = till.keystore.link.credential.master_token
        harm(tmp_path)
        till = till.restarted()
        standing = till.board.standing()
        assert standing.state is LinkState.NOT_PAIRED
        assert standing.trouble is not None
        assert standing.trouble.code is Code.KEYSTORE_UNREADABLE
        assert master not in str(standing.trouble)
        assert Warned.KEYSTORE in standing.warnings
        with pytest.raises(BridgeError) as error:
            await till.tokens.contact(till.portal)
        assert error.value.code is Code.KEYSTORE_UNREADABLE
        with pytest.raises(BridgeError):
            await till.keystore.change(counted)
        till.portal.used_pins = 0
        await till.pair()
        assert till.board.state is LinkState.ACTIVE
        assert till.restarted().keystore.link == till.keystore.link
        assert (tmp_path / ASIDE_FILE).exists()

    run_manual(main())


def test_a_folder_that_cannot_be_written_refuses_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        runtime = manual_runtime()
        till = Till(Portal(runtime), runtime, tmp_path)
        await till.pair()
        before = till.keystore.kept

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            heard = len(till.portal.heard)
            with pytest.raises(BridgeError) as error:
                await till.tokens.contact(till.portal)
            assert error.value.code is Code.FOLDER_UNUSABLE
            # Its number could not be written down, so nothing was sent.
            assert len(till.portal.heard) == heard
        assert till.keystore.kept == before
        assert till.restarted().keystore.kept == before
        assert names(tmp_path) == sorted([KEYSTORE_FILE, KEY_FILE])

    run_manual(main())


def test_a_disk_that_is_full_before_the_finish_sends_nothing_that_could_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        runtime = manual_runtime()
        till = Till(Portal(runtime), runtime, tmp_path)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            assert await till.code_of() is Code.FOLDER_UNUSABLE
        assert [path for path, _ in till.portal.heard] == ["/v1/pairing/start"]
        assert till.portal.used_pins == 0

    run_manual(main())


async def test_a_key_that_was_left_open_is_closed_again(tmp_path: Path) -> None:
    await written(tmp_path)
    (tmp_path / PORTAL.key_file).chmod(0o644)
    assert keystore(tmp_path).fault is None
    assert (tmp_path / PORTAL.key_file).stat().st_mode & 0o077 == 0


async def test_a_credential_of_systemd_is_used_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    data, credentials = tmp_path / "data", tmp_path / "credentials"
    data.mkdir()
    credentials.mkdir()
    first = await written(data)
    (credentials / PORTAL.credential).write_bytes(b"a credential of 32 bytes or more, made by a person")
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    # What was sealed with the file is still read, and the next change seals it with the better key.
    moved = keystore(data, **environment)
    assert (moved.kept, moved.seal) == (first.kept, SealKind.FILE)
    await moved.change(counted)
    assert moved.seal is SealKind.SYSTEMD
    assert names(data) == [KEYSTORE_FILE]
    assert keystore(data, **environment).kept == moved.kept
    # A copy of the folder is worth nothing elsewhere, and comes to life again where the credential is.
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(data, elsewhere)
    assert keystore(elsewhere).fault is not None
    assert keystore(elsewhere, **environment).fault is None
    (credentials / PORTAL.credential).write_bytes(b"too short")
    assert keystore(data, **environment).fault is not None


async def test_windows_seals_the_key_and_the_file_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for DPAPI: what is asked of it, and what is stored. Windows itself is not here."""
    monkeypatch.setattr(windows_sealing, "protect", lambda plain, purpose: purpose + plain[::-1])
    monkeypatch.setattr(windows_sealing, "unprotect", lambda sealed, purpose: sealed.removeprefix(purpose)[::-1])
    source = WindowsSeal(tmp_path, PORTAL)
    key = source.made(lambda count: bytes(range(count)))
    assert source.key() == source.made(bytes) == key
    assert key not in (tmp_path / PORTAL.windows_file).read_bytes()


def test_this_system_has_no_dpapi_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoSealingKey):
        WindowsSeal(tmp_path, PORTAL).made(bytes)
    assert best_source(tmp_path, {}).kind is SealKind.FILE
