"""What each worker of a storm does, and when something is killed: all of it follows from the seed.

Moments are counts of answered actions and not times of day, so that a slower computer kills at the same places.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.portal.storage.database import Dialect

WORKERS: Final = 64
SHOPS: Final = 3

HOT: Final = 0
"""The voucher that every fifth action is about."""

FIRST_LOAD: Final = 500
BLOCKED_OF: Final = 100
"""One voucher of so many is blocked from the beginning: what is refused there stays refused."""


class Kind(StrEnum):
    """What a till wants. `UP_TO` takes what is there, `EXACT` all or nothing."""

    UP_TO = "up_to"
    EXACT = "exact"
    LOAD = "load"


class Cut(StrEnum):
    """Where the connection of the first attempt ends."""

    NOWHERE = "nowhere"
    IN_REQUEST = "in_request"
    BEFORE_ANSWER = "before_answer"
    IN_ANSWER = "in_answer"


class Undo(StrEnum):
    """When the action is taken back: put back, or reversed where it was a load."""

    NEVER = "never"
    BEFORE = "before"
    RACING = "racing"
    LATER = "later"


class Blow(StrEnum):
    """What is done to a program."""

    PORTAL_KILLED = "portal_killed"
    PORTAL_STOPPED = "portal_stopped"
    SERVER_CRASHED = "server_crashed"
    SERVER_STOPPED = "server_stopped"
    BACKEND_KILLED = "backend_killed"


BLOWS: Final = {
    Dialect.POSTGRESQL: tuple(Blow),
    Dialect.SQLITE: (Blow.PORTAL_KILLED, Blow.PORTAL_STOPPED),
}


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a cashier. `voucher` is the place of a voucher in the list; `twin`: it is sent twice at once."""

    key: str
    shop: int
    kind: Kind
    voucher: int
    amount: int
    cut: Cut
    cut_of_undo: Cut
    twin: bool
    undo: Undo


@dataclass(frozen=True, slots=True)
class Plan:
    """A storm. `redemptions` are those that are asked for; loads come on top. `blows` is how often something is hit."""

    seed: int
    dialect: Dialect
    redemptions: int
    vouchers: int
    blows: int

    def blocked(self, voucher: int) -> bool:
        """Whether this voucher is blocked from the beginning; the hot one never is."""
        return voucher % BLOCKED_OF == BLOCKED_OF - 1

    def actions(self, worker: int) -> Iterator[Action]:
        """What a worker does, in order. The first three of each have a cut each, so that even few have all of them."""
        chance = random.Random(f"{self.seed} {worker}")
        left = self.redemptions // WORKERS + (worker < self.redemptions % WORKERS)
        number, cuts = 0, list(Cut)[1:]
        while left:
            kind = chance.choices(list(Kind), (60, 28, 12))[0]
            left -= kind is not Kind.LOAD
            cut = cuts[(number + worker) % len(cuts)] if number == 1 else _cut(chance)
            yield Action(
                key=f"storm-{self.seed}-{worker:02d}-{number:07d}",
                shop=worker % SHOPS,
                kind=kind,
                voucher=HOT if chance.random() < 1 / 5 else chance.randrange(self.vouchers),
                amount=chance.randint(100, 500) if kind is Kind.LOAD else chance.randint(1, 90),
                cut=cut,
                cut_of_undo=_cut(chance),
                twin=chance.random() < 1 / 50,
                undo=chance.choices(list(Undo), (915, 5, 20, 60))[0],
            )
            number += 1

    def moments(self) -> Sequence[tuple[int, Blow]]:
        """After how many answers what is hit, each kind as often as the others."""
        chance, kinds = random.Random(f"{self.seed} blows"), BLOWS[self.dialect]
        blows = [kinds[one % len(kinds)] for one in range(self.blows)]
        chance.shuffle(blows)
        # Neither before the first answers nor so late that nobody is left whom it could hit.
        span = self.redemptions * 0.7 / max(self.blows, 1)
        at = [int(self.redemptions * 0.05 + span * (one + chance.random() * 0.8)) for one in range(self.blows)]
        return list(zip(at, blows, strict=True))


def _cut(chance: random.Random) -> Cut:
    return chance.choice(list(Cut)[1:]) if chance.random() < 1 / 100 else Cut.NOWHERE
