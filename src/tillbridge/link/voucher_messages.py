"""What a till's connector and the portal say to each other about vouchers (docs/reference/vouchers.md, section 5).

Every request is a POST, so that no number stands in an address. Amounts are integers of the currency's minor unit: a
float, a text or a truth value is refused. Requests refuse members that are not known, because a misspelt one could
mean money; answers may gain members, because the two sides are updated apart.
"""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, model_validator

from tillbridge.domain.money import MAX_MINOR

LOOKUP_PATH: Final = "/v1/vouchers/lookup"
LOAD_PATH: Final = "/v1/vouchers/load"
REDEEM_PATH: Final = "/v1/vouchers/redeem"
OPERATIONS_PATH: Final = "/v1/vouchers/ops"

KEY_PATTERN: Final = r"^[A-Za-z0-9._-]{16,64}$"

REPLAYED: Final = "Idempotent-Replay"
"""The header of an answer that was given before."""

Amount = Annotated[StrictInt, Field(ge=1, le=MAX_MINOR)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Number = Annotated[str, Field(pattern=r"^[0-9]{14}$")]
Pin = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
MerchantNumber = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,20}$")]
Name = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class OperationState(StrEnum):
    """How an action stands at the portal. `NOT_SEEN` is not final: its request may still be on its way."""

    NOT_SEEN = "not_seen"
    INTERIM = "interim"
    CONFIRMED = "confirmed"
    PUT_BACK = "put_back"
    LOADED = "loaded"
    REVERSED = "reversed"
    REFUSED = "refused"
    VOIDED = "voided"


class VoucherState(StrEnum):
    """What a voucher is shown as; worked out from what is stored, the first that fits."""

    RETIRED = "retired"
    BLOCKED = "blocked"
    PRODUCED = "produced"
    EXPIRED = "expired"
    LOADED = "loaded"
    EMPTIED = "emptied"
    ACTIVATED = "activated"


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Lookup(_Asked):
    """What is on a voucher. It needs no PIN and moves nothing. `merchant` is the number that its code names, if any."""

    number: Number
    currency: CurrencyCode
    merchant: MerchantNumber | None = None


class _Action(_Asked):
    """`transaction_ref` is the till's receipt; `station` and `operator` are for the shop's own lists.

    `merchant` is the merchant's number that the voucher's code names, where it names one.
    """

    number: Number
    currency: CurrencyCode
    transaction_ref: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    station: Name = ""
    operator: Name = ""
    merchant: MerchantNumber | None = None


class Load(_Action):
    """Puts money on a voucher: it was sold, or loaded again."""

    amount: Amount


class Redeem(_Action):
    """Pays with a voucher: `up_to` takes what is there and no more than that, `exact` all of it or nothing."""

    pin: Annotated[Pin | None, Field(repr=False)] = None
    up_to: Amount | None = None
    exact: Amount | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.up_to is None) == (self.exact is None):
            raise ValueError("either up_to or exact")
        return self


class VoucherFacts(_Said):
    """A voucher as a till may show it. Its balance is that of `as_of`, and never kept for later."""

    number: str
    state: VoucherState
    balance: Annotated[int, Field(ge=0)]
    currency: str
    country: str
    as_of: AwareDatetime


class Booked(_Said):
    """A load or a redemption that was carried out; `taken` is what was booked, `balance` what was left then."""

    key: str
    state: OperationState
    taken: Annotated[int, Field(ge=0)]
    balance: Annotated[int, Field(ge=0)]
    currency: str
    as_of: AwareDatetime


class Operation(_Said):
    """How an action stands, and what is to be known of it. `code` is that of a refusal."""

    key: str
    state: OperationState
    taken: Annotated[int, Field(ge=0)] = 0
    balance: Annotated[int | None, Field(ge=0)] = None
    currency: str | None = None
    code: str | None = None
    as_of: AwareDatetime
