"""Tills of plain HTTP and plain XML: they share no line of code with the wires' own folders."""

import json
import re
import urllib.error
import urllib.request
from itertools import count
from typing import Any

from tests.integration.raw_till import PATIENCE, RawLine
from tillbridge.runtime.effects import SystemClock

SECRET = "27924505"
BASE = "/api/switchio/pay/v6"
IDS = (f"7b0a4c1e-0000-4000-8000-{number:012d}" for number in count())


class Touch:
    """A till that posts JSON."""

    def __init__(self, address: str, base: str = BASE) -> None:
        self._at = address.rstrip("/") + base

    def post(self, path: str, **body: object) -> tuple[int, Any]:
        """Status and answer: JSON where it is well, bytes where it is not."""
        raw = json.dumps({"secureString": SECRET} | body).encode()
        headers = {"Content-Type": "application/json"}
        call = urllib.request.Request(f"{self._at}/{path}", raw, headers)  # noqa: S310 - our own loopback address
        try:
            with urllib.request.urlopen(call, timeout=PATIENCE) as reply:  # noqa: S310
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def begin(self, minor: int, payment: str = "") -> tuple[str, int, Any]:
        """Starts a sale; its id, the HTTP status, and the answer."""
        payment = payment or next(IDS)
        request = {"transactionId": payment, "amount": minor, "currencyCode": 978}
        return payment, *self.post("payment", request=request)

    def ended(self, payment: str) -> dict[str, Any]:
        """The result, once the status says that there is one."""
        clock = SystemClock()
        until = clock.monotonic() + PATIENCE
        while self.post("status", transactionId=payment)[1]["status"] != "Finished":
            assert clock.monotonic() < until
        found: dict[str, Any] = self.post("result", transactionId=payment)[1]
        return found

    def sale(self, minor: int) -> dict[str, Any]:
        """A sale to its end, confirmed; its result."""
        payment, status, answer = self.begin(minor)
        assert (status, answer["isStarted"]) == (200, True)
        result = self.ended(payment)
        self.post("confirm", transactionId=payment, confirm=True)
        return result


def pay(line: RawLine, minor: int, root: str = "pay") -> str:
    """Sends a request of this kind, and returns the answer."""
    line.write(
        f"<{root}><invoice>A-7</invoice><sum>{minor // 100}.{minor % 100:02d}</sum>"
        f"<receipt>OFF</receipt><custrcpt>OFF</custrcpt></{root}>\n".encode()
    )
    answer = ""
    while not re.search(r"</\s*\w+resp\s*>", answer):
        piece = line.read().decode()
        assert piece, answer
        answer += piece
    return answer


def values(answer: str) -> dict[str, str]:
    """What the fields of an answer say."""
    return {name: text.strip() for name, text in re.findall(r"<(result|status|ref)>([^<]*)</", answer)}
