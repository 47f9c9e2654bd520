"""What the tests of the native interface ask and expect."""

from typing import Any

from tests.support.console.asgi_client import Answer
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import sale
from tillbridge.domain.errors import Code
from tillbridge.virtual.rows import Movement


async def pay(counter: Counter, minor: int = 1250, key: str = "k1", wait: int = 60, **more: Any) -> Answer:
    return await counter.till().post("/v1/payments", sale(minor, **more), idempotency_key=key, prefer=f"wait={wait}")


def taken(counter: Counter, name: str = "front") -> int:
    rows = counter.terminals[name].desk.ledger.rows
    return sum(1 for row in rows if row.movement is Movement.TAKEN)


def problem(answer: Answer, status: int, code: Code) -> dict[str, Any]:
    assert (answer.status, answer.json["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    members: dict[str, Any] = answer.json
    assert members["type"] == f"urn:tillbridge:problem:{code}"
    assert members["status"] == status
    assert members["title"]
    assert members["action"]
    return members
