"""A whole portal that really listens, with the demonstration in it, in a thread with an event loop of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.portal.browser import Browser as Asker
from tests.support.shop import free_port
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.model import Session
from tillbridge.portal.accounts.secrets import hashed
from tillbridge.portal.accounts.sessions import NAME
from tillbridge.portal.app import open_house, portal_app, serve_portal
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.features import assemble
from tillbridge.portal.house import House
from tillbridge.portal.settings import ListenSettings, OperatorSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime
from tillbridge.web.asgi import App

T = TypeVar("T")

OWNER: Final = "owner@bakery.example"
TECHNICIAN: Final = "technician@bakery.example"
STAFF: Final = "operator@portal.example"

IN_PROCESS: Final = "http://127.0.0.1:8480"
"""As which address `tests.portal.browser` asks, without a window."""

FRESH: Final = timedelta(minutes=2)
"""How long a session of these tests is used: what needs a fresh proof asks for none within five minutes."""

START_SECONDS: Final = 60.0
JOB_SECONDS: Final = 30.0


@dataclass(slots=True)
class OpenPortal:
    """What a browser test needs: the address, the passwords, and hands inside. Called from the test's thread."""

    loop: asyncio.AbstractEventLoop
    house: House
    app: App
    url: str
    passwords: dict[str, str] = field(default_factory=dict)
    _known: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def run(self, job: Coroutine[Any, Any, T], seconds: float = JOB_SECONDS) -> T:
        """Runs a coroutine in the portal's loop and returns its result."""
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(seconds)

    def session(self, email: str) -> str:
        """The cookie of a session that this person opened and confirmed a moment ago, the same one for a while."""
        now = self.house.runtime.clock.now()
        since, secret = self._known.get(email, (now - FRESH, ""))
        if now - since >= FRESH:
            secret = self.run(_session(self.house, email))
            self._known[email] = now, secret
        return secret

    async def asker(self, email: str) -> Asker:
        """Sends forms as this person, without a window: for what a page needs to have something to show."""
        return Asker(self.app, cookies={NAME: await _session(self.house, email)})


async def _session(house: House, email: str) -> str:
    now, secret = house.runtime.clock.now(), house.runtime.ids.new() + house.runtime.ids.new()
    async with house.database.writing() as connection:
        account = await store.by_email(connection, email)
        assert account is not None, email
        session = Session(
            id=hashed(secret),
            handle=house.runtime.ids.new(),
            person_id=account.id,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(days=1),
            source="127.0.0.1",
            agent="Firefox",
            awaits_factor=False,
            stepped_up_at=now,
            recovered_at=None,
            helping_tenant_id=None,
        )
        await store.add_session(connection, session)
    return secret


@contextmanager
def open_portal(folder: Path) -> Iterator[OpenPortal]:
    """The portal of a computer, reached as localhost, since passkeys belong to a name."""
    opened: list[OpenPortal] = []
    listening = threading.Event()
    loop, leave = asyncio.new_event_loop(), asyncio.Event()
    port = free_port()
    settings = PortalSettings(
        data=folder,
        address=f"http://localhost:{port}",
        extra_addresses=(IN_PROCESS,),
        listen=ListenSettings(port=port),
        operator=OperatorSettings(name="tillbridge", sales_contact="040 5550100", support_contact="040 5550199"),
    )
    migrate(settings)

    async def live() -> None:
        async with open_house(settings, Runtime()) as house, asyncio.TaskGroup() as group:
            doorkeeper, features = assemble(house)
            app = portal_app(house, doorkeeper, features)
            portal = OpenPortal(loop, house, app, settings.address)
            portal.passwords = {one.email: one.password for one in (await demo_data(house)).people}
            opened.append(portal)
            serving = group.create_task(serve_portal(app, house, features, lambda _: listening.set()))
            await leave.wait()
            serving.cancel()

    thread = threading.Thread(target=_run, args=(loop, live()), name="portal")
    thread.start()
    try:
        assert listening.wait(START_SECONDS), "the portal did not open"
        yield opened[0]
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(START_SECONDS)
        assert not thread.is_alive(), "the portal did not close"


def _run(loop: asyncio.AbstractEventLoop, job: Coroutine[Any, Any, None]) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(job)
    finally:
        loop.close()
