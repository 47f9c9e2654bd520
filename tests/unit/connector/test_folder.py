"""The data folder: one owner at a time, closed to others, and refused in plain words where it cannot be used."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import NEEDED_BYTES, Address, DataFolder, owned


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept"
    with owned(path) as folder:
        folder.api_key()
        folder.announce("http://127.0.0.1:1")
        assert mode(path) == 0o700
        assert {mode(file) for file in path.iterdir()} == {0o600}


def test_it_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with owned(tmp_path / "kept") as folder, pytest.raises(BridgeError) as caught, owned(folder.path):
        pytest.fail("two owners")
    assert caught.value.code is Code.FOLDER_IN_USE
    assert str(folder.path) in str(caught.value)
    with owned(folder.path):
        pass


def test_another_process_is_kept_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    program = (
        "import pathlib, sys\nfrom tillbridge.runtime.data_folder import owned\n"
        f"with owned(pathlib.Path({str(path)!r})) as folder:\n"
        "    folder.announce('http://127.0.0.1:8380')\n    print('mine', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(BridgeError) as caught, owned(path):
            pytest.fail("two owners")
        other.kill()  # a dead owner leaves no lock behind, only its address
    assert f"a connector (process {other.pid}, http://127.0.0.1:8380) is using this data folder" in str(caught.value)
    assert DataFolder(path).address() == Address("http://127.0.0.1:8380", other.pid)
    with owned(path) as folder:
        assert folder.address() is None


def test_the_key_is_made_once_and_long(tmp_path: Path) -> None:
    with owned(tmp_path) as folder:
        assert folder.known_key() is None
        key = folder.api_key()
        assert len(key) >= 43
        assert folder.api_key() == folder.known_key() == key
    with owned(tmp_path) as folder:
        assert folder.api_key() == key
    with owned(tmp_path / "other") as folder:
        assert folder.api_key() != key


@pytest.mark.parametrize("text", ["", "[]", "{", '{"url": 1, "pid": 2}', '{"pid": 3}', "\x00"])
def test_an_address_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "connector.json").write_text(text)
    assert DataFolder(tmp_path).address() is None


def test_the_address_is_for_programs(tmp_path: Path) -> None:
    with owned(tmp_path) as folder:
        folder.announce("http://127.0.0.1:8380")
        written = json.loads((tmp_path / "connector.json").read_text())
        assert written == {"url": "http://127.0.0.1:8380", "pid": os.getpid()}
        folder.withdraw()
        folder.withdraw()
        assert folder.address() is None


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("a file")
    with pytest.raises(BridgeError) as caught, owned(path):
        pytest.fail("a file is no folder")
    assert caught.value.code is Code.FOLDER_UNUSABLE
    assert "cannot be made or written" in str(caught.value)


def test_a_folder_that_is_open_to_everybody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "open"
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(BridgeError, match="everybody may write in this folder"), owned(path):
        pytest.fail("anybody could change the journal")


@pytest.mark.parametrize(("free", "starts"), [(NEEDED_BYTES - 1, False), (NEEDED_BYTES, True)])
def test_a_full_disk_is_found_before_a_payment_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, starts: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    if starts:
        with owned(tmp_path):
            pass
        return
    with pytest.raises(BridgeError, match="its disk is almost full") as caught, owned(tmp_path):
        pytest.fail("a payment could not be written down")
    assert caught.value.code is Code.FOLDER_UNUSABLE
