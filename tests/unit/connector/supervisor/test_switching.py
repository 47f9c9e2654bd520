"""A power cut before and behind every change of a switch: the old or the new version is in use, never anything else."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tillbridge.connector.supervisor.switching import MOST_CUT_TRIALS, RECORD, Disk, Step, Switching
from tillbridge.connector.updates.contract import Prepared, Updates
from tillbridge.connector.updates.layout import Layout
from tillbridge.domain.errors import BridgeError, Code

OLD: Final = "1.0"
NEW: Final = "1.1"
MOST_POINTS: Final = 40
"""No switch has so many changes; a walk that gets here is a bug."""


class PowerCut(BaseException):
    """The computer went dark. No code of ours can catch it by mistake."""


@dataclass
class Book:
    """An updater that only remembers; what it knows is on the disk, like the real one's."""

    switched_to: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def prepare(self) -> Prepared | None:
        """Nothing newer."""
        return None

    def switched(self, version: str) -> None:
        """See `Updates.switched`."""
        self.switched_to.append(version)

    def refused(self, version: str, why: str) -> None:
        """See `Updates.refused`."""
        self.refusals[version] = why

    def outcome(self) -> str | None:
        """Nothing to say."""
        return None


class CutDisk(Disk):
    """A disk whose power goes at the n-th point; each change has one before it and one behind it."""

    def __init__(self, point: int) -> None:
        self.left = point

    def _point(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise PowerCut

    def _around(self, change: Callable[[], None]) -> None:
        self._point()
        change()
        self._point()

    def write(self, path: Path, content: bytes) -> None:
        self._around(lambda: Disk.write(self, path, content))

    def remove(self, path: Path) -> None:
        self._around(lambda: Disk.remove(self, path))

    def choose(self, layout: Layout, version: str) -> None:
        self._around(lambda: Disk.choose(self, layout, version))

    def told(self, updates: Updates, version: str) -> None:
        self._around(lambda: Disk.told(self, updates, version))

    def refused(self, updates: Updates, version: str, why: str) -> None:
        self._around(lambda: Disk.refused(self, updates, version, why))


class FullDisk(Disk):
    """A disk that takes only so many changes; taking something away always works."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, path: Path, content: bytes) -> None:
        self._use()
        super().write(path, content)

    def choose(self, layout: Layout, version: str) -> None:
        self._use()
        super().choose(layout, version)

    def _use(self) -> None:
        self.room -= 1
        if self.room < 0:
            raise BridgeError(Code.FOLDER_UNUSABLE, "it cannot be written: No space left on device")


def layout_in(folder: Path) -> Layout:
    """Two versions beside each other, the old one in use."""
    layout = Layout(folder)
    for version in (OLD, NEW):
        layout.folder(version).mkdir(parents=True)
        layout.program(version).write_bytes(b"a program")
    layout.switch(OLD)
    return layout


def a_good_switch(switching: Switching) -> None:
    switching.intend(NEW)
    switching.trying(NEW)
    switching.proven(NEW)


def a_bad_switch(switching: Switching) -> None:
    switching.intend(NEW)
    switching.trying(NEW)
    switching.failed(NEW, "it did not answer")


def a_busy_moment(switching: Switching) -> None:
    switching.intend(NEW)
    switching.abandon()


def recovered(layout: Layout, book: Book) -> str:
    """Starts again after the cut, with power that stays: the version that is in use then."""
    Switching(layout, book).recover()
    found = layout.current()
    assert found is not None
    record = layout.updates / RECORD
    assert not record.exists() or json.loads(record.read_text())["step"] == Step.RESTING
    return found


@pytest.mark.parametrize("walk", [a_good_switch, a_bad_switch, a_busy_moment])
def test_a_power_cut_at_every_point_leaves_a_whole_version_in_use(
    tmp_path: Path, walk: Callable[[Switching], None]
) -> None:
    for point in range(1, MOST_POINTS):
        layout, book = layout_in(tmp_path / str(point)), Book()
        try:
            walk(Switching(layout, book, CutDisk(point)))
        except PowerCut:
            version = recovered(layout, book)
        else:
            assert point > 4
            return
        assert version in {OLD, NEW}
        assert layout.program(version).is_file()
        # What the updater was told agrees with what is in use.
        assert (NEW in book.switched_to) == (version == NEW)
        assert not (NEW in book.refusals and version == NEW)
        if walk is not a_good_switch:
            assert version == OLD
    pytest.fail("the walk did not end")


def test_a_second_power_cut_during_the_recovery_of_the_first_is_survived(tmp_path: Path) -> None:
    for first in range(1, MOST_POINTS):
        for second in range(1, MOST_POINTS):
            layout, book = layout_in(tmp_path / f"{first}-{second}"), Book()
            try:
                a_good_switch(Switching(layout, book, CutDisk(first)))
            except PowerCut:
                pass
            else:
                return
            try:
                Switching(layout, book, CutDisk(second)).recover()
            except PowerCut:
                version = recovered(layout, book)
                assert (NEW in book.switched_to) == (version == NEW)
            else:
                break
    pytest.fail("the walk did not end")


def test_a_good_switch_is_told_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    layout, book = layout_in(tmp_path), Book()
    a_good_switch(Switching(layout, book))
    assert (layout.current(), book.switched_to, book.refusals) == (NEW, [NEW], {})
    assert not (layout.updates / RECORD).exists()
    assert Switching(layout, book).recover() is None


def test_a_version_that_failed_is_refused_with_the_reason(tmp_path: Path) -> None:
    layout, book = layout_in(tmp_path), Book()
    a_bad_switch(Switching(layout, book))
    assert (layout.current(), book.switched_to) == (OLD, [])
    assert book.refusals == {NEW: "it did not answer"}


def test_a_trial_that_takes_the_computer_down_each_time_is_given_up(tmp_path: Path) -> None:
    layout, book = layout_in(tmp_path), Book()
    for number in range(1, MOST_CUT_TRIALS + 1):
        switching = Switching(layout, book)
        switching.recover()
        assert book.refusals == {}
        switching.intend(NEW)
        switching.trying(NEW)  # and here it goes dark
        told = Switching(layout, book).recover()
        assert told is not None
        assert (NEW in book.refusals) == (number == MOST_CUT_TRIALS)
    assert layout.current() == OLD


def test_moments_without_power_in_which_nothing_was_tried_are_not_counted(tmp_path: Path) -> None:
    layout, book = layout_in(tmp_path), Book()
    for _ in range(MOST_CUT_TRIALS + 2):
        switching = Switching(layout, book)
        switching.intend(NEW)  # and here it goes dark
        assert Switching(layout, book).recover() is not None
    assert book.refusals == {}
    a_good_switch(Switching(layout, book))
    assert layout.current() == NEW


def test_a_trial_that_was_cut_off_stays_counted_over_a_busy_moment(tmp_path: Path) -> None:
    layout, book = layout_in(tmp_path), Book()
    switching = Switching(layout, book)
    switching.intend(NEW)
    switching.trying(NEW)
    switching = Switching(layout, book)
    switching.recover()
    a_busy_moment(switching)
    assert json.loads((layout.updates / RECORD).read_text())["cut_trials"] == 1


def test_a_full_disk_ends_with_a_whole_version(tmp_path: Path) -> None:
    for room in range(MOST_POINTS):
        layout, book = layout_in(tmp_path / str(room)), Book()
        switching = Switching(layout, book, FullDisk(room))
        try:
            a_good_switch(switching)
        except BridgeError:
            switching.abandon()
            assert layout.current() == OLD
            assert not (layout.updates / RECORD).exists()
        else:
            assert layout.current() == NEW
            # What could not be told because of the disk is told as soon as there is room.
            Switching(layout, book).recover()
            assert NEW in book.switched_to
            return
    pytest.fail("the walk did not end")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"step": "flying", "version": "1.1", "why": "", "cut_trials": 0}', "\x00"]
)
def test_a_record_that_nobody_can_read_changes_nothing(tmp_path: Path, text: str) -> None:
    layout, book = layout_in(tmp_path), Book()
    layout.updates.mkdir()
    (layout.updates / RECORD).write_text(text)
    assert Switching(layout, book).recover() is None
    assert layout.current() == OLD


def test_a_proven_version_whose_folder_is_gone_is_not_chosen(tmp_path: Path) -> None:
    layout, book = layout_in(tmp_path), Book()
    with pytest.raises(PowerCut):
        # The third write is that of `choosing`; the cut comes behind it.
        a_good_switch(Switching(layout, book, CutDisk(6)))
    layout.program(NEW).unlink()
    assert recovered(layout, book) == OLD
    assert book.switched_to == []
