"""The file of reports: a line is whole and on disk before it counts, whatever was there before."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tillbridge.upstream.reports.appending import AppendingFile

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def line(number: int) -> bytes:
    return json.dumps({"number": number}).encode() + b"\n"


def test_lines_follow_one_another(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    for number in range(3):
        AppendingFile(path, 10_000).append(line(number), NOW)
    assert [json.loads(one)["number"] for one in path.read_text().splitlines()] == [0, 1, 2]


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    path.write_bytes(line(0) + line(1)[:5])
    AppendingFile(path, 10_000).append(line(1), NOW)
    assert path.read_bytes() == line(0) + line(1)[:5] + b"\n" + line(1)


def test_a_full_file_is_put_aside_and_none_is_ever_lost(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    file = AppendingFile(path, 3 * len(line(0)))
    for number in range(8):
        file.append(line(number), NOW)
    names = {one.name for one in tmp_path.iterdir()}
    assert names == {"reports.jsonl", "reports-20260102T030405Z.jsonl", "reports-20260102T030405Z-2.jsonl"}
    whole = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert sorted(json.loads(one)["number"] for one in whole.splitlines()) == list(range(8))


def test_what_cannot_be_flushed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reports.jsonl"
    AppendingFile(path, 10_000).append(line(0), NOW)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            AppendingFile(path, 10_000).append(line(1), NOW)
    assert path.read_bytes() == line(0)
