"""What the portal tells a till about the types of vouchers that it sells (docs/reference/voucher-printing.md).

Answers may gain members, because the two sides are updated apart.
"""

from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tillbridge.domain.money import MAX_MINOR

TYPES_PATH: Final = "/v1/vouchers/types"

Price = Annotated[int, Field(ge=1, le=MAX_MINOR)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class VoucherTypeFacts(_Said):
    """A button of the till. `names` by language ("de"), at least one; `price` in minor units, null: it is asked for."""

    id: str
    names: Annotated[dict[str, str], Field(min_length=1)]
    price: Price | None = None
    design: str = ""


class VoucherTypeList(_Said):
    """The types of the voucher system that a location takes part in, in the order of their buttons.

    An amount that is asked for lies from `load_min` to `load_max`, in minor units of `currency`.
    """

    system: str
    currency: str
    load_min: Price
    load_max: Price
    types: list[VoucherTypeFacts]
    as_of: AwareDatetime
