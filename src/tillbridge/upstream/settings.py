"""What a shop can set about whom its payments are reported to; docs/reference/upstream.md explains it."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from tillbridge.psp.hipay.hosts import GATEWAYS, Environment, checked_base, is_stage_login
from tillbridge.psp.hipay.signatures import ALL_DIGESTS, Digest
from tillbridge.web.webhooks.addresses import LONGEST_URL
from tillbridge.web.webhooks.signing import is_secret

MOST_RECEIVERS: Final = 10
"""Each has a cursor and connections of its own; a shop has a payment service and its bookkeeping."""

LONGEST_WAIT: Final = 2.0
"""Seconds that a till may be kept waiting for the upstream: the customer has paid and wants to go."""

USUAL_WAIT: Final = 1.0

MEBIBYTE: Final = 1024 * 1024

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)]
_Part = Annotated[str, Field(pattern=r"^[0-9A-Za-z]+$")]


class Section(BaseModel):
    """A part of the file: nothing unknown is accepted in it, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContractName(StrEnum):
    """HiPay's words for a shop's two contracts: card in the reader, and contactless."""

    PROXY = "proxy"
    NFC = "nfc"


class ContractSettings(Section):
    """A merchant contract as it is programmed in the terminal: all three must be the same there."""

    payment_application: Annotated[_Part, Field(min_length=3, max_length=3)]
    merchant_id: Annotated[_Part, Field(min_length=1, max_length=15)]
    rank: Annotated[_Part, Field(min_length=3, max_length=3)] = "001"


class Contracts(Section):
    """The shop's contracts, at most one of each."""

    proxy: ContractSettings | None = None
    nfc: ContractSettings | None = None

    def named(self) -> dict[ContractName, ContractSettings]:
        """Those that are set."""
        found = {ContractName.PROXY: self.proxy, ContractName.NFC: self.nfc}
        return {name: contract for name, contract in found.items() if contract is not None}


class HipayReceiver(Section):
    """HiPay, by its passive orders: approved sales, authorizations and credits, one message for each payment.

    `environment` chooses HiPay's own gateway, `base_url` another one (https, or http on this computer). `login` and
    `password` are private credentials of the account, `hashkey` is the merchant's own. `mid` is HiPay's number of the
    merchant, where that is not the contract's. `contract_if_unknown` says which of two contracts counts where the
    terminal does not tell; without it such a payment waits for a person. `notification_passphrase` lets HiPay's own
    notifications in, signed with one of `digests`. The route is off until `enabled_by_merchant` is true.
    """

    kind: Literal["hipay"]
    name: Name = "hipay"
    enabled_by_merchant: bool = False
    environment: Environment | None = None
    base_url: Annotated[str, Field(max_length=LONGEST_URL), AfterValidator(checked_base)] | None = None
    login: str = Field(min_length=1, max_length=128, pattern=r"^[!-9;-~]+$")
    password: SecretStr = Field(min_length=1, max_length=256)
    hashkey: SecretStr = Field(min_length=1, max_length=256)
    contract: Contracts
    contract_if_unknown: ContractName | None = None
    mid: Annotated[_Part, Field(min_length=1, max_length=32)] | None = None
    notification_passphrase: SecretStr | None = Field(default=None, min_length=1, max_length=256)
    digests: tuple[Digest, ...] = Field(default=ALL_DIGESTS, min_length=1, max_length=len(ALL_DIGESTS))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.environment is None) == (self.base_url is None):
            raise ValueError("give one of environment (stage, production) and base_url")
        known = self.contract.named()
        if not known:
            raise ValueError("contract: name the proxy or the nfc contract, or both")
        if self.contract_if_unknown is not None and self.contract_if_unknown not in known:
            raise ValueError(f"contract_if_unknown: there is no {self.contract_if_unknown} contract")
        return self

    @property
    def gateway(self) -> str:
        """Where orders go."""
        return self.base_url or GATEWAYS[self.environment or Environment.STAGE]

    @property
    def off_because(self) -> str | None:
        """Why nothing is sent; None where it is."""
        if not self.enabled_by_merchant:
            return "the merchant has not confirmed it: set enabled_by_merchant to true"
        if self.environment is Environment.PRODUCTION and is_stage_login(self.login):
            return "environment is production, and the login is one of the test system"
        return None


class _Told(Section):
    """What receivers besides HiPay have in common.

    They are told of every outcome. `for_hipay` says that this one passes it on to HiPay, so that tills are told of it
    as of HiPay; with `per_contract` it then gets one message for each contract as long as the terminal does not say
    which one was used.
    """

    for_hipay: bool = False
    per_contract: Contracts | None = None

    @model_validator(mode="after")
    def _contracts_only_for_hipay(self) -> Self:
        if self.per_contract is not None and not (self.for_hipay and self.per_contract.named()):
            raise ValueError("per_contract: name the contracts, and set for_hipay")
        return self

    @property
    def off_because(self) -> str | None:
        """Nothing keeps such a receiver from being told."""
        return None


class WebhookReceiver(_Told):
    """An HTTP address; messages are written and signed as those of webhooks that were added by people."""

    kind: Literal["webhook"]
    name: Name = "webhook"
    url: str = Field(min_length=1, max_length=LONGEST_URL)
    secret: SecretStr

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, secret: SecretStr) -> SecretStr:
        if not is_secret(secret.get_secret_value()):
            raise ValueError("a secret is whsec_ and 32 to 88 characters of Base64")
        return secret


class FileReceiver(_Told):
    """A file with one JSON object on each line. A full one is put aside under a name with the time, and never deleted.

    A relative path is taken from the data folder.
    """

    kind: Literal["file"]
    name: Name = "file"
    path: Path
    largest_bytes: int = Field(default=64 * MEBIBYTE, ge=4096, le=1024 * MEBIBYTE)


class NoReceiver(Section):
    """Nobody: says that this is meant so."""

    kind: Literal["none"]
    name: Name = "none"


Telling = HipayReceiver | WebhookReceiver | FileReceiver
AnyReceiver = Annotated[HipayReceiver | WebhookReceiver | FileReceiver | NoReceiver, Field(discriminator="kind")]


class UpstreamSettings(Section):
    """Whom the connector reports payments to by itself.

    `wait` is for how many seconds at most a till's answer waits for the report to HiPay; 0 for not at all. Nobody waits
    while older reports do.
    """

    wait: float = Field(default=USUAL_WAIT, ge=0, le=LONGEST_WAIT)
    receivers: tuple[AnyReceiver, ...] = Field(default=(), max_length=MOST_RECEIVERS)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        twice = [name for name, count in Counter(one.name for one in self.receivers).items() if count > 1]
        if twice:
            raise ValueError(f"receivers: the name {twice[0]!r} is given twice")
        if len([one for one in self.receivers if stands_for_hipay(one)]) > 1:
            raise ValueError(
                "receivers: HiPay is told of a payment once, so only one of them may be or stand for HiPay"
            )
        if len(self.receivers) > 1 and any(isinstance(one, NoReceiver) for one in self.receivers):
            raise ValueError("receivers: none stands alone")
        return self

    @property
    def telling(self) -> tuple[Telling, ...]:
        """Those that somebody is behind."""
        return tuple(one for one in self.receivers if not isinstance(one, NoReceiver))

    @property
    def hipay(self) -> HipayReceiver | None:
        """The one that is HiPay itself."""
        return next((one for one in self.receivers if isinstance(one, HipayReceiver)), None)


def stands_for_hipay(receiver: HipayReceiver | WebhookReceiver | FileReceiver | NoReceiver) -> bool:
    """Whether a till that asks about HiPay is told of this receiver."""
    match receiver:
        case HipayReceiver():
            return True
        case WebhookReceiver() | FileReceiver():
            return receiver.for_hipay
        case NoReceiver():
            return False
