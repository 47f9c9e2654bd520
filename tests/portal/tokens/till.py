"""A connector as the portal sees it: it holds a key and a master token, and proves each request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from tests.portal.browser import Browser, Reply
from tillbridge.link.base64url import decode
from tillbridge.link.keys import KeyPair
from tillbridge.link.proofs import Call, make
from tillbridge.link.scopes import Service
from tillbridge.link.signatures import SessionKey, Signed, sign
from tillbridge.portal.house import House
from tillbridge.web.asgi import App

ADDRESS = "http://127.0.0.1:8480"
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}


@dataclass(slots=True)
class Till:
    """`clock_off` is how far its clock is from the portal's; `number` counts its token requests."""

    app: App
    house: House
    key: KeyPair
    master: str
    number: int = 0
    nonce: str | None = None
    clock_off: timedelta = timedelta()
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.browser = Browser(self.app)

    def proof(self, method: str, path: str, token: str | None = None, *, key: KeyPair | None = None) -> str:
        """A new proof with the newest nonce."""
        at = self.house.runtime.clock.now() + self.clock_off
        call = Call(method, ADDRESS + path, token)
        return make(key or self.key, call, jti=self.house.runtime.ids.new(), at=at, nonce=self.nonce)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        reply = await self.browser.ask(method, path, body, {"accept": "application/json", **(headers or {})})
        self.nonce = reply.headers.get("dpop-nonce", self.nonce)
        return reply

    def form(self, service: Service, scope: str = "", **other: str) -> bytes:
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.master,
            "resource": service.value,
            "scope": scope,
            "counter": str(self.number),
        }
        return urlencode(fields | other).encode()

    async def request_token(self, service: Service, scope: str = "", **other: str) -> Reply:
        """A token request; it is repeated once where only the nonce was missing."""
        self.number += 1
        body = self.form(service, scope, **other)
        reply = await self._once(body)
        return await self._once(body) if said(reply).get("error") == "use_dpop_nonce" else reply

    async def _once(self, body: bytes) -> Reply:
        return await self.ask("POST", "/v1/token", body, FORM | {"dpop": self.proof("POST", "/v1/token")})

    async def token(self, service: Service, scope: str = "") -> str:
        reply = await self.request_token(service, scope)
        assert reply.status == 200, reply.text
        token: str = said(reply)["access_token"]
        return token

    async def call(self, method: str, path: str, token: str, body: bytes = b"") -> Reply:
        """A call with an access token."""
        given = {"authorization": f"DPoP {token}", "dpop": self.proof(method, path, token)}
        return await self.ask(method, path, body, given)

    async def session(self, token: str) -> SessionKey:
        reply = await self.call("POST", "/v1/token/session", token)
        assert reply.status == 200, reply.text
        found = said(reply)
        return SessionKey(found["key_id"], decode(found["key"]))

    async def hot(self, session: SessionKey, path: str, body: bytes = b"{}", method: str = "POST") -> Reply:
        """A signed call."""
        signed = Signed(method, path, "", body, "sale-1")
        headers = sign(session, signed, self.house.runtime.clock.now() + self.clock_off)
        return await self.ask(method, path, body, headers | {"idempotency-key": "sale-1"})

    def stolen_by(self, key: KeyPair) -> "Till":
        """Somebody who has the token and not the key."""
        thief = replace(self, key=key)
        thief.nonce = self.nonce
        return thief


def said(reply: Reply) -> dict[str, Any]:
    """The members of a JSON answer."""
    found: dict[str, Any] = json.loads(reply.body)
    return found


def number_of(reply: Reply) -> tuple[int, str]:
    """The status, and the number of the error."""
    return reply.status, said(reply).get("number", "")
