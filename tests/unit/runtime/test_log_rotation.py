"""The log's file is put aside by size and count, and a line is never lost because that was impossible."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tillbridge.runtime import logging as ours
from tillbridge.runtime.logging import FILE_NAME, FILES_KEPT, log_figures, set_up_logging

LINES = 40


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ours, "MAX_FILE_BYTES", 400)
    monkeypatch.setattr(ours, "RETRY_BYTES", 400)
    yield
    set_up_logging()


def say(count: int) -> None:
    log = structlog.get_logger("here")
    for number in range(count):
        log.info("line", number=number, words="x" * 60)


def opened(folder: Path) -> list[str]:
    """The files of this folder that this process has open."""
    handles = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return [str(one.readlink()) for one in handles if str(one.readlink()).startswith(str(folder))]


def numbers(folder: Path) -> list[int]:
    files = [one for one in folder.iterdir() if one.is_file()]
    return sorted(json.loads(line)["number"] for one in files for line in one.read_text().splitlines())


def test_files_are_put_aside_by_size_and_so_many_are_kept(tmp_path: Path) -> None:
    set_up_logging(folder=tmp_path)
    say(LINES)
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == [FILE_NAME, *(f"{FILE_NAME}.{number}" for number in range(1, FILES_KEPT + 1))]
    assert all(one.stat().st_size <= 600 for one in tmp_path.iterdir())
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], LINES)), "the newest lines, without a gap"
    assert log_figures().rotations > FILES_KEPT
    assert log_figures().failures == 0


def test_no_line_is_lost_where_the_file_cannot_be_put_aside(tmp_path: Path) -> None:
    # As on Windows while somebody reads the file: a folder that holds something is in the way of the new name.
    in_the_way = tmp_path / f"{FILE_NAME}.{FILES_KEPT}"
    in_the_way.mkdir()
    (in_the_way / "held").touch()
    for number in range(1, FILES_KEPT):
        (tmp_path / f"{FILE_NAME}.{number}").touch()
    set_up_logging(folder=tmp_path)
    say(LINES)
    assert numbers(tmp_path) == list(range(LINES))
    assert log_figures().rotations == 0
    assert 0 < log_figures().failures < LINES
    (in_the_way / "held").unlink()
    in_the_way.rmdir()
    say(10)
    assert log_figures().rotations > 0


def test_no_handle_is_left_open(tmp_path: Path) -> None:
    set_up_logging(folder=tmp_path)
    say(LINES)
    assert opened(tmp_path) == [str(tmp_path / FILE_NAME)]
    set_up_logging()
    assert opened(tmp_path) == []


def test_without_a_file_there_is_nothing_to_count(tmp_path: Path) -> None:
    del tmp_path
    set_up_logging()
    assert (log_figures().rotations, log_figures().failures) == (0, 0)
