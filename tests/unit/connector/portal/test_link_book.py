"""What is kept of the portal's commands: on the disk when a method returns, and never half."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.portal.clock import HandClock
from tillbridge.connector.portal import link_book
from tillbridge.connector.portal.link_book import FILE, CommandBook, Mark
from tillbridge.domain.errors import BridgeError, Code

ONE, TWO, THREE = "1" * 32, "2" * 32, "3" * 32


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def test_every_change_is_there_after_a_restart(tmp_path: Path, clock: HandClock) -> None:
    book = CommandBook(tmp_path, clock)
    await book.put(ONE, Mark.TAKEN)
    await book.put(TWO, Mark.CALLED_OFF)
    await book.put(THREE, Mark.TAKEN)
    await book.drop(ONE)
    await book.drop("f" * 32)
    again = CommandBook(tmp_path, clock)
    assert [again.mark(one) for one in (ONE, TWO, THREE)] == [None, Mark.CALLED_OFF, Mark.TAKEN]
    assert (again.unfinished, again.may_be_open(THREE), again.may_be_open(TWO)) == ((THREE,), True, False)


async def test_two_changes_at_once_are_both_kept(tmp_path: Path, clock: HandClock) -> None:
    book = CommandBook(tmp_path, clock)
    await book.put(ONE, Mark.TAKEN)
    async with asyncio.TaskGroup() as group:
        group.create_task(book.put(TWO, Mark.TAKEN))
        group.create_task(book.drop(ONE))
        group.create_task(book.put(THREE, Mark.CALLED_OFF))
    for found in (book, CommandBook(tmp_path, clock)):
        assert [found.mark(one) for one in (ONE, TWO, THREE)] == [None, Mark.TAKEN, Mark.CALLED_OFF]


async def test_a_refusal_is_forgotten_when_no_message_can_be_so_late_and_what_is_open_never(
    tmp_path: Path, clock: HandClock
) -> None:
    book = CommandBook(tmp_path, clock)
    await book.put(ONE, Mark.CALLED_OFF)
    await book.put(TWO, Mark.TAKEN)
    clock.forward(days=8)
    await book.put(THREE, Mark.TAKEN)
    assert book.mark(ONE) is Mark.CALLED_OFF
    clock.forward(seconds=1)
    await book.drop(THREE)
    assert [book.mark(one) for one in (ONE, TWO)] == [None, Mark.TAKEN]
    assert timedelta(days=7) < link_book.KEPT


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1, "commands": {"x": {"mark": "new", "at": "now"}}}', b"\xff"],
)
async def test_a_file_that_cannot_be_read_lets_nothing_be_taken_and_is_left_alone(
    tmp_path: Path, clock: HandClock, content: bytes
) -> None:
    (tmp_path / FILE).write_bytes(content)
    book = CommandBook(tmp_path, clock)
    for refused in (book.put(ONE, Mark.TAKEN), _mark(book)):
        with pytest.raises(BridgeError) as fault:
            await refused
        assert (fault.value.code, fault.value.place) == (Code.FOLDER_UNUSABLE, str(tmp_path / FILE))
    # The end of a payment from before is told all the same.
    assert (book.unfinished, book.may_be_open(ONE)) == ((), True)
    assert (tmp_path / FILE).read_bytes() == content


async def _mark(book: CommandBook) -> None:
    book.mark(ONE)


async def test_what_cannot_be_written_is_not_there(tmp_path: Path, clock: HandClock) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    book = CommandBook(folder, clock)
    folder.rename(tmp_path / "gone")
    with pytest.raises(BridgeError) as fault:
        await book.put(ONE, Mark.TAKEN)
    assert fault.value.code is Code.FOLDER_UNUSABLE
    assert book.mark(ONE) is None


async def test_the_file_has_an_end(tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_book, "MOST_KEPT", 2)
    book = CommandBook(tmp_path, clock)
    await book.put(ONE, Mark.CALLED_OFF)
    await book.put(TWO, Mark.CALLED_OFF)
    with pytest.raises(BridgeError):
        await book.put(THREE, Mark.TAKEN)
    assert book.mark(THREE) is None
    assert set(json.loads((tmp_path / FILE).read_text())["commands"]) == {ONE, TWO}
