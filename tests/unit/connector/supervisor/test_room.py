"""The supervisor's folder: one owner, a status that is whole, the wish of a till, and what is read from settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from tillbridge.connector.supervisor import room as rooms
from tillbridge.connector.supervisor.place import look_at, read_place
from tillbridge.connector.supervisor.room import (
    STATUS_FILE,
    WISH_FILE,
    Room,
    Status,
    SupervisorRuns,
    connector_holds,
    owned_room,
    room_of,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import owned

STATUS = Status("ready", "2026-01-02T03:04:05+00:00", 4711, "1.0", connector=4712, address="http://127.0.0.1:8380")


def test_a_room_has_one_owner_who_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "LOCK_SECONDS", 0)
    with owned_room(tmp_path) as room:
        assert room.taken()
        room.write_status(STATUS)
        with pytest.raises(SupervisorRuns, match="process 4711") as caught, owned_room(tmp_path):
            pass
        assert caught.value.code is Code.FOLDER_IN_USE
    assert not room.taken()
    with owned_room(tmp_path):
        pass


def test_looking_makes_nothing(tmp_path: Path) -> None:
    room = room_of(tmp_path / "data")
    assert room.status() is None
    assert not room.taken()
    assert not connector_holds(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_a_status_comes_back_as_it_was(tmp_path: Path) -> None:
    room = Room(tmp_path)
    for status in (STATUS, replace(STATUS, state="stopped", connector=None, update="Looked.")):
        room.write_status(status)
        assert room.status() == status
    assert (tmp_path / STATUS_FILE).stat().st_mode & 0o077 == 0


def test_a_status_of_a_version_that_says_more_is_read(tmp_path: Path) -> None:
    Room(tmp_path).write_status(STATUS)
    written = (tmp_path / STATUS_FILE).read_text()
    (tmp_path / STATUS_FILE).write_text(written.replace("{", '{"flavour": "sweet",', 1))
    assert Room(tmp_path).status() == STATUS


@pytest.mark.parametrize("text", ["", "[]", "{", '{"state": "ready"}', '{"flavour": 1}', "\x00"])
def test_a_status_of_another_version_or_a_broken_one_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / STATUS_FILE).write_text(text)
    assert Room(tmp_path).status() is None


def test_a_status_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    Room(tmp_path / "not there").write_status(STATUS)
    assert not (tmp_path / "not there").exists()


def test_a_wish_stands_until_the_next_boot_or_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)
    assert not room.wish_stands()
    room.note_wish()
    assert room.wish_stands()
    monkeypatch.setattr(rooms, "boot_id", lambda: "the next boot")
    assert not room.wish_stands()
    room.note_wish()
    room.forget_wish()
    assert not room.wish_stands()
    room.forget_wish()


def test_a_computer_that_cannot_tell_its_boots_apart_keeps_the_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "boot_id", lambda: "")
    room = Room(tmp_path)
    room.note_wish()
    assert (tmp_path / WISH_FILE).read_text() == "\n"
    assert room.wish_stands()


def test_a_running_connector_is_seen_and_not_disturbed(tmp_path: Path) -> None:
    with owned(tmp_path):
        assert connector_holds(tmp_path)
    assert not connector_holds(tmp_path)


def test_the_data_folder_is_read_from_a_file_whose_rest_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "connector.yml"
    config.write_text("data: journal\nterminals: nonsense\nupdates: {time: 06:15}\n")
    place = read_place(config)
    assert (place.data, place.updates.time) == (tmp_path / "journal", "06:15")
    assert (place.hour.hour, place.hour.minute) == (6, 15)


def test_wrong_update_settings_are_the_usual_ones_here(tmp_path: Path) -> None:
    config = tmp_path / "connector.yml"
    config.write_text("data: journal\nupdates: {time: noon}\n")
    assert read_place(config).updates.time == "03:00"


@pytest.mark.parametrize("text", ["", "data: 5\n", "data: ''\n", "- data\n", "data: [a", "terminals: []\n"])
def test_a_file_that_names_no_data_folder_is_refused(tmp_path: Path, text: str) -> None:
    config = tmp_path / "connector.yml"
    config.write_text(text)
    with pytest.raises(BridgeError) as caught:
        read_place(config)
    assert caught.value.code is Code.SETTINGS_INVALID
    assert str(config) in (caught.value.place or "")


def test_a_changed_file_looks_different_whatever_the_clock_says(tmp_path: Path) -> None:
    config = tmp_path / "connector.yml"
    missing = look_at(config)
    config.write_text("data: a\n")
    first = look_at(config)
    other = tmp_path / "other"
    other.write_text("data: b\n")
    other.replace(config)
    assert len({missing, first, look_at(config)}) == 3
    assert look_at(config) == look_at(config)
