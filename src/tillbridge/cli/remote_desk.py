"""A running connector, asked over its native HTTP interface.

A lost connection loses no payment: the same request under the same key joins the payment that is already there, so it
is simply asked again. Only when nobody answers for a while is it over, and then nobody here knows the outcome.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from tillbridge.cli.desks import Order, Unreachable
from tillbridge.connector.api.bodies import ResolveBody
from tillbridge.connector.api.resources import (
    AbortResource,
    EventResource,
    EventsResource,
    PaymentResource,
    PaymentsResource,
    ProblemResource,
    TerminalResource,
    TerminalsResource,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import OPEN, RUNNING, Stage
from tillbridge.engine.journal.reading import NOTHING, Filter
from tillbridge.protocols.contract import AbortReply

R = TypeVar("R", bound=BaseModel)

ANSWER_SECONDS: Final = 15.0
"""For an answer that waits for no customer; the connector is on this computer or in this house."""

SILENCE_SECONDS: Final = 40.0
"""For the next sign of life in the stream of events, which has one every fifteen seconds."""

AGAIN_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The pauses before a connector that went away is asked again: long enough for its restart."""

KEY: Final = "Idempotency-Key"
KEY_BYTES: Final = 16
"""Chance in the key of a decision, which is asked for once: as much as a UUID has."""

DATA: Final = b"data: "
LARGEST_LINE: Final = 1024 * 1024
"""Bytes of one event: a payment with a customer's slip is a few thousand."""


UNCERTAIN: Final = frozenset({Code.CONNECTOR_STOPPING, Code.JOURNAL_UNAVAILABLE, Code.INTERNAL})
"""Refusals that a connector gives before it has looked at the key: they say nothing about an earlier try."""


BROKEN: Final = (aiohttp.ClientError, TimeoutError, EOFError)
"""How a stream of events ends before its time."""


class NoConnection(BridgeError):
    """Nobody answered. `sent` says whether the request may have arrived all the same."""

    def __init__(self, url: str, *, sent: bool) -> None:
        super().__init__(Code.CONNECTOR_STOPPING, f"no connector answers at {url}")
        self.sent = sent


@asynccontextmanager
async def remote_desk(url: str, key: str) -> "AsyncIterator[RemoteDesk]":
    """A desk at this address."""
    timeout = aiohttp.ClientTimeout(total=None, connect=ANSWER_SECONDS, sock_read=ANSWER_SECONDS)
    headers = {"Authorization": f"Bearer {key}"}
    jar = aiohttp.DummyCookieJar()
    try:
        session = aiohttp.ClientSession(url.rstrip("/") + "/", headers=headers, timeout=timeout, cookie_jar=jar)
    except ValueError:
        raise BridgeError(
            Code.FIELD_INVALID, f"{url!r} is no address such as http://127.0.0.1:8380", place="--url"
        ) from None
    async with session:
        yield RemoteDesk(session, url)


class RemoteDesk:
    """`Desk` over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def pay(self, order: Order) -> AsyncIterator[PaymentResource]:
        """See `Desk.pay`."""
        payment: PaymentResource | None = None
        # The stream is opened first, so that nothing is missed and everything comes in its order.
        with suppress(*BROKEN):
            async with self._stream() as stream:
                payment = await self._start(order)
                yield payment
                while payment.stage in RUNNING:
                    payment = await _next_of(payment.id, stream.content)
                    yield payment
        if payment is None:
            payment = await self._start(order)
            yield payment
        while payment.stage in RUNNING:
            async for changed in self._changes(payment.id):
                payment = changed
                yield payment

    async def evidence(self, payment_id: str, patience: float) -> PaymentResource:
        """See `Desk.evidence`."""
        payment = await self.payment(payment_id)
        try:
            async with asyncio.timeout(patience):
                while payment.stage in OPEN:
                    async for changed in self._changes(payment_id, OPEN):
                        payment = changed
        except TimeoutError:
            return await self.payment(payment_id)
        return payment

    async def first_terminal(self) -> str | None:
        """See `Desk.first_terminal`."""
        return next((terminal.name for terminal in await self.terminals()), None)

    async def terminals(self) -> Sequence[TerminalResource]:
        """Every terminal with its state."""
        return (await self._ask("GET", "v1/terminals", TerminalsResource)).terminals

    async def abort(self, payment_id: str) -> AbortReply:
        """See `Desk.abort`."""
        headers = {KEY: secrets.token_hex(KEY_BYTES)}
        return (await self._ask("POST", f"v1/payments/{payment_id}/abort", AbortResource, headers=headers)).abort

    async def payments(self, before: str | None, limit: int, where: Filter = NOTHING) -> Sequence[PaymentResource]:
        """See `Desk.payments`."""
        query = {"limit": str(limit)} | ({} if before is None else {"before": before}) | query_of(where)
        return (await self._ask("GET", "v1/payments", PaymentsResource, params=query)).payments

    async def payment(self, payment_id: str) -> PaymentResource:
        """See `Desk.payment`."""
        return await self._ask("GET", f"v1/payments/{payment_id}", PaymentResource)

    async def events(self, payment_id: str) -> Sequence[EventResource]:
        """See `Desk.events`."""
        return (await self._ask("GET", f"v1/payments/{payment_id}/events", EventsResource)).events

    async def resolve(self, payment_id: str, body: ResolveBody) -> PaymentResource:
        """See `Desk.resolve`."""
        json = body.model_dump(mode="json", exclude_none=True)
        path, headers = f"v1/payments/{payment_id}/resolve", {KEY: secrets.token_hex(KEY_BYTES)}
        return await self._ask("POST", path, PaymentResource, json=json, headers=headers)

    # ------------------------------------------------------------ a payment, whatever the connection does

    async def _start(self, order: Order) -> PaymentResource:
        json = order.body.model_dump(mode="json", exclude_none=True)
        headers = {KEY: order.key}
        sent = False
        for pause in (*AGAIN_SECONDS, None):
            try:
                return await self._ask("POST", "v1/payments", PaymentResource, json=json, headers=headers)
            except NoConnection as error:
                sent = sent or error.sent
                if not sent:
                    raise
            except BridgeError as error:
                if error.code is not Code.INTERNAL and not (sent and error.code in UNCERTAIN):
                    raise
                sent = True
            if pause is not None:
                await asyncio.sleep(pause)
        raise Unreachable(f"the connector at {self._url} stopped answering")

    async def _changes(self, payment_id: str, while_in: frozenset[Stage] = RUNNING) -> AsyncIterator[PaymentResource]:
        """The payment as it stands, then as it changes, until it has left these stages or the stream breaks off."""
        try:
            async with self._stream() as stream:
                payment = await self._again(payment_id)
                yield payment
                while payment.stage in while_in:
                    payment = await _next_of(payment_id, stream.content)
                    yield payment
                return
        except BROKEN:
            # The connector restarts, or cut off a slow reader: a moment later the stream is opened anew.
            await asyncio.sleep(AGAIN_SECONDS[0])
        yield await self._again(payment_id)

    async def _again(self, payment_id: str) -> PaymentResource:
        for pause in (*AGAIN_SECONDS, None):
            try:
                return await self.payment(payment_id)
            except NoConnection:
                if pause is not None:
                    await asyncio.sleep(pause)
        raise Unreachable(f"the connector at {self._url} stopped answering")

    def _stream(self) -> "AbstractAsyncContextManager[aiohttp.ClientResponse]":
        timeout = aiohttp.ClientTimeout(total=None, connect=ANSWER_SECONDS, sock_read=SILENCE_SECONDS)
        return self._session.get(
            "v1/events", timeout=timeout, read_bufsize=LARGEST_LINE, raise_for_status=True, allow_redirects=False
        )

    # ------------------------------------------------------------ one question

    async def _ask(self, method: str, path: str, shape: type[R], **what: Any) -> R:  # noqa: ANN401  # aiohttp's own
        try:
            async with self._session.request(method, path, allow_redirects=False, **what) as answer:
                body = await answer.read()
        except aiohttp.ClientConnectorError as error:
            raise NoConnection(self._url, sent=False) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoConnection(self._url, sent=True) from error
        if not answer.ok:
            raise _refusal(answer.status, body, self._url)
        try:
            return shape.model_validate_json(body)
        except ValidationError:
            raise _foreign(self._url) from None


async def _next_of(payment_id: str, stream: aiohttp.StreamReader) -> PaymentResource:
    """The payment as the stream's next event about it has it; `EOFError` when the stream ends."""
    async for line in stream:
        if line.startswith(DATA):
            payment = PaymentResource.model_validate_json(line.removeprefix(DATA))
            if payment.id == payment_id:
                return payment
    raise EOFError


def query_of(where: Filter) -> dict[str, str]:
    """The filter as the native interface's query has it."""
    asked = {
        "kind": where.kind,
        "stage": where.stage,
        "terminal": where.terminal,
        "door": where.door,
        "order_id": where.order_id,
        "since": None if where.since is None else where.since.isoformat(),
        "until": None if where.until is None else where.until.isoformat(),
        "search": where.text,
    }
    return {name: str(value) for name, value in asked.items() if value is not None}


def _refusal(status: int, body: bytes, url: str) -> BridgeError:
    try:
        problem = ProblemResource.model_validate_json(body)
        return BridgeError(Code(problem.code), problem.detail or "", place=problem.place, payment_id=problem.payment_id)
    except ValueError:  # pydantic's own error is one, and so is a code of a later release
        return BridgeError(Code.INTERNAL, f"{url} answered with HTTP status {status}: is it a tillbridge connector?")


def _foreign(url: str) -> BridgeError:
    return BridgeError(
        Code.INTERNAL, f"{url} answered with something else than expected: is it a tillbridge connector?"
    )
