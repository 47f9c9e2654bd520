"""Whatever a person, a till and bad luck do to a virtual terminal, its ledger tells the same story as its outcomes.

A model of its own keeps what was told about each payment and what that means in money. After every step the ledger's
rows, its sums and its file must agree with it.
"""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Currency, Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import AbortReply, Payment, PaymentRequest
from tillbridge.runtime.manual import ManualLoop, manual_runtime
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.ledger_file import read_rows
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import ALWAYS, SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

KINDS = [Kind.SALE, Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID]
CURRENCIES = [EUR, EUR, EUR, currency("JPY")]
PRICES = st.sampled_from([1, 50, 100, 100, 200, 291, 292, 293, 295, 296, 299])
ALLOWED = {
    Kind.SALE: {Movement.TAKEN},
    Kind.REFUND: {Movement.REFUNDED},
    Kind.AUTHORIZATION: {Movement.HELD},
    Kind.CAPTURE: {Movement.CAPTURED},
    Kind.VOID: {Movement.REVERSED, Movement.RELEASED},
}


class Counterside(RuleBasedStateMachine):
    """A till, a customer and a technician at one terminal whose simulator may be killed at any moment."""

    started = Bundle("started")

    def __init__(self) -> None:
        super().__init__()
        self.loop = self._new_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.jsonl"
        self.told: dict[str, Payment] = {}
        self.lost: set[str] = set()
        self.keys: dict[str, str] = {}
        self.seed = 0
        self.accidents: list[object] = []

    def _new_loop(self) -> ManualLoop:
        loop = ManualLoop()
        loop.set_exception_handler(lambda _, context: self.accidents.append(context))
        return loop

    @invariant()
    def nothing_breaks_behind_the_screen(self) -> None:
        assert self.accidents == []

    def teardown(self) -> None:
        self.ledger.close()
        self.loop.close()
        self.folder.cleanup()

    @initialize(delay=st.sampled_from([0.0, 10.0]))
    def switch_on(self, delay: float) -> None:
        self.delay = delay
        self._switch_on()

    def _switch_on(self) -> None:
        async def make() -> VirtualTerminal:
            self.seed += 1
            return VirtualTerminal("counter", manual_runtime(self.seed), self.ledger, self.delay)

        self.ledger = Ledger(self.path)
        self.terminal = self.loop.run_until_complete(make())

    @rule(
        target=started,
        kind=st.sampled_from(KINDS),
        minor=PRICES,
        unit=st.sampled_from(CURRENCIES),
        register=st.sampled_from(["01", "02"]),
        seconds=st.sampled_from([0.0, 700.0]),
    )
    def start_without_reference(self, kind: Kind, minor: int, unit: Currency, register: str, seconds: float) -> str:
        started = self._start(PaymentRequest(kind, Money(minor, unit), "till", "till", register=register))
        self.time_passes(seconds)
        return started

    @rule(
        target=started,
        kind=st.sampled_from([Kind.REFUND, Kind.CAPTURE, Kind.VOID]),
        minor=st.none() | PRICES,
        parent=started,
    )
    def start_with_parent(self, kind: Kind, minor: int | None, parent: str) -> str:
        """Goes back to an earlier payment, without a price of its own to the whole of it."""
        earlier = self.told[parent].amount if parent else None
        minor = minor or (earlier.minor if earlier else 100)
        return self._start(PaymentRequest(kind, Money(minor, EUR), "till", "till", parent=parent))

    @precondition(lambda self: any(payment.stage is Stage.APPROVED for payment in self.told.values()))
    @rule(kind=st.sampled_from([Kind.REFUND, Kind.CAPTURE, Kind.VOID]), pick=st.integers(0, 20), halves=st.booleans())
    def go_back(self, kind: Kind, pick: int, halves: bool) -> None:
        """Goes back to what was approved, three times: in halves, or as a whole by somebody who presses again."""
        fitting = (Kind.AUTHORIZATION,) if kind is Kind.CAPTURE else (Kind.SALE, Kind.CAPTURE, Kind.AUTHORIZATION)
        approved = [each for each in self.told.values() if each.stage is Stage.APPROVED and each.kind in fitting]
        if not approved:
            return
        earlier = approved[pick % len(approved)]
        assert earlier.amount is not None
        minor = max(1, earlier.amount.minor // (2 if halves else 1))
        amount = Money(minor, earlier.amount.currency)
        self.terminal.script.set()
        for _ in range(3):
            self.time_passes(700.0)
            self._start(PaymentRequest(kind, amount, "till", "till", parent=earlier.id))

    @rule(kinds=st.permutations([Kind.SALE, Kind.AUTHORIZATION]))
    def a_quiet_hour(self, kinds: list[Kind]) -> None:
        """Nothing goes wrong for two payments."""
        self.terminal.script.set()
        for kind in kinds:
            self.time_passes(700.0)
            self._start(PaymentRequest(kind, Money(100, EUR), "till", "till"))
        self.time_passes(700.0)

    @rule(target=started, key=st.sampled_from("abc"), minor=st.sampled_from([100, 291]))
    def start_with_key(self, key: str, minor: int) -> str:
        request = PaymentRequest(Kind.SALE, Money(minor, EUR), "till", "till", key=key, fingerprint=str(minor))
        before = self.keys.get(key)
        found = self._start(request)
        assert before in (None, found) or before in self.lost or not found
        if found:
            self.keys[key] = found
        return found

    def _start(self, request: PaymentRequest) -> str:
        """The id of the payment; an empty one when the terminal was busy."""
        running = self._running()
        try:
            payment = self.loop.run_until_complete(self.terminal.start(request))
        except BridgeError as error:
            return self._refused(request, error, running)
        assert payment.replayed or not running
        self.told.setdefault(payment.id, payment)
        return payment.id

    def _refused(self, request: PaymentRequest, error: BridgeError, running: list[str]) -> str:
        if error.code is Code.KEY_CONFLICT:
            return self.keys[request.key or ""]
        assert (error.code, error.payment_id) == (Code.TERMINAL_BUSY, running[0] if running else None)
        return ""

    def _running(self) -> list[str]:
        return [payment_id for payment_id in self.told if payment_id not in self.lost and self._now(payment_id).running]

    def _now(self, payment_id: str) -> Payment:
        return self.loop.run_until_complete(self.terminal.inquire(payment_id))

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.0, 8.0, 60.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(payment_id=started)
    def abort(self, payment_id: str) -> None:
        if payment_id and payment_id not in self.lost:
            before = self._now(payment_id)
            reply = self.loop.run_until_complete(self.terminal.abort(payment_id))
            assert (reply is AbortReply.NOT_RUNNING) == (not before.running)

    @rule(press=st.sampled_from(["present_card", "enter_pin", "press_cancel"]))
    def customer(self, press: str) -> None:
        async def pressed() -> Code | None:
            try:
                getattr(self.terminal, press)()
            except BridgeError as error:
                return error.code
            return None

        assert self.loop.run_until_complete(pressed()) in {None, Code.PAYMENT_UNKNOWN}

    @rule(name=st.sampled_from([*SCENARIOS, "reboot_taken", "reboot_reversed", "partial"]))
    def script(self, name: str) -> None:
        self.terminal.script.set(Step(SCENARIOS[name], 1 if name == "busy" else 2))

    @rule(name=st.sampled_from(["approve", "manual", "partial"]))
    def script_for_all(self, name: str) -> None:
        self.terminal.script.set(Step(SCENARIOS[name], ALWAYS))

    @rule()
    def reboot(self) -> None:
        async def press() -> None:
            self.terminal.reboot()

        self.loop.run_until_complete(press())

    @rule(torn=st.binary(max_size=20).filter(lambda piece: b"\n" not in piece))
    def kill_the_simulator(self, torn: bytes) -> None:
        """The process dies, maybe in the middle of writing a row; what was running and not written is lost."""
        finished = {row.payment_id for row in self.ledger.rows}
        self.lost |= self.told.keys() - finished
        self.ledger.close()
        self.loop.close()
        with self.path.open("ab") as file:
            file.write(torn)
        self.loop = self._new_loop()
        self._switch_on()

    @rule(payment_id=consumes(started))
    def wait_for_it(self, payment_id: str) -> None:
        if payment_id and payment_id not in self.lost:
            over = self.loop.run_until_complete(self.terminal.wait(payment_id, 3600.0))
            assert not over.running

    @invariant()
    def one_operation_at_a_time(self) -> None:
        assert len(self._running()) <= 1

    @invariant()
    def every_end_is_in_the_ledger_and_stays(self) -> None:
        for payment_id in self.told.keys() - self.lost:
            now, before = self._now(payment_id), self.told[payment_id]
            if not before.running:
                assert now.stage is before.stage
            if not now.running:
                self._agrees(now)
            self.told[payment_id] = now

    def _agrees(self, payment: Payment) -> None:
        rows = self.ledger.of(payment.id)
        assert rows
        assert rows[-1].stage is payment.stage
        moved = [row for row in rows if row.movement is not Movement.NOTHING]
        if isinstance(payment.outcome, Approved):
            (row,) = moved
            assert row.movement in ALLOWED[payment.kind]
            assert payment.amount is not None
            assert row.minor == payment.outcome.amount.minor <= payment.amount.minor
            assert row.currency == payment.amount.currency.code
        else:
            gained = Counter[Movement]()
            for row in moved:
                gained[row.movement] += row.minor
            assert gained[Movement.TAKEN] + gained[Movement.CAPTURED] == gained[Movement.REVERSED]
            assert not gained.keys() - {Movement.TAKEN, Movement.CAPTURED, Movement.REVERSED}

    @invariant()
    def only_payments_that_were_started_are_in_the_ledger(self) -> None:
        assert {row.payment_id for row in self.ledger.rows} <= self.told.keys() - self.lost

    @invariant()
    def no_money_comes_from_nowhere(self) -> None:
        taken, given, held, used = (Counter[tuple[str, str]]() for _ in range(4))
        for row in self.ledger.rows:
            own, parent = (row.payment_id, row.currency), (row.parent or "", row.currency)
            match row.movement:
                case Movement.TAKEN:
                    taken[own] += row.minor
                case Movement.HELD:
                    held[own] += row.minor
                case Movement.CAPTURED:
                    taken[own] += row.minor
                    used[parent] += row.minor
                case Movement.RELEASED:
                    used[parent] += row.minor
                case Movement.REVERSED:
                    given[parent] += row.minor
                case Movement.REFUNDED if row.parent is not None:
                    given[parent] += row.minor
                case _:
                    pass
        assert all(given[payment] <= taken[payment] for payment in given)
        assert all(used[payment] <= held[payment] for payment in used)

    @invariant()
    def sums_and_file_say_the_same_as_the_rows(self) -> None:
        gains = {Movement.TAKEN: 1, Movement.CAPTURED: 1, Movement.REFUNDED: -1, Movement.REVERSED: -1}
        holds = {Movement.HELD: 1, Movement.CAPTURED: -1, Movement.RELEASED: -1}
        balance, held = Counter[str](), Counter[str]()
        for row in self.ledger.rows:
            balance[row.currency] += gains.get(row.movement, 0) * row.minor
            held[row.currency] += holds.get(row.movement, 0) * row.minor
        for code in ("EUR", "JPY"):
            assert self.ledger.balance(code) == balance[code]
            assert self.ledger.held(code) == held[code] >= 0
        assert read_rows(self.path) == list(self.ledger.rows)


TestCounterside = Counterside.TestCase
TestCounterside.settings = settings(max_examples=80, stateful_step_count=50)
