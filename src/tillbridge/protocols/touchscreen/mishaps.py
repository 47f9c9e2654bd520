"""How a simulator's answers go wrong. Only a door over a virtual terminal has any of this.

Facts and choices: protocols/touchscreen/README.md, section 7.
"""

import asyncio
from functools import partial
from typing import Final

from tillbridge.domain.money import BY_NUMERIC
from tillbridge.protocols.faults import Behaviour, Fault
from tillbridge.protocols.http_mishaps import drop, gone, noisy, send_damaged
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen.profile import Profile
from tillbridge.web.asgi import Answer, Receive, Scope, Send

SLOW: Final = 12.0
"""Seconds by which a slow answer is late: more than the ten that a till waits."""

_FOREIGN_ID: Final = "00000000-0000-4000-8000-000000000000"
_EUROS, _DOLLARS = 978, 840


class Mishaps:
    """The faults of a `Behaviour`, put into this wire."""

    def __init__(self, behaviour: Behaviour, profile: Profile) -> None:
        self._behaviour = behaviour
        self._profile = profile

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:
        """See `Behaviour.strikes`."""
        return self._behaviour.strikes(fault, payment_id)

    async def deaf(self, scope: Scope, receive: Receive, *, start: bool) -> bool:
        """Drops the line where nobody listens: a terminal that restarts, a line that is pulled. Whether it did."""
        # Only a start may use up a strike that is meant for the next payment.
        if not self.strikes(Fault.DROP_ON_REQUEST if start else Fault.SILENT_TO_ENQ):
            return False
        await drop(scope, receive)
        return True

    async def start_lost(self, scope: Scope, receive: Receive, payment_id: str) -> bool:
        """Loses the answer to a start; whether it did."""
        if not (self.strikes(Fault.DROP_ON_REQUEST, payment_id) or self.strikes(Fault.DROP_START_ANSWER, payment_id)):
            return False
        await drop(scope, receive)
        return True

    async def result_lost(self, scope: Scope, receive: Receive, payment_id: str) -> bool:
        """Loses a result, or lets it come too late; whether it was lost."""
        if self.strikes(Fault.SLOW_ANSWER, payment_id):
            await asyncio.sleep(SLOW)
        if self.strikes(Fault.NEVER_ANSWER, payment_id):
            await gone(receive)
        elif not self.strikes(Fault.DROP_BEFORE_ANSWER, payment_id):
            return False
        await drop(scope, receive)
        return True

    def changed(self, body: JsonObject, payment_id: str) -> JsonObject:
        """A result with the wrong content that is due."""
        names, body = self._profile.result, dict(body)
        amount, unit = names.amount[0], names.currency[0]
        minor, number = body.get(amount), body.get(unit)
        if isinstance(minor, int) and self.strikes(Fault.WRONG_AMOUNT, payment_id):
            body[amount] = minor + 1
        if isinstance(minor, int) and self.strikes(Fault.AMOUNT_ZERO, payment_id):
            body[amount] = 0
        if isinstance(minor, int) and self.strikes(Fault.AMOUNT_ABSENT, payment_id):
            del body[amount]
        if isinstance(number, int) and self.strikes(Fault.WRONG_CURRENCY, payment_id):
            body[unit] = _DOLLARS if BY_NUMERIC[f"{number:03d}"].code == "EUR" else _EUROS
        for fault, name, value in (
            (Fault.CALL_REVERSAL, names.call_reversal[0], True),
            (Fault.ALREADY_REVERSED, names.reversed[0], True),
            (Fault.WRONG_ID, self._profile.answer.id[0], _FOREIGN_ID),
            (Fault.NO_CODE, names.code[0], None),
        ):
            if self.strikes(fault, payment_id):
                body[name] = value
        return body

    async def send(self, scope: Scope, receive: Receive, send: Send, whole: Answer, about: str) -> bool:
        """Sends a result, cut or noisy where that is due; returns whether it went out whole."""
        strikes = partial(self.strikes, payment_id=about)
        status, headers, body = whole
        body = noisy(body, strikes)
        if strikes(Fault.TRUNCATED_JSON):
            body = body[: len(body) // 2]
        return await send_damaged(scope, receive, send, (status, headers, body), strikes)
