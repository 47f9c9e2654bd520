"""Connectors at the assembled portal, honest ones and others, and the PINs that somebody reads to them."""

import random
import re
from dataclasses import dataclass, field

from tests.portal.browser import Browser, Reply
from tests.portal.pairing.floor import DESCRIPTION, post
from tests.portal.security.town import HOST, Town
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.words import FinishReply, Grant, StartReply
from tillbridge.portal.demo_plan import DEMO_NUMBER
from tillbridge.web.asgi import App

_DIGITS = re.compile(r'class="pin" role="img" aria-label="([0-9, ]+)"')


async def pin_of(town: Town, owner: Browser, location_id: str, **form: str) -> str:
    """Makes a PIN as a person does and reads it from the page."""
    reply = await town.send(owner, f"/interfaces/{location_id}/pin", **form)
    assert reply.status == 200, (reply.status, reply.location if reply.status == 303 else reply.text)
    found = _DIGITS.search(reply.text)
    assert found is not None, reply.text
    return found[1].replace(", ", "")


@dataclass(slots=True)
class Machine:
    """A connector that types what it is told; its parts can be used one by one."""

    app: App
    source: str = "192.0.2.1"
    seed: int = 1
    host: str = HOST.partition(":")[0]
    number: LocationNumber = DEMO_NUMBER
    kept: KeptExchange | None = None
    key: KeyPair = field(init=False)

    def __post_init__(self) -> None:
        self.key = KeyPair.make(random.Random(self.seed + 1).randbytes)

    @property
    def browser(self) -> Browser:
        return Browser(self.app, self.source)

    def begun(self, pin: str) -> connector_side.Begun:
        return connector_side.begin(pin, self.number, self.host, random.Random(self.seed).randbytes)

    async def begin(self, pin: str) -> Reply:
        """The start; what comes of it is kept."""
        begun = self.begun(pin)
        reply = await post(self.browser, "/v1/pairing/start", begun.request.body())
        if reply.status == 201:
            self.kept = begun.answer(StartReply.read(reply.body), DESCRIPTION, self.key)
        return reply

    async def finish(self, body: bytes | None = None) -> Reply:
        """The finish: the same bytes each time, or others."""
        assert self.kept is not None
        path = f"/v1/pairing/sessions/{self.kept.session_id}/finish"
        return await post(self.browser, path, self.kept.finish_body if body is None else body)

    async def retrieve(self, pin: str) -> Reply:
        """One press of the button."""
        self.seed += 100
        reply = await self.begin(pin)
        assert reply.status == 201, reply.text
        return await self.finish()

    def conclude(self, reply: Reply) -> Grant:
        assert self.kept is not None
        assert reply.status == 200, reply.text
        return self.kept.conclude(FinishReply.read(reply.body))
