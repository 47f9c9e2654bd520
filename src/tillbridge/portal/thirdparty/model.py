"""The form in which tills of other makers ask about our vouchers (docs/reference/voucher-third-party-api.md).

Amounts are integers of the currency's minor unit, whatever the word `cents` says of it.
"""

import base64
import json
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from tillbridge.domain.voucher_code import VoucherCode
from tillbridge.link.scopes import Service
from tillbridge.link.voucher_messages import Amount
from tillbridge.portal.vault import Vault

SERVICE: Final = Service.THIRD_PARTY_VOUCHERS

SAME: Final = timedelta(minutes=10)
"""For so long an equal request without a reference may be the same one, asked again because no answer had come."""

TOKEN_BYTES: Final = 20
"""160 bits: whoever was not given a token does not guess one."""

PREFIX: Final = "tpr-"

_REFERENCE: Final = "third-party reference"
_BODY: Final = "third-party redemption"

Reference = Annotated[StrictStr, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Asked(BaseModel):
    # What is not known is refused: a misspelt amount would cancel everything, a misspelt reference book twice.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RedeemAsked(_Asked):
    """Pays with a voucher: all of the amount, or nothing."""

    amount_in_cents: Amount
    pin: Annotated[StrictStr | None, Field(max_length=16, repr=False)] = None
    reference_number: Reference | None = None


class CancelAsked(_Asked):
    """Gives a redemption back: an amount of it, or all that is left."""

    redeem_token: Annotated[StrictStr, Field(min_length=1, max_length=64, repr=False)]
    amount_in_cents: Amount | None = None
    reference_number: Reference | None = None


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True)

    code: str
    balance_in_cents: Annotated[int, Field(ge=0)]
    message: str = ""


class BalanceSaid(_Said):
    """What is on a voucher. `message` says why it cannot be redeemed here, and is empty where it can."""

    is_redeemable: bool
    total_amount_in_cents: Annotated[int, Field(ge=0)]


class RedeemSaid(_Said):
    """A redemption that is booked; `redeem_token` is what cancels it."""

    redeem_token: str


class CancelSaid(_Said):
    """What the voucher holds now that something was given back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A redemption as it is carried out: what was asked for, with the one PIN, under its key."""

    code: VoucherCode
    amount: int
    reference: str | None
    key: str = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a cancellation came to: what was asked (None: all that was left), given, and is on the voucher."""

    asked: int | None
    given: int
    balance: int
    replayed: bool = False


def wanted(
    vault: Vault, chance: random.Random, owner: tuple[str, str], code: VoucherCode, asked: RedeemAsked
) -> Wanted:
    """What is to be carried out for the partner and at the location that `owner` names.

    With a reference the key follows from it, so that whoever asks again meets the same action; without one it is drawn.
    """
    if asked.reference_number is None:
        key = _token(chance.randbytes(TOKEN_BYTES))
    else:
        key = _token(vault.mac(_REFERENCE, _canonical(*owner, asked.reference_number)))
    # Keyed, since a plain digest would give the PIN away to whoever reads the database.
    body = _canonical(code.number, code.pin, asked.amount_in_cents, asked.reference_number)
    return Wanted(code, asked.amount_in_cents, asked.reference_number, key, vault.mac(_BODY, body))


def _token(drawn: bytes) -> str:
    return PREFIX + base64.b32encode(drawn[:TOKEN_BYTES]).decode().lower()


def _canonical(*parts: str | int | None) -> bytes:
    return json.dumps(parts, separators=(",", ":")).encode()
