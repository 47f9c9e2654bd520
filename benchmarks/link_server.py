"""A program with the servers of `portal_links`: the portal's end of the lasting connection, or a bare WebSocket server.

`link_server.py portal PORT FOLDER LINKS` or `link_server.py bare PORT`. For each line of its input it writes one with
its memory in bytes, its processor time in seconds so far, and the number of connections that it has taken in.

Who is connected is told by a header: how a connector proves itself is measured elsewhere (`portal_pages`), and costs
the same whether the connection then stays for a second or for a month.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import process_time

import structlog
from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.websockets import WebSocket
from websockets.asyncio.server import ServerConnection, serve

from tests.portal.shops import merchant
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.messages import LocationFacts, Welcome
from tillbridge.portal.app import LONGEST_MESSAGE, MOST_LINES, open_house
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import Holder
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.commands.socket import LinkSocket
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations.tables import location
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime
from tillbridge.web.serving import Lines, serve_asgi

FIRST_SERIAL = 3_000_000


def _figures(lines: int) -> str:
    used = process_time()
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"{pages * os.sysconf('SC_PAGESIZE')} {used} {lines}"


async def _answer(lines: Callable[[], int]) -> None:
    """A line for a line, until the input ends."""
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(_figures(lines()) + "\n")
        sys.stdout.flush()


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def _shops(house: House, links: int) -> list[Holder]:
    """So many locations with a link in use."""
    tenant_id, ids, now = await merchant(house), house.runtime.ids, house.runtime.clock.now()
    holders = [Holder(ids.new(), ids.new(), tenant_id) for _ in range(links)]
    places: list[dict[str, object]] = [
        {
            "id": holder.location_id,
            "tenant_id": tenant_id,
            "number": LocationNumber.of(FIRST_SERIAL + number).digits,
            "client_number": number,
            "parent_id": None,
            "kind": "head_office",
            "name": f"Shop {number}",
            "country": "DE",
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "restricted": [],
            "customer_base": "none",
            "created_at": now,
        }
        for number, holder in enumerate(holders)
    ]
    async with house.database.writing() as connection:
        await connection.execute(insert(location), places)
        await connection.execute(insert(link), _links(holders, now))
    return holders


def _links(holders: list[Holder], now: datetime) -> list[dict[str, object]]:
    return [
        {
            "id": holder.link_id,
            "location_id": holder.location_id,
            "tenant_id": holder.tenant_id,
            "state": LinkState.ACTIVE,
            "state_since": now,
            "conversion_due": False,
            "connector_id": holder.link_id,
            "connector_name": "till",
            "connector_version": "1.0.0",
            "connector_os": "Debian 12",
            "created_at": now,
        }
        for holder in holders
    ]


async def _portal(port: int, folder: Path, links: int) -> None:
    settings = PortalSettings(data=folder)
    await asyncio.to_thread(migrate, settings)
    async with open_house(settings, Runtime()) as house, asyncio.TaskGroup() as group:
        holders = await _shops(house, links)
        hub = Hub(house)

        async def admit(socket: WebSocket) -> Holder:
            return holders[int(socket.headers["x-link"])]

        async def greet(_: Holder) -> Welcome:
            return Welcome(
                protocol=1,
                oldest=1,
                version="1",
                server_time=house.runtime.clock.now(),
                heartbeat_seconds=60,
                location=LocationFacts(number="10047110", name="Shop"),
            )

        async def unpaired(_: Holder, __: str) -> None:
            raise NotImplementedError

        socket = LinkSocket(house, hub, CommandDesk(house, hub), admit, greet, unpaired)
        jobs = [group.create_task(job()) for job in (hub.hand_out, hub.keep_reports)]
        lines = Lines(MOST_LINES, LONGEST_MESSAGE)
        app = Starlette(routes=[socket.route])
        jobs.append(group.create_task(serve_asgi(app, "127.0.0.1", port, lambda _: _ready(), lines=lines)))
        await _answer(hub.__len__)
        for job in jobs:
            job.cancel()


async def _hear(socket: ServerConnection) -> None:
    """Takes what comes, as little as a server can do with it."""
    async for _ in socket:
        pass


async def _bare(port: int) -> None:
    async with serve(_hear, "127.0.0.1", port, compression=None, max_size=LONGEST_MESSAGE) as server:
        _ready()
        await _answer(lambda: len(server.connections))


def main() -> None:
    """See the module."""
    # What is answered goes to standard output, and a full pipe would hold the server up.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    kind, port, *rest = sys.argv[1:]
    if kind == "bare":
        asyncio.run(_bare(int(port)))
    else:
        asyncio.run(_portal(int(port), Path(rest[0]), int(rest[1])))


if __name__ == "__main__":
    main()
