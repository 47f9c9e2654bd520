"""The program around the engine: when it stops, and that it does so in the middle of a payment only when made to."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

import tillbridge
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment

LAST_PAYMENT_SECONDS: Final = 75.0
"""How long a stopping connector waits for a running payment: systemd kills after 90 seconds, and until then the end of
the payment must be on disk. What takes longer is in doubt after the next start."""

log = structlog.get_logger(__name__)


class Host:
    """`contract.HostControl` of a connector. `tell` gets a sentence for the person who watches it."""

    def __init__(self, engine: Engine, tell: Callable[[str], None]) -> None:
        self._engine = engine
        self._tell = tell
        self._asked = asyncio.Event()
        self._hurried = asyncio.Event()
        self._signalled = False
        self._wished = False
        self._failure: BaseException | None = None
        self._beside: Callable[[], Engine | None] = lambda: None

    def attend(self, beside: Callable[[], Engine | None]) -> None:
        """Minds the payments of another engine as well, while there is one: that of a terminal under test."""
        self._beside = beside

    @property
    def version(self) -> str:
        """See `HostControl.version`."""
        return tillbridge.__version__

    def busy(self) -> bool:
        """See `HostControl.busy`."""
        return any(engine.busy for engine in self._engines())

    def stop(self) -> bool:
        """See `HostControl.stop`."""
        stops = self.leave_if_idle()
        self._wished = self._wished or stops
        return stops

    @property
    def stopped_by_wish(self) -> bool:
        """Whether a till has stopped it: it then stays down until a person or the computer starts it again."""
        return self._wished

    def leave_if_idle(self) -> bool:
        """Leaves unless a payment runs; whether it does. From a yes on no new payment is taken."""
        if self.busy():
            return False
        self.leave()
        return True

    def leave(self) -> None:
        """Refuses new payments from now on and stops once the running ones are over."""
        for engine in self._engines():
            engine.refuse_new()
        self._asked.set()

    def interrupt(self) -> None:
        """A signal: the first one asks to leave, a second one does not wait for a running payment any longer.

        Only signals count: a service manager that also closes standard input has asked once, in two ways.
        """
        if self._signalled:
            self._hurried.set()
        self._signalled = True
        self.leave()

    def hurry(self) -> None:
        """Stops without waiting for a running payment any longer; it is then in doubt."""
        self._hurried.set()
        self.leave()

    def fail(self, name: str, error: BaseException) -> None:
        """A part of the connector has died: nobody may think that it still works, so the whole of it leaves."""
        if isinstance(error, BridgeError):
            log.error("part_refused", part=name, code=error.code, detail=str(error))
        else:
            log.error("part_died", part=name, exc_info=error)
        self._failure = self._failure or error
        self.leave()

    async def until_stop(self) -> None:
        """Returns when it is time to stop: somebody asked for it, and no payment runs or nobody may wait longer."""
        await self._asked.wait()
        running = await self._running()
        if running:
            self._announce(running)
            await self._wait_until_over()
        left = await self._running()
        if left:
            log.error("stopped_in_the_middle", payments=[payment.id for payment in left])
            self._tell(f"Stopped while {_words(left)} was running: it is in doubt, and asked about at the next start.")
            for engine in self._engines():
                engine.stop_waiting()

    def raise_failure(self) -> None:
        """Raises what a part of the connector died of."""
        match self._failure:
            case None:
                return
            case BridgeError():
                raise self._failure
            case _:
                raise BridgeError(
                    Code.INTERNAL, f"a part of it died: {type(self._failure).__name__}"
                ) from self._failure

    def _engines(self) -> list[Engine]:
        beside = self._beside()
        return [self._engine] if beside is None else [self._engine, beside]

    async def _running(self) -> list[Payment]:
        occupants = [status.occupied_by for engine in self._engines() for status in await engine.terminals()]
        return [payment for payment in occupants if payment is not None and payment.running]

    def _announce(self, running: list[Payment]) -> None:
        log.warning("leaving_after_payments", payments=[payment.id for payment in running])
        self._tell(
            f"Waiting for {_words(running)} to end, at most {LAST_PAYMENT_SECONDS:g} seconds."
            " Ask a second time to stop at once; it is then not known whether the money was taken."
        )

    async def _wait_until_over(self) -> None:
        async with asyncio.TaskGroup() as group:
            over = group.create_task(self._over())
            hurried = group.create_task(self._hurried.wait())
            await asyncio.wait({over, hurried}, timeout=LAST_PAYMENT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            hurried.cancel()

    async def _over(self) -> None:
        for engine in self._engines():
            for status in await engine.terminals():
                if status.occupied_by is not None:
                    await engine.wait(status.occupied_by.id, LAST_PAYMENT_SECONDS)


def _words(payments: list[Payment]) -> str:
    return ", ".join(f"the {payment.kind} of {payment.amount} on {payment.terminal}" for payment in payments)
