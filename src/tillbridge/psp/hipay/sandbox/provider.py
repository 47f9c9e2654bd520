"""The provider itself: one account, its transactions, and everything that may be done to them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from tillbridge.psp.hipay.sandbox import two_sources
from tillbridge.psp.hipay.sandbox.credentials import Credentials
from tillbridge.psp.hipay.sandbox.faults import Fault, Faults
from tillbridge.psp.hipay.sandbox.maintenance import Kind as Maintenance
from tillbridge.psp.hipay.sandbox.maintenance import Mishaps, Request, decide, read_request
from tillbridge.psp.hipay.sandbox.maintenance import collect as collected_steps
from tillbridge.psp.hipay.sandbox.model import Message, Mode, Operation, Step, Sums, Transaction
from tillbridge.psp.hipay.sandbox.orders import Rules, check_order
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.sending import Sender
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings, TerminalAnswer
from tillbridge.psp.hipay.sandbox.statuses import CHARGEBACKS, UNDECIDED, Status
from tillbridge.psp.hipay.sandbox.store import Store
from tillbridge.psp.hipay.sandbox.two_sources import Acquired, Context
from tillbridge.psp.hipay.sandbox.writing import Decide, Telling
from tillbridge.runtime.effects import Runtime

COLLECTED_AT_ONCE: Final = 1000
"""Transactions that one collection of everything takes; the next one takes the rest."""


class Provider:
    """Raises `GatewayRefusal` for what it refuses, and `BridgeError` where its disk fails."""

    def __init__(
        self,
        settings: SandboxSettings,
        credentials: Credentials,
        store: Store,
        sender: Sender,
        faults: Faults,
        runtime: Runtime,
    ) -> None:
        self.settings = settings
        self.credentials = credentials
        self.store = store
        self.sender = sender
        self.faults = faults
        self.runtime = runtime
        self.terminal_given = asyncio.Event()

    async def order(self, given: Mapping[str, str]) -> Transaction:
        """Takes an order, passive or active."""
        now = self.runtime.clock.now()
        wanted = check_order(given, Rules(self.credentials.hashkey, self.settings.credit_status), now)
        made = await self.store.add(wanted, now, self.telling())
        if self.told() and self.faults.strikes(Fault.NOTICE_EARLY):
            await self.sender.send_now(made.reference)
        self.sender.wake()
        if made.mode is Mode.ACTIVE:
            self.terminal_given.set()
        return made

    async def maintain(self, reference: str, given: Mapping[str, str]) -> tuple[Transaction, Request, Status]:
        """A maintenance operation; also what was asked for, and the status of the request itself."""
        known = self.known(reference)
        request = read_request(given, known)
        mishaps = Mishaps(
            request.kind is Maintenance.CAPTURE and self.faults.strikes(Fault.CAPTURE_REFUSED),
            request.kind is Maintenance.REFUND and self.faults.strikes(Fault.REFUND_REFUSED),
        )
        now = self.runtime.clock.now()
        first: list[Status] = []

        def decided(one: Transaction) -> tuple[Step, ...]:
            steps = decide(one, request, now, mishaps)
            first.append(steps[0].status)
            return steps

        done = await self._changed(reference, decided)
        return done, request, first[0]

    def known(self, reference: str) -> Transaction:
        """The transaction of this reference; a refusal where there is none."""
        found = self.store.one(reference)
        if found is None:
            raise GatewayRefusal(GatewayCode.TRANSACTION_UNKNOWN, "there is no transaction with this reference")
        return found

    async def push(self, acquired: Acquired) -> Transaction | None:
        """The gateway's push for one payment."""
        now, telling = self.runtime.clock.now(), self.telling()
        return self._woken(await self.store.run(lambda one: two_sources.push(one, acquired, now, telling)))

    async def collect(self, acquired: Acquired) -> Transaction | None:
        """The collection of one payment."""
        now, telling, twice = self.runtime.clock.now(), self.telling(), self.faults.strikes(Fault.TWICE_COLLECTED)
        return self._woken(
            await self.store.run(lambda one: two_sources.collect(one, acquired, now, telling, twice=twice))
        )

    async def collect_all(self) -> list[Transaction]:
        """The daily collection: what is authorised, and what only our receiver has been told of so far."""
        done: list[Transaction] = []
        for reference in self.store.collectable(COLLECTED_AT_ONCE):
            one = self.known(reference)
            if one.mode is Mode.PASSIVE:
                found = await self.collect(Acquired(one.order_id, one.mid, Context.STANDALONE, authorized=True))
            else:
                found = await self._changed(reference, collected_steps)
            done += [found] if found is not None else []
        for order_id, mid in self.store.alone(COLLECTED_AT_ONCE):
            found = await self.collect(Acquired(order_id, mid, Context.STANDALONE, authorized=False))
            done += [found] if found is not None else []
        return done

    async def hear(self, message: Message) -> tuple[bool, Transaction | None]:
        """A message to our own receiver; whether it is new, and the transaction that it completes."""
        now, telling = self.runtime.clock.now(), self.telling()
        new, done = await self.store.run(lambda one: two_sources.hear(one, message, now, telling))
        return new, self._woken(done)

    async def charge_back(self, reference: str, status: Status) -> Transaction:
        """The cardholder's bank takes the money back."""
        if status not in CHARGEBACKS:
            raise GatewayRefusal(GatewayCode.OPERATION, "a chargeback has status 180 or 181")

        def decided(one: Transaction) -> tuple[Step, ...]:
            if one.sums.captured == 0:
                raise GatewayRefusal(GatewayCode.OPERATION, "nothing was captured")
            return (Step(status, one.sums, minor=one.sums.captured),)

        return await self._changed(reference, decided)

    async def answer(self, reference: str, answer: TerminalAnswer) -> Transaction:
        """What the terminal says to an order that waits for it."""
        return await self._changed(reference, lambda one: (_answered(one, answer),))

    async def send_again(self, seq: int) -> bool:
        """Makes a notification due once more; False where there is none of this number."""
        if self.store.notice(seq) is None:
            return False
        await self.store.send_again(seq, self.runtime.clock.now())
        self.sender.wake()
        return True

    async def _changed(self, reference: str, decided: Decide) -> Transaction:
        done = await self.store.change(reference, decided, self.runtime.clock.now(), self.telling())
        self.sender.wake()
        return done

    def _woken(self, done: Transaction | None) -> Transaction | None:
        self.sender.wake()
        return done

    def told(self) -> bool:
        """Whether the account has an address for notifications."""
        return self.sender.target.url is not None

    def told_of(self, one: Transaction) -> bool:
        """Whether anybody is told of this one."""
        return self.told() or bool(one.asked.get("notify_url"))

    def telling(self, *, named: bool = False) -> Telling:
        """How the next steps are told; `named` where their order says itself to whom."""
        on = self.told()
        late = self.faults.take(Fault.NOTICE_LATE) if on or named else None
        return Telling(on) if late is None else Telling(on, late=timedelta(seconds=late.seconds))


def _answered(one: Transaction, answer: TerminalAnswer) -> Step:
    if one.status not in UNDECIDED:
        raise GatewayRefusal(GatewayCode.OPERATION, "this order waits for no answer")
    minor = one.amount.minor
    match answer:
        case TerminalAnswer.APPROVE if one.operation is Operation.SALE:
            return Step(Status.CAPTURED, Sums(authorized=minor, captured=minor))
        case TerminalAnswer.APPROVE:
            return Step(Status.AUTHORIZED, Sums(authorized=minor))
        case TerminalAnswer.REFUSE:
            return Step(Status.REFUSED, one.sums)
        case TerminalAnswer.EXPIRE:
            return Step(Status.EXPIRED, one.sums)
        case TerminalAnswer.WAIT:
            raise GatewayRefusal(GatewayCode.OPERATION, "to wait is no answer")
