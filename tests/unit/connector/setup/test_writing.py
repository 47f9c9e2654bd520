"""The settings file is there whole or not at all, whatever happens on the way, and loads."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.connector.setup.test_interview import ITS_ANSWERS, walk
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.setup.answers import Answers, Key
from tillbridge.connector.setup.building import build, redacted, written
from tillbridge.connector.setup.checks import Around
from tillbridge.connector.setup.language import texts
from tillbridge.connector.setup.progress import FOLDER, Progress
from tillbridge.connector.setup.writing import Writer, Written
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.runtime.sealed_secrets import ASIDE_FILE, NAMES, SECRETS_FILE, SealedSecrets
from tillbridge.runtime.settings.reading import SettingsInvalid
from tillbridge.runtime.settings.secret_values import hash_password

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SECRET = ITS_ANSWERS["hipay_password"]
HASH = hash_password("pwd")
SECRETS = {Key.HIPAY_PASSWORD: SECRET, Key.HIPAY_HASHKEY: "h4sh"}
WITH_HASHKEY = {**ITS_ANSWERS, "api_password": HASH, "hipay_hashkey": "hipay-hashkey", "hipay_confirmed": "yes"}


def answers_of(folder: Path, **changed: str) -> Answers:
    return walk({**WITH_HASHKEY, "folder": str(folder), **changed}, Around(folder, windows=False))[0].answers


def writer(folder: Path) -> Writer:
    return Writer(folder / "connector.yml", NOW, texts(Language.EN, {}), {})


def write(folder: Path, secrets: Mapping[Key, str] | None = None, **changed: str) -> Written:
    return writer(folder).write(answers_of(folder, **changed), SECRETS if secrets is None else secrets)


def test_what_was_answered_is_what_loads(tmp_path: Path) -> None:
    done = write(tmp_path)
    settings = load_settings(done.path, {})
    (door,), (terminal,) = settings.doors, settings.terminals
    assert isinstance(door.settings, HipaySettings)
    assert door.settings.api_username == "log"
    assert door.settings.contract.numbers == ("1234567", "1234568")
    assert (door.settings.port, str(door.settings.authorization_threshold)) == (8888, "100")
    assert terminal.wire == "concert-v2"
    assert terminal.settings.model_dump()["serial"]["port"] == "COM14"
    assert settings.updates.time == "03:00"
    hipay = settings.upstream.hipay
    assert hipay is not None
    assert (hipay.password.get_secret_value(), hipay.hashkey.get_secret_value()) == (SECRET, "h4sh")
    assert hipay.off_because is None
    assert done.warnings == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"serial_port": "network", "terminal_kind": "concert-v3", "terminal_host": "10.0.0.1"},
        {"serial_port": "network", "terminal_kind": "concert-v2", "terminal_host": "10.0.0.1", "terminal_port": "9"},
        {"serial_port": "network", "terminal_kind": "mypos-xml", "terminal_host": "10.0.0.1"},
        {"serial_port": "network", "terminal_kind": "touchscreen", "terminal_host": "10.0.0.1"},
        {"serial_port": "COM1", "terminal_kind": "concert-v3", "line": "1200 7E1"},
        {"serial_port": "COM1", "terminal_kind": "mypos-xml", "line": "115200 8N1"},
        {"profile": "unattended"},
        {"contract_type": "nfc", "authorization_threshold": "", "serial_number": ""},
        {"portal_address": "https://portal.example", "portal_location": "10047110"},
        {"api_username": "yes", "serial_number": "0x10", "contract.nfc.rank": "1E1"},
    ],
    ids=lambda changed: " ".join(changed.values()),
)
def test_every_kind_of_answer_makes_settings_that_load(tmp_path: Path, changed: dict[str, str]) -> None:
    done = write(tmp_path, None, **changed)
    settings = load_settings(done.path, {})
    assert settings.terminals
    if "api_username" in changed:
        (door,) = settings.doors
        assert isinstance(door.settings, HipaySettings)
        assert (door.settings.api_username, door.settings.serial_number) == ("yes", "0x10")


def test_a_production_shop_with_a_stage_login_is_completed_and_warned(tmp_path: Path) -> None:
    done = write(tmp_path, environment="prod")
    assert any("ATTENTION" in warning for warning in done.warnings)
    hipay = load_settings(done.path, {}).upstream.hipay
    assert hipay is not None
    assert hipay.off_because is not None


def test_without_a_hash_key_payments_work_and_nothing_is_reported(tmp_path: Path) -> None:
    done = write(tmp_path, {Key.HIPAY_PASSWORD: SECRET}, hipay_hashkey="", hipay_confirmed="")
    assert load_settings(done.path, {}).upstream.receivers == ()
    assert any("hash key" in warning for warning in done.warnings)
    # The password is not lost: who has the key later finds it.
    assert SealedSecrets(tmp_path, {}).reveal("hipay-password") == SECRET


def test_no_secret_stands_in_the_file_nor_in_what_is_shown(tmp_path: Path) -> None:
    done = write(tmp_path)
    shown = written(redacted(done.settings), "")
    assert SECRET not in done.path.read_text()
    for secret in (SECRET, "h4sh", HASH, "hipay-password"):
        assert secret not in shown
    assert shown.count("<redacted>") == 3
    assert done.path.stat().st_mode & 0o077 == 0


def test_a_former_file_is_kept_with_the_secrets_that_it_names(tmp_path: Path) -> None:
    write(tmp_path)
    again = write(tmp_path, {**SECRETS, Key.HIPAY_PASSWORD: "another"}, api_username="second")
    assert again.copy is not None
    store = SealedSecrets(tmp_path, {})
    assert (store.reveal("hipay-password"), store.reveal("hipay-password-2")) == (SECRET, "another")
    for path, password in ((again.copy, SECRET), (again.path, "another")):
        hipay = load_settings(path, {}).upstream.hipay
        assert hipay is not None
        assert hipay.password.get_secret_value() == password
    # Once the copy is gone, so is what only it has named.
    again.copy.unlink()
    write(tmp_path, {**SECRETS, Key.HIPAY_PASSWORD: "a third"}, api_username="third")
    assert SECRET not in map(store.reveal, store.names())


def test_a_file_that_a_person_broke_is_kept_and_replaced(tmp_path: Path) -> None:
    (tmp_path / "connector.yml").write_bytes(b"\xffdoors: [")
    done = write(tmp_path)
    assert done.copy is not None
    assert done.copy.read_bytes() == b"\xffdoors: ["
    assert load_settings(done.path, {}).doors


def test_stored_passwords_that_cannot_be_opened_are_put_aside_and_said(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / NAMES.key_file).write_bytes(bytes(32))
    done = write(tmp_path, api_username="second")
    assert (tmp_path / ASIDE_FILE).exists()
    assert any(ASIDE_FILE in warning for warning in done.warnings)
    assert load_settings(done.path, {}).doors


def test_settings_that_would_not_load_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        write(tmp_path, api_password="no hash")
    assert "connector.yml" in str(caught.value)
    assert not (tmp_path / "connector.yml").exists()
    assert SealedSecrets(tmp_path, {}).names() == ()


def cut_at(number: int, folder: Path) -> int:
    """Writes in a process whose power goes at this flush of the disk; its exit code, 9 for a cut."""
    child = os.fork()
    if child == 0:
        left = number
        flush = os.fsync

        def fsync(handle: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            flush(handle)

        setattr(os, "fsync", fsync)  # noqa: B010  # the child ends before anybody else could meet it
        try:
            write(folder, {**SECRETS, Key.HIPAY_PASSWORD: "another"}, api_username="second")
            os._exit(0)
        except BaseException:  # noqa: BLE001  # whatever it is, the child must not go on as the test runner
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_a_power_cut_at_any_step_leaves_the_former_settings_or_the_new_ones(tmp_path: Path, step: int) -> None:
    write(tmp_path)
    seen = []
    for number in range(0, 100, step):
        code = cut_at(number, tmp_path)
        settings = load_settings(tmp_path / "connector.yml", {})
        (door,), hipay = settings.doors, settings.upstream.hipay
        assert isinstance(door.settings, HipaySettings)
        assert hipay is not None
        found = (door.settings.api_username, hipay.password.get_secret_value())
        assert found in (("log", SECRET), ("second", "another"))
        seen.append(found)
        if code == 0:
            break
        assert code == 9
    assert seen[0] == ("log", SECRET)
    assert seen[-1] == ("second", "another")
    assert len(seen) * step > 10
    # The next setup, undisturbed, leaves nothing of the broken ones behind.
    write(tmp_path, {**SECRETS, Key.HIPAY_PASSWORD: "last"}, api_username="last")
    assert not list(tmp_path.glob(".*.trial"))


def test_the_progress_survives_and_keeps_no_secret_in_clear(tmp_path: Path) -> None:
    config = tmp_path / "connector.yml"
    with Progress(config).own():
        progress = Progress(config)
        name = progress.keep(Key.HIPAY_PASSWORD, SECRET)
        hashed = progress.keep(Key.API_PASSWORD, "pwd-of-the-till")
        progress.save(Answers({Key.HIPAY_LOGIN: "shop", Key.HIPAY_PASSWORD: name, Key.API_PASSWORD: hashed}))
    later = Progress(config)
    answers = later.load()
    assert answers is not None
    assert later.revealed(answers) == {Key.HIPAY_PASSWORD: SECRET}
    for file in (tmp_path / FOLDER).iterdir():
        assert SECRET.encode() not in file.read_bytes()
        assert b"pwd-of-the-till" not in file.read_bytes()
    # Without its key the password is asked for again, and nothing else is.
    (tmp_path / FOLDER / NAMES.key_file).unlink()
    answers = later.load()
    assert answers is not None
    assert set(answers.said) == {Key.HIPAY_LOGIN, Key.API_PASSWORD}
    later.keep(Key.HIPAY_PASSWORD, SECRET)
    with later.own():
        later.clear()
    assert later.load() is None
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1, "answers": 3}', b"\xff"])
def test_progress_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "answers.json").write_bytes(content)
    assert Progress(tmp_path / "connector.yml").load() is None


def test_only_one_setup_at_a_time(tmp_path: Path) -> None:
    config = tmp_path / "connector.yml"
    with Progress(config).own(), pytest.raises(BridgeError) as caught, Progress(config).own():
        pass
    assert caught.value.code is Code.FOLDER_IN_USE


def test_the_file_of_the_secrets_is_not_needed_where_there_are_none(tmp_path: Path) -> None:
    done = write(tmp_path, {}, hipay_login="", contract_type="none")
    assert not (tmp_path / SECRETS_FILE).exists()
    assert build(answers_of(tmp_path, hipay_login="", contract_type="none"), {}) == done.settings
