"""One scripted card terminal without a wire: behind a door it is a simulator.

It acts like a real one: it shows one operation at a time, its customer takes time, and when an operation is over its
ledger holds a definite end, whatever the line does with the answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR, Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Aborted, AbortedBy, Approved, Closed, NotStarted, NotStartedReason
from tillbridge.protocols.contract import (
    AbortReply,
    AbortSupport,
    Capabilities,
    Fault,
    Health,
    HealthState,
    Payment,
    PaymentRequest,
    Recovery,
    TerminalStatus,
    Totals,
)
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.acquirer import Acquirer
from tillbridge.virtual.booking import CLOSING_CURRENCY
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.memory import Memory, Remembered
from tillbridge.virtual.scenarios import Cancels, Reboot
from tillbridge.virtual.screen import PROGRESS, Course, Screen
from tillbridge.virtual.script import Script

ENDED_SHOWN: Final = 3.0
"""Seconds for which the result stays on the screen; a new payment may start meanwhile."""

REBOOT_SECONDS: Final = 20.0
"""How long a restart takes; a real terminal needs about a minute, but a demo's audience is less patient."""

CANCELLABLE: Final = frozenset({Screen.WAITING_FOR_CARD, Screen.WAITING_FOR_PIN})
"""Where the red key still stops an operation."""

KINDS: Final = frozenset(Kind)

CAPABILITIES: Final = Capabilities(
    kinds=KINDS,
    recovery=Recovery.BY_ID,
    max_minor=MAX_MINOR,
    abort=AbortSupport.UNTIL_CARD,
    online_flag=True,
    partial=True,
)

_log = structlog.get_logger(__name__)


class VirtualTerminal:
    """A `PaymentDesk` with one scripted terminal.

    `delay` is the whole time of an operation in seconds, with 0 everything happens in one turn of the event loop.
    What comes out is decided by `script`, and without one by the amount (`scenarios.BY_ENDING`). `observer` is called
    whenever the screen changes, by whoever looks at it.
    """

    def __init__(
        self, name: str = "terminal-1", runtime: Runtime | None = None, ledger: Ledger | None = None, delay: float = 0.0
    ) -> None:
        self.name = name
        self.script = Script()
        self.ledger = ledger if ledger is not None else Ledger()
        self.observer: Callable[[], None] | None = None
        self._runtime = runtime if runtime is not None else Runtime()
        self._delay = delay
        self._acquirer = Acquirer(self.ledger, self._runtime.clock)
        self._memory = Memory(name, self.ledger)
        self._screen = Screen.IDLE
        self._current: Remembered | None = None
        self._course: Course | None = None
        self._display_timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ what a person sees

    @property
    def screen(self) -> Screen:
        """What is on the screen."""
        return self._screen

    @property
    def shown_amount(self) -> Money | None:
        """The amount on the screen, while there is one."""
        return self._current.payment.amount if self._current is not None else None

    @property
    def current(self) -> Payment | None:
        """The payment on the screen: running, or just ended."""
        return self._current.payment if self._current is not None else None

    def undelivered(self) -> Sequence[Payment]:
        """Payments whose result a door could not hand over."""
        return [remembered.payment for remembered in self._memory if remembered.told is False]

    # ------------------------------------------------------------ PaymentDesk

    async def start(self, request: PaymentRequest) -> Payment:
        """See `PaymentDesk.start`. A request without a key always asks for a new operation."""
        request = self._whole(request)
        asked = self._checked(request)
        repeated = self._memory.repeated(request)
        if repeated is not None:
            return replace(repeated.payment, replayed=True)
        self._refuse_if_busy()
        scenario, faults = self.script.next(request.amount)
        if faults.strike(Fault.BUSY):
            raise BridgeError(Code.TERMINAL_BUSY, "the scenario keeps the terminal busy")
        self.script.taken()
        over = asyncio.get_running_loop().create_future()
        remembered = Remembered(self._accepted(request), asked, request.fingerprint, scenario, faults, over)
        self._memory.add(remembered)
        self._current = remembered
        if faults.has(Fault.DROP_ON_REQUEST):
            self._end(remembered, NotStarted(NotStartedReason.TERMINAL_SILENT, "the line dropped on the request"))
        else:
            self._run(remembered)
        return remembered.payment

    async def wait(self, payment_id: str, patience: float) -> Payment:
        """See `PaymentDesk.wait`."""
        remembered = self._memory.get(payment_id)
        if remembered.payment.running and remembered.over is not None:
            await asyncio.wait({remembered.over}, timeout=patience)
        return remembered.payment

    async def abort(self, payment_id: str) -> AbortReply:
        """See `PaymentDesk.abort`. Works until the card is read, unless the scenario lets the card beat it."""
        remembered = self._memory.get(payment_id)
        if not remembered.payment.running:
            return AbortReply.NOT_RUNNING
        if self._screen is not Screen.WAITING_FOR_CARD:
            return AbortReply.CANNOT
        if remembered.scenario.abortable:
            self._end(remembered, Aborted(AbortedBy.CASHIER))
        return AbortReply.REQUESTED

    async def inquire(self, payment_id: str) -> Payment:
        """See `PaymentDesk.inquire`."""
        return self._memory.get(payment_id).payment

    async def sign(self, payment_id: str, *, accepted: bool, by: str) -> Payment:
        """See `PaymentDesk.sign`: a terminal leaves that check to the till, which voids a sale that fails it."""
        raise BridgeError(
            Code.NOTHING_TO_SIGN, f"{by} said {accepted}, but the till checks signatures", payment_id=payment_id
        )

    async def find_key(self, caller: str, key: str) -> Payment:
        """See `PaymentDesk.find_key`."""
        return self._memory.by_key(caller, key).payment

    async def find_order(self, caller: str, order_id: str) -> Payment:
        """See `PaymentDesk.find_order`."""
        return self._memory.by_order(caller, order_id).payment

    async def terminals(self) -> Sequence[TerminalStatus]:
        """See `PaymentDesk.terminals`: always the one."""
        running = self.current if self.current is not None and self.current.running else None
        free = running is None and self._screen is not Screen.REBOOTING
        health = Health(HealthState.READY if free else HealthState.BUSY, f"the screen shows {self._screen}")
        return (TerminalStatus(self.name, "virtual", CAPABILITIES, health, running),)

    async def totals(self, since: datetime) -> Sequence[Totals]:
        """See `PaymentDesk.totals`; counted from the ledger."""
        counts: Counter[tuple[Kind, str]] = Counter()
        sums: Counter[tuple[Kind, str]] = Counter()
        for row in self.ledger.rows:
            if row.at >= since and row.stage is Stage.APPROVED:
                counts[row.kind, row.currency] += 1
                sums[row.kind, row.currency] += row.minor
        return [
            Totals(self.name, kind, currency(code), count, sums[kind, code]) for (kind, code), count in counts.items()
        ]

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        """See `PaymentDesk.delivered`. A result that was handed over once stays handed over."""
        remembered = self._memory.get(payment_id)
        remembered.told = reached or bool(remembered.told)
        _log.debug("virtual terminal's result", payment=payment_id, receiver=receiver, reached=reached)

    # ------------------------------------------------------------ the customer, and mishaps

    def present_card(self) -> None:
        """The customer presents the card now; `BridgeError(PAYMENT_UNKNOWN)` if the screen asks for none."""
        self._hurry(Screen.WAITING_FOR_CARD)

    def enter_pin(self) -> None:
        """The customer enters the PIN now; `BridgeError(PAYMENT_UNKNOWN)` if the screen asks for none."""
        self._hurry(Screen.WAITING_FOR_PIN)

    def press_cancel(self, by: AbortedBy = AbortedBy.CUSTOMER) -> None:
        """Somebody presses the red key; `BridgeError(PAYMENT_UNKNOWN)` if it stops nothing any more."""
        remembered = self._current
        if remembered is None or self._screen not in CANCELLABLE:
            raise self._not_asked("the red key")
        self._end(remembered, Aborted(by))

    def reboot(self) -> None:
        """Restarts the terminal: what is not authorised yet is lost, what is authorised is in the ledger untold."""
        remembered = self._current
        if remembered is not None and remembered.payment.running:
            remembered.faults.left[Fault.DROP_BEFORE_ANSWER] = 1
            self._end(remembered, remembered.decided)
        self._show_for(Screen.REBOOTING, REBOOT_SECONDS)

    def strike(self, fault: Fault, payment_id: str | None) -> bool:
        """Whether a fault happens now, and one strike less of it; what `contract.Behaviour` asks."""
        if payment_id is None:
            return self.script.strike(fault)
        remembered = self._memory.find(payment_id)
        return remembered is not None and remembered.faults.strike(fault)

    # ------------------------------------------------------------ one operation

    def _whole(self, request: PaymentRequest) -> PaymentRequest:
        """The request with all of its parent's money where it names no amount."""
        parent = None if request.parent is None else self._memory.find(request.parent)
        if request.amount is not None or parent is None or not isinstance(parent.payment.outcome, Approved):
            return request
        return replace(request, amount=parent.payment.outcome.amount)

    def _checked(self, request: PaymentRequest) -> Money:
        if request.terminal not in (None, self.name):
            raise BridgeError(Code.TERMINAL_UNKNOWN, f"this simulator's terminal is {self.name!r}", place="terminal")
        if request.kind is Kind.RECONCILIATION:
            return Money(0, CLOSING_CURRENCY)
        if request.amount is None or request.amount.minor == 0:
            raise BridgeError(Code.AMOUNT_INVALID, f"a {request.kind} needs an amount above zero", place="amount")
        return request.amount

    def _refuse_if_busy(self) -> None:
        if self._screen is Screen.REBOOTING:
            raise BridgeError(Code.TERMINAL_BUSY, "the terminal is restarting")
        if self._current is not None and self._current.payment.running:
            raise BridgeError(Code.TERMINAL_BUSY, payment_id=self._current.payment.id)

    def _accepted(self, request: PaymentRequest) -> Payment:
        return Payment(
            id=self._runtime.ids.new(),
            kind=request.kind,
            stage=Stage.SENDING,
            amount=request.amount,
            terminal=self.name,
            caller=request.caller,
            door=request.door,
            register=request.register,
            accepted_at=self._runtime.clock.now(),
            order_id=request.order_id,
            key=request.key,
            online=request.online,
            parent=request.parent,
            notes=request.notes,
        )

    def _run(self, remembered: Remembered) -> None:
        scenario = remembered.scenario
        seconds = self._delay if scenario.delay is None else scenario.delay
        self._course = Course(
            seconds,
            scenario.manual,
            show=self._show,
            leave=partial(self._leave, remembered),
            gave_up=partial(self._end, remembered, Aborted(AbortedBy.TIMEOUT)),
        )
        self._course.begin()

    def _leave(self, remembered: Remembered, screen: Screen) -> bool:
        """What the end of a screen brings; returns whether the next one follows."""
        match screen:
            case Screen.WAITING_FOR_CARD if isinstance(remembered.scenario.ending, Cancels):
                self._end(remembered, self._acquirer.decide(remembered))
                return False
            case Screen.AUTHORIZING:
                return self._authorize(remembered)
            case Screen.PRINTING:
                self._end(remembered, remembered.decided)
                return False
            case _:
                return True

    def _authorize(self, remembered: Remembered) -> bool:
        reboot = remembered.scenario.reboot
        if reboot is not Reboot.LOST:
            remembered.decided = self._acquirer.decide(remembered)
        if reboot is Reboot.REVERSED:
            remembered.decided = self._acquirer.take_back(remembered, remembered.decided)
        if reboot is not None:
            self.reboot()
        return reboot is None

    def _end(self, remembered: Remembered, outcome: Closed) -> None:
        """The operation is over: its end is in the ledger, whoever waits is woken, the result is shown for a while."""
        if self._course is not None:
            self._course.stop()
            self._course = None
        self._acquirer.note_end(remembered, outcome)
        remembered.close(outcome, self._runtime.clock.now())
        self._show_for(Screen.ENDED, ENDED_SHOWN)

    # ------------------------------------------------------------ the screen

    def _show(self, screen: Screen) -> None:
        if self._display_timer is not None:
            self._display_timer.cancel()
            self._display_timer = None
        self._screen = screen
        if self._current is not None and self._current.payment.running:
            self._current.payment = replace(self._current.payment, progress=PROGRESS.get(screen))
        if self.observer is not None:
            self.observer()

    def _show_for(self, screen: Screen, seconds: float) -> None:
        self._show(screen)
        self._display_timer = asyncio.get_running_loop().call_later(seconds, self._show_idle)

    def _show_idle(self) -> None:
        self._show(Screen.IDLE)
        self._current = None

    def _hurry(self, screen: Screen) -> None:
        if self._course is None or not self._course.hurry(screen):
            raise self._not_asked("a card" if screen is Screen.WAITING_FOR_CARD else "a PIN")

    def _not_asked(self, what: str) -> BridgeError:
        return BridgeError(Code.PAYMENT_UNKNOWN, f"no payment waits for {what}: the screen shows {self._screen}")
