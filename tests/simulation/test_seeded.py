"""A shop's bad days by the seed: scenarios of the terminal, cables that are pulled, power that goes, tills that repeat.

A failing run prints its seed and replays exactly: `pytest tests/simulation/test_seeded.py --seed N`.
"""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.simulation.world import Power, World, check_told, sale, until_the_power_goes, world
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Stage
from tillbridge.domain.outcome import Approved
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import ENDINGS, EVERY_WIRE, HANDSHAKE, Scenario
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step

SCENARIOS: Final[tuple[Scenario, ...]] = tuple(
    scenario for scenario in (*ENDINGS, *EVERY_WIRE, *HANDSHAKE) if not scenario.manual
)
LIVES: Final = 4
ORDERS_A_LIFE: Final = 5
REFUSALS: Final = {Code.TERMINAL_BUSY, Code.TERMINAL_LOCKED}
SAMPLE: Final = range(40)
ALL: Final = range(40, 1500)


@dataclass
class Day:
    """One seed's day. `told` is the last word that the till heard of each order, by its price."""

    place: World
    chance: random.Random
    told: dict[int, Payment] = field(default_factory=dict)

    async def live(self, power: Power) -> None:
        """The connector's life: orders, one after the other, some repeated, some by two tills at once."""
        async with self.place.connector(power) as engine:
            for _ in range(ORDERS_A_LIFE):
                await self.order(engine)
                await self.settle(engine)

    async def order(self, engine: Engine) -> None:
        """A new order under a scenario by chance, or an old one once more."""
        chance = self.chance
        if self.told and chance.random() < 0.3:
            minor = chance.choice(list(self.told))
        else:
            minor = 1000 + 2 * len(self.told)
            scenario = chance.choice(SCENARIOS) if chance.random() < 0.7 else ENDINGS[0]
            self.place.terminal.script.set(Step(scenario))
        tills = 2 if chance.random() < 0.2 else 1
        async with asyncio.TaskGroup() as group:
            if chance.random() < 0.2:
                group.create_task(self.pull_the_cable(chance.uniform(0, 5), chance.uniform(0.1, 40)))
            for _ in range(tills):
                group.create_task(self.ask(engine, minor))

    async def ask(self, engine: Engine, minor: int) -> None:
        """A till asks, is patient for a while, and believes what it hears."""
        try:
            started = await engine.start(sale(str(minor), Money(minor, EUR)))
        except BridgeError as refusal:
            if refusal.code in REFUSALS:
                return
            raise
        payment = await engine.wait(started.id, self.chance.choice((5.0, 180.0)))
        self.told[minor] = payment
        if not payment.running:
            check_told(payment, self.place.taken(minor))

    async def pull_the_cable(self, after: float, dark: float) -> None:
        """Somebody stumbles over it, and somebody else finds it."""
        await asyncio.sleep(after)
        self.place.cable.unplug()
        await asyncio.sleep(dark)
        self.place.cable.plugged = True

    async def settle(self, engine: Engine) -> None:
        """A person waits for the terminal, reads its ledger, and settles what is still in doubt."""
        await asyncio.sleep(self.chance.choice((0.0, 20.0, 400.0)))
        for payment in engine.in_doubt():
            while self.place.terminal.screen not in (Screen.IDLE, Screen.ENDED):
                await asyncio.sleep(10)
            now = await engine.inquire(payment.id)
            if now.open:
                await self.resolve(engine, now)

    async def resolve(self, engine: Engine, payment: Payment) -> None:
        assert payment.amount is not None
        kept = [row for row in self.place.terminal.ledger.rows if row.asked_minor == payment.amount.minor]
        taken = self.place.taken(payment.amount.minor) == 1
        amount = Money(next(row.minor for row in kept if row.movement == "taken"), EUR) if taken else None
        await engine.resolve(payment.id, taken=taken, by="Anna", reason="the slip", amount=amount)

    async def reckon(self) -> None:
        """At closing time the journal and the terminal's ledger name the same money, order by order."""
        async with self.place.connector() as engine:
            await asyncio.sleep(1000)
            await self.settle(engine)
            assert engine.in_doubt() == []
            booked: dict[int, int] = {}
            for payment in engine.payments(limit=200):
                assert not payment.open, payment
                if payment.stage is Stage.APPROVED:
                    assert isinstance(payment.outcome, Approved)
                    assert payment.amount is not None
                    assert payment.amount.minor not in booked, "an order was approved twice"
                    booked[payment.amount.minor] = payment.outcome.amount.minor
            ledger: dict[int, int] = {}
            for row in self.place.terminal.ledger.rows:
                if row.movement in ("taken", "reversed"):
                    sign = 1 if row.movement == "taken" else -1
                    ledger[row.asked_minor] = ledger.get(row.asked_minor, 0) + sign * row.minor
            assert booked == {asked: kept for asked, kept in ledger.items() if kept}


async def bad_day(folder: Path, seed: int) -> None:
    chance = random.Random(f"a bad day {seed}")
    async with world(folder) as place:
        day = Day(place, chance)
        for _ in range(LIVES):
            power = Power(place.cable.unplug)
            place.cable.after_byte = lambda _toward, _count: None
            place.cable.plugged = True
            _arrange_the_end(place, power, chance)
            await until_the_power_goes(power, day.live(power))
            await asyncio.sleep(chance.choice((0.2, 3.0, 120.0)))
        place.cable.after_byte = lambda _toward, _count: None
        place.cable.plugged = True
        place.terminal.script.set()
        await day.reckon()


def _arrange_the_end(place: World, power: Power, chance: random.Random) -> None:
    bytes_left = chance.randrange(1, 400)

    def after_byte(_toward: object, _count: int) -> None:
        nonlocal bytes_left
        bytes_left -= 1
        if bytes_left == 0:
            power.go()

    if chance.random() < 0.7:
        place.cable.after_byte = after_byte


def run_seed(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / str(seed)
    folder.mkdir()
    try:
        run_manual(bad_day(folder, seed))
    except BaseException as error:
        error.add_note(f"the seed was {seed}: pytest tests/simulation/test_seeded.py --seed {seed}")
        raise


def test_bad_days(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    chosen = request.config.getoption("--seed")
    for seed in SAMPLE if chosen is None else [int(chosen)]:
        run_seed(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_very_many_bad_days(tmp_path: Path) -> None:
    for seed in ALL:
        run_seed(tmp_path, seed)
