"""The virtual terminal's own memory of money: rows are added and never changed (law 8).

It stands for the acquirer's books: whatever the line, the bridge or the till believe, this is what really happened,
and every crash test is judged by it. With a path it is a file of JSON lines, flushed to the disk before the terminal
says a word about a row, so that it outlives a kill of the simulator.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.virtual.ledger_file import LedgerFile
from tillbridge.virtual.rows import BALANCE_SIGN, HOLD_SIGN, Movement, Row


class MoneyFromNowhere(ValueError):
    """A row would give back, capture or release more than was taken or held, or stands in the wrong place."""


class Ledger:
    """Rows in the order in which they happened, with the sums that are asked for often.

    A row is flushed in the event loop itself: a terminal too does nothing else until its memory has the money.
    The sums are caches of the rows; `tests/stateful/test_virtual_ledger.py` holds them against each other.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._rows: list[Row] = []
        self._balance: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._open_money: Counter[tuple[str, str]] = Counter()
        self._open_hold: Counter[tuple[str, str]] = Counter()
        self._by_payment: defaultdict[str, list[Row]] = defaultdict(list)
        self._file = LedgerFile(path) if path is not None else None
        if self._file is not None:
            self._read(self._file)

    @property
    def rows(self) -> Sequence[Row]:
        """Every row, oldest first. Do not keep it: it grows."""
        return self._rows

    def append(self, row: Row) -> None:
        """Writes a row; returns once it is on the disk.

        Raises `MoneyFromNowhere`, or `LedgerBroken` when the file takes no more; then the row does not count.
        """
        self._check(row)
        if self._file is not None:
            self._file.append(row)
        self._count(row)

    def balance(self, currency: str) -> int:
        """Minor units that the shop has gained: taken and captured, less refunded and reversed."""
        return self._balance[currency]

    def held(self, currency: str) -> int:
        """Minor units that are held and neither captured nor released."""
        return self._held[currency]

    def currencies(self) -> Sequence[str]:
        """The currencies that occur, sorted."""
        return sorted(set(self._balance) | set(self._held))

    def open_money(self, payment_id: str, currency: str) -> int:
        """What is left of a payment's taken money to give back, in minor units of this currency."""
        return self._open_money.get((payment_id, currency), 0)

    def open_hold(self, payment_id: str, currency: str) -> int:
        """What is left of an authorisation to capture or release, in minor units of this currency."""
        return self._open_hold.get((payment_id, currency), 0)

    def of(self, payment_id: str) -> Sequence[Row]:
        """The rows that this payment wrote."""
        return self._by_payment.get(payment_id, ())

    def newest_first(self) -> Iterator[Row]:
        """Rows from the newest to the oldest."""
        return reversed(self._rows)

    def close(self) -> None:
        """Gives up the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, file: LedgerFile) -> None:
        try:
            for row in file.rows():
                self._check(row)
                self._count(row)
        except MoneyFromNowhere as error:
            file.close()
            raise BridgeError(Code.SETTINGS_INVALID, str(error), place=f"{file.path}:{len(self._rows) + 1}") from None
        except BaseException:
            file.close()
            raise

    def _check(self, row: Row) -> None:
        if row.number != len(self._rows) + 1:
            raise MoneyFromNowhere(f"row {row.number} does not follow row {len(self._rows)}")
        match row.movement:
            case Movement.CAPTURED | Movement.RELEASED:
                left = self.open_hold(row.parent or "", row.currency)
            case Movement.REVERSED:
                left = self.open_money(row.parent or "", row.currency)
            case Movement.REFUNDED if row.parent is not None:
                left = self.open_money(row.parent, row.currency)
            case _:
                return
        if row.minor > left:
            raise MoneyFromNowhere(f"{row.movement} of {row.minor} where {left} is left")

    def _count(self, row: Row) -> None:
        self._rows.append(row)
        self._by_payment[row.payment_id].append(row)
        self._balance[row.currency] += BALANCE_SIGN[row.movement] * row.minor
        self._held[row.currency] += HOLD_SIGN[row.movement] * row.minor
        match row.movement:
            case Movement.TAKEN:
                self._open_money[row.payment_id, row.currency] += row.minor
            case Movement.CAPTURED:
                self._open_money[row.payment_id, row.currency] += row.minor
                self._open_hold[row.parent or "", row.currency] -= row.minor
            case Movement.HELD:
                self._open_hold[row.payment_id, row.currency] += row.minor
            case Movement.RELEASED:
                self._open_hold[row.parent or "", row.currency] -= row.minor
            case Movement.REVERSED | Movement.REFUNDED if row.parent is not None:
                self._open_money[row.parent, row.currency] -= row.minor
            case _:
                pass
