"""A day is compared with what the terminals and the payment service say, and every difference has its name."""

import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.connector.keeping.books import DOUBT, START, Books, paid
from tillbridge.connector.console.days import Span, read_day
from tillbridge.connector.keeping.day_report import DayReport, Difference
from tillbridge.connector.keeping.psp import PspDay, ToldHere
from tillbridge.connector.keeping.psp_csv import read_list
from tillbridge.connector.keeping.reporting import report
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, BatchTotal, Declined, Outcome, Side
from tillbridge.engine.rules import EngineSettings

DAY = Span(START.date(), START - timedelta(hours=1), START + timedelta(hours=23))
HEAD = "Order ID;Amount;Currency;Status;Something else\n"


def listed(folder: Path, *lines: str, head: str = HEAD) -> PspDay:
    path = folder / "psp.csv"
    path.write_text(head + "".join(f"{line}\n" for line in lines))
    return read_list(path)


def words(found: DayReport) -> list[tuple[Difference, str | None]]:
    return [(one.difference, one.order_id) for one in found.differences]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


async def told(books: Books, state: str, number: int, **more: Any) -> None:
    await books.do("INSERT OR IGNORE INTO upstream_receiver (name, seq, since) VALUES ('hipay', 1, 0)")
    waiting = state == "waiting"
    await books.do(
        "INSERT INTO upstream_message (receiver, operation_id, event_seq, slot, type, state, attempts, made_at, since,"
        " next_at, done_at, order_id) VALUES ('hipay', ?, 1, 'payment', 'payment.approved', ?, 1, 0, 0, ?, ?, ?)",
        f"{number:032x}",
        state,
        0 if waiting else None,
        None if waiting else 0,
        more.get("order_id"),
    )


async def test_a_list_that_says_the_same_agrees(books: Books, tmp_path: Path) -> None:
    await books.payment(START, paid(), order_id="A-1")
    await books.payment(START, Declined(), order_id="A-2")
    found = report(books.path, DAY, [listed(tmp_path, "A-1;10,00;EUR;captured;", "A-2;10,00;EUR;refused;x")])
    assert words(found) == []
    assert found.agrees
    assert [(one.terminal, one.count, one.minor) for one in found.totals] == [("t1", 1, 1000)]
    await books.close()


async def test_every_difference_of_a_payment_has_its_name(books: Books, tmp_path: Path) -> None:
    ends: list[Outcome] = [paid(), paid(), paid(), Declined(), paid()]
    for number, how in enumerate(ends, start=1):
        await books.payment(START, how, order_id=f"A-{number}")
    await books.payment(START, DOUBT, order_id="A-6", terminal="t2")
    theirs = listed(
        tmp_path,
        "A-1;9.99;EUR;captured;",
        "A-2;10.00;EUR;captured;",
        "A-2;10.00;EUR;captured;",
        "A-4;10.00;EUR;captured;",
        "A-5;10.00;EUR;cancelled;",
        "B-1;3.00;EUR;captured;",
        "B-2;3.00;EUR;refused;",
    )
    found = report(books.path, DAY, [theirs])
    assert sorted(words(found)) == sorted(
        [
            (Difference.IN_DOUBT, "A-6"),
            (Difference.AMOUNT_DIFFERS, "A-1"),
            (Difference.REPORTED_TWICE, "A-2"),
            (Difference.PSP_MISSING, "A-3"),
            (Difference.PSP_HAS_IT, "A-4"),
            (Difference.PSP_REFUSED_IT, "A-5"),
            (Difference.NOT_IN_JOURNAL, "B-1"),
        ]
    )
    differing = next(one for one in found.differences if one.difference is Difference.AMOUNT_DIFFERS)
    assert (differing.ours, differing.theirs) == (Money(1000, EUR), Money(999, EUR))
    assert differing.place.endswith("psp.csv, line 2")
    await books.close()


async def test_what_was_told_from_here_is_what_the_outbox_says(books: Books) -> None:
    for number in range(1, 5):
        await books.payment(START, paid(), order_id=f"A-{number}")
    await told(books, "sent", 1)
    await told(books, "waiting", 2)
    await told(books, "dead", 3)
    found = report(books.path, DAY, [ToldHere(books.path, "hipay")])
    assert sorted(words(found)) == [
        (Difference.NEVER_REPORTED, "A-3"),
        (Difference.NOT_YET_REPORTED, "A-2"),
        (Difference.NOT_YET_REPORTED, "A-4"),
    ]
    await books.close()


async def test_what_was_before_a_receiver_is_not_asked_of_it(books: Books) -> None:
    await books.payment(START, paid(), order_id="A-1")
    await books.do("INSERT INTO upstream_receiver (name, seq, since) VALUES ('hipay', 9, ?)", 2**60)
    assert report(books.path, DAY, [ToldHere(books.path, "hipay")]).agrees
    await books.close()


async def test_a_notice_with_another_amount_is_seen(books: Books) -> None:
    await books.payment(START, paid(), order_id="A-1")
    await told(books, "sent", 1)
    for digest, operation, order in (("d1", f"{1:032x}", "A-1"), ("d2", None, "B-1")):
        await books.do(
            "INSERT INTO upstream_notice (digest, at, order_id, operation_id, signed_with, fields)"
            " VALUES (?, ?, ?, ?, 'sha256', ?)",
            digest,
            int(START.timestamp() * 1_000_000),
            order,
            operation,
            '{"captured_amount": "7.50", "currency": "EUR"}',
        )
    found = report(books.path, DAY, [ToldHere(books.path, "hipay")])
    assert sorted(words(found)) == [(Difference.AMOUNT_DIFFERS, "A-1"), (Difference.NOT_IN_JOURNAL, "B-1")]
    await books.close()


async def test_the_name_that_the_service_was_given_is_known(books: Books, tmp_path: Path) -> None:
    await books.payment(START, paid(), order_id="A-1")
    await told(books, "sent", 1, order_id="A-1-retried")
    assert report(books.path, DAY, [listed(tmp_path, "A-1-retried;10.00;EUR;captured;")]).agrees
    await books.close()


async def test_a_voided_payment_need_not_be_at_the_service(books: Books, tmp_path: Path) -> None:
    sale = await books.payment(START, paid(), order_id="A-1")
    await books.payment(START, paid(), kind=Kind.VOID, parent=sale.id)
    assert report(books.path, DAY, [listed(tmp_path)]).agrees
    await books.close()


@pytest.mark.parametrize(
    ("count", "minor", "wanted"),
    [(1, 1000, None), (2, 2000, Difference.TERMINAL_COUNTS_MORE), (0, 0, Difference.TERMINAL_COUNTS_LESS)],
)
async def test_a_terminal_that_counts_otherwise_is_named(
    books: Books, count: int, minor: int, wanted: Difference | None
) -> None:
    await books.payment(START, paid())
    totals = (BatchTotal(Side.DEBITS, count, Money(minor, EUR)),)
    closed = Approved(Money(0, EUR), totals=totals)
    await books.payment(START + timedelta(hours=2), closed, kind=Kind.RECONCILIATION, amount=None)
    found = report(books.path, DAY, [])
    assert [one.difference for one in found.closings] == [wanted]
    assert [one.difference for one in found.differences] == ([] if wanted is None else [wanted])
    await books.close()


async def test_only_what_is_since_the_last_reconciliation_counts(books: Books) -> None:
    for hour in (0, 2):
        await books.payment(START + timedelta(hours=hour), paid())
        closed = Approved(Money(0, EUR), totals=(BatchTotal(Side.DEBITS, 1, Money(1000, EUR)),))
        await books.payment(START + timedelta(hours=hour + 1), closed, kind=Kind.RECONCILIATION, amount=None)
    found = report(books.path, DAY, [])
    assert [one.our_count for one in found.closings] == [1, 1]
    assert found.agrees
    await books.close()


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 23), ("2026-10-24", 25), ("2026-05-16", 24)])
async def test_a_day_has_the_hours_that_the_shops_clock_has(books: Books, day: str, hours: int) -> None:
    span = read_day(day, EngineSettings(time_zone="Europe/Paris"))
    assert span is not None
    assert span.until - span.since == timedelta(hours=hours)
    await books.payment(span.since, paid())
    await books.payment(span.until - timedelta(microseconds=1), paid())
    await books.payment(span.until, paid())
    found = report(books.path, span, [])
    assert (found.payments, [one.count for one in found.totals]) == (2, [2])
    await books.close()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "psp.csv: it is empty"),
        ("name,amount,currency\n", "line 1: no column is called order id"),
        ("order,currency\n", "line 1: no column is called amount"),
        ("order,amount\n", "line 1: no column is called currency"),
        (HEAD + "A;1.00;EUR;ok\n", "line 2: it has 4 cells, the first line has 5"),
        (HEAD + "A;1.00;EUR;ok;\n\nB;1.005;EUR;ok;\n", "line 4: '1.005' has more decimals"),
        (HEAD + "A;-1;EUR;ok;\n", "line 2: '-1' is not an amount"),
        (HEAD + "A;1;EURO;ok;\n", "line 2: 'EURO' is not an ISO 4217"),
        (HEAD + ";1;EUR;ok;\n", "line 2: no order number"),
        (HEAD + 'A;"1;EUR;ok;\n', "line 2: it is no table"),
        (HEAD + "A" * 9000 + ";1;EUR;ok;\n", "line 2: it is no table"),
    ],
)
def test_a_list_that_makes_no_sense_says_where(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "psp.csv").write_text(text)
    with pytest.raises(BridgeError) as refused:
        read_list(tmp_path / "psp.csv")
    assert place in str(refused.value)


@given(
    st.binary(max_size=200) | st.text(alphabet=';,\t\n"A1.EUR', max_size=80).map(lambda text: (HEAD + text).encode())
)
def test_garbage_gives_a_list_or_a_refusal(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "psp-list.csv"
        path.write_bytes(content)
        with suppress(BridgeError):
            assert all(row.place.startswith(str(path)) for row in read_list(path).listed)


def test_the_beginning_of_time_is_no_day() -> None:
    assert read_day("9999-12-31", EngineSettings(time_zone="UTC")) is None
    assert datetime(1970, 1, 2, tzinfo=UTC) < START
