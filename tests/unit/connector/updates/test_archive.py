"""What an archive may hold, and what none may."""

import io
import random
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connector.updates import archive
from tillbridge.connector.updates.archive import Stopped, unpack
from tillbridge.domain.errors import BridgeError, Code

PLENTY = 10_000_000
CONTENT = random.Random(5).randbytes(2000)


def member(
    name: str, content: bytes = b"a part", kind: bytes = tarfile.REGTYPE, mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.mode = kind, mode
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
        info.linkname = "a"
    return info, content


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:xz", preset=0) as file:
        for info, content in members:
            file.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def refused(file: Path, into: Path, most: int = PLENTY) -> str:
    with pytest.raises(BridgeError) as error:
        unpack(file, into, most, threading.Event())
    assert error.value.code is Code.UPDATE_UNTRUSTED
    return error.value.detail


def test_files_and_folders_come_out_as_they_went_in(tmp_path: Path) -> None:
    file = packed(
        tmp_path / "a",
        member("tillbridge", b"program", mode=0o4777),
        member("lib", kind=tarfile.DIRTYPE),
        member("lib/deep/part.txt", b"text", mode=0o666),
        member("empty", b""),
    )
    unpack(file, tmp_path / "out", PLENTY, threading.Event())
    found = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*")}
    assert sorted(found) == ["empty", "lib", "lib/deep", "lib/deep/part.txt", "tillbridge"]
    assert found["lib/deep/part.txt"].read_bytes() == b"text"
    assert stat.S_IMODE(found["tillbridge"].stat().st_mode) == 0o755
    assert stat.S_IMODE(found["lib/deep/part.txt"].stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "name",
    [
        *"../a /a a/../b ./a a//b a/. C:/a C:a a:stream a\\b con CON.txt lib/nul a. ü lpt1 .. .".split(),
        *["a ", "a\nb", "", "x" * 300, "a/" * 20 + "a"],
    ],
)
def test_a_name_that_could_mean_another_place_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    said = refused(packed(tmp_path / "a", member(name)), tmp_path / "out" / "in")
    assert "name that is not allowed" in said
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["in"]


@given(st.text(max_size=30))
def test_no_name_leads_out(name: str) -> None:
    try:
        parts = archive._parts(name)
    except BridgeError:
        return
    place = Path("/top").joinpath(*parts)
    assert place.is_relative_to("/top")
    assert ".." not in parts
    assert "/".join(parts) == name


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_only_files_and_folders_are_taken(tmp_path: Path, kind: bytes) -> None:
    file = packed(tmp_path / "a", member("a"), member("b", kind=kind))
    assert "other than files and folders" in refused(file, tmp_path / "out")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "two files of one name" in refused(packed(tmp_path / "a", member("a"), member("a")), tmp_path / "out")
    file = packed(tmp_path / "b", member("d/a"), member("d"))
    assert "two files of one name" in refused(file, tmp_path / "out2")


def test_it_never_grows_beyond_what_was_signed_for(tmp_path: Path) -> None:
    file = packed(tmp_path / "a", member("zeros", b"\0" * 100_000))
    assert "more than the signed list says" in refused(file, tmp_path / "out", 99_999)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) == 0
    unpack(file, tmp_path / "fits", 100_000, threading.Event())


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    file = packed(tmp_path / "a", *(member(str(number), b"") for number in range(3)))
    assert "more than the signed list says" in refused(file, tmp_path / "out")


def test_a_damaged_archive_is_refused_or_holds_all_of_it(tmp_path: Path) -> None:
    whole = packed(tmp_path / "a", member("a", CONTENT)).read_bytes()
    cut = tmp_path / "cut"
    damaged = 0
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        into = tmp_path / f"out{length}"
        try:
            unpack(cut, into, PLENTY, threading.Event())
        except BridgeError as error:
            damaged += error.detail.endswith("it is damaged")
        else:
            # Only the blocks that end an archive are missing.
            assert (into / "a").read_bytes() == CONTENT
    assert damaged > 18, "an archive of two thousand bytes was cut off in twenty places"


def test_it_stops_when_nobody_wants_it_any_more(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        unpack(packed(tmp_path / "a", member("a")), tmp_path / "out", PLENTY, stop)
