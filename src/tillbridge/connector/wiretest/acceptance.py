"""The guided acceptance test of a new terminal: what is tried, what came out, and what a person saw on the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.connector.wiretest.saying import said
from tillbridge.connector.wiretest.session import LineUnderTest, WireTester, request
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import AbortSupport, Capabilities, HealthState, Payment, Unanswered
from tillbridge.runtime.effects import Runtime


class Step(StrEnum):
    """What is tried, in this order."""

    CONNECT = "connect"
    APPROVE = "approve"
    INQUIRE = "inquire"
    DECLINE = "decline"
    ABORT = "abort"
    RED_KEY = "red_key"
    VOID = "void"
    REFUND = "refund"
    RECONCILE = "reconcile"


class Mark(StrEnum):
    """How a step stands. `ASKING`: the wire said what it should, and a person has yet to say what the terminal did.

    `UNABLE`: asked, the terminal showed that it has no such thing, which is no fault of it.
    """

    WAITING = "waiting"
    RUNNING = "running"
    ASKING = "asking"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNABLE = "unable"


OVER: Final = frozenset({Mark.PASSED, Mark.FAILED, Mark.SKIPPED, Mark.UNABLE})

EXPECTED: Final = {
    Step.APPROVE: frozenset({Stage.APPROVED}),
    Step.DECLINE: frozenset({Stage.DECLINED}),
    Step.ABORT: frozenset({Stage.ABORTED}),
    Step.RED_KEY: frozenset({Stage.ABORTED, Stage.DECLINED}),
    Step.VOID: frozenset({Stage.APPROVED}),
    Step.REFUND: frozenset({Stage.APPROVED}),
    Step.RECONCILE: frozenset({Stage.APPROVED}),
}
"""How the payment of a step must end. Many terminals call the red key a refusal."""

KINDS: Final = {Step.VOID: Kind.VOID, Step.REFUND: Kind.REFUND, Step.RECONCILE: Kind.RECONCILIATION}
"""What a step asks for; a sale where nothing stands here."""

AFTER_SALE: Final = frozenset({Step.INQUIRE, Step.VOID, Step.REFUND})
"""Steps that need the sale of `APPROVE`."""


@dataclass(slots=True)
class Done:
    """What is known of one step. `detail` is for a technician, `remark` is what the person wrote."""

    mark: Mark = Mark.WAITING
    payment_id: str | None = None
    detail: str = ""
    shown: bool | None = None
    remark: str = ""
    at: datetime | None = None


@dataclass(slots=True)
class Acceptance:
    """One test of one terminal, led by a named person, with the smallest `amount` that it takes."""

    line: LineUnderTest
    tester: WireTester
    runtime: Runtime
    by: str
    amount: Money
    begun: datetime
    done: dict[Step, Done] = field(default_factory=dict)

    @property
    def steps(self) -> list[Step]:
        """What this terminal can be tested for. It may show a further ability only once it has run a payment."""
        able = steps_for(self.line.capabilities)
        return [step for step in Step if step in able or step in self.done]

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return all(self.of(step).mark in OVER for step in self.steps)

    @property
    def passed(self) -> bool:
        """Whether it is over and nothing failed or was left out."""
        return all(self.of(step).mark in (Mark.PASSED, Mark.UNABLE) for step in self.steps)

    def of(self, step: Step) -> Done:
        """How this step stands."""
        return self.done.get(step, Done())

    def next(self) -> Step | None:
        """The first step that is not over."""
        return next((one for one in self.steps if self.of(one).mark in (Mark.WAITING, Mark.RUNNING, Mark.ASKING)), None)

    async def begin(self, step: Step, key: str) -> Done:
        """Tries a step, once for each key. `BridgeError` as for every payment, PARENT_REQUIRED before the sale."""
        if step not in self.steps:
            raise BridgeError(Code.OPERATION_UNSUPPORTED, f"this terminal has no step {step}")
        if self.of(step).mark not in (Mark.WAITING, Mark.FAILED):
            return self.of(step)
        match step:
            case Step.CONNECT:
                found = await self._connect()
            case Step.INQUIRE:
                found = await self._inquire(await self._sale())
            case _:
                found = await self._pay(step, key)
        found.at = self.runtime.clock.now()
        self.done[step] = found
        return found

    async def look(self) -> None:
        """Takes in how the payments of running steps ended."""
        for step, done in self.done.items():
            if done.mark is Mark.RUNNING and done.payment_id is not None:
                payment = await self.line.engine.inquire(done.payment_id)
                if not payment.running:
                    done.mark = Mark.ASKING if payment.stage in EXPECTED[step] else Mark.FAILED
                    done.detail = "" if payment.outcome is None else said(payment.outcome)

    def confirm(self, step: Step, *, shown: bool, remark: str) -> None:
        """The person says whether the terminal showed what it should."""
        done = self.of(step)
        if done.mark is Mark.ASKING:
            done.mark = Mark.PASSED if shown else Mark.FAILED
            done.shown, done.remark, done.at = shown, remark, self.runtime.clock.now()

    def skip(self, step: Step, remark: str) -> None:
        """The person leaves a step out, and says why."""
        if step in self.steps and self.of(step).mark in (Mark.WAITING, Mark.FAILED):
            self.done[step] = Done(Mark.SKIPPED, remark=remark, at=self.runtime.clock.now())

    async def _connect(self) -> Done:
        health = await self.line.ask_health()
        passed = health.state in (HealthState.READY, HealthState.UNKNOWN)
        return Done(Mark.ASKING if passed else Mark.FAILED, detail=f"{health.state}: {health.detail}".rstrip(": "))

    async def _inquire(self, sale: Payment) -> Done:
        answer = await self.line.ask_again(sale)
        if answer is Unanswered.CANNOT_ASK:
            return Done(Mark.UNABLE, sale.id, answer)
        same = isinstance(answer, Approved) and answer.amount == sale.amount
        return Done(
            Mark.PASSED if same else Mark.FAILED, sale.id, answer if isinstance(answer, Unanswered) else said(answer)
        )

    async def _pay(self, step: Step, key: str) -> Done:
        kind = KINDS.get(step, Kind.SALE)
        parent = (await self._sale()).id if step in AFTER_SALE else None
        amount = None if kind in (Kind.VOID, Kind.RECONCILIATION) else self.amount
        payment = await self.tester.start(request(kind, amount, key, fingerprint=f"acceptance {step}", parent=parent))
        return Done(Mark.RUNNING, payment.id)

    async def _sale(self) -> Payment:
        sale = self.of(Step.APPROVE)
        if sale.payment_id is None or sale.mark not in (Mark.ASKING, Mark.PASSED):
            raise BridgeError(Code.PARENT_REQUIRED, "the sale has to be approved first")
        return await self.line.engine.inquire(sale.payment_id)


def steps_for(able: Capabilities) -> Sequence[Step]:
    """What a terminal of these capabilities can be tested for."""
    voids = Kind.VOID in able.kinds and Kind.SALE in able.voids
    wanted = {
        Step.CONNECT: True,
        Step.APPROVE: True,
        # Some terminals only show that they can be asked once they are.
        Step.INQUIRE: True,
        Step.DECLINE: True,
        Step.ABORT: able.abort is not AbortSupport.NONE,
        Step.RED_KEY: able.abort is AbortSupport.NONE,
        Step.VOID: voids,
        Step.REFUND: Kind.REFUND in able.kinds and not voids,
        Step.RECONCILE: Kind.RECONCILIATION in able.kinds,
    }
    return [step for step in Step if wanted[step]]
