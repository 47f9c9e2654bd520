"""What the native interface takes in: strict models, every text bounded, nothing guessed."""

import hashlib
import json
import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.engine.engine import MAX_PERSON_TEXT
from tillbridge.protocols.moving import LONGEST_ADDRESS

LONGEST_NAME: Final = 64
"""Characters of a terminal's name or an order number: more than any till uses, and short enough for an index."""

LONGEST_KEY: Final = 255
"""Characters of an Idempotency-Key: it is kept for ever, and a UUID has 36."""

KEY_PATTERN: Final = "^[!-~]([ -~]*[!-~])?$"
"""An Idempotency-Key is printable ASCII without blanks around it: what a header carries unchanged."""

GOING_BACK: Final = frozenset({Kind.REFUND, Kind.CAPTURE, Kind.VOID})
"""What may go back to an earlier payment."""

ALWAYS_GOING_BACK: Final = frozenset({Kind.CAPTURE, Kind.VOID})

_UNWRITABLE: Final = frozenset({"Cc", "Cs"})


def writable(text: str) -> str:
    """Control characters and halves of characters can be neither stored nor shown."""
    if any(unicodedata.category(character) in _UNWRITABLE for character in text):
        raise ValueError("control characters and lone surrogates are not allowed")
    return text


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(writable)]
PaymentId = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
PersonText = Annotated[str, Field(min_length=1, max_length=MAX_PERSON_TEXT), AfterValidator(writable)]


class Body(BaseModel):
    """A body of a request: no field more than is known, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, serialize_by_alias=True)


def digest(body: Body, *more: str) -> str:
    """A digest of what a body means, and of `more`.

    A field that is left out means the same as its default, also where a later release knows more fields, so that a key
    stays the same payment for ever.
    """
    said = body.model_dump(mode="json", exclude_defaults=True)
    meaning = [said, *more] if more else said
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


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
    """A new payment.

    `amount` is required for a sale, an authorization and a refund that goes back to nothing; it may be left out with a
    `parent`, and then means all that is left of it; a reconciliation has none. `parent` is the id of the payment that a
    capture or void, and mostly a refund, goes back to. `terminal` may be left out: then it is that of the parent, the
    one that the routing rules give, or the only one. `order_id` is the till's own number, to find the payment by:
    several payments may have the same one. `register` is the till's number of two digits. `online` asks the terminal to
    authorise online, `partial_allowed` lets it approve less than the amount.
    """

    # Not `Kind`: a strict model wants its members where JSON has only their texts.
    kind: Literal[Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID, Kind.RECONCILIATION] = Kind.SALE
    amount: AmountBody | None = None
    parent: PaymentId | None = None
    terminal: Name | None = None
    order_id: Name | None = None
    register_number: str = Field(default="01", alias="register", pattern="^[0-9]{2}$")
    online: bool = False
    partial_allowed: bool = False

    def money(self) -> Money | None:
        """The amount, where it has one. `BridgeError` for a currency that does not exist, or parts that do not fit."""
        self._check_parts()
        return None if self.amount is None else self.amount.money("amount")

    def _check_parts(self) -> None:
        if self.kind is Kind.RECONCILIATION and self.amount is not None:
            raise BridgeError(Code.FIELD_INVALID, "a reconciliation has no amount", place="amount")
        if self.kind not in GOING_BACK and self.parent is not None:
            raise BridgeError(Code.FIELD_INVALID, f"{self.kind.phrase} goes back to no earlier payment", place="parent")
        if self.kind in ALWAYS_GOING_BACK and self.parent is None:
            raise BridgeError(Code.PARENT_REQUIRED, f"{self.kind.phrase} goes back to a payment", place="parent")
        if self.amount is None and self.parent is None and self.kind is not Kind.RECONCILIATION:
            raise BridgeError(Code.FIELD_INVALID, f"{self.kind.phrase} needs an amount", place="amount")

    def fingerprint(self) -> str:
        """A digest of what the request means; see `digest`."""
        return digest(self)


class ResolveBody(Body):
    """What a named person found out about a payment in doubt; `amount` where less than asked was taken."""

    taken: bool
    by: PersonText
    reason: PersonText
    amount: AmountBody | None = None


class SignatureBody(Body):
    """Whether the signature on the slip is that of the card, as the person named `by` has seen it."""

    accepted: bool
    by: PersonText


class MoveBody(Body):
    """Where a terminal is now, as host:port, and who says so and why."""

    address: Annotated[
        str, Field(min_length=3, max_length=LONGEST_ADDRESS, examples=["192.168.1.20:8888"]), AfterValidator(writable)
    ]
    by: PersonText
    reason: PersonText


class ReasonBody(Body):
    """Who decides something about a payment, and why."""

    by: PersonText
    reason: PersonText
