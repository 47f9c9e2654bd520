"""Holds the journal against the terminal's ledger, whatever the wire: what was told, what is open, and every movement.

A wire's world says by which reference an operation of the journal and a row of the ledger are the same one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from tests.simulation.world import SETTINGS, Power
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Aborted, Approved, MoneyMoved
from tillbridge.engine.engine import Engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.virtual.rows import Movement, Row
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.terminal import VirtualTerminal

SETTLED: Final = 900.0
"""Seconds after which whatever the ladder can find out has been found out."""

TILL: Final = "till"
NEXT: Final = "the next customer"


class Place(Protocol):
    """A world as it is judged."""

    terminal: VirtualTerminal

    def reference(self, payment: Payment) -> str:
        """What the wire carries of this operation."""
        ...

    def row_reference(self, row: Row) -> str:
        """What the wire carried of the operation that wrote this row."""
        ...

    def connector(
        self, power: Power | None = None, settings: EngineSettings = SETTINGS
    ) -> AbstractAsyncContextManager[Engine]:
        """A connector on the same journal, from its start to its end, or until its power goes."""
        ...

    def each_step(self, happens: Callable[[], None]) -> None:
        """From now on this is called at each place where the line can be cut; until somebody says `plug`."""
        ...

    def unplug(self) -> None:
        """Nothing passes over the line from now on."""
        ...

    def mend(self) -> None:
        """The line works again."""
        ...

    def plug(self) -> None:
        """The line works, and nobody watches it."""
        ...


def request(
    key: str, kind: Kind = Kind.SALE, minor: int | None = 1000, *, parent: str | None = None, keyless: bool = False
) -> PaymentRequest:
    """What a till asks for under this key; the same words every time."""
    amount = None if minor is None else Money(minor, EUR)
    said = f"{kind} {minor} {parent}"
    return PaymentRequest(kind, amount, TILL, "door", key=key, fingerprint=said, parent=parent, keyless=keyless)


def moved(place: Place) -> list[Row]:
    """The rows of operations that the terminal ran to an approval and did not take back by itself."""
    rows = place.terminal.ledger.rows
    undone = {row.payment_id for row in rows if row.movement is Movement.REVERSED and row.kind is not Kind.VOID}
    return [row for row in rows if row.stage is Stage.APPROVED and row.payment_id not in undone]


def rows_of(place: Place, payment: Payment) -> list[Row]:
    """What the terminal has done for this operation; more than one row is money moved twice."""
    reference = place.reference(payment)
    return [row for row in moved(place) if row.kind is payment.kind and place.row_reference(row) == reference]


def taken_back(place: Place, row: Row) -> bool:
    """Whether a void has undone this row."""
    return any(other.kind is Kind.VOID and other.parent == row.payment_id for other in moved(place))


def check_true(place: Place, payment: Payment) -> None:
    """No lie: what moved has moved once, what did not has not, and unknown may be either."""
    rows = rows_of(place, payment)
    assert len(rows) <= 1, f"the terminal ran it {len(rows)} times: {payment}"
    if payment.kind is Kind.RECONCILIATION:
        assert payment.stage is not Stage.APPROVED or rows
        return
    match payment.money_moved:
        case MoneyMoved.YES:
            assert isinstance(payment.outcome, Approved)
            assert [weight(row.kind, row.minor) for row in rows] == [weight(payment.kind, payment.outcome.amount.minor)]
        case MoneyMoved.NO if payment.kind is Kind.VOID:
            # On a wire that quotes the hold alone, the row may be that of a later attempt: `reckon` counts them.
            pass
        case MoneyMoved.NO:
            assert all(taken_back(place, row) for row in rows), payment
            assert not rows or _reversed(payment), payment
        case MoneyMoved.UNKNOWN:
            assert payment.open, payment


def weight(kind: Kind, minor: int) -> int:
    """What an operation counts for. A void takes back whatever is left: of a captured hold that is less than it was."""
    return 0 if kind is Kind.VOID else minor


def _reversed(payment: Payment) -> bool:
    return isinstance(payment.outcome, Aborted) and payment.outcome.wire_reason == "reversed"


async def settle(place: Place, engine: Engine) -> None:
    """A person waits for the terminal, reads its ledger, and settles one doubt after the other."""
    while doubts := engine.in_doubt():
        payment = doubts[0]
        while place.terminal.screen not in (Screen.IDLE, Screen.ENDED):
            await asyncio.sleep(10)
        payment = await engine.inquire(payment.id)
        if payment.open:
            await _resolve(place, engine, payment)


async def _resolve(place: Place, engine: Engine, payment: Payment) -> None:
    rows = rows_of(place, payment)
    # A closing moves no money, so that nobody can say that its money was taken.
    taken = bool(rows) and payment.kind is not Kind.RECONCILIATION
    amount = Money(rows[0].minor, EUR) if taken and payment.kind is not Kind.VOID else None
    try:
        settled = await engine.resolve(payment.id, taken=taken, by="Anna", reason="the slip", amount=amount)
    except BridgeError as error:
        if error.code is not Code.STILL_RUNNING:
            raise
        # It is being taken back at this very moment.
        await asyncio.sleep(10)
    else:
        assert not settled.open


def reckon(place: Place, engine: Engine) -> None:
    """At closing time journal and ledger name the same movements, operation by operation, and nothing is open."""
    payments = engine.payments(limit=200)
    assert [payment for payment in payments if payment.open] == []
    booked: Counter[tuple[str, Kind, int]] = Counter()
    for payment in payments:
        check_true(place, payment)
        if payment.kind is Kind.RECONCILIATION:
            continue
        if isinstance(payment.outcome, Approved):
            booked[place.reference(payment), payment.kind, weight(payment.kind, payment.outcome.amount.minor)] += 1
        elif _reversed(payment):
            assert payment.amount is not None
            booked[place.reference(payment), payment.kind, payment.amount.minor] += 1
    rows = (row for row in moved(place) if row.kind is not Kind.RECONCILIATION)
    really = Counter((place.row_reference(row), row.kind, weight(row.kind, row.minor)) for row in rows)
    assert booked == really, f"only booked: {booked - really}, only at the terminal: {really - booked}"
    by_key = Counter(payment.key for payment in payments if payment.key is not None)
    assert all(count == 1 for count in by_key.values()), "one intent became two operations"


async def sell_the_next(place: Place, engine: Engine) -> None:
    """The shop goes on: the terminal takes a new customer's money."""
    place.terminal.script.set()
    await asyncio.sleep(60)
    sold = await engine.wait((await engine.start(request(NEXT, minor=7777))).id, 600)
    assert sold.stage is Stage.APPROVED, sold
    check_true(place, sold)
