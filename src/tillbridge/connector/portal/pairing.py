"""Retrieves the link with a PIN: one press, one exchange, one guess (docs/reference/pairing-protocol.md, section 4).

What may have been sent is on the disk first. From then on the same finish is repeated, also after a restart, until the
portal says how it ended; a new exchange is only ever begun by a person.
"""

import asyncio
import platform
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import structlog

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.faults import Answer, refusal
from tillbridge.connector.portal.keystore import Kept, KeptFinish, KeptLink, Keystore
from tillbridge.connector.portal.places import Place
from tillbridge.connector.portal.states import Exchange, Step, further
from tillbridge.connector.portal.tokens import Sender, Tokens
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing.connector_side import KeptExchange, begin
from tillbridge.link.pairing.words import (
    ConnectorDescription,
    FinishReply,
    Grant,
    StartReply,
    checked_pin,
)
from tillbridge.runtime.effects import Runtime

START_PATH: Final = "/v1/pairing/start"
CONFIRM_SECONDS: Final = 5.0
"""Between two looks at whether the office has confirmed."""

PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds before a finish without an answer is sent again: quickly while a person waits, then once a minute."""

REPEATED_FOR: Final = timedelta(hours=24)
"""So long the portal repeats its answer to a finish; later there is nothing to wait for."""

LONGEST_TEXT: Final = 100

_AGAIN: Final = frozenset(
    {
        Code.PORTAL_UNREACHABLE,
        Code.PORTAL_SILENT,
        Code.PORTAL_FAULT,
        Code.MAINTENANCE,
        Code.OVERLOADED,
        Code.DATABASE_UNAVAILABLE,
    }
)
"""After these nobody knows how the finish ended, or it was not looked at: it is sent again. All else is the end."""

log = structlog.get_logger(__name__)


class Retrieval:
    """Exchanges of one connector: one at a time, however many press at once."""

    def __init__(self, keystore: Keystore, tokens: Tokens, board: Board, runtime: Runtime, version: str) -> None:
        self._keystore = keystore
        self._tokens = tokens
        self._board = board
        self._clock = runtime.clock
        self._entropy = runtime.chance.randbytes
        self._new_id = runtime.ids.new
        self._version = version
        self._one_at_a_time = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether an exchange is under way."""
        return self._one_at_a_time.locked()

    async def retrieve(self, sender: Sender, place: Place, pin: str, name: str | None = None) -> None:
        """One exchange with this PIN, to its end: a link that is kept, or `BridgeError` with the reason why not.

        RECORD_CONFLICT where one is under way already: then this PIN was not used. The reason is on the board too.
        """
        checked_pin(pin)
        if self.running:
            raise BridgeError(Code.RECORD_CONFLICT, "another pairing is under way")
        async with self._one_at_a_time:
            self._board.exchanging(Exchange(self._new_id(), Step.STARTING, self._clock.now()))
            with _Told(self._board):
                kept = await self._start(sender, place, pin, name)
                await self._finish(sender, kept)

    async def go_on(self, sender: Sender) -> None:
        """Brings an exchange to its end that was under way when this process was started; nothing if there is none.

        `BridgeError` as in `retrieve`.
        """
        kept = self._keystore.kept
        if kept is None or kept.finish is None or self.running:
            return
        async with self._one_at_a_time:
            begun = Exchange(self._new_id(), Step.REPEATING, kept.finish.started_at)
            self._board.exchanging(begun)
            with _Told(self._board):
                await self._finish(sender, kept.finish)

    async def give_up(self) -> None:
        """Forgets an exchange that has not ended. A link that came of it at the portal is never used, and ends there.

        Cancel a running `retrieve` or `go_on` before.
        """
        async with self._one_at_a_time:
            await self._drop()
            self._board.exchange_ended(BridgeError(Code.PAIRING_OVER, "it was given up"))

    # ------------------------------------------------------------ the steps

    async def _start(self, sender: Sender, place: Place, pin: str, name: str | None) -> KeptFinish:
        # In a thread: the group's arithmetic takes fifteen milliseconds, in which no payment shall stand still.
        begun = await asyncio.to_thread(begin, pin, place.location, place.host, self._entropy)
        answer = await sender.send("POST", START_PATH, begun.request.body(), {"Content-Type": "application/json"})
        if answer.status != HTTPStatus.CREATED:
            raise refusal(answer)
        reply = StartReply.read(answer.body)
        key = KeyPair.make(self._entropy)
        described = await self._description(name)
        exchange = await asyncio.to_thread(begun.answer, reply, described, key)
        finish = KeptFinish(
            dumped=exchange.dump(),
            address=place.address,
            location_number=str(place.location),
            started_at=self._clock.now(),
        )
        # On the disk before its first byte leaves: whoever cuts the power now finds the same finish again.
        await self._keystore.change(lambda kept: kept.model_copy(update={"finish": finish}))
        return finish

    async def _description(self, name: str | None) -> ConnectorDescription:
        kept = await self._keystore.begin_anew(lambda one: one)
        return ConnectorDescription(
            connector_id=kept.connector_id,
            name=_line(name or platform.node()),
            version=self._version,
            os=_line(platform.platform(terse=True)),
        )

    async def _finish(self, sender: Sender, finish: KeptFinish) -> None:
        try:
            exchange = KeptExchange.load(finish.dumped)
            grant = await self._granted(sender, finish, exchange)
            self._step(Step.STORING)
            await self._keep(grant, exchange.key, finish)
        except BridgeError as error:
            if error.code is not Code.FOLDER_UNUSABLE:
                # The end: nothing of it is of use any more. A full disk is none: the same finish is answered again.
                await self._drop()
            raise
        await self._acknowledge(sender)

    async def _granted(self, sender: Sender, finish: KeptFinish, exchange: KeptExchange) -> Grant:
        tries = 0
        while True:
            try:
                answer = await self._send(sender, exchange)
            except BridgeError as error:
                if error.code not in _AGAIN:
                    raise
                if self._clock.now() - finish.started_at >= REPEATED_FOR:
                    raise BridgeError(Code.PAIRING_OVER, "there was no answer for a day") from None
                self._step(Step.REPEATING, error)
                await asyncio.sleep(error.retry_after or PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
                continue
            if answer.status == HTTPStatus.ACCEPTED:
                tries = 0
                self._wait_for_confirmation(exchange)
                await asyncio.sleep(CONFIRM_SECONDS)
                continue
            return exchange.conclude(FinishReply.read(answer.body))

    async def _send(self, sender: Sender, exchange: KeptExchange) -> Answer:
        path = f"/v1/pairing/sessions/{exchange.session_id}/finish"
        answer = await sender.send("POST", path, exchange.finish_body, {"Content-Type": "application/json"})
        if not answer.good:
            raise refusal(answer)
        return answer

    async def _keep(self, grant: Grant, key: KeyPair, finish: KeptFinish) -> None:
        if grant.location.number != finish.location_number:
            raise BridgeError(Code.PORTAL_UNPROVEN, "the grant is for another location", place="location")
        link = KeptLink.of(grant, key, finish.address, self._clock.now())
        await self._keystore.change(lambda kept: _linked(kept, link))
        self._tokens.seed(grant)
        self._board.linked()
        log.info("portal_paired", location=link.location_number, fingerprint=key.public.fingerprint)

    async def _acknowledge(self, sender: Sender) -> None:
        """The first token request. It may fail without harm: the connection that stays open asks as well."""
        try:
            await self._tokens.contact(sender)
        except BridgeError as error:
            log.warning("portal_not_acknowledged_yet", code=error.code)

    async def _drop(self) -> None:
        try:
            await self._keystore.change(lambda kept: kept.model_copy(update={"finish": None}))
        except BridgeError as error:
            # The reason why it ended is worth more than that it could not be struck out; it is tried again later.
            log.warning("portal_exchange_not_struck_out", code=error.code)

    # ------------------------------------------------------------ what is shown meanwhile

    def _step(self, step: Step, trouble: BridgeError | None = None) -> None:
        if self._board.exchange is not None:
            self._board.exchanging(further(self._board.exchange, step, trouble=trouble))

    def _wait_for_confirmation(self, exchange: KeptExchange) -> None:
        if self._board.exchange is not None:
            fingerprint = exchange.key.public.fingerprint
            shown = further(self._board.exchange, Step.WAITING_CONFIRM)
            self._board.exchanging(replace(shown, fingerprint=fingerprint))


class _Told:
    """Says on the board how an exchange ended, however it did; a cancelled one is still under way."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            self._board.exchange_ended(None)
        elif isinstance(error, BridgeError):
            log.warning("portal_pairing_ended", code=error.code, detail=error.detail)
            self._board.exchange_ended(error)
        elif isinstance(error, Exception):
            self._board.exchange_ended(BridgeError(Code.INTERNAL, type(error).__name__))


def _linked(kept: Kept, link: KeptLink) -> Kept:
    """A new link begins its count anew; what belonged to an older one is gone with it."""
    return kept.model_copy(update={"link": link, "finish": None, "rotation": None, "counter": 0})


def _line(text: str) -> str:
    """A text that may stand in the exchange: one line, never empty."""
    clean = "".join(one if one.isprintable() else " " for one in text)[:LONGEST_TEXT].strip()
    return clean or "unnamed"
