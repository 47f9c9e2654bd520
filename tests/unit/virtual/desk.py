"""What the tests of the virtual terminal share: a request, and a terminal under manual time."""

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.runtime.manual import manual_runtime
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import SCENARIOS, Scenario, Strikes
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

PATIENCE = 3600.0


def euros(minor: int) -> Money:
    return Money(minor, EUR)


def wish(
    minor: int = 1250,
    kind: Kind = Kind.SALE,
    *,
    key: str | None = None,
    fingerprint: str = "",
    parent: str | None = None,
    register: str = "01",
    order_id: str | None = None,
) -> PaymentRequest:
    return PaymentRequest(
        kind,
        euros(minor),
        "concert:till",
        "till",
        register=register,
        order_id=order_id,
        key=key,
        fingerprint=fingerprint,
        parent=parent,
    )


def at_counter(delay: float = 0.0, ledger: Ledger | None = None) -> VirtualTerminal:
    """A terminal under manual time; called inside `run_manual`."""
    return VirtualTerminal("counter", manual_runtime(), ledger, delay)


def scripted(
    scenario: str | Scenario, times: Strikes = 1, delay: float = 0.0, ledger: Ledger | None = None
) -> VirtualTerminal:
    terminal = at_counter(delay, ledger)
    chosen = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    terminal.script.set(Step(chosen, times))
    return terminal


async def pay(terminal: VirtualTerminal, request: PaymentRequest) -> Payment:
    """The payment when it is over."""
    payment = await terminal.start(request)
    over = await terminal.wait(payment.id, PATIENCE)
    assert not over.running
    return over


def refusal(error: pytest.ExceptionInfo[BridgeError]) -> Code:
    return error.value.code


def shown(terminal: VirtualTerminal) -> Screen:
    return terminal.screen


def movements(terminal: VirtualTerminal, payment: Payment) -> list[Movement]:
    return [row.movement for row in terminal.ledger.of(payment.id)]
