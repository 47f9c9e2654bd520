"""The sandbox put together: one ASGI application, and what works behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Mount

from tillbridge import __version__
from tillbridge.psp.hipay.sandbox.calling_back import Callbacks
from tillbridge.psp.hipay.sandbox.connector_site import PREFIX, connector_app
from tillbridge.psp.hipay.sandbox.console_site import console_errors, console_routes
from tillbridge.psp.hipay.sandbox.credentials import Credentials, kept
from tillbridge.psp.hipay.sandbox.ecr import ecr_routes
from tillbridge.psp.hipay.sandbox.faults import Faults
from tillbridge.psp.hipay.sandbox.gateway import PREFIXES, gateway_app
from tillbridge.psp.hipay.sandbox.hosted_site import ReturningHeaders, hosted_routes
from tillbridge.psp.hipay.sandbox.inspecting import inspecting_routes
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.receiving import receiver_routes
from tillbridge.psp.hipay.sandbox.sending import ANSWER_SECONDS, Sender
from tillbridge.psp.hipay.sandbox.settings import REACHABLE, SandboxSettings
from tillbridge.psp.hipay.sandbox.shop_terminal import ShopTerminal
from tillbridge.psp.hipay.sandbox.store import FILE, Store, prepare
from tillbridge.psp.hipay.sandbox.terminals import answer_orders
from tillbridge.runtime.data_folder import owned
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import CommittingThread, connect_writing
from tillbridge.web.answered import Answered
from tillbridge.web.asgi import App, Receive, Scope, Send
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.headers import SafeHeaders
from tillbridge.web.listening import BoundAddress
from tillbridge.web.own_files import OwnFiles
from tillbridge.web.serving import serve_asgi
from tillbridge.web.webhooks.courier import Courier
from tillbridge.web.webhooks.http_courier import HttpCourier

LARGEST_BODY: Final = 256 * 1024
"""Bytes of a request's body: an order with a basket of a hundred lines takes forty thousand."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that is put together: its provider, and the application to serve."""

    provider: Provider
    app: App

    callbacks: Callbacks

    async def work(self) -> None:
        """Sends notifications and callbacks, and answers orders for terminals, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.callbacks.run())
            group.create_task(self.provider.sender.run())
            group.create_task(answer_orders(self.provider))


def assemble(
    settings: SandboxSettings,
    credentials: Credentials,
    store: Store,
    courier: Courier,
    *,
    faults: Faults,
    runtime: Runtime,
    hosts: Iterable[str] = (),
) -> Sandbox:
    """A sandbox of these parts; `hosts` are names besides localhost under which it is addressed."""
    sender = Sender(store, courier, settings.target, credentials.passphrase, faults, runtime)
    provider = Provider(settings, credentials, store, sender, faults, runtime)
    callbacks = Callbacks(courier, credentials.passphrase, faults, runtime)
    connector = connector_app(provider, ShopTerminal(provider, settings.desk), callbacks)
    return Sandbox(provider, _app(provider, connector, hosts), callbacks)


@asynccontextmanager
async def sandbox(
    folder: Path,
    settings: SandboxSettings,
    runtime: Runtime,
    *,
    credentials: Credentials | None = None,
    faults: Faults | None = None,
    hosts: Iterable[str] = (),
) -> AsyncIterator[Sandbox]:
    """A sandbox with its folder, which it owns until the block is left. `BridgeError` for what cannot be.

    `credentials` None: those that the folder keeps, made at the first start.
    """
    with owned(folder) as known:
        chosen = credentials or kept(known, runtime.chance)
        path = folder / FILE
        prepare(path)
        store = Store(path, CommittingThread(partial(connect_writing, path), name="sandbox"))
        try:
            async with HttpCourier(REACHABLE, __version__, ANSWER_SECONDS) as courier:
                switches = faults or Faults()
                yield assemble(settings, chosen, store, courier, faults=switches, runtime=runtime, hosts=hosts)
        finally:
            await store.close()


async def serve(one: Sandbox, host: str, port: int, on_ready: Callable[[BoundAddress], None]) -> None:
    """Serves until cancelled; see `serve_asgi`."""
    async with asyncio.TaskGroup() as group:
        working = group.create_task(one.work())
        try:
            await serve_asgi(one.app, host, port, on_ready)
        finally:
            working.cancel()


def _app(provider: Provider, connector: App, hosts: Iterable[str]) -> App:
    """Programs come in below the gateway's prefixes, people everywhere else."""
    gateway = gateway_app(provider)
    pages = Starlette(
        routes=[
            *receiver_routes(provider),
            *inspecting_routes(provider),
            *hosted_routes(provider),
            *ecr_routes(provider),
            Mount("/static", app=OwnFiles("tillbridge.psp.hipay.sandbox")),
            *console_routes(provider),
        ],
        exception_handlers=console_errors(provider),
    )
    pages.router.redirect_slashes = False
    shown = ReturningHeaders(SafeHeaders(Answered(pages)))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        inside = any(path == prefix or path.startswith(f"{prefix}/") for prefix in PREFIXES)
        if path.startswith(f"{PREFIX}/"):
            await connector(scope, receive, send)
            return
        await (gateway if inside else shown)(scope, receive, send)

    return LoopbackGuard(app, hosts=hosts, max_body=LARGEST_BODY)
