"""HTTP to one terminal on the local network: one question, one answer, and the truth about what left (README, 5)."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol

import aiohttp

from tillbridge.domain.outcome import DoubtReason, NotStartedReason
from tillbridge.protocols.touchscreen.profile import Timing
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.transports.traced_http import traced_session

MAX_ANSWER: Final = 256 * 1024
"""Bytes of an answer; a result has two KB. More is not read: no terminal may fill up this computer's memory."""

_PIECE: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where a terminal listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `body` None makes it a GET. `connect` and `read` are seconds."""

    address: Address
    path: str
    connect: float
    read: float
    body: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole answer."""

    status: int
    body: bytes = field(repr=False)


Ended = Heard | NotSent | Lost


class Link(Protocol):
    """How questions reach a terminal."""

    async def ask(self, question: Question) -> Ended:
        """Asks once and never again; every wait is bounded."""
        ...

    async def close(self) -> None:
        """Ends what is open; later questions are not sent."""
        ...


class HttpLink:
    """`Link` over the network.

    Each question has a connection of its own: on one that is kept open, nobody could tell a request that was lost with
    it from one that was never read. Redirects and proxies are not followed, and cookies not kept.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def ask(self, question: Question) -> Ended:
        """See `Link.ask`."""
        if self._closed:
            return NotSent(NotStartedReason.CONNECTOR_STOPPED, "the line is closed")
        try:
            async with asyncio.timeout(question.connect + question.read):
                return await self._ask(question)
        except aiohttp.ClientConnectorError as error:
            return NotSent(NotStartedReason.NETWORK_UNAVAILABLE, f"{question.address}: {error.strerror or error}")
        except aiohttp.ConnectionTimeoutError:
            return NotSent(
                NotStartedReason.TERMINAL_SILENT, f"{question.address} did not answer in {question.connect:g} s"
            )
        except TimeoutError:
            return Lost(DoubtReason.NO_ANSWER, f"no answer from {question.address} in {question.read:g} s")
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            return Lost(DoubtReason.LINE_LOST, f"{question.address}: {type(error).__name__}")

    async def close(self) -> None:
        """See `Link.close`."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _ask(self, question: Question) -> Ended:
        method = "GET" if question.body is None else "POST"
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **dict(question.headers)}
        if question.body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        async with self._opened().request(
            method,
            f"http://{question.address}{question.path}",
            data=question.body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=question.connect, sock_read=question.read),
        ) as answer:
            body = await _bounded(answer.content)
        if body is None:
            return Lost(DoubtReason.ANSWER_UNREADABLE, f"the answer of {question.address} is longer than {MAX_ANSWER}")
        return Heard(answer.status, body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = traced_session(
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _bounded(content: aiohttp.StreamReader) -> bytes | None:
    body = bytearray()
    while piece := await content.read(_PIECE):
        body += piece
        if len(body) > MAX_ANSWER:
            return None
    return bytes(body)


def timed(timing: Timing, address: Address, path: str, body: bytes | None, *headers: tuple[str, str]) -> Question:
    """A question with the profile's patience."""
    return Question(address, path, timing.connect, timing.read, body, headers)
