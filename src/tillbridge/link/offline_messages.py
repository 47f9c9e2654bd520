"""What is said about vouchers that were taken without a connection (docs/reference/voucher-offline.md).

The connector asks for the terms while it reaches the portal, and tells afterwards what it has taken.
"""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tillbridge.domain.money import MAX_MINOR
from tillbridge.link.voucher_messages import Amount, CurrencyCode, Name, Number, OperationState

TERMS_PATH: Final = "/v1/vouchers/offline/terms"
TAKE_PATH: Final = "/v1/vouchers/offline/take"
GIVEN_BACK_PATH: Final = "/v1/vouchers/offline/given-back"

Limit = Annotated[int, Field(ge=0, le=MAX_MINOR)]


class OfflineTerms(BaseModel):
    """Up to where a location takes vouchers at its own risk, in minor units; all 0: not at all.

    `per_voucher` is for one acceptance, `per_day` for a station and day, `open_total` for all that is not told yet.
    `in_maintenance` allows it during a maintenance as well. `country` is three digits of ISO 3166-1, `time_zone` that
    of the days. PINs are sealed for the key of this name; `public_key` is 32 bytes in base64url.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    per_voucher: Limit
    per_day: Limit
    open_total: Limit
    in_maintenance: bool
    currency: CurrencyCode
    country: Annotated[str, Field(pattern=r"^[0-9]{3}$")]
    time_zone: str
    key_id: str
    public_key: str


class OfflineTake(BaseModel):
    """A voucher that was taken without a connection; the portal takes what is there, and never more than that."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    offline: Literal[True]
    number: Number
    currency: CurrencyCode
    amount: Amount
    transaction_ref: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    station: Name = ""
    operator: Name = ""
    accepted_at: AwareDatetime
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    pin_sealed: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_-]+$", repr=False)]


class OfflineTaken(BaseModel):
    """What came of it: `taken` is off the voucher, `loss` is the location's own; `reason` is the code of why."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    key: str
    state: OperationState
    taken: Annotated[int, Field(ge=0)]
    loss: Annotated[int, Field(ge=0)]
    balance: Annotated[int | None, Field(ge=0)] = None
    currency: str
    code: str | None = None
    as_of: AwareDatetime


class GivenBack(BaseModel):
    """The receipt of such a voucher was cancelled: what was lost with it is lost no more."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{16,64}$")]


class Loss(BaseModel):
    """What is recorded as lost for a key, after it was said."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    loss: Annotated[int, Field(ge=0)]
