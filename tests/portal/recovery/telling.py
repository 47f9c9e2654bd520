"""What a connector tells of what it had been answered."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.portal.vouchers.floor import Floor
from tillbridge.link.recovery_messages import (
    RecoveryAsk,
    RecoveryFacts,
    Resubmission,
    ToldAction,
    ToldKind,
    ToldState,
)
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.vouchers.model import Answered, Counter


@dataclass(slots=True)
class Journal:
    """The journal of a connector at one counter: what it was answered, in that order."""

    at: Counter
    actions: list[ToldAction] = field(default_factory=list)

    def note(self, kind: ToldKind, number: str, answered: Answered, floor: Floor) -> str:
        said = json.loads(answered.body)
        assert answered.status == 200, said
        one = ToldAction(
            place=len(self.actions) + 1,
            key=said["key"],
            kind=kind,
            state=ToldState.BOOKED,
            number=number,
            currency="EUR",
            taken=said["taken"],
            balance=said["balance"],
            transaction_ref="receipt-1",
            at=floor.house.runtime.clock.now(),
        )
        self.actions.append(one)
        return one.key

    def becomes(self, key: str, state: ToldState) -> None:
        """Something has become of it."""
        self.actions = [one.model_copy(update={"state": state}) if one.key == key else one for one in self.actions]


async def load(floor: Floor, journal: Journal, number: str, amount: int) -> str:
    return journal.note(ToldKind.LOAD, number, await floor.load(number, amount, at=journal.at), floor)


async def spend(floor: Floor, journal: Journal, number: str, amount: int) -> str:
    return journal.note(ToldKind.REDEEM, number, await floor.redeem(number, amount, at=journal.at), floor)


async def tell(recoveries: Recoveries, journal: Journal, *, batch: int = 50, most: int = 1000) -> RecoveryFacts:
    """Tells everything, as a connector does; after `most` messages the line drops."""
    newest = journal.actions[-1].key if journal.actions else None
    facts = await recoveries.asked(journal.at, RecoveryAsk(newest=newest))
    while facts.id is not None and not facts.told and most:
        behind = [one for one in journal.actions if one.place > facts.after]
        said = Resubmission(actions=tuple(behind[:batch]), last=len(behind) <= batch)
        facts = await recoveries.told(journal.at, facts.id, said)
        most -= 1
    return facts


def changed(one: ToldAction, **values: Any) -> ToldAction:
    return one.model_copy(update=values)
