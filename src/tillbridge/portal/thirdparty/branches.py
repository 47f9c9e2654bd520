"""Where a till of another maker asks: the location of its key, and whether the service is on there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.refusing import Maintained, refuse_if_maintained
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.thirdparty import store
from tillbridge.portal.thirdparty.model import SERVICE
from tillbridge.portal.vouchers.gate import Asker, with_legacy
from tillbridge.portal.vouchers.model import Counter
from tillbridge.web.language import choose

_SPOKEN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("DE", "AT", "CH", "LI"), "de"),
    **dict.fromkeys(("FR", "BE", "LU", "MC"), "fr"),
    "CZ": "cs",
}
"""What cashiers of a country most likely read, where a till does not say: most send no Accept-Language."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A location as it is asked at. `station` is the partner's name; `standing` that of the service, there and now."""

    counter: Counter
    partner_id: str
    station: str
    currency: str
    time_zone: str
    standing: ServiceStanding

    @property
    def owner(self) -> tuple[str, str]:
        """Whose references these are: a second partner at the same location may count from 1, too."""
        return self.partner_id, self.counter.location_id

    def refuse(self, now: datetime) -> None:
        """Nothing where the service is on; else `BridgeError`, X902 and X903 among it."""
        if self.standing.mode is not None:
            raise Maintained(self.standing.mode, now)
        try:
            self.standing.refuse(now)
        except BridgeError as error:
            raise with_legacy(error) from None


class Branches:
    """The locations of every merchant."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry

    async def of(self, asker: Asker, accept_language: str | None) -> Branch:
        """The location of a key that was proven."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            place = await locations.find(connection, asker.location_id)
            partner_id = await store.partner_of(connection, asker.by)
            if place is None or partner_id is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            standing = await self._registry.standing_of(connection, place.id, SERVICE, now)
        language = choose(None, None, accept_language or _SPOKEN.get(place.address.country))
        counter = Counter(place.id, place.tenant_id, asker.by, language)
        return Branch(counter, partner_id, asker.station, place.currency, place.time_zone, standing)

    async def refuse_in_maintenance(self, branch: Branch) -> None:
        """All that keeps money from going back: neither a licence nor a switch does."""
        async with self._house.database.reading() as connection:
            await refuse_if_maintained(self._house, connection, branch.counter.tenant_id, Component.VOUCHERS)
