"""How a simulator's answer goes wrong on its way to the till. Only a door over a virtual terminal has any of this."""

import asyncio
from decimal import Decimal
from typing import Final

from tillbridge.domain.money import BY_CODE
from tillbridge.protocols.faults import Behaviour, Fault
from tillbridge.protocols.hipay.answers import Answer
from tillbridge.protocols.hipay.strict_json import JsonObject
from tillbridge.transports.asgi import Header, Receive, Scope, Send, answer, line_of

HELD: Final = 600.0
"""Seconds for which a simulator that never answers holds the connection: longer than any till waits."""

NOISE: Final = b"\x00\x15\xff{"
"""What stands before the answer on a noisy line; no JSON begins like that."""

_OTHER_CURRENCY: Final = {"EUR": "USD"}


class Mishaps:
    """The faults of a `Behaviour`, put into HTTP."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def deaf(self, scope: Scope, receive: Receive) -> bool:
        """Drops the line where no payment can even be asked for; returns whether it did."""
        if not self._behaviour.strikes(Fault.DROP_ON_REQUEST):
            return False
        await _drop(scope, receive)
        return True

    def changed(self, told: Answer, payment_id: str) -> Answer:
        """The answer with the wrong content that is due."""
        body: JsonObject = dict(told.body)
        if "amount" in body and self._behaviour.strikes(Fault.WRONG_AMOUNT, payment_id):
            body["amount"] = _one_more(body["amount"], str(body["currency"]))
        if "currency" in body and self._behaviour.strikes(Fault.WRONG_CURRENCY, payment_id):
            body["currency"] = _OTHER_CURRENCY.get(str(body["currency"]), "EUR")
        return Answer(told.status, body)

    async def lost(self, scope: Scope, receive: Receive, payment_id: str) -> bool:
        """Loses the whole answer if one of these faults is due; returns whether it did."""
        strikes = self._behaviour.strikes
        if strikes(Fault.NEVER_ANSWER, payment_id):
            await _gone(receive)
        elif not (strikes(Fault.DROP_ON_REQUEST, payment_id) or strikes(Fault.DROP_BEFORE_ANSWER, payment_id)):
            return False
        await _drop(scope, receive)
        return True

    async def send(
        self, scope: Scope, receive: Receive, send: Send, head: tuple[int, list[Header]], body: bytes, payment_id: str
    ) -> bool:
        """Sends the answer, cut or noisy where that is due; returns whether it went out whole."""
        strikes = self._behaviour.strikes
        if strikes(Fault.GARBAGE_BEFORE_ANSWER, payment_id):
            body = NOISE + body
        kept = len(body)
        if strikes(Fault.DROP_IN_ANSWER, payment_id):
            kept //= 2
        elif strikes(Fault.DROP_LAST_BYTE, payment_id):
            kept -= 1
        status, headers = head
        if kept == len(body) and not strikes(Fault.BYTE_BY_BYTE, payment_id):
            await answer(send, (status, headers, body))
            return True
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        for byte in body[:kept]:
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
            await asyncio.sleep(0)
        if kept == len(body):
            await send({"type": "http.response.body", "body": b""})
            return True
        await _drop(scope, receive, flush=True)
        return False


def _one_more(amount: object, currency: str) -> object:
    """One minor unit more, in the same style."""
    text = str(amount)
    more = Decimal(text.replace(",", ".")) + Decimal(1).scaleb(-BY_CODE[currency].exponent)
    if not isinstance(amount, str):
        return more
    return str(more).replace(".", ",") if "," in text else str(more)


async def _drop(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Ends the connection: at once, or after what was written has left."""
    line = line_of(scope)
    if line is not None:
        if flush:
            line.close()
        else:
            line.abort()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Returns once the client is gone, or after `HELD` seconds."""
    try:
        async with asyncio.timeout(HELD):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
