"""A publisher of releases, a web server that can lie, and a till's computer that updates itself."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from aiohttp import web

from tillbridge.connector.publishing.keys import ONLINE, Cost, RoleKey, RoleName, make_key
from tillbridge.connector.publishing.packing import describe, pack, read_packed
from tillbridge.connector.publishing.repository import Repository
from tillbridge.connector.updates.layout import PROGRAM, Layout
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.release import Shipped
from tillbridge.connector.updates.updater import Source, Updater
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.manual import EPOCH, ManualClock

QUICK = Cost(memory_kib=8, passes=1, lanes=1)
PASSPHRASE = "four words do very well"
GOOD = "#!/bin/sh\necho well\nexit 0\n"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def keys_for(folder: Path, roles: tuple[RoleName, ...], count: int = 1) -> list[RoleKey]:
    return [make_key(folder, role, PASSPHRASE, os.urandom, QUICK) for role in roles for _ in range(count)]


class SetClock(Protocol):
    """A clock that a test sets."""

    def now(self) -> datetime: ...

    def set(self, moment: datetime) -> None: ...


@dataclass(slots=True)
class Hands:
    """A clock that stands where it is put."""

    moment: datetime = EPOCH

    def now(self) -> datetime:
        return self.moment

    def set(self, moment: datetime) -> None:
        self.moment = moment


@dataclass(slots=True)
class Publisher:
    """Its folders below `home`, its keys, and the clock that it signs by."""

    home: Path
    clock: SetClock
    root_keys: list[RoleKey] = field(default_factory=list)
    online: list[RoleKey] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.home / "repository"

    @property
    def repository(self) -> Repository:
        return Repository(self.folder, self.clock.now())

    def begin(self) -> "Publisher":
        self.root_keys = keys_for(self.home / "root", (RoleName.ROOT,))
        self.online = keys_for(self.home / "online", ONLINE)
        self.repository.create([*self.root_keys, *self.online])
        return self

    def archive(self, version: str, program: str = GOOD, url: str | None = None) -> Path:
        folder = self.home / "built" / version
        (folder / "lib").mkdir(parents=True, exist_ok=True)
        (folder / PROGRAM).write_text(program)
        (folder / PROGRAM).chmod(0o755)
        (folder / "lib" / "part.txt").write_text(f"a part of {version}")
        shipped = Shipped(version=version, kind=this_computer(), url=url)
        describe(folder, shipped, self.repository.trusted_root())
        archive = self.home / f"{version}.tar.xz"
        pack(folder, archive)
        return archive

    def publish(self, version: str, program: str = GOOD, channel: str = "stable") -> None:
        archive = self.archive(version, program)
        self.repository.publish(archive, read_packed(archive).latest(channel), channel, self.online)

    def rotate(self, role: RoleName, *also: RoleName) -> None:
        for one in (role, *also):
            new = keys_for(self.home / f"new-{one}", (one,))
            if one is RoleName.ROOT:
                self.repository.rotate(one, self.root_keys, new, self.online)
                self.root_keys = new
            else:
                kept = [key for key in self.online if key.role is not one]
                self.repository.rotate(one, self.root_keys, new, kept)
                self.online = [*kept, *new]


@dataclass(slots=True)
class LyingServer:
    """Serves a folder; `lies` answer in its place, by the end of the path."""

    folder: Path
    url: str = ""
    lies: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        for end, lie in self.lies.items():
            if request.path.endswith(end):
                return await lie(request)
        path = self.folder / request.path.lstrip("/")
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[LyingServer]:
    server = LyingServer(folder)
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        server.over.set()
        await runner.cleanup()


@dataclass(slots=True)
class TillComputer:
    """A computer with version 1.0 in use."""

    layout: Layout
    clock: ManualClock
    source: Source
    config: Path | None = None

    def updater(self, running: str = "1.0") -> Updater:
        return Updater(self.layout, self.source, self.config, running, Runtime(clock=self.clock))

    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.layout.root / "versions").iterdir())

    def whole(self, version: str) -> bool:
        program = self.layout.program(version)
        part = self.layout.folder(version) / "lib" / "part.txt"
        return part.read_text() == f"a part of {version}" and bool(program.stat().st_mode & stat.S_IXUSR)


def till_computer(home: Path, publisher: Publisher, url: str) -> TillComputer:
    layout = Layout(home / "till")
    folder = layout.folder("1.0")
    folder.mkdir(parents=True)
    layout.program("1.0").write_text(GOOD)
    layout.program("1.0").chmod(0o755)
    root = publisher.repository.trusted_root()
    describe(folder, Shipped(version="1.0", kind=this_computer(), url=url), root)
    layout.switch("1.0")
    return TillComputer(layout, set_clock(), Source(url, root, "stable", this_computer()))


def set_clock() -> ManualClock:
    """A clock that a test sets; it starts where every manual clock does."""
    return ManualClock(asyncio.get_running_loop(), EPOCH)


def days(count: float) -> timedelta:
    return timedelta(days=count)
