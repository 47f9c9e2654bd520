"""What the tests of the native interface ask and expect."""

from typing import Any

from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import sale
from tillbridge.domain.errors import Code
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.virtual.rows import Movement


async def pay(counter: Counter, minor: int = 1250, key: str = "k1", wait: int = 60, **more: Any) -> Answer:
    return await counter.till().post("/v1/payments", sale(minor, **more), idempotency_key=key, prefer=f"wait={wait}")


async def decide(till: Client, path: str, body: object = None, key: str = "d1") -> Answer:
    """A write that starts no payment."""
    return await till.post(path, body, idempotency_key=key)


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


async def ask(till: Client, body: dict[str, Any], key: str = "k1", wait: int = 60) -> Answer:
    return await till.post("/v1/payments", body, idempotency_key=key, prefer=f"wait={wait}")


async def approved(till: Client, body: dict[str, Any], key: str) -> dict[str, Any]:
    answer = await ask(till, body, key)
    assert (answer.status, answer.json.get("stage")) == (200, "approved"), answer.text
    found: dict[str, Any] = answer.json
    return found


async def unheard(counter: Counter) -> str:
    """A till without keys has paid and never heard of it."""
    request = PaymentRequest(
        Kind.SALE, Money(5000, currency("EUR")), "concert:till", "concert", terminal="front", keyless=True
    )
    payment = await counter.engine.start(request)
    await counter.engine.wait(payment.id, 60)
    await counter.engine.delivered(payment.id, "concert:till", reached=False)
    return payment.id
