"""Receivers of webhooks that do what a test wants, and the way there."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.portal.partners.place import chief
from tests.portal.vouchers.floor import Floor
from tillbridge.portal.house import House
from tillbridge.portal.partners.carrying import Carrier
from tillbridge.portal.partners.hooks_model import CHOOSABLE, Delivery, Topic
from tillbridge.portal.partners.hooks_service import HookDraft, Shown, Webhooks
from tillbridge.portal.partners.telling import Telling
from tillbridge.portal.rights import Person
from tillbridge.web.webhooks.courier import Reply

URL = "https://192.0.32.10/told"
TOOK_IT = Reply(200)
DOWN = Reply(failure="it could not be reached: Connection refused")


@dataclass(frozen=True, slots=True)
class Said:
    """One attempt as a receiver sees it."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def signed_with(self, secret: str) -> bool:
        """What a receiver works out for itself, from the specification alone."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


@dataclass(slots=True)
class Town:
    """A courier to receivers, each of which answers as `answers` has it for its address."""

    answers: dict[str, Callable[[Said], Reply]] = field(default_factory=dict)
    heard: list[Said] = field(default_factory=list)

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        said = Said(url, dict(headers), body)
        answer = self.answers.get(url)
        reply = TOOK_IT if answer is None else answer(said)
        self.heard.append(said)
        return reply

    def types(self, url: str = URL) -> list[str]:
        return [said.json["type"] for said in self.heard if said.url == url]


@dataclass(slots=True)
class Hearing:
    """A merchant's webhooks, driven by hand: `tell` makes messages, `carry` sends what is due."""

    floor: Floor
    town: Town = field(default_factory=Town)

    @property
    def house(self) -> House:
        return self.floor.house

    @property
    def person(self) -> Person:
        return chief(self.house, self.floor.here.tenant_id)

    @property
    def hooks(self) -> Webhooks:
        return Webhooks(self.house)

    async def add(self, url: str = URL, topics: tuple[Topic, ...] = CHOOSABLE) -> Shown:
        return await self.hooks.add(self.person, HookDraft(url, "", topics))

    async def tell(self) -> None:
        telling = Telling(self.house)
        while await telling.look():
            pass

    async def carry(self) -> None:
        carrier = Carrier(self.house, self.town)
        async with asyncio.TaskGroup() as group:
            await carrier.send_due(group)

    async def log(self, shown: Shown) -> list[Delivery]:
        """The messages of a webhook, the oldest first."""
        _, found = await self.hooks.seen(self.person, shown.webhook.id, None, None)
        return list(reversed(found))
