"""A till in memory: speaks ASGI to a door over a virtual terminal, without a socket and under manual time."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tillbridge.protocols.contract import (
    AbortReply,
    HostControl,
    Payment,
    PaymentDesk,
    PaymentRequest,
    TerminalStatus,
    Totals,
)
from tillbridge.protocols.faults import Behaviour
from tillbridge.protocols.hipay.access import hash_password
from tillbridge.protocols.hipay.door import HipayDoor
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.manual import manual_runtime
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.asgi import Message

LOGIN, PASSWORD = "log", "pwd"
HASH = hash_password(PASSWORD)


@dataclass(frozen=True)
class Reply:
    """What came back: `json` is read with the standard library, as a till would."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def settings(**different: Any) -> HipaySettings:
    """The settings of the seed's sample, with whatever is `different`."""
    usual = {"api_username": LOGIN, "api_password_hash": HASH, "serial_number": "00000012345678"}
    return HipaySettings.model_validate(usual | different)


def basic(login: str = LOGIN, password: str = PASSWORD) -> str:
    return "Basic " + b64encode(f"{login}:{password}".encode()).decode()


class Host:
    """A program that can be stopped, and knows whether it was."""

    version = "1.2.3"

    def __init__(self, busy: bool = False) -> None:
        self.is_busy = busy
        self.stopped = False

    def busy(self) -> bool:
        return self.is_busy

    def stop(self) -> bool:
        self.stopped = self.stopped or not self.is_busy
        return not self.is_busy


class Till:
    """A till at a door over any desk. Made inside a running manual loop."""

    def __init__(
        self,
        desk: PaymentDesk,
        runtime: Runtime,
        host: HostControl | None = None,
        behaviour: Behaviour | None = None,
        **different: Any,
    ) -> None:
        self.door = HipayDoor(settings(**different), desk, runtime, host, behaviour)

    async def order(self, body: Any = None, /, key: str | None = None, **fields: Any) -> Reply:
        """`POST /order` with these fields, or with this very body."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", "/order", fields if body is None else body, headers)

    async def get(self, path: str) -> Reply:
        return await self.call("GET", path)

    async def call(
        self, method: str, path: str, body: Any = b"", headers: Mapping[str, str] | None = None, login: str | None = ""
    ) -> Reply:
        """One request; `login` None leaves the Authorization header out, "" stands for the right one."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"host": "localhost:8080", "content-length": str(len(content))} | dict(headers or {})
        if login is not None:
            sent["authorization"] = login or basic()
        said: list[Message] = []

        async def say(message: Message) -> None:
            said.append(message)

        unheard: list[Message] = [{"type": "http.request", "body": content}, {"type": "http.disconnect"}]

        async def hear() -> Message:
            return unheard.pop(0)

        await self.door.app(_scope(method, path, sent), hear, say)
        answered = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Reply(said[0]["status"], answered, b"".join(part["body"] for part in said[1:]).decode())


class Counter(Till):
    """A counter of a shop: one virtual terminal, one door, one till."""

    def __init__(
        self,
        virtual: VirtualTerminal | None = None,
        host: HostControl | None = None,
        behaviour: Behaviour | None = None,
        runtime: Runtime | None = None,
        wrap: Callable[[PaymentDesk], PaymentDesk] = lambda desk: desk,
        **different: Any,
    ) -> None:
        self.runtime = runtime if runtime is not None else manual_runtime()
        self.terminal = virtual if virtual is not None else VirtualTerminal(runtime=self.runtime)
        self.desk = wrap(self.terminal)
        super().__init__(self.desk, self.runtime, host, behaviour, **different)


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
    }


class Watched:
    """A desk that lets everything through and remembers what it was asked."""

    def __init__(self, desk: PaymentDesk) -> None:
        self._desk = desk
        self.requests: list[PaymentRequest] = []
        self.told: list[tuple[str, str, bool]] = []
        self.broken: dict[str, Exception] = {}

    async def start(self, request: PaymentRequest) -> Payment:
        self._break("start")
        self.requests.append(request)
        return await self._desk.start(request)

    async def wait(self, payment_id: str, patience: float) -> Payment:
        self._break("wait")
        return await self._desk.wait(payment_id, patience)

    async def abort(self, payment_id: str) -> AbortReply:
        return await self._desk.abort(payment_id)

    async def inquire(self, payment_id: str) -> Payment:
        self._break("inquire")
        return await self._desk.inquire(payment_id)

    async def sign(self, payment_id: str, *, accepted: bool, by: str) -> Payment:
        return await self._desk.sign(payment_id, accepted=accepted, by=by)

    async def find_key(self, caller: str, key: str) -> Payment:
        return await self._desk.find_key(caller, key)

    async def find_order(self, caller: str, order_id: str) -> Payment:
        self._break("find_order")
        return await self._desk.find_order(caller, order_id)

    async def terminals(self) -> Sequence[TerminalStatus]:
        return await self._desk.terminals()

    async def totals(self, since: datetime) -> Sequence[Totals]:
        return await self._desk.totals(since)

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        self._break("delivered")
        self.told.append((payment_id, receiver, reached))
        await self._desk.delivered(payment_id, receiver, reached)

    def _break(self, what: str) -> None:
        if what in self.broken:
            raise self.broken[what]


def watched(**different: Any) -> tuple[Counter, Watched]:
    counter = Counter(wrap=Watched, **different)
    assert isinstance(counter.desk, Watched)
    return counter, counter.desk


async def call(method: str, path: str, body: Any = b"", **more: Any) -> Reply:
    return await Counter().call(method, path, body, **more)
