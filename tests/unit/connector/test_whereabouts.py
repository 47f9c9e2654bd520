"""A note says where a connector of this user runs, and is only a hint."""

import os
from pathlib import Path

import pytest

from tillbridge.connector.whereabouts import MOST_NOTES, noted, noted_folders


@pytest.fixture(autouse=True)
def _own_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "runtime"))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def left_by_a_killed_connector(folder: Path, seconds_ago: int, tmp_path: Path) -> Path:
    """What a connector leaves that was killed so many seconds ago."""
    notes = tmp_path / "runtime" / "tillbridge" / "running"
    notes.mkdir(parents=True, exist_ok=True)
    note = notes / folder.name
    note.write_text(str(folder))
    then = note.stat().st_mtime - seconds_ago
    os.utime(note, (then, then))
    return note


def test_it_is_there_for_as_long_as_the_connector_runs(tmp_path: Path) -> None:
    one, two = made(tmp_path / "one"), made(tmp_path / "zwei ä")
    assert noted_folders() == []
    with noted(one), noted(two):
        assert set(noted_folders()) == {one, two}
    assert noted_folders() == []


def test_a_note_of_nonsense_is_passed_over(tmp_path: Path) -> None:
    with noted(tmp_path / "one"):
        notes = tmp_path / "runtime" / "tillbridge" / "running"
        (notes / "relative").write_text("not/absolute")
        (notes / "folder").mkdir()
        (notes / "empty").write_text("")
        assert noted_folders() == [tmp_path / "one"]


def test_a_connector_runs_without_its_note(tmp_path: Path) -> None:
    (tmp_path / "runtime").write_text("a file where a folder should be")
    with noted(tmp_path / "one"):
        assert noted_folders() == []


def test_the_newest_is_found_behind_many_that_killed_connectors_left(tmp_path: Path) -> None:
    with noted(made(tmp_path / "running")):
        for number in range(2 * MOST_NOTES):
            left_by_a_killed_connector(tmp_path / f"old-{number:03}", 1 + number, tmp_path)
        assert noted_folders()[0] == tmp_path / "running"
        assert len(noted_folders()) == MOST_NOTES


def test_a_start_takes_away_what_is_of_no_use_any_more(tmp_path: Path) -> None:
    gone = left_by_a_killed_connector(tmp_path / "gone", 1, tmp_path)
    killed = [
        left_by_a_killed_connector(made(tmp_path / f"killed-{number:03}"), 1 + number, tmp_path)
        for number in range(MOST_NOTES + 3)
    ]
    with noted(made(tmp_path / "running")):
        assert not gone.exists()
        assert [note.exists() for note in killed].count(True) == len(noted_folders()) - 1 < MOST_NOTES
        assert killed[0].exists()
        assert not killed[-1].exists()
