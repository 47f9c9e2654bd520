"""Sums as postings and files of them; and how charts are drawn. All of it pure."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.settlement import charts
from tillbridge.portal.settlement.model import Sum, days_of, next_month
from tillbridge.portal.settlement.postings import Accounts, Posting, postings_of
from tillbridge.portal.settlement.store import Place
from tillbridge.portal.settlement.writing_out import MOST_POSTINGS, Batch, csv_of, datev_of
from tillbridge.portal.vouchers.systems_model import VoucherSystem

ACCOUNTS = Accounts("1710", "1590", "1375", "2660", "29098", "55003", 4, 7)
DAY = "2026-03-14"
NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)

SUMS = st.lists(
    st.builds(
        Sum,
        st.sampled_from(["2026-03-14", "2026-03-15"]),
        st.sampled_from("ABC"),
        st.sampled_from("ABC"),
        st.sampled_from([kind for kind in EntryKind if not kind.startswith("reissue")]),
        st.integers(-900, 900).filter(bool),
    )
)


@given(SUMS)
def test_the_liability_moves_as_the_credit_does_and_locations_settle_to_nothing(sums: list[Sum]) -> None:
    balances: dict[str, int] = {}
    for one in postings_of(sums, ACCOUNTS):
        assert one.amount > 0
        balances[one.debit] = balances.get(one.debit, 0) + one.amount
        balances[one.credit] = balances.get(one.credit, 0) - one.amount
    assert -balances.get(ACCOUNTS.liability, 0) == sum(one.amount for one in sums)
    assert balances.get(ACCOUNTS.inter_location, 0) == 0
    assert sum(balances.values()) == 0


def test_each_kind_goes_to_its_accounts() -> None:
    def of(kind: EntryKind, amount: int, place: str = "A", owner: str = "A") -> list[tuple[str, str, str, int, str]]:
        found = postings_of([Sum(DAY, place, owner, kind, amount)], ACCOUNTS)
        return [(one.location_id, one.debit, one.credit, one.amount, one.other_id) for one in found]

    assert of(EntryKind.LOAD, 500) == [("A", "1590", "1710", 500, "")]
    assert of(EntryKind.LOAD_REVERSAL, -500) == [("A", "1710", "1590", 500, "")]
    assert of(EntryKind.REDEEM, -300) == [("A", "1710", "1590", 300, "")]
    assert of(EntryKind.REDEEM, -300, "B") == [("A", "1710", "1375", 300, "B"), ("B", "1375", "1590", 300, "A")]
    assert of(EntryKind.PUT_BACK, 300, "B") == [("A", "1375", "1710", 300, "B"), ("B", "1590", "1375", 300, "A")]
    assert of(EntryKind.WRITE_OFF, -200, "") == [("A", "1710", "2660", 200, "")]
    assert of(EntryKind.WRITE_OFF_REVERSAL, 200, "") == [("A", "2660", "1710", 200, "")]
    assert of(EntryKind.ADJUST, 100, "") == [("A", "2660", "1710", 100, "")]
    assert of(EntryKind.REISSUE_OUT, -100) == of(EntryKind.REISSUE_IN, 100) == []


def batch(*postings: Posting, currency: str = "EUR", name: str = 'Čáp\'s "Café"') -> Batch:
    system = VoucherSystem("s", "t", "Gutscheine", currency, "Europe/Berlin", False, 1, 1, 1, 1)
    places = {"A": Place("A", "10047110", name, "CZ"), "B": Place("B", "10047122", "=cmd|'/c calc'!A1", "DE")}
    return Batch(system, ACCOUNTS, places, "2026-03-01", "2026-03-31", postings)


def test_a_batch_as_datev_writes_it() -> None:
    line = Posting(DAY, "A", EntryKind.REDEEM, "1375", "1590", 123_456, "B")
    content = datev_of(batch(line), NOW, CATALOGUES[Language.DE])
    header, columns, booking, end = content.decode("cp1252").split("\r\n")
    fields = header.split(";")
    assert len(fields) == 31
    assert fields[5] == "20260403120000000"
    # The business year began in July of the year before.
    assert fields[10:16] == ["29098", "55003", "20250701", "4", "20260301", "20260331"]
    assert fields[21] == '"EUR"'
    assert booking.startswith(
        '1234,56;"S";"EUR";;;"";1375;1590;"";1403;"20260314";"10047110";;"Eingelöst: Cáp\'s ""Café""'
    )
    assert len(next(csv.reader(io.StringIO(booking), delimiter=";"))) == len(columns.split(";")) == 14
    assert end == ""


def test_a_currency_without_decimals_and_one_with_too_many() -> None:
    line = Posting(DAY, "A", EntryKind.LOAD, "1590", "1710", 1_200)
    assert datev_of(batch(line, currency="JPY"), NOW, CATALOGUES[Language.DE]).splitlines()[2].startswith(b"1200,00;")
    with pytest.raises(BridgeError):
        datev_of(batch(line, currency="KWD"), NOW, CATALOGUES[Language.DE])
    with pytest.raises(BridgeError):
        datev_of(batch(*[line] * (MOST_POSTINGS + 1)), NOW, CATALOGUES[Language.DE])


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    line = Posting(DAY, "B", EntryKind.LOAD, "1590", "1710", 5)
    rows = list(csv.reader(io.StringIO(csv_of(batch(line), CATALOGUES[Language.DE]).decode("utf-8-sig"))))
    assert rows[1] == [DAY, "10047122", "'=cmd|'/c calc'!A1", "Aufgeladen", "1590", "1710", "0,05", "EUR", ""]


@pytest.mark.parametrize("text", ["", "2026", "2026-3", "2026-13", "2026-02-30", "20260314", "2026-03-14T00", "x" * 7])
def test_what_is_no_day_and_no_month_is_refused(text: str) -> None:
    with pytest.raises(BridgeError):
        days_of(text)


def test_months_begin_and_end() -> None:
    assert days_of("2028-02") == ("2028-02-01", "2028-02-29")
    assert days_of("2026-12") == ("2026-12-01", "2026-12-31")
    assert (next_month("2026-12"), next_month("2026-01")) == ("2027-01", "2026-02")


@given(st.lists(st.integers(-(10**13), 10**13), max_size=40))
def test_a_chart_stays_within_its_drawing(values: list[int]) -> None:
    for bar in charts.bars(values):
        assert 0 <= float(bar.x) <= float(bar.x) + float(bar.width) <= charts.WIDTH
        assert 0 <= float(bar.y) <= float(bar.y) + float(bar.height) <= charts.HEIGHT
    for points in (charts.line(values), charts.area(values)):
        for point in points.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= charts.WIDTH
            assert 0 <= y <= charts.HEIGHT


def test_a_higher_value_stands_higher() -> None:
    assert charts.line([0, 5, 10]) == "100,156 300,82 500,8"
    assert [bar.height for bar in charts.bars([0, 5, 10])] == ["0", "74", "148"]
    assert [(bar.y, bar.height) for bar in charts.bars([10, -10])] == [("8", "74"), ("82", "74")]
