"""A note says where a connector of this user runs, and is only a hint."""

from pathlib import Path

import pytest

from tillbridge.connector.whereabouts import noted, noted_folders


@pytest.fixture(autouse=True)
def _own_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "runtime"))


def test_it_is_there_for_as_long_as_the_connector_runs(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "zwei ä"
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
