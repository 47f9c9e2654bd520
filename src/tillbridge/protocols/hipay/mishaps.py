"""How a simulator's answer goes wrong on its way to the till. Only a door over a virtual terminal has any of this."""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from tillbridge.domain.money import BY_CODE
from tillbridge.protocols.faults import Behaviour, Fault
from tillbridge.protocols.hipay.answers import Answer
from tillbridge.protocols.http_mishaps import drop, gone, noisy, send_damaged
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.web import asgi
from tillbridge.web.asgi import Receive, Scope, Send

_OTHER_CURRENCY: Final = {"EUR": "USD"}


class Mishaps:
    """The faults of a `Behaviour`, put into HTTP."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def deaf(self, scope: Scope, receive: Receive) -> bool:
        """Drops the line where no payment can even be asked for; returns whether it did."""
        if not self._behaviour.strikes(Fault.DROP_ON_REQUEST):
            return False
        await drop(scope, receive)
        return True

    def changed(self, told: Answer, payment_id: str) -> Answer:
        """The answer with the wrong content that is due."""
        body: JsonObject = dict(told.body)
        if "amount" in body and self._behaviour.strikes(Fault.WRONG_AMOUNT, payment_id):
            body["amount"] = _one_more(body["amount"], str(body["currency"]))
        if "currency" in body and self._behaviour.strikes(Fault.WRONG_CURRENCY, payment_id):
            body["currency"] = _OTHER_CURRENCY.get(str(body["currency"]), "EUR")
        return replace(told, body=body)

    async def lost(self, scope: Scope, receive: Receive, payment_id: str) -> bool:
        """Loses the whole answer if one of these faults is due; returns whether it did."""
        strikes = self._behaviour.strikes
        if strikes(Fault.NEVER_ANSWER, payment_id):
            await gone(receive)
        elif not (strikes(Fault.DROP_ON_REQUEST, payment_id) or strikes(Fault.DROP_BEFORE_ANSWER, payment_id)):
            return False
        await drop(scope, receive)
        return True

    async def send(self, scope: Scope, receive: Receive, send: Send, whole: asgi.Answer, payment_id: str) -> bool:
        """Sends the answer, cut or noisy where that is due; returns whether it went out whole."""
        strikes = partial(self._behaviour.strikes, payment_id=payment_id)
        status, headers, body = whole
        return await send_damaged(scope, receive, send, (status, headers, noisy(body, strikes)), strikes)


def _one_more(amount: object, currency: str) -> object:
    """One minor unit more, in the same style."""
    text = str(amount)
    more = Decimal(text.replace(",", ".")) + Decimal(1).scaleb(-BY_CODE[currency].exponent)
    if not isinstance(amount, str):
        return more
    return str(more).replace(".", ",") if "," in text else str(more)
