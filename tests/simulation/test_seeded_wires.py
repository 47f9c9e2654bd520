"""A shop's bad days by the seed on a touch-screen terminal and on one that speaks myPOS XML, with every operation.

Scenarios of the terminal, networks that fail, power that goes, tills that repeat, cashiers who refuse a signature or
change their mind. A failing run prints its seed and replays exactly:
`pytest tests/simulation/test_seeded_wires.py --seed N`.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from tests.simulation.reckoning import TILL, Place, check_true, reckon, request, sell_the_next, settle
from tests.simulation.stories import KEEPS, TAKES_BACK
from tests.simulation.world import Power, until_the_power_goes
from tests.simulation.world_mypos import world_mypos
from tests.simulation.world_touch import WorldTouch, world_touch
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.engine.engine import Engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import APPROVE, DOCUMENT, ENDINGS, EVERY_WIRE, MYPOS, TOUCHSCREEN, Scenario
from tillbridge.virtual.script import Step

CUSTOMER: Final = 2.0
"""Seconds that a customer takes where the scenario leaves it open."""

LIVES: Final = 4
ORDERS_A_LIFE: Final = 6
REFUSALS: Final = frozenset(
    {Code.TERMINAL_BUSY, Code.TERMINAL_LOCKED, Code.PARENT_SPENT, Code.PARENT_UNFIT, Code.KEY_CONFLICT}
)
SAMPLE: Final = range(25)
ALL: Final = range(25, 1200)

TOO_LONG: Final = frozenset({"endless_text"})
"""A million characters, each of which travels alone here: its place is tests/conformance."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A wire's world, its scenarios, what can be asked for first, and what of what can be asked for later."""

    world: Callable[[Path, float], AbstractAsyncContextManager[Place]]
    scenarios: tuple[Scenario, ...]
    first: tuple[Kind, ...]
    later: Mapping[Kind, Kind]
    most_steps: int


WIRES: Final = {
    "touchscreen": Wire(
        world_touch,
        (*ENDINGS, *EVERY_WIRE, *TOUCHSCREEN),
        (Kind.SALE, Kind.SALE, Kind.SALE, Kind.REFUND, Kind.RECONCILIATION),
        MappingProxyType({Kind.REFUND: Kind.SALE, Kind.VOID: Kind.SALE}),
        120,
    ),
    "mypos-xml": Wire(
        world_mypos,
        (*ENDINGS, *EVERY_WIRE, *DOCUMENT, *MYPOS),
        (Kind.SALE, Kind.AUTHORIZATION, Kind.AUTHORIZATION, Kind.REFUND),
        MappingProxyType({Kind.CAPTURE: Kind.AUTHORIZATION, Kind.VOID: Kind.AUTHORIZATION}),
        1500,
    ),
}


@dataclass(frozen=True, slots=True)
class Intent:
    """What a till wants under one key; `parent` is the key of what it goes back to."""

    key: str
    kind: Kind
    minor: int | None
    parent: str | None = None


@dataclass
class Day:
    """One seed's day. `told` is the last word that the till heard of each intent, by its key."""

    place: Place
    wire: Wire
    chance: random.Random
    settings: EngineSettings
    intents: list[Intent] = field(default_factory=list)
    told: dict[str, Payment] = field(default_factory=dict)

    async def live(self, power: Power) -> None:
        """The connector's life: orders, one after the other."""
        async with self.place.connector(power, self.settings) as engine:
            for _ in range(ORDERS_A_LIFE):
                await self.order(engine)
                await asyncio.sleep(self.chance.choice((0.0, 20.0, 400.0)))
                if self.chance.random() < 0.5:
                    await settle(self.place, engine)

    async def order(self, engine: Engine) -> None:
        """A new intent under a scenario by chance, or an old one once more, by one till or by two."""
        chance = self.chance
        intent = self.repeated() or self.new()
        async with asyncio.TaskGroup() as group:
            if chance.random() < 0.25:
                group.create_task(self.network_fails(chance.uniform(0, 5), chance.uniform(0.1, 60)))
            cashier = group.create_task(self.cashier(engine))
            tills = [group.create_task(self.ask(engine, intent)) for _ in range(chance.choice((1, 1, 1, 1, 2)))]
            await asyncio.wait(tills)
            cashier.cancel()

    def repeated(self) -> Intent | None:
        """An old intent, sometimes."""
        return self.chance.choice(self.intents) if self.intents and self.chance.random() < 0.25 else None

    def new(self) -> Intent:
        """A new intent, and the scenario under which the terminal takes it."""
        chance, key = self.chance, f"intent {len(self.intents)}"
        fitting = [one for one in self.intents if self.was_paid(one)]
        scenario = chance.choice(self.wire.scenarios) if chance.random() < 0.6 else APPROVE
        self.place.terminal.script.set(*(() if scenario.manual or scenario.name in TOO_LONG else (Step(scenario),)))
        if fitting and chance.random() < 0.4:
            parent = chance.choice(fitting)
            kind = chance.choice([kind for kind, goes_to in self.wire.later.items() if goes_to is parent.kind])
            # Of different amounts, and voided once: else two of one hold would look alike at a wire that names only it.
            intent = Intent(key, kind, None if kind is Kind.VOID else 200 + len(self.intents), parent.key)
        else:
            kind = chance.choice(self.wire.first)
            intent = Intent(key, kind, None if kind is Kind.RECONCILIATION else 1000 + 2 * len(self.intents))
        self.intents.append(intent)
        return intent

    def was_paid(self, intent: Intent) -> bool:
        """Whether the till was told that this was approved, and something can go back to it."""
        told = self.told.get(intent.key)
        voided = any(one.kind is Kind.VOID and one.parent == intent.key for one in self.intents)
        paid = told is not None and told.stage is Stage.APPROVED
        return paid and not voided and intent.kind in self.wire.later.values()

    async def ask(self, engine: Engine, intent: Intent) -> None:
        """A till asks, may change its mind, is patient for a while, and believes what it hears."""
        try:
            started = await engine.start(await self.asked(engine, intent))
        except BridgeError as refusal:
            if refusal.code in REFUSALS:
                return
            raise
        if self.chance.random() < 0.2:
            await asyncio.sleep(self.chance.uniform(0, 2))
            await engine.abort(started.id)
        payment = await engine.wait(started.id, self.chance.choice((5.0, 200.0)))
        if not payment.open:
            check_true(self.place, payment)
            self.told[intent.key] = payment

    async def asked(self, engine: Engine, intent: Intent) -> PaymentRequest:
        parent = None if intent.parent is None else (await engine.find_key(TILL, intent.parent)).id
        return request(intent.key, intent.kind, intent.minor, parent=parent)

    async def cashier(self, engine: Engine) -> None:
        """Judges every signature that she is asked for, or lets it be."""
        with engine.watch() as changes:
            async for change in changes:
                if change.progress is Progress.AWAITING_SIGNATURE and self.chance.random() < 0.8:
                    await engine.sign(change.id, accepted=self.chance.random() < 0.5, by="Anna")

    async def network_fails(self, after: float, dark: float) -> None:
        """It fails, and comes back."""
        await asyncio.sleep(after)
        self.place.unplug()
        await asyncio.sleep(dark)
        self.place.mend()

    async def reckon(self) -> None:
        """At closing time journal and ledger agree, and what a till was told for certain has stayed true."""
        self.place.plug()
        self.place.terminal.script.set()
        async with self.place.connector(settings=self.settings) as engine:
            await asyncio.sleep(1000)
            await settle(self.place, engine)
            reckon(self.place, engine)
            for key, told in self.told.items():
                now = await engine.find_key(TILL, key)
                assert (now.id, now.stage) == (told.id, told.stage), f"{key} was told otherwise"
            await sell_the_next(self.place, engine)
        if isinstance(self.place, WorldTouch):
            assert max(self.place.air.started.values()) == 1, "something was started twice"


def goes_out_after(steps: int, power: Power) -> Callable[[], None]:
    def step() -> None:
        nonlocal steps
        steps -= 1
        if steps == 0:
            power.go()

    return step


async def bad_day(wire: Wire, folder: Path, seed: int) -> None:
    chance = random.Random(f"a bad day {seed}")
    async with wire.world(folder, CUSTOMER) as place:
        day = Day(place, wire, chance, chance.choice((KEEPS, TAKES_BACK)))
        for _ in range(LIVES):
            power = Power(place.unplug)
            place.plug()
            steps, seconds = chance.randrange(1, 2 * wire.most_steps), chance.uniform(0, 3000)
            place.each_step(goes_out_after(steps, power))
            by_the_clock = asyncio.get_running_loop().call_later(seconds, power.go)
            await until_the_power_goes(power, day.live(power))
            by_the_clock.cancel()
            await asyncio.sleep(chance.choice((0.2, 3.0, 120.0)))
        await day.reckon()


def run_seed(name: str, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / str(seed)
    folder.mkdir()
    try:
        run_manual(bad_day(WIRES[name], folder, seed))
    except BaseException as error:
        error.add_note(f"the seed was {seed}: pytest tests/simulation/test_seeded_wires.py -k {name} --seed {seed}")
        raise


@pytest.mark.parametrize("name", WIRES)
def test_bad_days(tmp_path: Path, request: pytest.FixtureRequest, name: str) -> None:
    chosen = request.config.getoption("--seed")
    for seed in SAMPLE if chosen is None else [int(chosen)]:
        run_seed(name, tmp_path, seed)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WIRES)
def test_very_many_bad_days(tmp_path: Path, name: str) -> None:
    for seed in ALL:
        run_seed(name, tmp_path, seed)
