"""One row of the virtual terminal's ledger."""

from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tillbridge.domain.money import BY_CODE, MAX_MINOR
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import AbortedBy, DeclineReason, NotStartedReason


class Movement(StrEnum):
    """What a row did to the cardholder's money."""

    NOTHING = "nothing"
    TAKEN = "taken"
    HELD = "held"
    CAPTURED = "captured"
    REFUNDED = "refunded"
    REVERSED = "reversed"
    RELEASED = "released"


BALANCE_SIGN: Final = {
    Movement.NOTHING: 0,
    Movement.TAKEN: 1,
    Movement.HELD: 0,
    Movement.CAPTURED: 1,
    Movement.REFUNDED: -1,
    Movement.REVERSED: -1,
    Movement.RELEASED: 0,
}
HOLD_SIGN: Final = {
    Movement.NOTHING: 0,
    Movement.TAKEN: 0,
    Movement.HELD: 1,
    Movement.CAPTURED: -1,
    Movement.REFUNDED: 0,
    Movement.REVERSED: 0,
    Movement.RELEASED: -1,
}


REASONS: Final = MappingProxyType(
    {Stage.DECLINED: DeclineReason, Stage.ABORTED: AbortedBy, Stage.NOT_STARTED: NotStartedReason}
)
"""The words that `Row.reason` takes, by its stage; an approval needs no reason."""


class Row(BaseModel):
    """One operation that came to its end at the terminal, or one correction that the terminal made by itself.

    `number` counts the rows from 1.
    `minor` is what moved and `asked_minor` what the till asked for, both in minor units of `currency`. `parent` is the
    payment whose money this row gives back, captures or releases. `stage` and `reason` are what the terminal would
    tell: "declined" and "refused". `order_id`, `key` and the texts in `notes` are what came over the wire to tell one
    payment from another, if anything did.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    number: int = Field(ge=1)
    payment_id: str
    kind: Kind
    movement: Movement
    minor: int = Field(ge=0, le=MAX_MINOR)
    asked_minor: int = Field(ge=0, le=MAX_MINOR)
    currency: str
    stage: Stage
    reason: str | None = None
    register_number: str = "01"
    order_id: str | None = None
    key: str | None = None
    fingerprint: str = ""
    caller: str = ""
    door: str = ""
    parent: str | None = None
    online: bool = False
    notes: dict[str, str] = Field(default_factory=dict)
    accepted_at: datetime
    at: datetime

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.currency not in BY_CODE:
            raise ValueError(f"{self.currency!r} is no currency")
        if self.stage in REASONS:
            REASONS[self.stage](self.reason or "")
        elif self.stage is not Stage.APPROVED:
            raise ValueError(f"{self.stage} is no end")
        return self
