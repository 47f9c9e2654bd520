"""Calls an ASGI application without a server, under manual time."""

import json
from dataclasses import dataclass
from typing import Any

from tillbridge.web.asgi import App, Message, Scope


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


async def call(app: App, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Reply:
    """`body` is sent as JSON, bytes are sent as they are."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    target, _, query = path.partition("?")
    sent = {"host": "localhost:8680", "content-length": str(len(raw))} | (headers or {})
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
    }
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    start = said[0]
    got = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], got, b"".join(message.get("body", b"") for message in said[1:]))
