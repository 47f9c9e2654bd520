"""The terminal's end of TCP: a connection from a till, its one request, and its answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.dialogue import (
    Event,
    LineClosed,
    MessageRead,
    Pause,
    TerminalDialogue,
    TerminalState,
    Unreadable,
)
from tillbridge.protocols.concert.v3.faults import NOTHING, Delivery, Ending, deliver, spoil
from tillbridge.protocols.concert.v3.service import Reply, TerminalService
from tillbridge.protocols.concert.v3.settings import DoorSettings, ProofOfDelivery
from tillbridge.protocols.contract import Fault
from tillbridge.protocols.handover import Handover
from tillbridge.transports.streams import end_writing, stream

log = structlog.get_logger(__name__)

REQUEST_SECONDS: Final = 30.0
"""For a whole request from the moment of the connection: a till writes it at once; whoever drips it in is no till."""

HELD_SECONDS: Final = 900.0
"""How long a simulator keeps a line up that it should have ended: longer than any till waits."""

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class FromTill(asyncio.Protocol):
    """One connection. `spawn` runs what has to be awaited; `ended` is told when the connection is gone."""

    def __init__(
        self, service: TerminalService, settings: DoorSettings, spawn: Spawn, ended: Callable[["FromTill"], None]
    ) -> None:
        self._service = service
        self._settings = settings
        self._spawn = spawn
        self._ended = ended
        self._dialogue = TerminalDialogue()
        self._handover = Handover(ended=True, hurry_proves=True)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._limit: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = stream(transport)
        self._limit = self._loop.call_later(REQUEST_SECONDS, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._dialogue.state is TerminalState.READING:
            self._heard(self._dialogue.received(data))
            self._wait_for_quiet()

    def eof_received(self) -> bool:
        """The till sends no more. It may still listen, so that our side stays open."""
        self._handover.till_closed()
        self._heard(self._dialogue.closed())
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. Nothing is read any more: whoever broke off wants no payment, and may have been cut.

        A till that closed its end in good order has been heard by then.
        """
        if exc is None:
            self._handover.till_closed()
        else:
            self._handover.line_broke()
        self._stop_timers()
        self._ended(self)

    def close(self) -> None:
        """Ends the connection at once, and starts nothing of what has come."""
        self._stop_timers()
        self._dialogue.answer()
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------ the request

    def _wait_for_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        match self._dialogue.pause:
            case Pause.COMPLETE:
                self._quiet = self._loop.call_later(self._settings.quiet_time, self._line_is_quiet)
            case Pause.INCOMPLETE:
                self._quiet = self._loop.call_later(self._settings.incomplete_time, self._line_is_quiet)
            case Pause.NOTHING:
                pass

    def _line_is_quiet(self) -> None:
        self._heard(self._dialogue.quiet())

    def _too_slow(self) -> None:
        self._heard(self._dialogue.quiet() or self._dialogue.closed())

    def _heard(self, event: Event | None) -> None:
        if event is None:
            return
        self._stop_timers()
        match event:
            case MessageRead(fields=fields):
                self._spawn(self._serve(fields))
            case Unreadable(detail=detail):
                log.info("concert_v3_request_unreadable", detail=detail)
                self._spawn(self._serve(None))
            case LineClosed():
                self.close()

    def _stop_timers(self) -> None:
        for timer in (self._quiet, self._limit):
            if timer is not None:
                timer.cancel()

    # ------------------------------------------------------------ the answer

    async def _serve(self, fields: Fields | None) -> None:
        """Runs the request and hands its answer over; `fields` None stands for bytes that were no request."""
        try:
            reply = self._service.unreadable() if fields is None else await self._service.run(fields)
            delivery = self._delivery(reply)
            if fields is None or reply.payment_id is None:
                await self._hand_over(delivery)
            elif reply.unfinished:
                reached = await self._hand_over(delivery)
                await self._service.finish(reply.payment_id)
                await self._service.delivered(reply.payment_id, fields, reached)
            else:
                with self._service.handing_over(fields, self._handover):
                    reached = await self._hand_over(delivery)
                    await self._service.delivered(reply.payment_id, fields, reached)
            if delivery.ending is Ending.HELD:
                await self._handover.wait_for_close(HELD_SECONDS)
        except Exception:
            # What the desk knows stays with the desk; the till gets no answer, because nobody can say which is true.
            log.exception("concert_v3_door_fault")
        finally:
            if self._transport is not None:
                self._transport.close()

    def _delivery(self, reply: Reply) -> Delivery:
        if reply.answer is None:
            return NOTHING

        def strikes(fault: Fault) -> bool:
            return reply.payment_id is not None and self._service.strikes(fault, reply.payment_id)

        return deliver(spoil(reply.answer.elements(), strikes), strikes)

    async def _hand_over(self, delivery: Delivery) -> bool:
        """Sends the answer; returns whether the till has it, as far as can be shown."""
        transport, left_early = self._transport, self._handover.closed
        if transport is None or transport.is_closing():
            return False
        self._dialogue.answer()
        for piece in delivery.pieces:
            transport.write(piece)
        ended_well = _end(transport, delivery.ending)
        if not delivery.whole or not ended_well:
            return False
        if self._settings.proof_of_delivery is ProofOfDelivery.WRITE:
            return True
        return not left_early and await self._handover.reached(transport)


def _end(transport: asyncio.Transport, ending: Ending) -> bool:
    """Ends our side as the delivery has it; False if the line turns out to be gone already."""
    match ending:
        case Ending.DROPPED:
            transport.close()
        case Ending.ANSWERED:
            return end_writing(transport)
        case Ending.HELD:
            pass
    return True
