"""A browser without a window: asks an ASGI application in this process, keeps cookies, sends forms as a page would."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from tillbridge.web.asgi import App, Message

_ORIGIN = "http://127.0.0.1:8480"
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return unescape(self.body.decode())

    @property
    def location(self) -> str:
        return self.headers["location"]


@dataclass(slots=True)
class Browser:
    """`source` is the address that it asks from; `language` what it says that its reader understands."""

    app: App
    source: str = "127.0.0.1"
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.ask("GET", path, headers=headers)

    async def follow(self, reply: Reply) -> Reply:
        """The page that a redirect leads to."""
        assert reply.status == 303, (reply.status, reply.text[:500])
        return await self.get(reply.location)

    async def token_of(self, page: str) -> str:
        """The token that stands in the forms of a page."""
        found = _TOKEN.search((await self.get(page)).text)
        assert found is not None, f"{page} has no form"
        return found[1]

    async def post(self, path: str, *, page: str | None = None, **form: str) -> Reply:
        """Sends a form. With `page` it comes from there, and that page is loaded first unless its `token` is given."""
        if page is not None and "token" not in form:
            form = {"token": await self.token_of(page), **form}
        body = urlencode(form).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": _ORIGIN}
        return await self.ask("POST", path, body, headers | ({"referer": _ORIGIN + page} if page else {}))

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        sent = {"host": "127.0.0.1:8480", "accept": "text/html", "accept-language": self.language, **(headers or {})}
        sent["content-length"] = str(len(body))
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        exchange = _Exchange(body)
        await self.app(_scope(method, path, sent, self.source), exchange.receive, exchange.send)
        start = exchange.told[0]
        found = [(name.decode().lower(), value.decode()) for name, value in start["headers"]]
        for name, value in found:
            if name == "set-cookie":
                self._keep(value)
        return Reply(start["status"], dict(found), b"".join(one.get("body", b"") for one in exchange.told[1:]))

    def _keep(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


@dataclass(slots=True)
class _Exchange:
    """One request: its body comes at once, and the client goes away only when it has the whole answer."""

    body: bytes
    told: list[Message] = field(default_factory=list)
    asked: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> Message:
        if self.asked:
            await self.answered.wait()
            return {"type": "http.disconnect"}
        self.asked = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        self.told.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.answered.set()


def _scope(method: str, path: str, headers: Mapping[str, str], source: str) -> dict[str, Any]:
    parts = urlsplit(path)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items() if value],
        "client": (source, 50000),
        "server": ("127.0.0.1", 8480),
    }
