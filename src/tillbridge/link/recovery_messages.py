"""What is said after a portal was restored from a backup (docs/reference/voucher-sealing.md, section 4).

A connector asks whether the portal wants to hear again of what it had answered. It then tells it from its journal, in
the journal's order and so many at a time, without PINs: none is kept of what was answered.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt

from tillbridge.domain.money import MAX_MINOR
from tillbridge.link.voucher_messages import KEY_PATTERN, Amount, CurrencyCode, Name, Number

RECOVERY_PATH: Final = "/v1/vouchers/recovery"

MOST_LINES: Final = 50
"""Actions in one message: some twenty kilobytes."""

Place = Annotated[StrictInt, Field(ge=0)]
Key = Annotated[str, Field(pattern=KEY_PATTERN)]


class ToldKind(StrEnum):
    """What an action did with a voucher."""

    REDEEM = "redeem"
    LOAD = "load"


class ToldState(StrEnum):
    """What had become of it. `TAKEN_BACK`: a redemption was put back, or a load reversed."""

    BOOKED = "booked"
    CONFIRMED = "confirmed"
    TAKEN_BACK = "taken_back"


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RecoveryAsk(_Asked):
    """Whether there is something to tell. `newest` is the key of the last action that the portal has answered."""

    newest: Key | None = None


class RecoveryFacts(BaseModel):
    """What the portal wants to hear: everything since `since`, behind place `after` of the journal.

    `id` null: nothing. `told`: it has heard all. `recovering`: it lets nothing be taken, for others have yet to tell.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: str | None = None
    since: AwareDatetime | None = None
    after: Place = 0
    told: bool = False
    recovering: bool = False


class ToldAction(_Asked):
    """An action as the portal had answered it. `place` is where it stands in the journal, `at` when it was answered."""

    place: Place
    key: Key
    kind: ToldKind
    state: ToldState
    number: Number
    currency: CurrencyCode
    taken: Amount
    balance: Annotated[StrictInt, Field(ge=0, le=MAX_MINOR)] | None = None
    transaction_ref: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    station: Name = ""
    operator: Name = ""
    at: AwareDatetime


class Resubmission(_Asked):
    """Some actions, in the order of their places; `last`: there are no more behind them."""

    actions: Annotated[tuple[ToldAction, ...], Field(max_length=MOST_LINES)] = ()
    last: bool = False
