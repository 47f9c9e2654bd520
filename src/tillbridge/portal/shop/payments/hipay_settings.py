"""What a person sets to have the shop paid over HiPay's hosted payment page (psp/hipay/HOSTED.md)."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from tillbridge.domain.money import BY_CODE
from tillbridge.psp.hipay.hosted.hosts import READS
from tillbridge.psp.hipay.hosts import GATEWAYS, Environment, checked_base, is_stage_login
from tillbridge.psp.hipay.signatures import Digest

LONGEST_PAGE_SECONDS: Final = 24 * 3600
USUAL_PAGE_SECONDS: Final = 1800

_Product = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
_Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class HipayShopSettings(BaseModel):
    """HiPay as the shop's payment service.

    `login` and `password` are the private credentials of the HiPay account, `passphrase` its secret passphrase for
    signatures; the two secrets by reference. `environment` is `stage` for HiPay's test system, which moves no money,
    or `production`. `base_url` takes the place of the gateway, for a sandbox or a relay. `currencies` are those of the
    account's contract. `products` are HiPay's names of the cards on the page, such as visa; without them the account
    decides. `page_seconds` is how long a page can be used. `digest` is the hash that the account is set to; without it
    its length tells.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    login: str = Field(min_length=1, max_length=100, pattern=r"^[\x21-\x39\x3b-\x7e]+$")
    password: SecretStr
    passphrase: SecretStr
    environment: Environment = Environment.STAGE
    base_url: str | None = Field(default=None, max_length=200)
    currencies: Annotated[tuple[_Currency, ...], Field(min_length=1, max_length=40)] = ("EUR",)
    products: Annotated[tuple[_Product, ...], Field(max_length=40)] = ()
    page_seconds: int = Field(default=USUAL_PAGE_SECONDS, ge=300, le=LONGEST_PAGE_SECONDS)
    digest: Digest | None = None

    @field_validator("base_url")
    @classmethod
    def _safe(cls, value: str | None) -> str | None:
        return None if value is None else checked_base(value)

    @field_validator("currencies")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            if code not in BY_CODE:
                raise ValueError(f"{code} is no ISO 4217 currency")
        return value

    @model_validator(mode="after")
    def _the_right_system(self) -> Self:
        if not self.passphrase.get_secret_value():
            raise ValueError("passphrase is empty: without one anybody could sign")
        if self.base_url is None and is_stage_login(self.login) is not (self.environment is Environment.STAGE):
            raise ValueError("the login and the environment are of different systems of HiPay")
        return self

    @property
    def gateway(self) -> str:
        """The address of the gateway."""
        return self.base_url or GATEWAYS[self.environment]

    @property
    def reads(self) -> str:
        """The address of the third version of the reads."""
        return self.base_url or READS[self.environment]
