"""The ledger: rows that are never changed, sums that follow from them, a file that survives a kill."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.virtual.desk import at_counter, pay, scripted, wish
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Aborted, Approved, Declined, DeclineReason
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.ledger import Ledger, MoneyFromNowhere
from tillbridge.virtual.ledger_file import LedgerBroken, read_rows
from tillbridge.virtual.rows import Movement, Row

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def row(
    number: int,
    movement: Movement = Movement.TAKEN,
    minor: int = 100,
    *,
    payment_id: str | None = None,
    parent: str | None = None,
    currency: str = "EUR",
) -> Row:
    return Row(
        number=number,
        payment_id=payment_id or f"p{number}",
        kind=Kind.SALE,
        movement=movement,
        minor=minor,
        asked_minor=minor,
        currency=currency,
        stage=Stage.APPROVED,
        parent=parent,
        accepted_at=NOON,
        at=NOON,
    )


def test_balance_and_holds_are_the_sums_of_the_rows() -> None:
    ledger = Ledger()
    ledger.append(row(1, Movement.TAKEN, 1000))
    ledger.append(row(2, Movement.HELD, 500))
    ledger.append(row(3, Movement.CAPTURED, 300, parent="p2"))
    ledger.append(row(4, Movement.RELEASED, 200, parent="p2"))
    ledger.append(row(5, Movement.REFUNDED, 50, parent="p1"))
    ledger.append(row(6, Movement.REVERSED, 300, parent="p3"))
    ledger.append(row(7, Movement.REFUNDED, 20))
    ledger.append(row(8, Movement.TAKEN, 7, currency="JPY"))
    ledger.append(row(9, Movement.NOTHING, 0))
    assert (ledger.balance("EUR"), ledger.balance("JPY"), ledger.balance("USD")) == (930, 7, 0)
    assert (ledger.held("EUR"), ledger.open_hold("p2", "EUR")) == (0, 0)
    assert (ledger.open_money("p1", "EUR"), ledger.open_money("p3", "EUR"), ledger.open_money("p7", "EUR")) == (
        950,
        0,
        0,
    )
    assert ledger.currencies() == ["EUR", "JPY"]
    assert [found.number for found in ledger.newest_first()] == list(range(9, 0, -1))


@pytest.mark.parametrize(
    ("movement", "minor", "parent"),
    [
        (Movement.REVERSED, 101, "p1"),
        (Movement.REVERSED, 1, "unknown"),
        (Movement.REVERSED, 1, None),
        (Movement.REFUNDED, 101, "p1"),
        (Movement.CAPTURED, 201, "p2"),
        (Movement.CAPTURED, 1, None),
        (Movement.RELEASED, 201, "p2"),
        (Movement.CAPTURED, 1, "p1"),
        (Movement.REVERSED, 1, "p2"),
    ],
)
def test_no_row_makes_money_from_nowhere(movement: Movement, minor: int, parent: str | None) -> None:
    ledger = Ledger()
    ledger.append(row(1, Movement.TAKEN, 100))
    ledger.append(row(2, Movement.HELD, 200))
    with pytest.raises(MoneyFromNowhere):
        ledger.append(row(3, movement, minor, parent=parent))
    assert len(ledger.rows) == 2
    assert (ledger.balance("EUR"), ledger.held("EUR")) == (100, 200)


@pytest.mark.parametrize("number", [1, 3])
def test_rows_are_numbered_without_a_gap(number: int) -> None:
    ledger = Ledger()
    ledger.append(row(1))
    with pytest.raises(MoneyFromNowhere):
        ledger.append(row(number))


@pytest.mark.parametrize(
    ("field", "value"),
    [("currency", "ABC"), ("minor", -1), ("minor", 1.5), ("stage", Stage.SENDING), ("stage", Stage.DECLINED)],
)
def test_a_row_that_makes_no_sense_cannot_be_made(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field if field != "stage" else "is no|not a valid"):
        Row.model_validate(row(1).model_dump() | {field: value})


def test_a_file_brings_back_the_same_ledger(tmp_path: Path) -> None:
    path = tmp_path / "books" / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(row(1, minor=1000))
    ledger.append(row(2, Movement.REFUNDED, 400, parent="p1"))
    assert read_rows(path) == list(ledger.rows)
    ledger.close()
    again = Ledger(path)
    assert list(again.rows) == list(ledger.rows)
    assert (again.balance("EUR"), again.open_money("p1", "EUR")) == (600, 600)
    again.append(row(3))
    again.close()
    assert [found.number for found in read_rows(path)] == [1, 2, 3]


def test_each_row_is_on_the_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    flushed: list[int] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        flushed.append(path.stat().st_size)

    ledger = Ledger(path)
    monkeypatch.setattr(os, "fsync", fsync)
    ledger.append(row(1))
    assert flushed == [path.stat().st_size]
    assert flushed[0] > 0
    ledger.close()


def test_a_torn_last_line_never_happened_and_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(row(1))
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole + row(2).model_dump_json().encode()[:-1])
    assert len(read_rows(path)) == 1
    again = Ledger(path)
    assert path.read_bytes() == whole
    again.append(row(2))
    again.close()
    assert [found.number for found in read_rows(path)] == [1, 2]


@pytest.mark.parametrize("line", ["{}", "not json", '{"number": 1}'])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(row(1).model_dump_json() + "\n" + line + "\n")
    for _ in range(2):  # the second time shows that the first one gave the file back
        with pytest.raises(BridgeError) as error:
            Ledger(path)
        assert (error.value.code, error.value.place) == (Code.SETTINGS_INVALID, f"{path}:2")


def test_a_file_whose_rows_make_money_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(row(1, Movement.REVERSED, parent="p0").model_dump_json() + "\n")
    with pytest.raises(BridgeError) as error:
        Ledger(path)
    assert error.value.place == f"{path}:1"


def test_two_simulators_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path)
    with pytest.raises(BridgeError) as error:
        Ledger(path)
    assert (error.value.code, error.value.place) == (Code.FOLDER_IN_USE, str(path))
    first.close()
    Ledger(path).close()


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(BridgeError) as error:
        Ledger(tmp_path)
    assert (error.value.code, error.value.place) == (Code.FOLDER_UNUSABLE, str(tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file" / "ledger.jsonl"
    path.parent.write_text("mine")
    with pytest.raises(BridgeError) as error:
        Ledger(path)
    assert (error.value.code, error.value.place) == (Code.FOLDER_UNUSABLE, str(path))


def test_a_failed_flush_takes_the_row_back_and_the_terminal_takes_no_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        path = tmp_path / "ledger.jsonl"
        ledger = Ledger(path)
        terminal = at_counter(ledger=ledger)
        await pay(terminal, wish(100))
        whole = path.read_bytes()

        def fails(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fails)
        over = await pay(terminal, wish(200))
        assert over.outcome == Declined(DeclineReason.FAILED)
        assert (path.read_bytes(), ledger.balance("EUR")) == (whole, 100)
        monkeypatch.undo()
        with pytest.raises(LedgerBroken):
            ledger.append(row(2))
        assert path.read_bytes() == whole
        ledger.close()

    run_manual(main())


def test_a_terminal_remembers_its_payments_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"

    async def before() -> list[object]:
        ledger = Ledger(path)
        terminal = scripted("partial", ledger=ledger)
        requests = (wish(1250, key="k", fingerprint="f", order_id="7"), wish(1291), wish(1292), wish(1296))
        payments = [await pay(terminal, request) for request in requests]
        ledger.close()
        return [(payment.id, payment.stage, payment.outcome) for payment in payments]

    async def after() -> list[object]:
        ledger = Ledger(path)
        terminal = at_counter(ledger=ledger)
        again = await terminal.start(wish(1250, key="k", fingerprint="f", order_id="7"))
        assert again.replayed
        assert isinstance(again.outcome, Approved)
        assert (await terminal.find_order("concert:till", "7")).id == again.id
        payments = [await terminal.inquire(found.payment_id) for found in ledger.rows]
        assert isinstance(payments[2].outcome, Aborted)
        assert [payment.amount for payment in payments] == [wish(minor).amount for minor in (1250, 1291, 1292, 1296)]
        ledger.close()
        return [(payment.id, payment.stage, payment.outcome) for payment in payments]

    told = run_manual(before())
    remembered = run_manual(after())
    assert [entry[:2] for entry in told] == [entry[:2] for entry in remembered]  # type: ignore[index]
    assert told[:3] == remembered[:3]
