"""What is old, over and settled is put away; what is not, or is still asked for, stays."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.connector.keeping.books import DAY, START, Books, paid, rows
from tillbridge.connector.keeping.archive import FOLDER, known_files, read_archive
from tillbridge.connector.keeping.compacting import Compactor
from tillbridge.connector.keeping.putting_away import BELIEVED_DAYS
from tillbridge.connector.keeping.settings import KeepingSettings
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Declined
from tillbridge.engine.books import OutboxAccess
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.journal.records import from_micros
from tillbridge.engine.rules import OrderIdsRepeat
from tillbridge.runtime.sqlite import connect_writing

LATER = START + 500 * DAY


class Hands:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


class Place:
    """A journal and who tidies it up."""

    def __init__(self, folder: Path, repeat: OrderIdsRepeat = OrderIdsRepeat.DAILY) -> None:
        self.folder = folder
        self.books = Books(folder)
        self.clock = Hands(LATER)
        access = OutboxAccess(self.books.path, self.books.committer)
        self.compactor = Compactor(folder, access, KeepingSettings(), repeat, self.clock, lambda: False)

    async def tidy(self, *, passes: int = 30) -> int:
        return sum([await self.compactor.one_pass() for _ in range(passes)])

    async def young(self) -> None:
        """A payment of now on each terminal, after which the older ones are not the newest any more."""
        for terminal in ("t1", "t2"):
            await self.books.payment(self.clock.at - DAY, paid(), terminal=terminal)

    def ids(self) -> list[int]:
        return [int(row[0], 16) for row in rows(self.books.path, "SELECT id FROM operation ORDER BY seq")]

    def archived(self) -> list[int]:
        return sorted(
            int(one["payment"]["id"], 16)
            for name, size in known_files(self.books.path).items()
            for one in read_archive(self.folder / FOLDER / name, size)
        )


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.keeping.compacting.STEP_SECONDS", 0)


async def test_old_payments_go_into_the_file_of_their_year(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in range(45):
        await place.books.payment(START + number * DAY, paid())
    await place.young()
    assert await place.tidy() == 45
    assert place.ids() == [46, 47]
    assert place.archived() == list(range(1, 46))
    (name,) = known_files(place.books.path)
    assert name == f"journal-{START.year}.jsonl.gz"
    first = next(read_archive(tmp_path / FOLDER / name, known_files(place.books.path)[name]))
    assert first["payment"]["outcome"]["authorization_code"] == "A1"
    assert [event["type"] for event in first["events"]] == ["accepted", "sending", "outcome"]
    assert rows(place.books.path, "SELECT count(*) FROM event")[0][0] == 2 * 3
    await place.books.close()


async def test_years_have_files_of_their_own(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.clock.at = START + 1200 * DAY
    for number in range(6):
        await place.books.payment(START + number * 150 * DAY, paid())
    await place.young()
    assert await place.tidy(passes=60) == 6
    years = {(START + number * 150 * DAY).year for number in range(6)}
    assert sorted(known_files(place.books.path)) == [f"journal-{year}.jsonl.gz" for year in sorted(years)]
    await place.books.close()


async def test_the_answer_to_a_key_stays_for_ever(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid(), key="k1", order_id="7")
    await place.young()
    reading = Reading(place.books.path)
    before = reading.by_key("till", "k1")
    assert await place.tidy() == 1
    assert reading.by_key("till", "k1") == before
    assert reading.events(f"{1:032x}") == []
    reading.close()
    await place.books.close()


@pytest.mark.parametrize(("repeat", "left"), [(OrderIdsRepeat.DAILY, 0), (OrderIdsRepeat.NEVER, 1)])
async def test_an_order_number_that_never_comes_again_stays(tmp_path: Path, repeat: OrderIdsRepeat, left: int) -> None:
    place = Place(tmp_path, repeat)
    await place.books.payment(START, paid(), order_id="7")
    await place.young()
    assert await place.tidy() == 1
    assert len(place.ids()) == 2 + left
    await place.books.close()


async def test_a_payment_that_a_write_stands_for_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid())
    await place.books.do("INSERT INTO write_key VALUES ('desk', 'w1', 'f', ?)", f"{1:032x}")
    await place.young()
    await place.tidy()
    assert place.ids() == [1, 2, 3]
    await place.books.close()


@pytest.mark.parametrize(
    "why",
    [
        "UPDATE operation SET stage = 'in_doubt', outcome = '{\"reason\":\"no_answer\"}', approved_minor = NULL",
        "INSERT INTO delivery SELECT id, 'till', 'failed', 0 FROM operation WHERE seq = 1",
        (
            "INSERT INTO upstream_message (receiver, operation_id, event_seq, slot, type, state, attempts, made_at,"
            " since, next_at) SELECT 'hipay', id, 1, 's', 't', 'waiting', 0, 0, 0, 0 FROM operation WHERE seq = 1"
        ),
        (
            "INSERT INTO upstream_message (receiver, operation_id, event_seq, slot, type, state, attempts, made_at,"
            " since, done_at) SELECT 'hipay', id, 1, 's', 't', 'dead', 0, 0, 0, 0 FROM operation WHERE seq = 1"
        ),
        "UPDATE upstream_receiver SET seq = 1",
        "INSERT INTO cursor VALUES ('w', 1)",
        (
            "INSERT INTO webhook_delivery (webhook_id, event_seq, message_id, type, state, attempts, since, next_at)"
            " VALUES ('w', 3, 'm', 't', 'pending', 0, 0, 0)"
        ),
        "UPDATE operation SET closed_at = accepted_at + 480 * 86400000000",
    ],
)
async def test_what_is_not_over_reported_and_settled_is_not_touched(tmp_path: Path, why: str) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid(), terminal="t3")
    await place.books.do("INSERT INTO upstream_receiver (name, seq, since) VALUES ('hipay', 1000, 0)")
    await place.books.do("INSERT INTO webhook VALUES ('w', 'https://x', '', '[]', 'me', 0)")
    before = rows(place.books.path, "SELECT * FROM event WHERE operation_id = ?", f"{1:032x}")
    await place.books.do(why)
    await place.books.payment(LATER - DAY, paid(), terminal="t3" if "in_doubt" not in why else "t4")
    assert await place.tidy() == 0
    assert rows(place.books.path, "SELECT * FROM event WHERE operation_id = ?", f"{1:032x}") == before
    await place.books.close()


async def test_what_was_held_back_goes_once_it_is_settled(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid(), keyless=True)
    await place.books.payment(START + DAY, paid(), keyless=True)
    await place.young()
    await place.books.do("INSERT INTO delivery SELECT id, 'till', 'reached', 0 FROM operation WHERE seq = 2")
    assert await place.tidy() == 0, "one was never heard of, the other is the newest of its door"
    await place.books.do("INSERT INTO delivery SELECT id, 'person:Ada', 'settled', 0 FROM operation WHERE seq = 1")
    assert await place.tidy() == 1
    assert place.ids() == [2, 3, 4]
    await place.books.close()


async def test_a_family_goes_as_a_whole_or_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)
    sale = await place.books.payment(START, paid())
    await place.books.payment(START + DAY, paid(300), kind=Kind.REFUND, parent=sale.id)
    kept = await place.books.payment(START + DAY, paid(), key="k")
    await place.books.payment(START + DAY, paid(300), kind=Kind.REFUND, parent=kept.id)
    young = await place.books.payment(START + 2 * DAY, paid())
    await place.books.payment(LATER - DAY, paid(300), kind=Kind.REFUND, parent=young.id)
    await place.young()
    assert await place.tidy() == 4
    assert place.ids() == [3, 4, 5, 6, 7, 8], "what is left of 3 is reckoned with 4, and 6 goes back to 5"
    await place.books.close()


async def test_a_clock_that_was_behind_for_a_day_makes_no_young_payment_old(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid())
    await place.books.payment(LATER - 2 * DAY, paid())
    wrong = await place.books.payment(START - 300 * DAY, Declined())
    await place.young()
    await place.tidy()
    assert int(wrong.id, 16) in place.ids()
    await place.books.close()


async def test_a_clock_that_is_years_ahead_ages_nothing_in_a_week(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.clock.at = START + 10 * DAY
    for number in range(5):
        await place.books.payment(START + number * DAY, paid())
    assert await place.tidy(passes=1) == 0
    place.clock.at = START + 3650 * DAY
    assert await place.tidy(passes=7) == 0
    place.clock.at = START + 11 * DAY
    assert await place.tidy(passes=1) == 0
    believed = rows(place.books.path, "SELECT believed_at FROM keeping")[0][0]
    assert from_micros(believed) == place.clock.at
    assert timedelta(days=7 * BELIEVED_DAYS) < timedelta(days=366)
    await place.books.close()


async def test_a_payment_of_tomorrow_does_not_hold_up_the_others(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START + 9999 * DAY, paid())
    await place.books.payment(START, paid())
    await place.young()
    assert await place.tidy() == 1
    assert place.ids() == [1, 3, 4]
    await place.books.close()


async def test_a_table_of_a_newer_release_stops_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid())
    await place.young()
    await place.books.do("CREATE TABLE later (operation_id TEXT REFERENCES operation (id))")
    assert await place.tidy() == 0
    await place.books.close()


async def test_the_journal_itself_refuses_to_lose_anything(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await place.books.payment(START, paid(), key="k")
    with closing(connect_writing(place.books.path)) as connection:
        for statement in ("DELETE FROM event", "DELETE FROM key", "DELETE FROM operation"):
            with pytest.raises(sqlite3.IntegrityError, match=r"never deleted|FOREIGN KEY"):
                connection.execute(statement)
        connection.execute("INSERT INTO put_away VALUES (?, 'f', 0)", (f"{1:032x}",))
        with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
            connection.execute("DELETE FROM operation")
    await place.books.close()


async def test_another_file_in_the_place_of_the_archive_is_left_alone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / FOLDER).mkdir()
    theirs = tmp_path / FOLDER / f"journal-{START.year}.jsonl.gz"
    theirs.write_bytes(b"somebody's only copy")
    await place.books.payment(START, paid())
    await place.young()
    assert await place.tidy() == 1
    assert theirs.read_bytes() == b"somebody's only copy"
    assert place.archived() == [1]
    await place.books.close()


async def test_room_is_given_back_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.keeping.compacting.MOST_FREE_PAGES", 2)
    place = Place(tmp_path)
    for number in range(60):
        await place.books.payment(START + number * DAY, paid(), notes={"cart": "x" * 3000})
    await place.young()
    (full,) = rows(place.books.path, "PRAGMA page_count")[0]
    await place.tidy()
    await place.books.journal.probe()
    (left,) = rows(place.books.path, "PRAGMA page_count")[0]
    assert left < full - 40
    await place.books.close()
