"""What a shop can set about its HiPay-compatible door."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tillbridge.domain.cashier_texts import Language
from tillbridge.transports.allow import BindHost

PATIENCE: Final = 180.0
"""Seconds after which HiPay's own connector answers 1001 (README, section 3); tills set their time-outs by it."""


class ErrorShape(StrEnum):
    """How a refusal (HTTP 4xx) is written: HiPay's two texts disagree, so both shapes are sent unless set otherwise."""

    BOTH = "both"
    FLAT = "flat"
    ENVELOPE = "envelope"


class AnswerAmount(StrEnum):
    """How an answer writes amounts: as the caller did, or always as a number, "10.23" or "10,23"."""

    CALLER = "caller"
    NUMBER = "number"
    POINT = "point"
    COMMA = "comma"


class Quirks(BaseModel):
    """Switches for tills that were built against one of HiPay's contradicting texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_shape: ErrorShape = ErrorShape.BOTH
    amounts: AnswerAmount = AnswerAmount.CALLER
    misspelt_type_only: bool = Field(False, description="Answer only `transationType`, without `transactionType`.")
    stop_says_false: bool = Field(
        False, description="Answer `stopped: false` although it stops, as HiPay's sample does."
    )


def _login(text: str) -> str:
    if ":" in text or not text.isprintable():
        raise ValueError("a login holds no colon and no control character: HTTP Basic could not carry it")
    return text


def _argon2(text: str) -> str:
    try:
        extract_parameters(text)
    except InvalidHashError:
        raise ValueError("this is no Argon2 hash; the settings keep the hash of the password, never itself") from None
    return text


class DoorContract(BaseModel):
    """One merchant contract, as it is programmed in the terminal; README, section 9.

    `merchant_id` is the number of the contract (MID), `payment_application` what it is for, such as 001 for cards with
    contact and 00B for contactless ones, `rank` the terminal's rank in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    payment_application: str = Field(pattern="^[0-9A-Za-z]{3}$")
    merchant_id: str = Field(pattern="^[0-9A-Za-z]{1,15}$")
    rank: str = Field(pattern="^[0-9A-Za-z]{3}$")


class DoorContracts(BaseModel):
    """The shop's contracts, under the names that HiPay's own settings have: `proxy` for contact, `nfc` without."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    proxy: DoorContract | None = None
    nfc: DoorContract | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of the contracts that are named."""
        return tuple(one.merchant_id for one in (self.proxy, self.nfc) if one is not None)


class Profile(StrEnum):
    """Which of HiPay's two connectors this door is like: that for tills, or that for terminals without staff."""

    DESKTOP = "desktop"
    UNATTENDED = "unattended"


class HipaySettings(BaseModel):
    """The door's settings; `tillbridge connector hash-password` makes the `api_password_hash` of a password."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Profile = Field(
        Profile.DESKTOP, description="`unattended` counts cents and answers in lists; see the wire's page, section 10."
    )
    host: BindHost = Field("localhost", description="Where to listen (or `bind`); loopback unless a till is elsewhere.")
    port: int = Field(8080, ge=0, le=65535)
    terminal: str | None = Field(None, description="The terminal to pay on; empty leaves it to the connector.")
    api_username: Annotated[str, AfterValidator(_login)] = Field(min_length=1, max_length=128)
    api_password_hash: Annotated[str, AfterValidator(_argon2)] = Field(repr=False)
    login_only: bool = Field(
        False, description="Also accept the login without a password, as one of HiPay's texts has it."
    )
    extra_hosts: tuple[str, ...] = Field((), description="Further host names that tills may address.")
    allowed_origins: tuple[str, ...] = Field((), description="Origins of web tills, such as https://till.example.")
    serial_number: str = Field("", max_length=64, description="The terminal's serial number, for GET /config.")
    authorization_threshold: Decimal | None = Field(
        None,
        ge=0,
        description="Ask for online authorisation above this amount, in major units; empty: only when forced.",
    )
    contract: DoorContracts = DoorContracts()
    contracts: tuple[str, ...] = Field(
        (), description="Further merchant contracts of the shop; with none here and in `contract`: not checked."
    )
    partial_approval: bool = Field(
        False, description="The terminal may approve less than was asked; only for a till that reads `amount`."
    )
    patience: float = Field(
        PATIENCE, gt=0, le=PATIENCE, description="Seconds until a running payment is answered 1001."
    )
    language: Language = Field(Language.EN, description="The language of `operator_text`.")
    stop_enabled: bool = Field(True, description="Whether GET /stop works.")
    quirks: Quirks = Quirks()

    @property
    def known_contracts(self) -> tuple[str, ...]:
        """The numbers of all contracts that the settings name."""
        return (*self.contract.numbers, *self.contracts)
