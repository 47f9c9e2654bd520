"""What comes next at the virtual terminal: the scripted scenarios, else the one that the amount asks for."""

from collections import deque
from dataclasses import dataclass, field

from tillbridge.domain.money import Money
from tillbridge.protocols.contract import Fault
from tillbridge.virtual.scenarios import ALWAYS, APPROVE, Faults, Scenario, Strikes, by_amount


@dataclass(frozen=True, slots=True)
class Step:
    """A scenario for the next `times` payments."""

    scenario: Scenario
    times: Strikes = 1


@dataclass(slots=True)
class Counters:
    """The strikes that are left of a scenario's faults."""

    left: dict[Fault, Strikes] = field(default_factory=dict)

    @classmethod
    def of(cls, faults: Faults) -> "Counters":
        """All strikes of these faults."""
        return cls(dict(faults))

    def has(self, fault: Fault) -> bool:
        """Whether a strike is left; uses none up."""
        return self.left.get(fault, 0) != 0

    def strike(self, fault: Fault) -> bool:
        """Uses up one strike, if one is left."""
        left = self.left.get(fault, 0)
        if left == ALWAYS:
            return True
        if left == 0:
            return False
        self.left[fault] = left - 1
        return True


class Script:
    """The steps that are left, each a scenario for some payments; behind them the table by amount.

    The faults of the first step also strike before there is a payment (an ENQ that gets no answer), so their counters
    start here and move on to the payment that takes the step.
    """

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._head = Counters()

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is left, the next one first."""
        return tuple(self._steps)

    def set(self, *steps: Step) -> None:
        """Replaces the script; without steps the table by amount decides again."""
        self._steps = deque(steps)
        self._refill()

    def strike(self, fault: Fault) -> bool:
        """Whether the next payment's scenario lets this fault strike before the payment is there."""
        return self._head.strike(fault)

    def next(self, amount: Money | None) -> tuple[Scenario, Counters]:
        """The scenario of a payment that asks to start now, and its faults; `taken` then says that it did start."""
        if self._steps:
            return self._steps[0].scenario, self._head
        scenario = by_amount(amount) if amount is not None else APPROVE
        return scenario, Counters.of(scenario.faults)

    def taken(self) -> None:
        """The payment of `next` has started: its step is used up once."""
        if not self._steps:
            return
        step = self._steps.popleft()
        if step.times == ALWAYS:
            self._steps.appendleft(step)
        elif step.times > 1:
            self._steps.appendleft(Step(step.scenario, step.times - 1))
        self._refill()

    def _refill(self) -> None:
        self._head = Counters.of(self._steps[0].scenario.faults) if self._steps else Counters()
