"""Crash reports: bounded, for their owner alone, without secrets; and what the journal says of payments."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.engine.house import ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.connector.supervisor.crashes import KEPT, LINES, keep, report
from tillbridge.connector.supervisor.endings import Ended
from tillbridge.connector.supervisor.journal_look import JOURNAL_FILE, Payments, payments
from tillbridge.engine import opening
from tillbridge.runtime.manual import run_manual

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CRASH = Ended(-11, 12.34)


def test_a_report_says_how_it_ended_and_what_it_said_last() -> None:
    text = report(NOW, "1.0", CRASH, ["first", "last"], payment_ran=True)
    assert "ended unasked (crashed): killed by SIGSEGV" in text
    assert "at 2026-01-02T03:04:05+00:00, after 12.3 s, version 1.0" in text
    assert "A payment was running" in text
    assert text.endswith("first\nlast\n")


def test_a_report_holds_no_secret_and_no_card() -> None:
    words = ["password=hunter2", "Authorization: Basic bG9nOnB3ZA==", "card 4111 1111 1111 1111", "tbm_abc-123"]
    text = report(NOW, "1.0", CRASH, words, payment_ran=False)
    for secret in ("hunter2", "bG9nOnB3ZA", "4111 1111", "411111111111", "abc-123"):
        assert secret not in text


def test_a_report_keeps_the_last_lines_and_the_beginning_of_a_long_one() -> None:
    text = report(NOW, "1.0", CRASH, [*(f"line {number}" for number in range(500)), "x" * 100_000], payment_ran=False)
    assert "line 400\n" not in text
    assert "line 499\n" in text
    assert len(text.splitlines()) < LINES + 10
    assert len(text) < 10_000


def test_only_the_latest_reports_are_kept_whatever_the_clock_says(tmp_path: Path) -> None:
    folder = tmp_path / "crashes"
    written = [keep(folder, f"report {number}") for number in range(KEPT + 5)]
    assert sorted(folder.iterdir()) == written[5:]
    assert written[-1].read_text() == f"report {KEPT + 4}"
    assert written[-1].stat().st_mode & 0o077 == 0
    (folder / "notes of a person.txt").write_text("stays")
    keep(folder, "one more")
    assert (folder / "notes of a person.txt").exists()


def test_the_journal_is_looked_for_under_its_own_name() -> None:
    assert JOURNAL_FILE == opening.JOURNAL_FILE


def test_the_journal_says_whether_a_payment_runs(tmp_path: Path) -> None:
    async def main() -> None:
        terminal = Puppet()
        async with house(tmp_path, terminal) as engine:
            assert payments(tmp_path) is Payments.NONE
            await engine.start(ask())
            await asyncio.sleep(1)  # of manual time: until the terminal has been asked
            assert payments(tmp_path) is Payments.RUN

    run_manual(main())


def test_no_journal_is_no_payment_and_none_is_made(tmp_path: Path) -> None:
    assert payments(tmp_path) is Payments.NONE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plain", "with % and ? and #"])
def test_a_journal_that_cannot_be_read_is_unknown(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / JOURNAL_FILE).write_bytes(b"this is no journal" * 100)
    assert payments(folder) is Payments.UNKNOWN
    (folder / JOURNAL_FILE).unlink()
    sqlite3.connect(folder / JOURNAL_FILE).close()
    (folder / JOURNAL_FILE).write_bytes(b"")
    assert payments(folder) is Payments.UNKNOWN
