"""What the shop claims from other makers' providers on a business day: it stands in no ledger of ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tillbridge.connector.console.days import day_of, read_day
from tillbridge.connector.vouchers.model import Action
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.providers.claims import BOOKED
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money, currency
from tillbridge.engine.rules import EngineSettings

if TYPE_CHECKING:
    from tillbridge.connector.vouchers.desk import VoucherDesk


@dataclass(frozen=True, slots=True)
class ProviderSum:
    """What one provider owes for the day, and how many payments of it nobody can tell about yet."""

    prefix: str
    name: str
    owed: Money
    payments: int
    unknown: int


@dataclass(frozen=True, slots=True)
class ClaimDay:
    """Everything that providers were asked for on a business day, oldest first, from `since` until before `until`."""

    day: str
    since: datetime
    until: datetime
    actions: tuple[Action, ...]

    @property
    def sums(self) -> tuple[ProviderSum, ...]:
        """One for each provider and currency, in their order."""
        return tuple(self._sums())

    def _sums(self) -> Iterator[ProviderSum]:
        groups: dict[tuple[str, str, str], list[Action]] = {}
        for one in self.actions:
            if one.claim is not None:
                groups.setdefault((one.claim.prefix, one.claim.name, one.currency), []).append(one)
        for (prefix, name, unit), actions in sorted(groups.items()):
            owed = [one.taken or 0 for one in actions if one.state in BOOKED]
            unknown = sum(one.with_person for one in actions)
            yield ProviderSum(prefix, name, Money(sum(owed), currency(unit)), len(owed), unknown)


@dataclass(frozen=True, slots=True)
class ClaimDesk:
    """Claims by day, over the desk that there is."""

    vouchers: Vouchers
    settings: EngineSettings

    async def of_day(self, day: str | None) -> ClaimDay:
        """A business day such as "2026-05-16", or today's; `BridgeError(FIELD_INVALID)` for what is no day."""
        if day is None:
            found = day_of(self.vouchers.now(), self.settings)
        else:
            entered = read_day(day, self.settings)
            if entered is None:
                raise BridgeError(Code.FIELD_INVALID, f"{day[:20]!r} is no day such as 2026-05-16", place="day")
            found = entered
        desk: VoucherDesk | None = await self.vouchers.desk_or_none()
        actions = () if desk is None else tuple(desk.claims(found.since, found.until))
        return ClaimDay(found.day.isoformat(), found.since, found.until, actions)
