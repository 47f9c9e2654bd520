"""A program with the tills of `voucher_redeem`: kept connections that each send a signed redemption after the other.

For each line of its input, a JSON object, it writes one with what it measured. Requests are signed before the clock
starts, for a till's computer is another one than the portal's.
"""

import asyncio
import json
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

from tillbridge.link.signatures import SessionKey, Signed, sign
from tillbridge.link.voucher_messages import REDEEM_PATH

ENOUGH: Final = 1.6
"""Requests that are signed ahead, over those that the plan expects."""


@dataclass(slots=True)
class Round:
    """One measurement: what is still to be sent, and what has come back."""

    requests: deque[bytes]
    until: float
    times: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    short: bool = False


class Till(asyncio.Protocol):
    """One connection."""

    def __init__(self, round_: Round, done: asyncio.Event) -> None:
        self._round = round_
        self._done = done
        self._heard = b""
        self._sent = 0.0
        self._line: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first request goes out at once."""
        self._line = transport
        self._next()

    def _next(self) -> None:
        now = perf_counter()
        if now >= self._round.until or not self._round.requests:
            self._round.short = self._round.short or now < self._round.until
            self._line.close()
            self._done.set()
            return
        self._sent = now
        self._line.write(self._round.requests.popleft())

    def data_received(self, data: bytes) -> None:
        """A piece of an answer; the next request follows a whole one."""
        self._heard += data
        head, gap, body = self._heard.partition(b"\r\n\r\n")
        if not gap or len(body) < _length(head):
            return
        self._round.times.append(perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._round.refused.append(self._heard[:600])
        self._heard = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's own name
        """However it ended."""
        self._done.set()


def _length(head: bytes) -> int:
    at = head.lower().index(b"content-length:") + 15
    return int(head[at:].partition(b"\r\n")[0])


def _request(plan: dict[str, Any], key: SessionKey, number: str, ident: str) -> bytes:
    asked = {"number": number, "pin": plan["pin"], "currency": "EUR", "transaction_ref": "r-1", "up_to": 1}
    body = json.dumps(asked, separators=(",", ":")).encode()
    signed = Signed("POST", REDEEM_PATH, "", body, ident)
    headers = sign(key, signed, datetime.now(UTC)) | {
        "idempotency-key": ident,
        "host": plan["host"],
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {REDEEM_PATH} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def _measure(plan: dict[str, Any]) -> dict[str, Any]:
    chance = random.Random(plan["seed"])  # noqa: S311  # which voucher is whose turn
    key = SessionKey(plan["key_id"], bytes.fromhex(plan["secret"]))
    count = int(plan["expected"] * plan["seconds"] * ENOUGH) + plan["clients"]
    requests = deque(
        _request(plan, key, chance.choice(plan["numbers"]), f"bench-{plan['seed']}-{one:08d}") for one in range(count)
    )
    loop, ends, ports = asyncio.get_running_loop(), [asyncio.Event() for _ in range(plan["clients"])], plan["ports"]
    begin = perf_counter()
    round_ = Round(requests, begin + plan["seconds"])
    for place, done in enumerate(ends):
        till = Till(round_, done)
        await loop.create_connection(lambda till=till: till, "127.0.0.1", ports[place % len(ports)])  # type: ignore[misc]
    for done in ends:
        await done.wait()
    seconds, times = perf_counter() - begin, sorted(round_.times)
    return {
        "rate": len(times) / seconds,
        "p50": times[len(times) // 2],
        "p99": times[int(len(times) * 0.99)],
        "refused": [one.decode(errors="replace") for one in round_.refused[:3]],
        "short": round_.short,
    }


def main() -> None:
    """Until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(asyncio.run(_measure(json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
