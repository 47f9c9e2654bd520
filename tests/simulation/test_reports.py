"""Reports under random failures, and a power cut at every write: told at least once, in order, never untruly."""

import asyncio
import random
from collections import defaultdict
from pathlib import Path

import pytest

from tests.simulation.world import Cut, Power, until_the_power_goes
from tests.support.reports import ReportingShop, reporting, settings, webhook
from tests.support.webhooks import DOWN, TOOK_IT, URL, Said, Town
from tests.unit.engine.house import PAID
from tests.unit.engine.puppet import LOST
from tillbridge.domain.outcome import Declined
from tillbridge.engine.journal.records import EventType
from tillbridge.runtime.manual import run_manual
from tillbridge.upstream.messages import message_type
from tillbridge.upstream.reports.records import MessageState
from tillbridge.web.webhooks.courier import Reply

HOUR = 3600.0
CHOSEN = settings(webhook())
TROUBLES = (DOWN, Reply(500, "it answered 500"), Reply(503, "it answered 503"), Reply(401, "it answered 401"), TOOK_IT)
WRITES = 24
"""Submissions to the journal in one life, and a few more."""

Story = dict[str, list[str]]


def due(here: ReportingShop) -> Story:
    """What the journal says that a receiver has to be told, by payment and in order."""
    found: Story = defaultdict(list)
    for payment in here.engine.payments(limit=200):
        for event in here.engine.events(payment.id):
            kind = message_type(event)
            if kind is not None and event.type in (EventType.OUTCOME, EventType.RESOLVED):
                found[payment.id].append(kind.value)
    return found


def heard(town: Town, taken: list[Said] | None = None) -> Story:
    """What the receiver has taken, by payment, each message where it came first."""
    found: Story = defaultdict(list)
    seen: set[str] = set()
    for said in town.at() if taken is None else taken:
        if said.id not in seen:
            seen.add(said.id)
            found[said.json["data"]["id"]].append(said.json["type"])
    return found


async def live(here: ReportingShop) -> None:
    await here.pay(PAID)
    await asyncio.sleep(1)
    doubt = await here.pay(LOST)
    await here.engine.resolve(doubt.id, taken=True, by="Ada", reason="the slip")
    await here.pay(Declined())
    await asyncio.sleep(60)


def one_cut(folder: Path, number: int, cut: Cut) -> bool:
    """Whether the power went at all."""
    town, power = Town(), Power(lambda: None)
    power.cut_at = (number, cut)

    async def first() -> None:
        async with reporting(folder, town, CHOSEN, make=power.committer) as here:
            await live(here)

    async def main() -> None:
        await until_the_power_goes(power, first())
        async with reporting(folder, town, CHOSEN, seed=7) as here:
            await asyncio.sleep(HOUR)
            await here.on_disk()
            story = due(here)
            # Told and then lost is told again, under the same name; what is not in the journal is told to nobody.
            assert heard(town) == story
            assert await here.messages(MessageState.WAITING) == []

    run_manual(main())
    return power.out.is_set()


@pytest.mark.parametrize("cut", Cut)
def test_the_power_goes_at_every_write(tmp_path: Path, cut: Cut) -> None:
    went = [one_cut(make(tmp_path / str(number)), number, cut) for number in range(2, WRITES)]
    assert sum(went) > 12


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 150))])
def test_whatever_the_receiver_does_everything_arrives_in_order(tmp_path: Path, seed: int) -> None:
    chance, taken = random.Random(seed), list[Said]()  # seeded, so that a run can be repeated
    quiet = chance.uniform(0, 2 * HOUR)

    def answer(said: Said) -> Reply:
        reply = chance.choice(TROUBLES) if said.at < quiet else TOOK_IT
        if reply.failure is None:
            taken.append(said)
        return reply

    async def main() -> None:
        town = Town(answers={URL: answer}, seconds={URL: chance.uniform(0, 20)})
        story: Story = {}
        for number in range(chance.randint(1, 3)):
            async with reporting(tmp_path, town, CHOSEN, seed=10 * number) as here:
                for _ in range(chance.randint(1, 8)):
                    payment = await here.pay(chance.choice((PAID, Declined(), LOST)))
                    await asyncio.sleep(chance.uniform(0, 300))
                    if payment.open:
                        await here.engine.resolve(payment.id, taken=True, by="Ada", reason="the slip")
                await asyncio.sleep(chance.uniform(0, 60))
                story = due(here)
        async with reporting(tmp_path, town, CHOSEN, seed=99) as here:
            await asyncio.sleep(4 * HOUR)
            assert await here.messages(MessageState.WAITING) == []
            assert await here.messages(MessageState.DEAD) == []
        assert heard(town, taken) == story

    run_manual(main())
