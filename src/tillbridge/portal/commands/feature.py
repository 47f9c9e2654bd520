"""The lasting connection as a part of the portal: its socket, what people may ask of a connector, and its jobs."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.websockets import WebSocket

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.messages import LocationFacts, Welcome
from tillbridge.link.protocol import OLDEST, PROTOCOL
from tillbridge.link.scopes import Scope
from tillbridge.portal.audit.log import Actor, ActorKind
from tillbridge.portal.commands.hub import USABLE, Hub, refusal_for
from tillbridge.portal.commands.model import Holder
from tillbridge.portal.commands.news import News
from tillbridge.portal.commands.routes import PATH, ConnectorPages
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.commands.socket import HEARTBEAT_SECONDS, LinkSocket, own_version
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.pages.site import MenuEntry
from tillbridge.portal.rights import Area
from tillbridge.portal.tokens.bearer import Callers

AREAS: Final = (Area.PAYMENTS, Area.POS_INTERFACE)


def feature(house: House, links: Links, callers: Callers, maintenance: Maintenance) -> Feature:
    """What it adds to the portal."""
    hub = Hub(house)
    desk = CommandDesk(house, hub)
    greet = _greeting(house, maintenance)
    socket = LinkSocket(
        house, hub, desk, admit=_admission(house, links, callers), greet=greet, unpaired=_unpairing(house, links)
    )
    news = News(house, hub, greet)
    return Feature(
        name="commands",
        pages=lambda site: ConnectorPages(site, desk, links).routes(),
        sockets=(socket.route,),
        jobs=(hub.hand_out, hub.keep_reports, hub.hear_announcements, news.spread),
        menu=(MenuEntry(PATH, "commands.menu", AREAS, seldom=True),),
    )


def _admission(house: House, links: Links, callers: Callers) -> Callable[[WebSocket], Awaitable[Holder]]:
    async def admit(socket: WebSocket) -> Holder:
        # The handshake of a WebSocket is a GET, and its proof is that of one (RFC 6455, section 4.1).
        request = Request({**socket.scope, "type": "http", "method": "GET"})
        caller = (await callers.proven(request, None, Scope.STATUS)).caller
        async with house.database.reading() as connection:
            link = await links.link(connection, caller.link_id)
        if link.state not in USABLE:
            raise refusal_for(link.state)
        return Holder(link.id, link.location_id, link.tenant_id)

    return admit


def _greeting(house: House, maintenance: Maintenance) -> Callable[[Holder], Awaitable[Welcome]]:
    async def greet(holder: Holder) -> Welcome:
        now = house.runtime.clock.now()
        async with house.database.reading() as connection:
            location = await locations.find(connection, holder.location_id)
            windows = await maintenance.ahead(connection, holder.tenant_id, now)
            told = await maintenance.told(connection, holder.tenant_id, now)
        if location is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return Welcome(
            protocol=PROTOCOL,
            oldest=OLDEST,
            version=own_version(),
            server_time=now,
            heartbeat_seconds=HEARTBEAT_SECONDS,
            location=LocationFacts(number=location.number.digits, name=location.name),
            windows=tuple(windows),
            maintenance=told,
        )

    return greet


def _unpairing(house: House, links: Links) -> Callable[[Holder, str], Awaitable[None]]:
    async def unpaired(holder: Holder, reason: str) -> None:
        actor = Actor(ActorKind.LINK, holder.link_id, "connector")
        async with house.database.writing() as connection:
            await links.unpair(connection, holder.link_id, actor, reason)

    return unpaired
