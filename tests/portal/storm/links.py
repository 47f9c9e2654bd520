"""Shops that are paired with the portal: each asks it for the session key that its tills sign with."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from tests.portal.browser import Reply
from tests.portal.links.opening import pair
from tests.portal.storm.street import Street
from tests.portal.storm.wire import Broken, Line
from tests.portal.tokens.till import Till, said
from tillbridge.link.base64url import decode
from tillbridge.link.scopes import Service
from tillbridge.link.signatures import SessionKey
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.services import store as services
from tillbridge.web import asgi
from tillbridge.web.asgi import App, Message, Receive, Scope, Send


@dataclass(slots=True)
class ShopLink:
    """One shop's link, and the session key that it has now."""

    till: Till
    street: Street
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: SessionKey | None = None

    async def key(self) -> SessionKey:
        """The session key; it is asked for if there is none."""
        return self.session or await self.renew(None)

    async def renew(self, old: SessionKey | None) -> SessionKey:
        """Another key than this one, which is no longer accepted. All tills of the shop wait for the same one."""
        async with self.asking:
            tries = 0
            while self.session is None or self.session is old:
                try:
                    self.session = await self._asked()
                except Broken:
                    tries += 1
                    assert tries < 1000, "no session key is to be had"
                    await self.street.calm(tries)
            return self.session

    async def _asked(self) -> SessionKey:
        """`Broken` if the portal cannot say now."""
        token = _good(await self.till.request_token(Service.WEB_VOUCHERS))["access_token"]
        found = _good(await self.till.call("POST", "/v1/token/session", token))
        return SessionKey(found["key_id"], decode(found["key"]))


def _good(reply: Reply) -> dict[str, str]:
    if reply.status in {500, 503}:
        raise Broken
    assert reply.status == 200, reply.text
    return said(reply)


async def paired(street: Street, house: House, location_id: str) -> ShopLink:
    """Pairs a shop, and gives it what it needs for vouchers."""
    links, now = Links(house), house.runtime.clock.now()
    made = await pair(house, links, location_id, computer=f"KASSE-{location_id[-4:]}")
    async with house.database.writing() as connection:
        await services.switch(connection, location_id, Service.WEB_VOUCHERS, on=True, at=now, by="storm")
        one = await locations.find(connection, location_id)
        assert one is not None
        span = Span(now - timedelta(days=1), None)
        await Licences(house).allot_in(connection, one, (Product.WEB_VOUCHERS,), span, PORTAL)
    return ShopLink(Till(_over(street), house, made.key, made.token), street)


def _over(street: Street) -> App:
    """An application that hands every request to a process of the portal, over a connection of its own."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await asgi.whole_body(receive) or b""
        portal = await street.portal(0)
        line = await Line.to(portal.port)
        head = [f"{scope['method']} {scope['path']} HTTP/1.1", f"host: 127.0.0.1:{portal.port}"]
        head += [
            f"{name.decode()}: {value.decode()}"
            for name, value in scope["headers"]
            if name not in {b"host", b"content-length"}
        ]
        try:
            answer = await line.ask(("\r\n".join([*head, f"content-length: {len(body)}"]) + "\r\n\r\n").encode() + body)
        finally:
            line.close()
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        start: Message = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    return app
