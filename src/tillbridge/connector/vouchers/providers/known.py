"""The providers of the settings, with the way to each: what the desk and its worker ask for by prefix or by place."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

from tillbridge.connector.vouchers.model import Claim, Kind, Wanted
from tillbridge.connector.vouchers.providers.asking import Adapter, Balance, Fate, NotDone
from tillbridge.connector.vouchers.providers.profile import AdapterName, Profile, Provider
from tillbridge.connector.vouchers.providers.rest_form import RestForm
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError

BALANCE_TRIES: Final = 2
"""A balance may be asked for again, for it changes nothing; a third wait would be longer than a cashier bears."""

_DOWN: Final = frozenset({Fate.NOT_SENT, Fate.UNKNOWN})

Opener = Callable[[Provider, str], Adapter]


def adapter_for(provider: Provider, version: str) -> Adapter:
    """The adapter that a provider's profile names."""
    match provider.profile.adapter:
        case AdapterName.REST_FORM:
            return RestForm(provider, version)
        case _:
            assert_never(provider.profile.adapter)


class Providers:
    """All of them. `close` closes what they hold open."""

    def __init__(self, providers: Sequence[Provider], version: str, opener: Opener = adapter_for) -> None:
        self._by_prefix: Mapping[str, Provider] = {one.prefix: one for one in providers}
        self._by_place: Mapping[str, Provider] = {one.place: one for one in providers}
        self._adapters = {one.place: opener(one, version) for one in providers}

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """What is known of each."""
        return tuple(one.profile for one in self._by_prefix.values())

    def at(self, place: str) -> tuple[Provider, Adapter] | None:
        """The provider that an action belongs to; None where it is in the settings no more."""
        found = self._by_place.get(place)
        return None if found is None else (found, self._adapters[place])

    def of(self, prefix: str) -> Provider:
        """The provider of this prefix. `BridgeError(PROVIDER_PREFIX)`."""
        found = self._by_prefix.get(prefix)
        if found is None:
            raise BridgeError(Code.PROVIDER_PREFIX, f"no provider has {prefix}", place="number")
        return found

    def claim(self, wanted: Wanted) -> tuple[str, Claim]:
        """Where an action goes, and the claim that it begins.

        `BridgeError`: PROVIDER_PREFIX; VOUCHER_CURRENCY; PROVIDER_REFUSED for a load, which there is none of.
        """
        provider = self.of(wanted.provider)
        check_currency(provider, wanted.currency)
        if wanted.kind is not Kind.REDEEM:
            raise refused(provider, "", "vouchers of other makers are not loaded here")
        known = provider.profile
        return provider.place, Claim(known.prefix, known.name, known.reverse, known.idempotent_reference)

    async def lookup(self, prefix: str, number: str, unit: str) -> Balance:
        """What is on a voucher at this moment; nothing of it is kept.

        `BridgeError`: PROVIDER_PREFIX, VOUCHER_CURRENCY, PROVIDER_DOWN, PROVIDER_REFUSED.
        """
        provider = self.of(prefix)
        check_currency(provider, unit)
        try:
            return await balance_of(self._adapters[provider.place], number)
        except NotDone as error:
            raise refusal_of(error, provider) from None

    async def close(self) -> None:
        """Closes the connections."""
        for one in self._adapters.values():
            await one.close()


def check_currency(provider: Provider, unit: str) -> None:
    """`BridgeError(VOUCHER_CURRENCY)` where the till counts in another currency than the provider."""
    if unit != provider.profile.currency:
        raise BridgeError(Code.VOUCHER_CURRENCY, f"{provider.name} counts in {provider.profile.currency}")


async def balance_of(adapter: Adapter, number: str) -> Balance:
    """The balance, asked for again where no answer came. `NotDone`."""
    for _ in range(BALANCE_TRIES - 1):
        try:
            return await adapter.balance(number)
        except NotDone as error:
            if error.fate not in _DOWN:
                raise
    return await adapter.balance(number)


def refusal_of(error: NotDone, provider: Provider) -> BridgeError:
    """What the till hears where nothing was booked."""
    if error.fate in _DOWN:
        return BridgeError(Code.PROVIDER_DOWN, error.said, members={"provider": provider.name})
    return refused(provider, error.message, error.said)


def refused(provider: Provider, message: str, detail: str) -> BridgeError:
    """The provider's own refusal."""
    return BridgeError(Code.PROVIDER_REFUSED, detail, members={"provider": provider.name, "message": message})
