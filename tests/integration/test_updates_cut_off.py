"""The power goes, or the disk is full, at every step of an update: nothing half is ever taken for a version."""

import errno
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.releases import Publisher, TillComputer, served, set_clock, till_computer
from tillbridge.connector.updates.folders import PARTIAL
from tillbridge.domain.errors import BridgeError, Code

# Everything that puts something on a disk for good, as Python calls it.
DEEDS = ("fsync", "mkdir", "rename", "replace", "symlink", "unlink", "rmdir", "chmod")

SAMPLED = 6


class PowerCut(BaseException):
    """Nothing happens after it, not even what would clean up."""


class Disk:
    """Counts what is done to it, and fails from a given deed on, for ever."""

    def __init__(self, fails_from: int | None, failure: Callable[[], BaseException]) -> None:
        self.done = 0
        self._fails_from = fails_from
        self._failure = failure

    def instead_of(self, deed: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            if self._fails_from is not None and self.done >= self._fails_from:
                raise self._failure()
            self.done += 1
            return deed(*arguments, **named)

        return counted


@contextmanager
def disk(
    monkeypatch: pytest.MonkeyPatch, fails_from: int | None, failure: Callable[[], BaseException]
) -> Iterator[Disk]:
    watched = Disk(fails_from, failure)
    with monkeypatch.context() as patched:
        for name in DEEDS:
            patched.setattr(os, name, watched.instead_of(getattr(os, name)))
        yield watched


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[TillComputer]:
    publisher = Publisher(tmp_path / "publisher", set_clock()).begin()
    publisher.publish("1.1")
    async with served(publisher.folder) as server:
        yield till_computer(tmp_path, publisher, server.url)


def begin_anew(till: TillComputer) -> None:
    """A computer as it was before anything was looked for."""
    for folder in (till.layout.updates, till.layout.folder("1.1")):
        if folder.exists():
            folder.rename(
                folder.with_name(f"{folder.name}{PARTIAL}gone") if folder.name == "1.1" else _elsewhere(folder)
            )


def _elsewhere(folder: Path) -> Path:
    count = len(list(folder.parent.glob("updates-*")))
    return folder.with_name(f"updates-{count}")


async def steps(till: TillComputer, monkeypatch: pytest.MonkeyPatch) -> int:
    with disk(monkeypatch, None, PowerCut) as watched:
        assert await till.updater().prepare() is not None
    return watched.done


def chosen(count: int, seed: int) -> list[int]:
    # The last steps are where a version gets its name; the rest is sampled.
    return sorted({*random.Random(seed).sample(range(count), SAMPLED), count - 1, count - 2})


async def cut(till: TillComputer, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    begin_anew(till)
    with disk(monkeypatch, at, PowerCut), pytest.raises(PowerCut):
        await till.updater().prepare()
    assert till.layout.current() == "1.0"
    for name in till.versions():
        assert PARTIAL in name or name == "1.0" or till.whole(name), f"cut at step {at}: {name} is not whole"
    prepared = await till.updater().prepare()
    assert prepared is not None, f"cut at step {at}"
    assert till.whole(prepared.version)
    assert till.versions() == ["1.0", "1.1"], f"cut at step {at}"


async def fill(till: TillComputer, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    begin_anew(till)
    with disk(monkeypatch, at, lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))):
        with pytest.raises(BridgeError) as refused:
            await till.updater().prepare()
        assert refused.value.code in {Code.UPDATE_FAILED, Code.FOLDER_UNUSABLE}, f"full at step {at}"
        assert "No space left" in str(refused.value), f"full at step {at}: {refused.value}"
    assert till.layout.current() == "1.0"
    prepared = await till.updater().prepare()
    assert prepared is not None
    assert till.versions() == ["1.0", "1.1"], f"full at step {at}"


async def test_a_power_cut_at_some_steps(till: TillComputer, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in chosen(await steps(till, monkeypatch), 6):
        await cut(till, monkeypatch, at)


@pytest.mark.soak
async def test_a_power_cut_at_every_step(till: TillComputer, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(await steps(till, monkeypatch)):
        await cut(till, monkeypatch, at)


async def test_a_full_disk_at_some_steps(till: TillComputer, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in chosen(await steps(till, monkeypatch), 7):
        await fill(till, monkeypatch, at)


@pytest.mark.soak
async def test_a_full_disk_at_every_step(till: TillComputer, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(await steps(till, monkeypatch)):
        await fill(till, monkeypatch, at)


async def test_a_disk_without_room_is_seen_before_anything_is_fetched(
    till: TillComputer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.connector.updates.updater.SPARE_BYTES", 2**62)
    with pytest.raises(BridgeError, match=r"the disk is too full for version 1\.1"):
        await till.updater().prepare()
    assert till.versions() == ["1.0"]
