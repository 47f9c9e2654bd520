"""What the native interface takes in: strict models, every text bounded, nothing guessed."""

import hashlib
import json
import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import MAX_MINOR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.engine.engine import MAX_PERSON_TEXT

LONGEST_NAME: Final = 64
"""Characters of a terminal's name or an order number: more than any till uses, and short enough for an index."""

LONGEST_KEY: Final = 255
"""Characters of an Idempotency-Key: it is kept for ever, and a UUID has 36."""

_UNWRITABLE: Final = frozenset({"Cc", "Cs"})


def _writable(text: str) -> str:
    """Control characters and halves of characters can be neither stored nor shown."""
    if any(unicodedata.category(character) in _UNWRITABLE for character in text):
        raise ValueError("control characters and lone surrogates are not allowed")
    return text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_writable)]
PersonText = Annotated[str, Field(min_length=1, max_length=MAX_PERSON_TEXT), AfterValidator(_writable)]


class Body(BaseModel):
    """A body of a request: no field more than is known, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AmountBody(Body):
    """An amount in minor units (cents for EUR, whole yen for JPY) of an ISO 4217 currency."""

    minor: Annotated[int, Field(ge=1, le=MAX_MINOR, examples=[1250])]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]

    def money(self, place: str) -> Money:
        """The amount; `BridgeError(CURRENCY_UNKNOWN)` for a code that ISO 4217 does not have, at this place."""
        try:
            return Money(self.minor, currency(self.currency))
        except BridgeError as error:
            raise BridgeError(error.code, error.detail, place=f"{place}.{error.place}") from None


class PaymentBody(Body):
    """A new payment. `terminal` may be left out where there is only one.

    `order_id` is the till's own number, to find the payment by: several payments may have the same one.
    """

    kind: Literal[Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION] = Kind.SALE
    amount: AmountBody
    terminal: Name | None = None
    order_id: Name | None = None

    def fingerprint(self) -> str:
        """A digest of what the request means.

        A field that is left out means the same as its default, also where a later release knows more fields, so that
        a key stays the same payment for ever.
        """
        meaning = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


class ResolveBody(Body):
    """What a named person found out about a payment in doubt; `amount` where less than asked was taken."""

    taken: bool
    by: PersonText
    reason: PersonText
    amount: AmountBody | None = None
