"""A receiver of our own: it takes webhooks as a provider might. HiPay has nothing like it that is published.

The envelope is that of https://www.standardwebhooks.com. Its signature is not looked at: nothing here is worth forging.
"""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, MAX_MINOR, Money
from tillbridge.psp.hipay.sandbox.faults import Fault
from tillbridge.psp.hipay.sandbox.model import Message
from tillbridge.psp.hipay.sandbox.provider import Provider

APPROVED: Final = "payment.approved"
"""The only message that can become a transaction: of a decline the provider has nothing to keep."""

ALL: Final = "all"
"""The name of the receiver that is for no contract in particular."""

LONGEST_NAME: Final = 100
LONGEST_KEPT: Final = 8 * 1024
"""Characters of a message that are kept: a payment with a cart takes a quarter of it."""


def receiver_routes(provider: Provider) -> list[Route]:
    """`POST /_sandbox/receiver`, and one for each contract: `/_sandbox/receiver/{mid}`.

    The contract may also stand in the message, as the member `merchant_id` of its `contract`.
    """

    async def receive(request: Request) -> Response:
        mid = request.path_params.get("mid", "")
        message_id = request.headers.get("webhook-id") or provider.runtime.ids.new()
        message = _message(await request.body(), mid, message_id, provider.runtime.clock.now())
        new, done = await provider.hear(message)
        slow = provider.faults.take(Fault.RECEIVER_SLOW)
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        answer = {"taken": True, "new": new, "transaction_reference": None if done is None else done.reference}
        return JSONResponse(answer, HTTPStatus.OK)

    return [
        Route("/_sandbox/receiver", receive, methods=["POST"]),
        Route("/_sandbox/receiver/{mid}", receive, methods=["POST"]),
    ]


def _message(body: bytes, mid: str, message_id: str, now: datetime) -> Message:
    """A message; `BridgeError(BODY_INVALID)` for what is no JSON object."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise BridgeError(Code.BODY_INVALID, "it is no JSON") from None
    if not isinstance(value, dict):
        raise BridgeError(Code.BODY_INVALID, "it is no JSON object")
    kind = str(value.get("type") or "")[:LONGEST_NAME]
    told = value.get("data")
    inside: dict[str, Any] = told if isinstance(told, dict) else {}
    order_id = str(inside.get("order_id") or inside.get("id") or "")[:LONGEST_NAME]
    amount = _amount(inside.get("amount")) if kind == APPROVED else None
    text = body.decode("utf-8", errors="replace")[:LONGEST_KEPT]
    contract = value.get("contract")
    named = str(contract.get("merchant_id") or "") if isinstance(contract, dict) else ""
    receiver, short = mid[:LONGEST_NAME], message_id[:LONGEST_NAME]
    told_mid = (mid or named)[:LONGEST_NAME]
    return Message(0, now, receiver or ALL, short, kind, order_id, told_mid, amount, text, None)


def _amount(value: object) -> Money | None:
    match value:
        case {"minor": int(minor), "currency": str(code)} if code in BY_CODE and 0 < minor <= MAX_MINOR:
            return Money(minor, BY_CODE[code])
        case _:
            return None
