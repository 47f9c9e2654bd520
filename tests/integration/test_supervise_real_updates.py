"""The supervisor with the real updater: signed versions from a repository on the loopback, and payments."""

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
from tests.support.releases import Hands, Publisher, served
from tillbridge.connector.supervisor import updating
from tillbridge.connector.supervisor.life import Wanted
from tillbridge.connector.supervisor.place import read_place
from tillbridge.connector.supervisor.programs import Program, Programs
from tillbridge.connector.supervisor.room import owned_room
from tillbridge.connector.supervisor.supervisor import Left, Means, Supervisor
from tillbridge.connector.supervisor.switching import Switching
from tillbridge.connector.supervisor.updating import UpdateWork
from tillbridge.connector.updates.layout import Layout
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.updater import Source, Updater
from tillbridge.domain.operation import Stage
from tillbridge.runtime.effects import Runtime

OLD: Final = "1.0"
NEW: Final = "1.1"

WORKS: Final = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tillbridge "$@"\n'
"""A version that works: this very program under another name."""

FALLS: Final = '#!/bin/sh\n[ "$1" = connector ] && exit 3\nexit 0\n'
"""A version that passes its self-test, and falls as soon as it is a connector."""


@dataclass
class Shop:
    """A supervisor of version `OLD` at work in this process, and the updater that it has."""

    place: Supervised
    layout: Layout
    updater: Updater
    wanted: Wanted = field(default_factory=Wanted)
    said: list[str] = field(default_factory=list)
    left: Left | None = None

    async def run(self) -> None:
        """The supervisor, until it leaves."""
        place = read_place(self.place.counter.settings)
        programs = Programs(Program(OLD, (str(self.layout.program(OLD)),)), self.layout)
        switching = Switching(self.layout, self.updater)
        work = UpdateWork(self.updater, switching, programs, Runtime().clock, self.said.append)
        means = Means(Runtime(), self.said.append, self.said.append, programs, dict(os.environ), work)
        with owned_room(place.data) as room:
            self.left = await Supervisor(place, room, means, self.wanted).run()

    async def until_said(self, words: str) -> None:
        """Returns once it has said this."""
        async with asyncio.timeout(PATIENCE):
            while not any(words in line for line in self.said):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def shop(tmp_path: Path, newest: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """A shop with version `OLD`; the publisher has signed `NEW`, whose program is `newest`."""
    # Nobody pays here between the steps: the minute in which that is made sure of is shortened.
    monkeypatch.setattr(updating, "IDLE_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(updating, "PROOF_PAUSE", 0.05)
    publisher = Publisher(tmp_path / "publisher", Hands(Runtime().clock.now())).begin()
    publisher.publish(NEW, newest)
    layout = Layout(tmp_path / "tillbridge")
    layout.folder(OLD).mkdir(parents=True)
    layout.program(OLD).write_text(WORKS)
    layout.program(OLD).chmod(0o755)
    layout.switch(OLD)
    async with served(publisher.folder) as server, supervised(tmp_path) as place:
        source = Source(server.url, publisher.repository.trusted_root(), "stable", this_computer())
        updater = Updater(layout, source, place.counter.settings, OLD, Runtime())
        yield Shop(place, layout, updater)


async def test_a_signed_version_is_fetched_tried_and_put_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(tmp_path, WORKS, monkeypatch) as one, asyncio.TaskGroup() as group:
        running = group.create_task(one.run())
        await one.until_said(f"Version {NEW} is in use.")
        assert one.layout.current() == NEW
        assert (one.updater.outcome() or "").startswith(f"Updated from version {OLD} to {NEW} on ")
        assert (await one.place.pay(wait=30))[1]["stage"] == Stage.APPROVED
        async with asyncio.timeout(PATIENCE):
            await running  # it makes room for the supervisor of the new version
    assert one.left is Left.HANDED_OVER
    assert one.place.counter.taken == [1250]


async def test_a_signed_version_that_falls_is_taken_back_and_never_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(tmp_path, FALLS, monkeypatch) as one, asyncio.TaskGroup() as group:
        group.create_task(one.run())
        await one.until_said(f"Version {NEW} is taken back and not tried again")
        await one.place.until(state="ready", version=OLD)
        assert one.layout.current() == OLD
        assert "is in use" in (one.updater.outcome() or "")
        assert await one.updater.prepare() is None
        assert (await one.place.pay(wait=30))[1]["stage"] == Stage.APPROVED
        one.wanted.leave.set()
