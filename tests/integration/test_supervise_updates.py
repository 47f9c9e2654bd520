"""A supervisor that switches versions, with real processes: the versions are folders with programs that really start.

What is newer is decided by a stand-in for the update server; how it is fetched and proven is tested elsewhere.
"""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.integration.supervised import PATIENCE, Supervised, supervised
from tillbridge.connector.supervisor import updating
from tillbridge.connector.supervisor.journal_look import Payments, payments
from tillbridge.connector.supervisor.life import Wanted
from tillbridge.connector.supervisor.place import read_place
from tillbridge.connector.supervisor.programs import Program, Programs
from tillbridge.connector.supervisor.room import owned_room
from tillbridge.connector.supervisor.supervisor import Left, Means, Supervisor
from tillbridge.connector.supervisor.switching import RECORD, Switching
from tillbridge.connector.supervisor.updating import UpdateWork
from tillbridge.connector.updates.contract import Prepared
from tillbridge.connector.updates.layout import Layout
from tillbridge.domain.operation import Stage
from tillbridge.runtime.effects import Runtime

OLD: Final = "1.0"
NEW: Final = "1.1"

WORKS: Final = f'exec {shlex.quote(sys.executable)} -m tillbridge "$@"'
"""A version that works: this very program under another name."""

SUPERVISES: Final = '[ "$1" = supervise ] && exit 0'
"""The part of a broken version that still works."""


@dataclass
class Offer:
    """An update server's newest version, as the updater gives it out; what it was told is remembered."""

    layout: Layout
    there: asyncio.Event = field(default_factory=asyncio.Event)
    switched_to: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def prepare(self) -> Prepared | None:
        """See `Updates.prepare`: fetched when the test says so."""
        await self.there.wait()
        if NEW in self.refusals or self.layout.current() == NEW:
            return None
        return Prepared(NEW, self.layout.program(NEW))

    def switched(self, version: str) -> None:
        """See `Updates.switched`."""
        self.switched_to.append(version)

    def refused(self, version: str, why: str) -> None:
        """See `Updates.refused`."""
        self.refusals[version] = why

    def outcome(self) -> str | None:
        """See `Updates.outcome`."""
        return "looked"


@dataclass
class House:
    """A supervisor at work in this process, and what it has said."""

    place: Supervised
    layout: Layout
    offer: Offer
    wanted: Wanted = field(default_factory=Wanted)
    said: list[str] = field(default_factory=list)
    left: Left | None = None

    def put(self, version: str, *lines: str) -> None:
        """A version's program: a script."""
        self.layout.folder(version).mkdir(parents=True, exist_ok=True)
        self.layout.program(version).write_text("\n".join(["#!/bin/sh", *lines, ""]))
        self.layout.program(version).chmod(0o755)

    async def run(self, own: str) -> None:
        """The supervisor, as a program of version `own` has it."""
        place = read_place(self.place.counter.settings)
        programs = Programs(Program(own, (str(self.layout.program(own)),)), self.layout)
        clock = Runtime().clock
        work = UpdateWork(self.offer, Switching(self.layout, self.offer), programs, clock, self.said.append)
        means = Means(Runtime(), self.said.append, self.said.append, programs, dict(os.environ), work)
        with owned_room(place.data) as room:
            self.left = await Supervisor(place, room, means, self.wanted).run()

    async def until_said(self, words: str) -> None:
        """Returns once it has said this."""
        async with asyncio.timeout(PATIENCE):
            while not any(words in line for line in self.said):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    # Nobody pays here between the steps: the minute in which that is made sure of is shortened.
    monkeypatch.setattr(updating, "IDLE_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(updating, "PROOF_PAUSE", 0.05)
    async with supervised(tmp_path) as place:
        layout = Layout(tmp_path / "tillbridge")
        made = House(place, layout, Offer(layout))
        made.put(OLD, WORKS)
        layout.switch(OLD)
        yield made


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ((SUPERVISES, "exit 3"), "it ended before it had proven itself, exit code 3"),
        pytest.param(
            (SUPERVISES, "echo 'ready: console http://127.0.0.1:9'", "read -r _"),
            "it was ready and did not answer",
            marks=pytest.mark.soak,
        ),
        pytest.param(("exit 3",), "its supervisor does not start", marks=pytest.mark.soak),
    ],
    ids=["falls", "is deaf", "cannot supervise"],
)
async def test_a_version_that_does_not_work_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...], why: str
) -> None:
    monkeypatch.setattr(updating, "PROOF_SECONDS", 1.0)
    async with house(tmp_path, monkeypatch) as one, asyncio.TaskGroup() as group:
        one.put(NEW, *broken)
        one.offer.there.set()
        group.create_task(one.run(OLD))
        await one.until_said(f"Version {NEW} is taken back and not tried again: {why}.")
        # It may be that the old one was never asked to stop; it runs in any case.
        await one.place.until(state="ready", version=OLD)
        assert one.layout.current() == OLD
        assert (one.offer.switched_to, one.offer.refusals) == ([], {NEW: why})
        assert (await one.place.pay(wait=30))[1]["stage"] == Stage.APPROVED
        one.wanted.leave.set()


async def test_a_newer_version_waits_for_a_payment_then_proves_itself_and_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Payments] = []

    def counted(data: Path) -> Payments:
        looks.append(payments(data))
        return looks[-1]

    monkeypatch.setattr(updating, "payments", counted)
    async with house(tmp_path, monkeypatch) as one, asyncio.TaskGroup() as group:
        one.put(NEW, WORKS)
        group.create_task(one.run(OLD))
        before = (await one.place.until(state="ready"))["connector"]
        one.place.counter.wait_by_hand()
        till = group.create_task(one.place.pay(wait=60))
        await one.place.counter.until(one.place.counter.terminal.screen.WAITING_FOR_CARD)
        one.offer.there.set()
        async with asyncio.timeout(PATIENCE):
            while len(looks) < 2 * updating.IDLE_LOOKS:
                await asyncio.sleep(0.02)
        assert set(looks) == {Payments.RUN}
        assert one.place.status()["connector"] == before
        await one.place.counter.pay_by_hand()
        assert (await till)[1]["stage"] == Stage.APPROVED
        await one.until_said(f"Version {NEW} is in use.")
        assert one.layout.current() == NEW
        assert (one.offer.switched_to, one.offer.refusals) == ([NEW], {})
        assert not (one.layout.updates / RECORD).exists()
        assert one.place.status()["version"] == NEW
        # Nobody pays now: this supervisor makes room for that of the new version.
        async with asyncio.timeout(PATIENCE):
            while one.left is None:
                await asyncio.sleep(0.02)
    assert one.left is Left.HANDED_OVER
    assert one.place.counter.taken == [1250]
