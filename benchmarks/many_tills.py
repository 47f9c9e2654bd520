"""Many tills at once on the native interface, each with a terminal of its own: one customer after the other.

`python -m benchmarks.many_tills PORT KEY TERMINALS` has a till for each of `terminal-0`, `terminal-1` and so on. For
each line "SECONDS together|apart [TILL...]" on its input it serves customers for so long and prints per till what each
payment was: nanoseconds of the system's monotonic clock of request and answer. "apart" lets customers come by chance,
as they do in a shop; "together" lets all of them come in the same moment. Where tills are named, it prints a line when
all others are over.
"""

import asyncio
import json
import random
import sys
from time import monotonic_ns
from typing import Any, Final, Self

from benchmarks.wire_tills import WAIT, minor

LONGEST_PAUSE: Final = 0.5
"""Seconds between two customers of a till, at most."""

FIRST_WITHIN: Final = 2.5
"""Seconds within which the first customer of each till comes: as long as one takes, so that they stay spread out."""

SEED: Final = 20
PATIENCE: Final = 120.0
"""Seconds for one payment, also for one that a terminal sits on until the end of the round."""

Payment = tuple[int, int]


class Till:
    """One till with one connection."""

    def __init__(self, number: int, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._number = number
        self._key = key
        self._reader = reader
        self._writer = writer
        self._chance = random.Random(SEED + number)  # noqa: S311 - customers, not keys
        self._payments = 0

    @classmethod
    async def open(cls, number: int, port: int, key: str) -> Self:
        """A till that is connected."""
        return cls(number, key, *await asyncio.open_connection("127.0.0.1", port))

    async def serve(self, seconds: float, *, apart: bool) -> list[Payment]:
        """Customers, one after the other, for so long; what each payment was."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        payments: list[Payment] = []
        while True:
            longest = LONGEST_PAUSE if payments else FIRST_WITHIN
            await asyncio.sleep(self._chance.uniform(0, longest) if apart else 0)
            if payments and (loop.time() >= ends or not apart):
                return payments
            async with asyncio.timeout(PATIENCE):
                payments.append(await self._pay())

    async def _pay(self) -> Payment:
        self._payments += 1
        asked = monotonic_ns()
        self._writer.write(self._request())
        head = await self._reader.readuntil(b"\r\n\r\n")
        fields = dict(field.lower().split(b": ", 1) for field in head.split(b"\r\n")[1:-2])
        body = await self._reader.readexactly(int(fields[b"content-length"]))
        answered = monotonic_ns()
        told: dict[str, Any] = json.loads(body)
        if told.get("stage") != "approved":
            raise RuntimeError(f"a payment of the benchmark ended as {told}")
        return asked, answered

    def _request(self) -> bytes:
        amount = {"minor": minor(self._payments), "currency": "EUR"}
        body = json.dumps({"amount": amount, "terminal": f"terminal-{self._number}"}).encode()
        return (
            f"POST /v1/payments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._key}\r\n"
            f"Idempotency-Key: till-{self._number}-{self._payments}\r\nPrefer: {WAIT}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


async def _round(tills: list[Till], seconds: float, manner: str, named: list[int]) -> list[list[Payment]]:
    async with asyncio.TaskGroup() as group:
        rounds = [group.create_task(till.serve(seconds, apart=manner == "apart")) for till in tills]
        if named:
            await asyncio.wait([one for number, one in enumerate(rounds) if number not in named])
            print("the others are over", flush=True)
    return [one.result() for one in rounds]


async def _serve(port: int, key: str, number: int) -> None:
    tills = [await Till.open(place, port, key) for place in range(number)]
    print("open", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        seconds, manner, *named = line.split()
        print(json.dumps(await _round(tills, float(seconds), manner, [int(one) for one in named])), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
