"""The native interface as methods. docs/reference/native-api.md says what each of them means."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Unpack
from urllib.parse import quote

import aiohttp

from tillbridge.client.asking import Asking
from tillbridge.client.listening import Listening
from tillbridge.client.questions import Filters, ReceiptWish, query_of
from tillbridge.client.webhooks import Webhooks
from tillbridge.connector.api.bodies import AmountBody, MoveBody, PaymentBody, ReasonBody, ResolveBody, SignatureBody
from tillbridge.connector.api.receipts import PrintBody, PrintResource
from tillbridge.connector.api.resources import (
    AbortResource,
    EventResource,
    EventsResource,
    PaymentResource,
    PaymentsResource,
    StreamedResource,
    TerminalResource,
    TerminalsResource,
    TotalsResource,
)
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.operation import RUNNING
from tillbridge.domain.receipt import Copy

WAIT: Final = 60
"""Seconds for which one question waits for a payment's end; a longer payment is asked for again."""

PAGE: Final = 100


@asynccontextmanager
async def connect(url: str, key: str) -> AsyncIterator["Bridge"]:
    """A connector at an address such as http://127.0.0.1:8380, with a key of its own or a named one.

    `ValueError` for an address that is none. Nothing is asked yet.
    """
    headers = {"Authorization": f"Bearer {key}"}
    session = aiohttp.ClientSession(url.rstrip("/") + "/", headers=headers, cookie_jar=aiohttp.DummyCookieJar())
    async with session:
        yield Bridge(session, url)


class Bridge:
    """A connector. Every method raises `Refused` where the connector says no and `NoAnswer` where nobody answers.

    A lost line is no reason to give up: for half a minute it is asked again, which never does anything twice, because
    every write has a `key`. A new UUID for each payment or decision does well; keep it until the answer is there.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._asking = Asking(session, url)
        self._url = url
        self.webhooks = Webhooks(self._asking)

    # ------------------------------------------------------------ payments

    async def start(self, body: PaymentBody, *, key: str, wait: int | None = None) -> PaymentResource:
        """Starts a payment, or meets the one that the key stands for; as it stands after at most `wait` seconds."""
        return await self._asking.post("v1/payments", PaymentResource, key, body, wait)

    async def pay(self, body: PaymentBody, *, key: str) -> PaymentResource:
        """Starts a payment and returns it once it is over. It may be over in doubt: look at `money_moved`."""
        payment = await self.start(body, key=key, wait=WAIT)
        return payment if payment.stage not in RUNNING else await self.until_over(payment.id)

    async def until_over(self, payment_id: str) -> PaymentResource:
        """The payment once it no longer runs."""
        while (payment := await self.payment(payment_id, wait=WAIT)).stage in RUNNING:
            pass
        return payment

    async def payment(self, payment_id: str, *, wait: int | None = None) -> PaymentResource:
        """The payment as it stands after at most `wait` seconds."""
        return await self._asking.get(_one(payment_id), PaymentResource, wait=wait)

    async def payment_by_key(self, key: str, *, wait: int | None = None) -> PaymentResource:
        """The payment that was started under this key."""
        return await self._asking.get("v1/payments/by-key", PaymentResource, {"key": key}, wait)

    async def timeline(self, payment_id: str) -> tuple[EventResource, ...]:
        """What happened to the payment, oldest first."""
        return (await self._asking.get(f"{_one(payment_id)}/events", EventsResource)).events

    async def payments(self, **filters: Unpack[Filters]) -> AsyncIterator[PaymentResource]:
        """Payments, newest first, page by page for as long as somebody reads."""
        query = query_of({"limit": PAGE} | filters)
        page = await self._asking.get("v1/payments", PaymentsResource, query)
        while True:
            for payment in page.payments:
                yield payment
            if page.next is None:
                return
            page = await self._asking.get("v1/payments", PaymentsResource, query | {"before": page.payments[-1].id})

    async def totals(self, since: datetime | None = None) -> TotalsResource:
        """Approved money since a moment with a zone, or since the business day began."""
        return await self._asking.get("v1/totals", TotalsResource, query_of({"since": since}))

    async def events(self, after: int | None = None) -> AsyncIterator[StreamedResource]:
        """Payments as they change, without an end. Lines of the journal (`change`) come once each and in their order.

        `after` is the last line that is known already, to go on from there; 0 for all there are.
        """
        async for event in Listening(self._asking.session, self._url, after).events():
            yield event

    # ------------------------------------------------------------ decisions

    async def abort(self, payment_id: str, *, key: str) -> AbortResource:
        """Asks the terminal to stop it."""
        return await self._asking.post(f"{_one(payment_id)}/abort", AbortResource, key)

    async def sign(self, payment_id: str, *, accepted: bool, by: str, key: str) -> PaymentResource:
        """A person has compared the signature."""
        body = SignatureBody(accepted=accepted, by=by)
        return await self._asking.post(f"{_one(payment_id)}/signature", PaymentResource, key, body)

    async def resolve(
        self, payment_id: str, *, taken: bool, by: str, reason: str, key: str, amount: AmountBody | None = None
    ) -> PaymentResource:
        """A person settles what is in doubt."""
        body = ResolveBody(taken=taken, by=by, reason=reason, amount=amount)
        return await self._asking.post(f"{_one(payment_id)}/resolve", PaymentResource, key, body)

    async def keep(self, payment_id: str, *, by: str, reason: str, key: str) -> PaymentResource:
        """A person lets a payment stand that its till never heard of."""
        return await self._asking.post(
            f"{_one(payment_id)}/keep", PaymentResource, key, ReasonBody(by=by, reason=reason)
        )

    async def reverse(self, payment_id: str, *, by: str, reason: str, key: str, wait: int = WAIT) -> PaymentResource:
        """A person takes an approved payment back; the void that does it."""
        body = ReasonBody(by=by, reason=reason)
        return await self._asking.post(f"{_one(payment_id)}/reverse", PaymentResource, key, body, wait)

    async def undelivered(self) -> tuple[PaymentResource, ...]:
        """Approved payments that their tills have not heard of."""
        return (await self._asking.get("v1/undelivered", PaymentsResource)).payments

    # ------------------------------------------------------------ receipts

    async def receipt(self, payment_id: str, **asked: Unpack[ReceiptWish]) -> bytes:
        """The receipt of a payment that is over: text or a page in UTF-8, or the bytes for a printer."""
        return await self._asking.fetch(f"{_one(payment_id)}/receipt", query_of(asked))

    async def print_receipt(
        self, payment_id: str, *, key: str, copy: Copy = Copy.CUSTOMER, language: Language | None = None
    ) -> PrintResource:
        """Has the connector's printer print a receipt; from the second one of a copy on it is marked as such."""
        body = PrintBody.model_validate({"copy": copy, "language": language})
        return await self._asking.post(f"{_one(payment_id)}/receipt/print", PrintResource, key, body)

    # ------------------------------------------------------------ terminals

    async def terminals(self) -> tuple[TerminalResource, ...]:
        """Every terminal with its state."""
        return (await self._asking.get("v1/terminals", TerminalsResource)).terminals

    async def terminal(self, name: str) -> TerminalResource:
        """One terminal."""
        return await self._asking.get(_terminal(name), TerminalResource)

    async def move(self, name: str, address: str, *, by: str, reason: str, key: str) -> TerminalResource:
        """A person says that a terminal has another address (host:port) now."""
        body = MoveBody(address=address, by=by, reason=reason)
        return await self._asking.post(f"{_terminal(name)}/address", TerminalResource, key, body)


def _terminal(name: str) -> str:
    return f"v1/terminals/{quote(name, safe='')}"


def _one(payment_id: str) -> str:
    return f"v1/payments/{quote(payment_id, safe='')}"
