"""The terminals of the active mode: they fetch an order, take a moment, and answer, or the order expires."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError
from tillbridge.psp.hipay.sandbox.model import Transaction
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal
from tillbridge.psp.hipay.sandbox.settings import TerminalAnswer

LOOKED_AT: Final = 1000
"""Waiting orders that one round looks at: a shop has one for each of its terminals."""

LONGEST_REST: Final = 60.0
"""Seconds after which it looks again even if nobody has woken it: the wall clock may have been set."""

SHORTEST_REST: Final = 0.001

DISK_REST: Final = 5.0
"""Seconds before the next look where the disk has taken nothing."""

END_OF_TIME: Final = timedelta(days=3650)

log = structlog.get_logger(__name__)


async def answer_orders(provider: Provider) -> None:
    """Answers waiting orders as the settings say, until cancelled."""
    while True:
        provider.terminal_given.clear()
        try:
            rest = await _round(provider)
        except BridgeError as error:
            log.warning("sandbox_terminals_stand_still", reason=error.detail)
            await asyncio.sleep(DISK_REST)
            continue
        with suppress(TimeoutError):
            async with asyncio.timeout(rest):
                await provider.terminal_given.wait()


async def _round(provider: Provider) -> float:
    """Answers those whose time has come; returns for how many seconds there is nothing to do."""
    now = provider.runtime.clock.now()
    next_one = now + timedelta(seconds=LONGEST_REST)
    for one in provider.store.waiting_for_terminals(now + END_OF_TIME, LOOKED_AT):
        when, answer = _plan(one, provider)
        if when > now:
            next_one = min(next_one, when)
            continue
        # Somebody else, such as a person at the console, may have been faster.
        with suppress(GatewayRefusal):
            await provider.answer(one.reference, answer)
    return max(SHORTEST_REST, (next_one - now).total_seconds())


def _plan(one: Transaction, provider: Provider) -> tuple[datetime, TerminalAnswer]:
    settings = provider.settings
    expires = one.due or one.created
    match settings.terminal:
        case TerminalAnswer.APPROVE | TerminalAnswer.REFUSE:
            answered = one.created + timedelta(seconds=settings.terminal_seconds)
            if answered < expires:
                return answered, settings.terminal
            return expires, TerminalAnswer.EXPIRE
        case TerminalAnswer.EXPIRE | TerminalAnswer.WAIT:
            return expires, TerminalAnswer.EXPIRE
