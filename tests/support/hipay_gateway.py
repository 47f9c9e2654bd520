"""HiPay's gateway as far as reports go, on a real port: written from what HiPay documents, by hand, for tests alone.

It checks what it is sent as strictly as the texts allow, and fails in the ways that a test asks for.
"""

import asyncio
import base64
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

LOGIN: Final = "94654727.stage-secure-gateway.hipay-tpp.com"
PASSWORD: Final = "Test_only_here"  # of this gateway, which lives as long as a test
HASHKEY: Final = "the merchant's own"
MANDATORY: Final = (
    *("orderid", "eci", "description", "currency", "amount", "payment_product", "initialize_payment_terminal"),
    "payment_product_parameters",
)
STATUS_OF: Final = {"200000": "116", "200100": "118", "200350": "166"}


class Mishap(StrEnum):
    """What goes wrong with one request."""

    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"
    FAULT_BEFORE = "fault_before"
    FAULT_AFTER = "fault_after"
    SILENT_AFTER = "silent_after"
    NONSENSE_AFTER = "nonsense_after"
    UNAVAILABLE = "unavailable"
    LOGIN = "login"
    ADDRESS = "address"
    MOVED = "moved"
    DECLINED = "declined"


@dataclass
class Gateway:
    """`orders` is what it has, by order id; `asked` every request as (method, path, order id)."""

    port: int = 0
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    mishaps: deque[Mishap] = field(default_factory=deque)
    always: Mishap | None = None
    late: bool = False
    connections: int = 0
    seconds: float = 0.0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def posts(self, order_id: str | None = None) -> int:
        """How often an order was sent."""
        return sum(1 for method, _, one in self.asked if method == "POST" and order_id in (None, one))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        self.writers.discard(writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = head[0].split(" ")
        await asyncio.sleep(self.seconds)
        mishap = self.mishaps.popleft() if self.mishaps else self.always
        status, answer = self._answer(method, target, headers, body, mishap)
        if mishap in (Mishap.CUT_BEFORE, Mishap.CUT_AFTER):
            return False
        if mishap is Mishap.SILENT_AFTER:
            await asyncio.sleep(3600)
        text = b"<html>oops" if mishap is Mishap.NONSENSE_AFTER else json.dumps(answer).encode()
        place = "Location: http://127.0.0.1:9/\r\n" if mishap is Mishap.MOVED else ""
        kind = "Content-Type: application/json\r\n"
        writer.write(f"HTTP/1.1 {status} x\r\n{kind}{place}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        await writer.drain()
        return True

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes, mishap: Mishap | None
    ) -> tuple[int, object]:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)) if body else {}
        split = urlsplit(target)
        order_id = form.get("orderid") or parse_qs(split.query).get("orderid", [""])[0]
        self.asked.append((method, split.path, order_id))
        early = _early(mishap)
        if early is not None:
            return early
        expected = base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        if headers.get("authorization") != f"Basic {expected}" or headers.get("accept") != "application/json":
            return 401, _error(1000001, "Incorrect Credentials")
        if method == "GET" and split.path == "/rest/v1/transaction":
            return self._look_up(order_id)
        if method != "POST" or split.path != "/rest/v1/order":
            return 404, {"error": "no such path"}
        self.forms.append(form)
        found = self._order(form)
        declined = {"state": "declined", "reason": {"code": "4010301", "message": "Not enough funds"}}
        if mishap is Mishap.DECLINED:
            return 200, found[1] | declined
        return (500, {"error": "oops"}) if mishap is Mishap.FAULT_AFTER else found

    def _order(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        wrong = refusal(form)
        if wrong is not None:
            return 400, _error(*wrong)
        if form["orderid"] in self.orders:
            return 400, _error(3010004, "This order has already been paid")
        code = json.loads(form["payment_product_parameters"])["code"]
        order = {"id": form["orderid"], "amount": form["amount"], "currency": form["currency"], "attempts": "1"}
        number = str(800000000000 + len(self.orders))
        self.orders[form["orderid"]] = {
            "state": "completed",
            "status": STATUS_OF[code],
            "test": "true",
            "transactionReference": number,
            "order": order,
        }
        return 200, self.orders[form["orderid"]]

    def _look_up(self, order_id: str) -> tuple[int, object]:
        found = None if self.late else self.orders.get(order_id)
        return (404, _error(3000001, "Unknown order")) if found is None else (200, {"transaction": found})


def refusal(form: dict[str, str]) -> tuple[int, str] | None:
    """What is wrong with a passive order, as the gateway's texts have it."""
    missing = [name for name in MANDATORY if not form.get(name)]
    if missing:
        return 1010101, f"missing {missing[0]}"
    if form["eci"] != "10":
        return 1020002, "eci"
    if form["payment_product"] != "tpe" or form["initialize_payment_terminal"] != "0":
        return 1020003, "payment product"
    if len(form["orderid"]) > 32 or len(form["description"]) > 128:
        return 1010201, "too long"
    product = json.loads(form["payment_product_parameters"])
    hashed = hashlib.sha1(f"{form['orderid']}{form['amount']}{form['currency']}{HASHKEY}".encode()).hexdigest()  # noqa: S324
    if product.get("hash") != hashed or product.get("code") not in STATUS_OF:
        return 1010201, "hash"
    if not product.get("mid") or not product.get("acquirer_registrationid"):
        return 1010101, "contract"
    if form.get("operation") not in ("Authorization", "Sale", "Credit"):
        return 3000101, "operation"
    return None


def _early(mishap: Mishap | None) -> tuple[int, object] | None:
    match mishap:
        case Mishap.CUT_BEFORE:
            return 0, {}
        case Mishap.FAULT_BEFORE:
            return 500, {"error": "oops"}
        case Mishap.UNAVAILABLE:
            return 400, _error(1000008, "Temporarily unavailable")
        case Mishap.LOGIN:
            return 401, _error(1000001, "Incorrect Credentials")
        case Mishap.ADDRESS:
            return 403, _error(1000009, "IP not allowed")
        case Mishap.MOVED:
            return 302, {}
        case _:
            return None


def _error(code: int, message: str) -> dict[str, object]:
    return {"code": str(code), "message": message, "description": ""}


@asynccontextmanager
async def gateway(port: int = 0) -> AsyncIterator[Gateway]:
    """A gateway that listens for as long as the block lasts."""
    found = Gateway()
    server = await asyncio.start_server(found.serve, "127.0.0.1", port)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for writer in found.writers:
            writer.close()
        await server.wait_closed()
