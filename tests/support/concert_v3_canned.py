"""A Concert V3 terminal with canned answers: what a driver asks of it, and how little it may believe."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.support.concert_v3 import REFERENCE, Network, driver_settings
from tillbridge.protocols.concert.tlv import Fields, decode
from tillbridge.protocols.concert.v3.driver import ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine
from tillbridge.protocols.contract import Recovery

HEAD = b"CZ0040301CJ012330538600404CA00201"
PONG = HEAD + b"CD001IAE00210"
NO_SUCH = b"AE00201AF00212"
MONEY = b"CB0041250CE003978"
PAID = b"AE00210CC003001AC006184117" + MONEY
OURS = b"CF032" + REFERENCE.encode()
OTHERS = b"CF032" + b"f" * 32
SILENT = b""


class Canned(asyncio.Protocol):
    """Answers each action with the bytes that were laid out for it, and closes; nothing laid out is silence."""

    def __init__(self, answers: Mapping[str, bytes], asked: list[str]) -> None:
        self._answers, self._asked = answers, asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        fields = Fields.of(decode(data))
        action = fields.get("CD") or ""
        self._asked.append(action)
        if action != "0" and {"CB", "CE"} & fields.values.keys():
            self._asked.append("a service with an amount")
        answer = self._answers.get(action, SILENT)
        if answer:
            self._transport.write(answer)
            self._transport.close()


class House:
    """A driver, the answers that its terminal gives, and the actions that it was asked for."""

    def __init__(self, answers: Mapping[str, bytes], **settings: Any) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.network = Network()
        self.network.answering = lambda: Canned(self.answers, self.asked)
        self.terminal = ConcertV3Terminal(driver_settings(**settings), TcpLine(self.network.connect, 0.3))

    @property
    def recovery(self) -> Recovery:
        return self.terminal.capabilities.recovery


@asynccontextmanager
async def house(answers: Mapping[str, bytes], **settings: Any) -> AsyncIterator[House]:
    one = House(answers, **settings)
    try:
        yield one
    finally:
        await one.terminal.close()
    assert "a service with an amount" not in one.asked


def status_answers(*parts: bytes) -> dict[str, bytes]:
    return {"I": PONG, "T": HEAD + b"CD001T" + b"".join(parts), "3": HEAD + b"CD0013" + NO_SUCH}
