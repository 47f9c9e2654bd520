"""What a shop sets about vouchers of other makers: which providers, and this location's key at each."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from tillbridge.connector.vouchers.providers.profile import Prefix, ProviderName, checked_base

MOST_PROVIDERS: Final = 30
"""More than any shop takes vouchers of; there are a hundred prefixes."""


class Section(BaseModel):
    """A part of the file: nothing unknown is accepted in it, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProviderEntry(Section):
    """One provider whose vouchers are taken here.

    `profile` is a file beside the settings, or the name of one that is shipped: tillbridge-portal, no-way-back. `key`
    is this location's key there. `prefix`, `name` and `base_url` count in place of the profile's own.
    """

    profile: str = Field(min_length=1, max_length=500)
    key: SecretStr = Field(min_length=1, max_length=200)
    prefix: Prefix | None = None
    name: ProviderName | None = None
    base_url: Annotated[str, Field(max_length=500), AfterValidator(checked_base)] | None = None


class VoucherSettings(Section):
    """Vouchers besides the portal's own: `providers` of other makers, which the connector asks directly."""

    providers: tuple[ProviderEntry, ...] = Field(default=(), max_length=MOST_PROVIDERS)
