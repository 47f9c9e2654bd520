"""`tillbridge pay` and `tillbridge payments`: with a connector, without one, and when it dies in between."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.counter import SOON, Counter, counter, interrupt
from tests.support.shop import Program
from tillbridge.cli.exits import Exit
from tillbridge.virtual.ledger_file import read_rows
from tillbridge.virtual.screen import Screen


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter(tmp_path) as made:
        yield made


async def newest(place: Counter) -> str:
    """The id of the newest payment."""
    told = await place.command("payments", "list", "--data", str(place.data))
    assert told.code == 0, told
    first = re.search(r"^[0-9a-f]{32}", told.out, re.MULTILINE)
    assert first is not None
    return first.group()


@pytest.mark.parametrize("running", [True, False])
async def test_a_payment_is_the_same_with_and_without_a_connector(place: Counter, running: bool) -> None:
    if running:
        await place.open()
    told = await place.command("pay", "12,50", "--config", str(place.settings))
    assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
    assert "12.50 EUR on counter: waiting for the card" in told.err
    assert "card 497010######7890" in told.err
    assert place.taken == [1250]
    shown = await place.command("payments", "show", await newest(place), "--config", str(place.settings))
    for words in ("approved", "12.50 EUR", "money moved  yes", "intent_on_disk"):
        assert words in shown.out


@pytest.mark.parametrize(
    ("amount", "word", "code"),
    [("1.91", "declined", Exit.DECLINED), ("1.92", "aborted", Exit.ABORTED), ("1.95", "in_doubt", Exit.IN_DOUBT)],
)
async def test_each_end_has_its_word_and_its_exit_code(place: Counter, amount: str, word: str, code: Exit) -> None:
    place.write_settings(ask_after_doubt=False)
    await place.open()
    told = await place.command("pay", amount)
    assert (told.code, told.out) == (code, f"{word}\n"), told


async def test_a_terminal_that_can_be_asked_settles_it_while_one_waits(place: Counter) -> None:
    await place.open()
    told = await place.command("pay", "1.95")
    assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
    shown = await place.command("payments", "show", await newest(place))
    assert re.search(r"outcome +inquiry +stage=approved", shown.out)


async def test_a_terminal_from_the_command_line_alone_is_journalled_too(place: Counter) -> None:
    direct = ("--driver", "concert-v3", "--tcp", f"127.0.0.1:{place.terminal_port}", "--data", str(place.data))
    told = await place.command("pay", "3", *direct)
    assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
    assert place.taken == [300]
    refused = await place.command("pay", "3.91", *direct, "--order-id", "A 7")
    assert refused.code == Exit.DECLINED
    listed = await place.command("payments", "list", "--data", str(place.data))
    assert "3.00 EUR" in listed.out
    assert "A 7" in listed.out


async def test_a_terminal_on_a_serial_line_needs_no_settings_either(place: Counter) -> None:
    link, books = place.folder / "line", place.folder / "books.jsonl"
    words = ("--pty", str(link), "--delay", "0", "--ledger", str(books))
    simulator = await Program.start("simulate", "concert", *words, ready="Ctrl-C")
    place.running.append(simulator)
    direct = ("--driver", "concert", "--serial", str(link), "--data", str(place.data))
    told = await place.command("pay", "12.50", *direct)
    assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
    lost = await place.command("pay", "1.95", *direct)
    assert (lost.code, lost.out) == (Exit.IN_DOUBT, "in_doubt\n"), lost
    locked = await place.command("pay", "2.00", *direct)
    assert locked.code == Exit.REFUSED
    assert "counter is locked" in locked.err
    assert [row.minor for row in read_rows(books)] == [1250, 195]
    listed = await place.command("payments", "list", "--data", str(place.data))
    assert [line.split()[-2:] for line in listed.out.splitlines()[1:]] == [["EUR", "in_doubt"], ["EUR", "approved"]]


async def test_a_terminal_that_is_not_there_is_refused_before_anything_is_sent(place: Counter) -> None:
    await place.open()
    told = await place.command("pay", "5", "--terminal", "bar")
    assert told.code == Exit.REFUSED
    assert "'bar' is not one; there are: counter" in told.err


async def test_a_connector_with_its_own_terminals_keeps_the_folder(place: Counter) -> None:
    await place.open()
    direct = ("--driver", "concert-v3", "--tcp", f"127.0.0.1:{place.terminal_port}", "--data", str(place.data))
    told = await place.command("pay", "5", *direct)
    assert told.code == Exit.REFUSED
    assert "leave out --driver" in told.err
    assert place.taken == []


async def test_a_wrong_key_is_refused(place: Counter) -> None:
    await place.open()
    (place.data / "console-key").write_text("not the key of this connector")
    told = await place.command("pay", "5", "--data", str(place.data))
    assert told.code == Exit.REFUSED
    assert "the key is wrong" in told.err
    assert place.taken == []


async def test_ctrl_c_asks_the_terminal_to_stop_and_reads_the_end(place: Counter) -> None:
    await place.open()
    place.wait_by_hand()
    paying = await place.start("pay", "12.50")
    await place.until(Screen.WAITING_FOR_CARD)
    interrupt(paying)
    assert paying.stderr is not None
    async with asyncio.timeout(SOON):
        while b"press its red key" not in await paying.stderr.readline():
            assert paying.returncode is None
    place.terminal.press_cancel()
    async with asyncio.timeout(SOON):
        out, _ = await paying.communicate()
    assert (paying.returncode, out) == (Exit.ABORTED, b"aborted\n")


@pytest.mark.parametrize("running", [True, False])
async def test_ctrl_c_twice_leaves_the_payment_in_doubt(place: Counter, running: bool) -> None:
    if running:
        await place.open()
    place.wait_by_hand()
    paying = await place.start("pay", "12.50", "--config", str(place.settings))
    await place.until(Screen.WAITING_FOR_CARD)
    assert paying.stderr is not None
    for words in (b"press its red key", b"Not waiting any longer."):
        interrupt(paying)
        async with asyncio.timeout(SOON):
            while words not in await paying.stderr.readline():
                assert paying.returncode is None
    async with asyncio.timeout(SOON):
        out, _ = await paying.communicate()
    assert (paying.returncode, out) == (Exit.IN_DOUBT, b"sending\n")
    if not running:
        shown = await place.command("payments", "show", await newest(place), "--data", str(place.data))
        assert "in doubt (connector_stopped)" in shown.out


async def test_a_connector_that_dies_in_the_middle_is_asked_again_when_it_is_back(place: Counter) -> None:
    connector = await place.open()
    place.wait_by_hand()
    paying = await place.start("pay", "12.50")
    await place.until(Screen.WAITING_FOR_CARD)
    connector.kill()
    await connector.gone()
    await place.open()
    await place.pay_by_hand()
    async with asyncio.timeout(3 * SOON):
        out, err = await paying.communicate()
    assert place.taken == [1250]
    assert (paying.returncode, out) in ((Exit.IN_DOUBT, b"in_doubt\n"), (Exit.APPROVED, b"approved\n")), err


@pytest.mark.parametrize("running", [True, False])
async def test_a_person_settles_a_payment_in_doubt(place: Counter, running: bool) -> None:
    place.write_settings(ask_after_doubt=False)
    connector = await place.open()
    assert (await place.command("pay", "1.95")).code == Exit.IN_DOUBT
    payment_id = await newest(place)
    locked = await place.command("pay", "2.00")
    assert locked.code == Exit.REFUSED
    assert f"tillbridge payments show {payment_id}" in locked.err
    if not running:
        await connector.stop()
    where = ("--data", str(place.data))
    finding = ("--by", "Ada", "--reason", "slip 12")
    too_much = await place.command("payments", "resolve", payment_id, "--taken", "--amount", "5", *finding, *where)
    assert too_much.code == 1
    assert "at most 1.95 EUR" in too_much.err
    settled = await place.command("payments", "resolve", payment_id, "--taken", *finding, *where)
    assert settled.code == 0, settled
    assert "money moved  yes" in settled.out
    again = await place.command("payments", "resolve", payment_id, "--not-taken", *finding, *where)
    assert again.code == 1
    assert "the payment is approved" in again.err
    shown = await place.command("payments", "show", payment_id, *where)
    assert "by=Ada, reason=slip 12" in shown.out


async def test_looking_makes_no_folder(place: Counter) -> None:
    told = await place.command("payments", "list", "--data", "gone")
    assert told.code == 1
    assert "there is no such data folder" in told.err
    assert not (place.folder / "gone").exists()
