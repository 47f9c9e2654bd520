"""What the control API takes and gives, as values."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, assert_never

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tillbridge.domain.money import MAX_MINOR, Money
from tillbridge.domain.outcome import AbortedBy, Approved, DeclineReason, Outcome
from tillbridge.protocols.contract import Fault, Payment
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.memory import reason_of
from tillbridge.virtual.scenarios import (
    BY_ENDING,
    SCENARIOS,
    Approves,
    Cancels,
    Declines,
    Ending,
    Reboot,
    Scenario,
    Strikes,
)
from tillbridge.virtual.terminal import VirtualTerminal

LONGEST_DELAY: Final = 3600.0
"""Seconds; nobody stands at a terminal for longer than an hour."""

MOST_TIMES: Final = 1_000_000
"""A script for more payments than this is meant for all of them: that is "always"."""

Times = Annotated[int, Field(ge=1, le=MOST_TIMES)] | Literal["always"]


class Body(BaseModel):
    """A request's body: nothing is guessed, nothing unknown is let through."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class InlineScenario(Body):
    """A scenario in full. `reason` belongs to a decline, `by` to a cancel, `minor` or `share` to a partial approval."""

    outcome: Literal["approve", "decline", "cancel", "partial"] = "approve"
    reason: DeclineReason | None = None
    by: AbortedBy | None = None
    minor: int | None = Field(default=None, ge=1, le=MAX_MINOR)
    share: int | None = Field(default=None, ge=1, le=100)
    delay: float | None = Field(default=None, ge=0, le=LONGEST_DELAY)
    faults: dict[Fault, Times] = Field(default_factory=dict)
    reboot: Reboot | None = None
    manual: bool = False
    abortable: bool = True

    @model_validator(mode="after")
    def _nothing_out_of_place(self) -> Self:
        allowed = _BELONGS[self.outcome]
        for name in ("reason", "by", "minor", "share"):
            if getattr(self, name) is not None and name not in allowed:
                raise ValueError(f"{name!r} has no meaning for the outcome {self.outcome!r}")
        if self.outcome == "partial" and (self.minor is None) == (self.share is None):
            raise ValueError("a partial approval needs either 'minor' or 'share'")
        return self

    def scenario(self) -> Scenario:
        """The scenario that this describes."""
        faults: Mapping[Fault, Strikes] = MappingProxyType(dict(self.faults))
        return Scenario(
            "inline",
            "described in full by the control API",
            self._ending(),
            delay=self.delay,
            faults=faults,
            reboot=self.reboot,
            manual=self.manual,
            abortable=self.abortable,
        )

    def _ending(self) -> Ending:
        match self.outcome:
            case "approve":
                return Approves()
            case "decline":
                return Declines(self.reason or DeclineReason.REFUSED)
            case "cancel":
                return Cancels(self.by or AbortedBy.CUSTOMER)
            case "partial":
                return Approves(minor=self.minor, share=self.share)
            case _:
                assert_never(self.outcome)


_BELONGS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "approve": frozenset(),
        "decline": frozenset({"reason"}),
        "cancel": frozenset({"by"}),
        "partial": frozenset({"minor", "share"}),
    }
)


class ScenarioBody(Body):
    """Either the `name` of a scenario or an `inline` one, for the next `times` payments."""

    name: str | None = None
    inline: InlineScenario | None = None
    times: Times = 1

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.name is None) == (self.inline is None):
            raise ValueError("give either 'name' or 'inline'")
        return self


class CancelKeyBody(Body):
    """Who presses the red key."""

    by: Literal[AbortedBy.CUSTOMER, AbortedBy.CASHIER] = AbortedBy.CUSTOMER


def terminal_view(terminal: VirtualTerminal, behaviour: ScriptedBehaviour) -> dict[str, object]:
    """One terminal as a person in front of it sees it, with its script."""
    return {
        "name": terminal.name,
        "screen": terminal.screen,
        "amount": _money(terminal.shown_amount),
        "payment": None if terminal.current is None else payment_view(terminal.current),
        "line": "pulled" if behaviour.line_pulled else "plugged",
        "script": [{"name": step.scenario.name, "times": step.times} for step in terminal.script.steps],
        "undelivered": [payment.id for payment in terminal.undelivered()],
    }


def payment_view(payment: Payment) -> dict[str, object]:
    """A payment as the terminal itself knows it."""
    return {
        "id": payment.id,
        "kind": payment.kind,
        "stage": payment.stage,
        "amount": _money(payment.amount),
        "register": payment.register,
        "order_id": payment.order_id,
        "progress": payment.progress,
        "outcome": None if payment.outcome is None else _outcome(payment.outcome),
        "accepted_at": payment.accepted_at.isoformat(),
        "closed_at": None if payment.closed_at is None else payment.closed_at.isoformat(),
    }


def ledger_view(ledger: Ledger, after: int, limit: int) -> dict[str, object]:
    """At most `limit` rows behind row number `after`; the sums are over the whole ledger, in minor units."""
    return {
        "rows": [row.model_dump(mode="json") for row in ledger.rows[after : after + limit]],
        "count": len(ledger.rows),
        "balance": {code: ledger.balance(code) for code in ledger.currencies()},
        "held": {code: ledger.held(code) for code in ledger.currencies()},
    }


def scenarios_view() -> dict[str, object]:
    """Every named scenario, and the table by the amount's ending."""
    return {
        "scenarios": [{"name": each.name, "summary": each.summary} for each in SCENARIOS.values()],
        "by_amount_ending": {f".{ending}": each.name for ending, each in BY_ENDING.items()},
    }


def _money(amount: Money | None) -> dict[str, object] | None:
    if amount is None:
        return None
    return {"minor": amount.minor, "currency": amount.currency.code, "text": str(amount)}


def _outcome(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Approved):
        return {"approved": _money(outcome.amount), "authorization_code": outcome.authorization_code}
    return {"reason": reason_of(outcome)}
