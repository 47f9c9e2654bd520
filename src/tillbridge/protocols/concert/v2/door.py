"""The door: acts as a terminal that speaks Concert V2, toward tills on a serial line, a pty or TCP.

The wire has no idempotency key and no order number. What a door does with outcomes that the wire cannot tell, and with
results that no till took, stands in protocols/concert/README.md, section 8.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.concert.v2.answering import (
    OCCUPIED,
    WIRE,
    caller,
    not_accepted,
    payment_request,
    reply_to,
    taken_for_processing,
)
from tillbridge.protocols.concert.v2.listeners import Listener, listener
from tillbridge.protocols.concert.v2.messages import Reply, Request
from tillbridge.protocols.concert.v2.session import Session
from tillbridge.protocols.concert.v2.settings import DoorSettings, turnaround
from tillbridge.protocols.contract import (
    Behaviour,
    Door,
    DoorMaker,
    Fault,
    HostControl,
    Payment,
    PaymentDesk,
    PaymentRequest,
)
from tillbridge.protocols.listeners import DoorAddress, Plug
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.streams import stream

log = structlog.get_logger(__name__)

MAX_TILLS: Final = 16
"""Connections at once over TCP: more tills than share one terminal, few enough to cost nothing."""

WAIT_SECONDS: Final = 60.0
"""One look at a running payment. The door has no patience of its own: a late ENQ is this wire's way of being late."""


class _TillPlug(Plug):
    """Joins a connection to the session that it belongs to."""

    def __init__(self, door: "ConcertV2Door") -> None:
        super().__init__()
        self._door = door
        self._session: Session | None = None
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._session = self._door.session_for(peer[0] if isinstance(peer, tuple) else None)
        if self._session is not None:
            self._session.connection_made(transport)
        else:
            log.warning("concert_door_full", tills=MAX_TILLS)
            stream(transport).abort()

    def data_received(self, data: bytes) -> None:
        if self._session is not None:
            self._session.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        if self._session is not None and self._session.is_on(self._transport):
            self._session.connection_lost(exc)
            self._door.forget(self._session)


class ConcertV2Door:
    """See `contract.Door`. All its tills share one terminal: while one is served, the others find it busy."""

    def __init__(
        self, settings: DoorSettings, desk: PaymentDesk, listen: Listener, behaviour: Behaviour | None = None
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._listen = listen
        self._behaviour = behaviour
        self._sessions: list[Session] = []
        self._group: asyncio.TaskGroup | None = None
        self._address = DoorAddress()

    @property
    def address(self) -> str:
        """See `Door.address`."""
        return str(self._address)

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""
        failure: BridgeError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                try:
                    await self._listen(lambda: _TillPlug(self), self._address.told_by(on_ready))
                except BridgeError as error:
                    failure = error
        finally:
            self._group = None
            for session in self._sessions:
                session.stop_clock()
                session.hang_up()
        if failure is not None:
            raise failure

    # ------------------------------------------------------------ tills

    def session_for(self, host: str | None) -> Session | None:
        """The session of a new connection: the one that this host left unfinished, or a new one; None if full."""
        for session in self._sessions:
            if not session.connected and session.host == host:
                return session
        if len(self._sessions) >= MAX_TILLS:
            return None
        session = Session(
            self._settings, turnaround(self._settings), self._behaviour, self._occupied_for, self._requested
        )
        session.host = host
        self._sessions.append(session)
        return session

    def forget(self, session: Session) -> None:
        """Lets go of a session that is over and whose till has left."""
        if not session.connected and session.at_rest and session in self._sessions:
            session.stop_clock()
            self._sessions.remove(session)

    def _occupied_for(self, till: Session) -> bool:
        return till.served is not None or any(not other.at_rest for other in self._sessions if other is not till)

    # ------------------------------------------------------------ one request

    def _requested(self, session: Session, request: Request) -> None:
        if self._group is None:
            return
        self._group.create_task(self._serve_request(session, request))

    async def _serve_request(self, session: Session, request: Request) -> None:
        try:
            await self._answer(session, request)
        except Exception:
            # What the desk knows stays with the desk. Silence is the one answer that is no lie, and behind an ACK the
            # till takes it for a payment that may have happened.
            log.exception("concert_door_fault")
            session.accept()
            session.no_answer()
        finally:
            session.release(request)
            self.forget(session)

    async def _answer(self, session: Session, request: Request) -> None:
        if session.strikes(Fault.DROP_ON_REQUEST):
            session.leave()
            return
        wanted = payment_request(self._settings, request)
        payment = await self._start(session, request, wanted) if wanted is not None else None
        if payment is not None:
            await self._pay(session, request, payment)
        elif wanted is None:
            session.accept()
            await session.deliver(not_accepted(request))

    async def _start(self, session: Session, request: Request, wanted: PaymentRequest) -> Payment | None:
        """The payment, or None after the till was told that there is none."""
        try:
            return await self._desk.start(wanted)
        except BridgeError as error:
            log.info("concert_door_refused", caller=wanted.caller, code=error.code, detail=str(error))
            if error.code in OCCUPIED:
                session.refuse()
            else:
                session.accept()
                await session.deliver(not_accepted(request))
            return None

    async def _pay(self, session: Session, request: Request, payment: Payment) -> None:
        session.payment_id = payment.id
        if session.strikes(Fault.DROP_ON_REQUEST):
            session.leave()
            reached = False
        else:
            session.accept()
            if request.at_once:
                reached = await session.deliver(taken_for_processing(request), over=False)
                await self._ended(payment)
            else:
                reached = await self._tell(session, request, await self._ended(payment))
        await self._desk.delivered(payment.id, caller(self._settings, request), reached)

    async def _ended(self, payment: Payment) -> Payment:
        while payment.running:
            payment = await self._desk.wait(payment.id, WAIT_SECONDS)
        return payment

    async def _tell(self, session: Session, request: Request, payment: Payment) -> bool:
        reply = self._reply(request, payment)
        if session.strikes(Fault.DROP_BEFORE_ANSWER):
            session.hang_up()
            reply = None
        elif session.strikes(Fault.NEVER_ANSWER):
            reply = None
        if reply is None:
            session.no_answer()
            return False
        reached = await session.deliver(reply)
        if not reached:
            log.warning("concert_door_undelivered", payment=payment.id)
        return reached

    def _reply(self, request: Request, payment: Payment) -> Reply | None:
        if payment.outcome is None:
            return None
        reply = reply_to(request, payment.outcome)
        if reply is None:
            log.warning("concert_door_cannot_tell", payment=payment.id, stage=payment.stage)
        return reply


class ConcertV2DoorMaker:
    """See `contract.DoorMaker`."""

    name = WIRE
    settings: type[BaseModel] = DoorSettings

    def open(
        self,
        settings: BaseModel,
        desk: PaymentDesk,
        runtime: Runtime,  # noqa: ARG002 - the line needs neither ids nor wall time
        host: HostControl | None = None,  # noqa: ARG002 - nothing on this wire asks about the program
        behaviour: Behaviour | None = None,
    ) -> Door:
        """A door on the line of its settings; listens once it serves."""
        if not isinstance(settings, DoorSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a Concert V2 door")
        return ConcertV2Door(settings, desk, listener(settings), behaviour)


DOOR: DoorMaker = ConcertV2DoorMaker()
