"""The file of named keys: what it holds, who may read it, and what is refused."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from tillbridge.connector import keybook
from tillbridge.connector.api.scopes import Scope
from tillbridge.connector.keybook import KEYS_FILE, LOCK_FILE, MARK, MOST_KEYS, KeyBook, digest_of
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import DataFolder

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SCOPES = frozenset({Scope.PAY, Scope.READ})


@pytest.fixture
def book(tmp_path: Path) -> KeyBook:
    return KeyBook(DataFolder(tmp_path))


def refused(book: KeyBook, name: str, scopes: frozenset[Scope] = SCOPES) -> BridgeError:
    with pytest.raises(BridgeError) as refusal:
        book.add(name, scopes, NOW)
    return refusal.value


def test_only_a_digest_is_kept_and_only_the_owner_reads_it(book: KeyBook, tmp_path: Path) -> None:
    key = book.add("till-1", SCOPES, NOW)
    text = (tmp_path / KEYS_FILE).read_text()
    assert key.startswith(MARK)
    assert key not in text
    assert json.loads(text)["keys"] == [
        {"name": "till-1", "scopes": ["pay", "read"], "digest": digest_of(key), "created_at": "2026-01-02T03:04:05Z"}
    ]
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600


def test_no_two_keys_are_alike(book: KeyBook) -> None:
    assert len({book.add(f"till-{number}", SCOPES, NOW) for number in range(20)}) == 20


def test_what_is_written_is_read(book: KeyBook, tmp_path: Path) -> None:
    book.add("till-1", SCOPES, NOW)
    book.add("till-2", frozenset({Scope.ADMIN}), NOW)
    (first, second) = KeyBook(DataFolder(tmp_path)).read()
    assert (first.name, first.scopes, first.created_at) == ("till-1", SCOPES, NOW)
    assert (second.name, second.scopes) == ("till-2", frozenset({Scope.ADMIN}))


@pytest.mark.parametrize("name", ["", "main", "a b", "-x", "x" * 41, "a/b", "a\n", "é"])
def test_a_name_that_does_not_do_is_refused(book: KeyBook, name: str) -> None:
    error = refused(book, name)
    assert (error.code, error.place) == (Code.SETTINGS_INVALID, "name")
    assert book.read() == ()


def test_a_key_is_for_something(book: KeyBook) -> None:
    assert refused(book, "till-1", frozenset()).place == "scopes"


def test_a_name_stands_for_one_key(book: KeyBook) -> None:
    book.add("till-1", SCOPES, NOW)
    assert refused(book, "till-1").code is Code.SETTINGS_INVALID
    assert len(book.read()) == 1


def test_there_is_an_end_to_keys(book: KeyBook, tmp_path: Path) -> None:
    keys = [
        {"name": f"n{n}", "scopes": ["pay"], "digest": "0" * 64, "created_at": "2026-01-02T03:04:05Z"}
        for n in range(MOST_KEYS)
    ]
    (tmp_path / KEYS_FILE).write_text(json.dumps({"keys": keys}))
    assert str(MOST_KEYS) in refused(book, "one-more").detail
    book.remove("n0")
    book.add("one-more", SCOPES, NOW)
    assert len(book.read()) == MOST_KEYS


def test_a_key_that_is_not_there_cannot_be_removed(book: KeyBook) -> None:
    book.add("till-1", SCOPES, NOW)
    with pytest.raises(BridgeError) as refusal:
        book.remove("till-2")
    assert "till-1" in refusal.value.detail
    book.remove("till-1")
    assert book.read() == ()


def test_a_change_is_seen_also_when_size_and_time_are_the_same(book: KeyBook, tmp_path: Path) -> None:
    book.add("till-1", SCOPES, NOW)
    path = tmp_path / KEYS_FILE
    os.utime(path, ns=(1, 1))
    (before,) = book.keys()
    other = KeyBook(DataFolder(tmp_path))
    other.remove("till-1")
    other.add("till-1", SCOPES, NOW)
    os.utime(path, ns=(1, 1))
    (after,) = book.keys()
    assert before.digest != after.digest


def test_the_file_is_read_again_only_when_it_changed(book: KeyBook, tmp_path: Path) -> None:
    book.add("till-1", SCOPES, NOW)
    assert book.keys() is book.keys()
    (tmp_path / KEYS_FILE).unlink()
    assert book.keys() == ()


def test_two_commands_do_not_write_over_each_other(
    book: KeyBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keybook, "LOCK_SECONDS", 0.0)
    with FileLock(tmp_path / LOCK_FILE):
        assert refused(book, "till-1").code is Code.FOLDER_IN_USE
    book.add("till-1", SCOPES, NOW)


def test_a_damaged_file_is_not_written_over(book: KeyBook, tmp_path: Path) -> None:
    (tmp_path / KEYS_FILE).write_text('{"keys": [')
    assert refused(book, "till-1").code is Code.FOLDER_UNUSABLE
    assert (tmp_path / KEYS_FILE).read_text() == '{"keys": ['
