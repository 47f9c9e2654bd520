"""The connector: one process that owns a data folder, its terminals, its doors and its console.

This is the composition: it knows everybody, and everybody else knows only what is handed over here.
"""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import structlog

from tillbridge.connector.api.references import references
from tillbridge.connector.console.app import console_app
from tillbridge.connector.console.site import Premises
from tillbridge.connector.doors import Doors
from tillbridge.connector.features import Features, open_features
from tillbridge.connector.host import Host
from tillbridge.connector.keeping.compacting import Compactor
from tillbridge.connector.keybook import KeyBook
from tillbridge.connector.settings import LOCAL, ConnectorSettings, ConsoleLog, ConsoleSettings, LogSettings
from tillbridge.connector.tracing.tracing import WireTracing, open_tracing
from tillbridge.connector.whereabouts import noted
from tillbridge.connector.wiretest.session import WireTester, open_tester
from tillbridge.connector.wiring import open_door, set_up_terminals
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import Engine
from tillbridge.engine.opening import open_engine
from tillbridge.protocols.contract import Door
from tillbridge.protocols.deliveries import TellsDeliveries
from tillbridge.runtime.data_folder import DataFolder, owned
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.runtime.logging import set_up_logging
from tillbridge.web.asgi import App
from tillbridge.web.serving import BoundAddress, serve_asgi

EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # recognised here, not listened on
"""Hosts that mean every address of this computer; its own programs then use the loopback one."""

THE_DOOR: Final = "the door "

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running connector is reached: the console's URL, and each door's address by its name."""

    console: str
    doors: dict[str, str]


async def run_connector(
    settings: ConnectorSettings,
    runtime: Runtime,
    on_ready: Callable[[Addresses], None],
    tell: Callable[[str], None],
    leave: Awaitable[None] | None = None,
    attend: Callable[[Host], Awaitable[None]] | None = None,
) -> None:
    """Runs until it is asked to stop: by a signal, by a till that may, or by `leave` coming to its end.

    `attend`, in the place of `leave`, asks things of the host for whoever started this process. `on_ready` is called
    once everything listens; `tell` gets sentences for the person who watches. Raises `BridgeError` when it cannot
    start, or had to stop because a part of it died; a running payment was waited for even then.
    """
    with owned(settings.data) as folder:
        _start_logging(settings.log, folder)
        tracing = open_tracing(folder.path, settings.terminals, runtime)
        setups = tracing.listen(set_up_terminals(settings.terminals, runtime))
        async with open_engine(folder.path, setups, settings.engine, runtime) as engine:
            host = Host(engine, tell)
            async with (
                open_tester(folder.path, settings.terminals, engine, runtime) as tester,
                _features(settings, engine, folder, runtime, host.version) as features,
            ):
                host.attend(lambda: None if tester.line is None else tester.line.engine)
                with on_interrupt(host.interrupt), noted(folder.path):
                    parts = _parts(settings, _House(engine, host, folder, runtime, tracing), tester, features)
                    await _serve(parts, host, folder, on_ready, leave if attend is None else attend(host))
        folder.withdraw()
    host.raise_failure()


def _features(
    settings: ConnectorSettings, engine: Engine, folder: DataFolder, runtime: Runtime, version: str
) -> AbstractAsyncContextManager[Features]:
    return open_features(
        settings.webhooks,
        settings.receipts,
        engine,
        folder.path,
        runtime,
        version,
        portal=settings.portal,
        upstream=settings.upstream,
        providers=settings.providers,
    )


def _start_logging(settings: LogSettings, folder: DataFolder) -> None:
    try:
        set_up_logging(
            level=settings.level,
            folder=folder.path if settings.file else None,
            console=None if settings.console is ConsoleLog.OFF else sys.stderr,
            readable=settings.console is ConsoleLog.TEXT,
        )
    except OSError as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the log cannot be written: {error.strerror}", place=str(folder.path)
        ) from error


@dataclass(frozen=True, slots=True)
class _Parts:
    console: "_Console"
    doors: Doors
    features: Features
    tracing: WireTracing
    tidying: Compactor

    def all(self) -> list[tuple[str, Door]]:
        return [
            ("the console", self.console),
            *((f"{THE_DOOR}{name}", one) for name, one in self.doors.at_work.items()),
        ]


class _Console:
    """The console and the native API, as a door."""

    def __init__(self, app: App, settings: ConsoleSettings) -> None:
        self._app = app
        self._settings = settings
        self.address = ""

    async def serve(self, on_ready: Callable[[], None]) -> None:
        def listening(address: BoundAddress) -> None:
            reachable = LOCAL if address.host in EVERYWHERE else address.host
            self.address = f"http://{BoundAddress(reachable, address.port)}"
            on_ready()

        await serve_asgi(self._app, self._settings.host, self._settings.port, listening)


@dataclass(frozen=True, slots=True)
class _House:
    engine: Engine
    host: Host
    folder: DataFolder
    runtime: Runtime
    tracing: WireTracing


def _parts(settings: ConnectorSettings, house: _House, tester: WireTester, features: Features) -> _Parts:
    at_work = {door.name: open_door(door, house.engine, house.runtime, house.host) for door in settings.doors}
    for one in at_work.values():
        if isinstance(one, TellsDeliveries):
            one.use_deliveries(features.reports)
    doors = Doors(settings.doors, at_work)
    app = console_app(
        house.engine,
        house.host,
        key=house.folder.api_key(),
        settings=settings.console,
        runtime=house.runtime,
        premises=Premises(doors, tester, features, references, house.tracing),
        named_keys=KeyBook(house.folder),
    )
    return _Parts(_Console(app, settings.console), doors, features, house.tracing, _tidying(settings, house))


def _tidying(settings: ConnectorSettings, house: _House) -> Compactor:
    engine, repeat = house.engine, settings.engine.order_ids_repeat
    clock = house.runtime.clock
    return Compactor(house.folder.path, engine.outbox_access(), settings.keeping, repeat, clock, lambda: engine.busy)


async def _serve(
    parts: _Parts,
    host: Host,
    folder: DataFolder,
    on_ready: Callable[[Addresses], None],
    leave: Awaitable[None] | None,
) -> None:
    waiting = {name for name, _ in parts.all()}

    def ready(name: str) -> None:
        waiting.discard(name)
        parts.doors.listens(name.removeprefix(THE_DOOR))
        if not waiting:
            # What is loaded by now stays until the end: looking through it for what could be let go held up every
            # payment that ran at that moment, by fifty milliseconds and more.
            gc.collect()
            gc.freeze()
            folder.announce(parts.console.address)
            on_ready(Addresses(parts.console.address, {name: one.address for name, one in parts.doors.at_work.items()}))

    async with asyncio.TaskGroup() as group:
        jobs = [group.create_task(_keep(name, part, host, ready)) for name, part in parts.all()]
        jobs.append(group.create_task(parts.features.tell()))
        jobs.append(group.create_task(parts.features.portal.run()))
        jobs.append(group.create_task(parts.tidying.run()))
        jobs.append(group.create_task(parts.tracing.run()))
        if leave is not None:
            jobs.append(group.create_task(_leave_after(leave, host)))
        await host.until_stop()
        # Whoever still waits for an answer gets it now: each part stops in an order of its own, within a bound.
        for job in jobs:
            job.cancel()


async def _keep(name: str, part: Door, host: Host, ready: Callable[[str], None]) -> None:
    try:
        await part.serve(lambda: ready(name))
    except Exception as error:  # noqa: BLE001  # it is kept, and raised once no payment runs any more
        host.fail(name, error)
    else:
        host.fail(name, RuntimeError("it ended by itself"))


async def _leave_after(leave: Awaitable[None], host: Host) -> None:
    await leave
    host.leave()
