"""Speaks to an ASGI application without a socket, so that it runs under manual time."""

import asyncio
import json as jsonlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tillbridge.web.asgi import App, Message

HOST = "localhost:8380"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """A browser or a program, with its cookies. `headers` go with every request."""

    app: App
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, json: object = None, **headers: str) -> Answer:
        return await self.ask(
            "POST", path, jsonlib.dumps(json).encode(), {"content-type": "application/json"} | headers
        )

    async def submit(self, path: str, **fields: str) -> Answer:
        """Sends a form as a browser does from a page of the same site."""
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://{HOST}"}
        return await self.ask("POST", path, urlencode(fields).encode(), headers)

    async def send_file(self, path: str, name: str, content: bytes, **fields: str) -> Answer:
        """Sends a form with a file as a browser does from a page of the same site."""
        parts = [f'name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()]
        parts.append(f'name="list"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'.encode() + content)
        body = (
            b"".join(b"--edge\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--edge--\r\n"
        )
        headers = {"content-type": "multipart/form-data; boundary=edge", "origin": f"http://{HOST}"}
        return await self.ask("POST", path, body, headers)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        said: list[Message] = []
        heard = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if heard:
                return heard.pop()
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            said.append(message)

        await self.app(self._scope(method, path, body, headers or {}), receive, send)
        return self._keep(said)

    @asynccontextmanager
    async def stream(self, path: str, **headers: str) -> AsyncIterator["Stream"]:
        """An answer that goes on until this block is left."""
        stream = Stream()
        async with asyncio.TaskGroup() as group:
            scope = self._scope("GET", path, b"", headers)
            task = group.create_task(self._run(scope, stream))
            task.add_done_callback(lambda _: stream.pieces.put_nowait(None))
            yield stream
            stream.left.set()

    async def _run(self, scope: dict[str, Any], stream: "Stream") -> None:
        await self.app(scope, stream.receive, stream.send)

    def _scope(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        bare, _, query = path.partition("?")
        together = {"host": HOST, "content-length": str(len(body))} | self.headers | dict(headers)
        if self.cookies:
            together["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": bare,
            "raw_path": bare.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in together.items()],
            "client": (self.address, 50000),
            "server": ("127.0.0.1", 8380),
        }

    def _keep(self, said: list[Message]) -> Answer:
        start = said[0]
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        cookies = tuple(value for name, value in headers if name == "set-cookie")
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        body = b"".join(message.get("body", b"") for message in said[1:])
        return Answer(start["status"], dict(headers), cookies, body)


class Stream:
    """A stream of server-sent events."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.start: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.start.set_result(message)
        elif message.get("body"):
            # Several events may come at once: how they are cut means nothing.
            for event in message["body"].removesuffix(b"\n\n").split(b"\n\n"):
                self.pieces.put_nowait(event + b"\n\n")

    async def next(self) -> bytes | None:
        """The next piece; None once the stream has ended."""
        return await self.pieces.get()
