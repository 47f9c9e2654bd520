"""A touch-screen terminal of plain sockets and literal JSON: it shares no line of code with the wire's own folder."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.integration.raw_house import PATIENCE

BASES = ("/api/switchio/pay/v6", "/api/switchio/pay/v5", "/api/switchio/pay/v4", "/api/switchio/pay/v2", "/paya")
UNSUPPORTED = (404, b"Endpoint not supported.")
Answer = tuple[int, bytes] | None
STARTS = ("payment", "refund", "reverse", "closing")


def said(**fields: object) -> Answer:
    return 200, json.dumps(fields).encode()


@dataclass
class Device:
    """Answers by path; None drops the line. What is not given is answered as a good terminal does.

    `takes` are the minor units of the starts that it has worked on: its ledger.
    """

    base: str = "/paya"
    info: Answer = field(default_factory=lambda: said(name="x", anything=[1]))
    given: dict[str, Callable[[dict[str, Any]], Answer] | list[Answer]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=lambda: ["fInIsHeD"])
    result: dict[str, object] = field(default_factory=lambda: {"responseCode": "OK"})
    heard: list[tuple[str, Any]] = field(default_factory=list)
    takes: list[int] = field(default_factory=list)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        base, _, name = path.rpartition("/")
        if base != self.base:
            return UNSUPPORTED
        if name == "info":
            assert (method, body) == ("GET", b"")
            return self.info
        assert method == "POST"
        asked = json.loads(body)
        assert asked["secureString"] == "27924505"
        self.heard.append((name, asked))
        if name in STARTS:
            self.takes.append(asked["request"].get("amount", 0))
        canned = self.given.get(name)
        if isinstance(canned, list) and canned:
            return canned.pop(0)
        if callable(canned):
            return canned(asked)
        return self.usual(name, asked)

    def usual(self, name: str, asked: dict[str, Any]) -> Answer:
        id_ = asked.get("transactionId") or asked.get("request", {}).get("transactionId")
        match name:
            case "status":
                return said(transactionId=id_, status=self.texts.pop(0) if len(self.texts) > 1 else self.texts[0])
            case "result":
                return said(**({"transactionId": id_} | self.result))
            case "confirm":
                return said(transactionId=id_, isConfirmed=True)
            case "cancel" | "terminal":
                return said(whatever=True)
            case _:
                return said(transactionId=id_, isStarted=True, status="whatever")

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                with suppress(OSError, asyncio.IncompleteReadError):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode()
                    method, path, _ = head.split(" ", 2)
                    length = re.search(r"(?i)content-length: ([0-9]+)", head)
                    body = await reader.readexactly(int(length[1]) if length else 0)
                    answer = self.answer(method, path, body)
                    if answer is not None:
                        status, text = answer
                        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        finally:
            writer.close()

    def asked(self, name: str) -> list[Any]:
        return [body for path, body in self.heard if path == name]
