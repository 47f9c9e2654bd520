"""Requests as no browser sends them: header by header, byte by byte."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import unquote

from tests.portal.security.town import HOST
from tillbridge.web.asgi import App, Message

_T = TypeVar("_T")
Header = tuple[str, str]

PLAIN: Final[Sequence[Header]] = (("host", HOST), ("accept", "text/html"))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, with every header that it has."""

    status: int
    headers: Sequence[Header]
    body: bytes

    def every(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    def one(self, name: str) -> str:
        found = self.every(name)
        assert len(found) == 1, (name, found)
        return found[0]


async def at_once(*asked: Coroutine[Any, Any, _T]) -> list[_T]:
    """What all of them come to, begun at the same moment."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in asked]
    return [task.result() for task in tasks]


async def send(
    app: App,
    method: str,
    target: str,
    headers: Sequence[Header] = PLAIN,
    body: Sequence[bytes] = (b"",),
    *,
    source: str = "192.0.2.9",
) -> Answer:
    """Asks with exactly these headers; the body comes in these pieces."""
    told: list[Message] = []
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in body]
    waiting[-1]["more_body"] = False

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def tell(message: Message) -> None:
        told.append(message)

    raw, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": (source, 50000),
        "server": ("127.0.0.1", 8480),
    }
    await app(scope, receive, tell)
    found = [(name.decode().lower(), value.decode("latin-1")) for name, value in told[0]["headers"]]
    return Answer(told[0]["status"], found, b"".join(one.get("body", b"") for one in told[1:]))
