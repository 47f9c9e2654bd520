"""What stands before a door's paths: the password, the addresses, and what a failure looks like.

Facts and choices: protocols/touchscreen/README.md, section 7.
"""

import hmac
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final

import structlog
from starlette.exceptions import HTTPException

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import http_door
from tillbridge.protocols.touchscreen.strict_json import write
from tillbridge.runtime.effects import Runtime
from tillbridge.web import asgi
from tillbridge.web.asgi import App, Header, Receive, Scope, Send
from tillbridge.web.guard import LoopbackGuard

WINDOW: Final = 60.0
MAX_WRONG: Final = 20
"""Different wrong passwords from one address within `WINDOW` seconds, before it has to wait."""

MAX_ADDRESSES: Final = 256
"""Addresses that are remembered for that; the oldest is forgotten first."""

MAX_SECRET: Final = 256
"""Characters of a password that are compared at all."""

MAX_GUARDS: Final = 64
"""Addresses of this computer under which tills have reached it; it has a handful."""

HEADERS: Final[tuple[Header, ...]] = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))

log = structlog.get_logger(__name__)


class Admission(StrEnum):
    """What a password is worth."""

    RIGHT = "right"
    WRONG = "wrong"
    TOO_MANY = "too_many"


class Passwords:
    """Compares in constant time, and slows down whoever tries many.

    The same wrong one again counts once: it is a till with an old setting, and no search.
    """

    def __init__(self, secret: str, runtime: Runtime) -> None:
        self._secret = secret.encode()
        self._clock = runtime.clock
        self._key = runtime.chance.randbytes(32)
        self._wrong: OrderedDict[str, deque[tuple[float, bytes]]] = OrderedDict()

    def admits(self, given: object, address: str) -> Admission:
        """Whether this password, from a client at `address`, is the right one."""
        text = given if isinstance(given, str) and len(given) <= MAX_SECRET else ""
        if text and hmac.compare_digest(text.encode("utf-8", "replace"), self._secret):
            return Admission.RIGHT
        noted = self._recent(address)
        if len(noted) >= MAX_WRONG:
            return Admission.TOO_MANY
        digest = hmac.digest(self._key, text.encode("utf-8", "replace"), sha256)
        if not any(hmac.compare_digest(digest, known) for _, known in noted):
            self._note(address, digest)
        return Admission.WRONG

    def _recent(self, address: str) -> deque[tuple[float, bytes]]:
        noted = self._wrong.get(address, deque())
        while noted and noted[0][0] <= self._clock.monotonic() - WINDOW:
            noted.popleft()
        return noted

    def _note(self, address: str, digest: bytes) -> None:
        self._wrong.setdefault(address, deque(maxlen=MAX_WRONG)).append((self._clock.monotonic(), digest))
        self._wrong.move_to_end(address)
        if len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)


class OwnAddress:
    """ASGI middleware: a `LoopbackGuard` that also knows the address of this computer that the till has reached.

    A till on the network types this computer's address. That is no bent name: an address in the Host header that is
    the connection's own cannot have been chosen by a foreign page.
    """

    def __init__(self, make: Callable[[tuple[str, ...]], LoopbackGuard], hosts: tuple[str, ...]) -> None:
        self._make = make
        self._hosts = hosts
        self._guards: OrderedDict[str, LoopbackGuard] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        reached = str((scope.get("server") or ("",))[0])
        guard = self._guards.get(reached)
        if guard is None:
            guard = self._make((*self._hosts, reached) if reached else self._hosts)
            self._guards[reached] = guard
            if len(self._guards) > MAX_GUARDS:
                self._guards.popitem(last=False)
        await guard(scope, receive, send)


class Refusing(http_door.Refusing):
    """What this wire says of a failure."""

    def __init__(self, app: App, shape: Callable[[BridgeError], Mapping[str, object]], unknown_path: bytes) -> None:
        super().__init__(app)
        self._shape = shape
        self._unknown_path = unknown_path

    def render(self, error: BridgeError) -> asgi.Answer:
        """A refusal as this wire shows it."""
        return error.entry.status, list(HEADERS), write(self._shape(error))

    def refusal(self, error: Exception, scope: Scope) -> asgi.Answer:  # noqa: ARG002 - an answer here names no request
        """See `http_door.Refusing.refusal`."""
        match error:
            case BridgeError():
                return self.render(error)
            case HTTPException(status_code=405):
                return self.render(BridgeError(Code.METHOD_NOT_ALLOWED))
            case HTTPException():
                return 404, [(b"content-type", b"text/plain; charset=utf-8")], self._unknown_path
            case _:
                log.error("a fault that nobody expected", exc_info=error)
                return self.render(BridgeError(Code.INTERNAL))
