"""The shop's payments over HiPay's hosted payment page (psp/hipay/HOSTED.md).

Our name for a payment is the order id at HiPay, which is made of the key: the same wish is the same order there,
whatever process asks. A return and a notification say that it is time to ask, and what the reads say counts.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tillbridge import __version__
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.shop.payments.contract import Abilities, Asked, Begun, PaymentState, Standing
from tillbridge.portal.shop.payments.hipay_settings import HipayShopSettings
from tillbridge.psp.hipay.hosted.asking import operation_id_of, order_id_of
from tillbridge.psp.hipay.hosted.client import HostedClient
from tillbridge.psp.hipay.hosted.model import Attempt, HostedPage, HostedTrouble, Trouble, Wish
from tillbridge.psp.hipay.hosted.statuses import Meaning, meaning, together
from tillbridge.psp.hipay.notices import NoticeUnreadable, read_notice
from tillbridge.psp.hipay.signatures import ALL_DIGESTS, NOTIFICATION_HEADER, signed_with

NAME: Final = "hipay"
PAGES_REMEMBERED: Final = 10_000
"""Pages that this process has opened lately: a double click within a checkout gets the same one."""

_STATES: Final[Mapping[Meaning, PaymentState]] = {
    Meaning.OPEN: PaymentState.PENDING,
    Meaning.PAID: PaymentState.PAID,
    Meaning.FAILED: PaymentState.FAILED,
    Meaning.CANCELLED: PaymentState.CANCELLED,
    Meaning.REFUNDED: PaymentState.REFUNDED,
    Meaning.DISPUTED: PaymentState.DISPUTED,
}
_REFUSALS: Final = frozenset({Trouble.REFUSED, Trouble.THERE})


@dataclass(slots=True)
class _Turns:
    """Who is at an order: `wanted` counts those that have it or wait for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class HipayService:
    """One HiPay account. See `PaymentService`."""

    def __init__(self, settings: HipayShopSettings, client: HostedClient) -> None:
        self._settings = settings
        self._client = client
        self._passphrase = settings.passphrase.get_secret_value()
        self._digests = ALL_DIGESTS if settings.digest is None else (settings.digest,)
        self._pages: OrderedDict[str, tuple[Wish, HostedPage]] = OrderedDict()
        self._busy: dict[str, _Turns] = {}

    @property
    def abilities(self) -> Abilities:
        """See `PaymentService.abilities`."""
        return Abilities(NAME, frozenset(self._settings.currencies), refunds=True, partial_refunds=True)

    async def create(self, asked: Asked) -> Begun:
        """See `PaymentService.create`."""
        if asked.amount.currency.code not in self._settings.currencies or not asked.amount.minor:
            raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, f"{asked.amount} cannot be paid here", place="amount")
        wish = self._wish(asked)
        async with self._alone(wish.order_id):
            known = self._pages.get(wish.order_id)
            if known is not None:
                _check_same(known[0], wish)
                return Begun(wish.order_id, known[1].address)
            page = await self._opened(wish)
            self._remember(wish, page)
            return Begun(wish.order_id, page.address)

    async def status(self, reference: str) -> Standing:
        """See `PaymentService.status`."""
        return _standing(reference, await self._attempts(reference))

    def reference_of(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """See `PaymentService.reference_of`."""
        shown = headers.get(NOTIFICATION_HEADER)
        if shown is None:
            return None
        if signed_with(body, self._passphrase, notification=[shown], terminal=(), allowed=self._digests) is None:
            return None
        try:
            return read_notice(headers.get("content-type", ""), body).order_id
        except NoticeUnreadable:
            return None

    async def refund(self, reference: str, amount: Money, key: str) -> Standing:
        """See `PaymentService.refund`."""
        operation_id = operation_id_of(reference, key)
        async with self._alone(reference):
            if not await self._made(operation_id):
                await self._refunded(reference, amount, operation_id)
            return await self.status(reference)

    async def work(self) -> None:
        """Holds the connections until cancelled, as a job of a feature does."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._client.close()

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._client.close()

    async def _opened(self, wish: Wish) -> HostedPage:
        """The page. An answer that was lost is looked up before the page is asked for once more, and only once."""
        try:
            return await self._client.open(wish)
        except HostedTrouble as trouble:
            if trouble.trouble is not Trouble.UNCLEAR:
                raise await self._explained(wish, trouble) from None
        if await self._attempts(wish.order_id):
            raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, "somebody has tried to pay this already: ask how it stands")
        try:
            return await self._client.open(wish)
        except HostedTrouble as trouble:
            raise await self._explained(wish, trouble) from None

    async def _explained(self, wish: Wish, trouble: HostedTrouble) -> BridgeError:
        """What a trouble with opening means to the shop."""
        if trouble.trouble is Trouble.THERE:
            attempts = await self._attempts(wish.order_id)
            stands = (
                _standing(wish.order_id, attempts).state if attempts else "not paid, and its page is not given again"
            )
            return BridgeError(Code.PAYMENT_SERVICE_REFUSED, f"{trouble.words}; it is {stands}")
        return _error(trouble)

    async def _attempts(self, order_id: str) -> Sequence[Attempt]:
        try:
            return await self._client.attempts(order_id)
        except HostedTrouble as trouble:
            raise _error(trouble) from None

    async def _made(self, operation_id: str) -> bool:
        try:
            return await self._client.has_operation(operation_id)
        except HostedTrouble as trouble:
            raise _error(trouble) from None

    async def _refunded(self, reference: str, amount: Money, operation_id: str) -> None:
        one = _refundable(await self._attempts(reference), amount)
        try:
            await self._client.refund(one.reference, amount, operation_id)
        except HostedTrouble as trouble:
            if trouble.trouble is Trouble.UNCLEAR and await self._made(operation_id):
                return
            raise _error(trouble) from None

    def _wish(self, asked: Asked) -> Wish:
        return Wish(
            order_id_of(asked.key, asked.order_id),
            asked.amount,
            asked.description,
            asked.return_url,
            asked.notify_url,
            asked.email,
            asked.language,
            self._settings.products,
            self._settings.page_seconds,
        )

    def _remember(self, wish: Wish, page: HostedPage) -> None:
        self._pages[wish.order_id] = (wish, page)
        if len(self._pages) > PAGES_REMEMBERED:
            self._pages.popitem(last=False)

    @asynccontextmanager
    async def _alone(self, order_id: str) -> AsyncIterator[None]:
        """One at a time for each order: the second click waits for what the first has got."""
        turns = self._busy.setdefault(order_id, _Turns())
        turns.wanted += 1
        try:
            async with turns.lock:
                yield
        finally:
            turns.wanted -= 1
            if not turns.wanted:
                del self._busy[order_id]


def hipay_service(settings: HipayShopSettings) -> HipayService:
    """The service of these settings. It connects when it is first asked; `HipayService.work` lets go of it all."""
    password = settings.password.get_secret_value()
    client = HostedClient(settings.gateway, settings.reads, settings.login, password, __version__)
    return HipayService(settings, client)


def _check_same(before: Wish, wish: Wish) -> None:
    if before.amount != wish.amount:
        raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, "the same key was used for another amount", place="key")


def _standing(reference: str, attempts: Sequence[Attempt]) -> Standing:
    """All attempts in one: what came in and went back of the order is the sum over them."""
    found = together(attempts)
    paid = [one for one in attempts if one.captured.minor]
    units = {one.captured.currency for one in paid}
    if not units:
        return Standing(reference, _STATES[found])
    if len(units) > 1:
        raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, "one order was paid in two currencies: a person has to look")
    unit = units.pop()
    captured = Money(sum(one.captured.minor for one in paid), unit)
    back = Money(sum(one.refunded.minor for one in paid), unit)
    return Standing(reference, _STATES[found], captured, back if back.minor else None)


def _refundable(attempts: Sequence[Attempt], amount: Money) -> Attempt:
    """The attempt that so much can be given back of; `BridgeError` where there is none."""
    for one in attempts:
        left = one.captured.minor - one.refunded.minor
        fine = meaning(one) in (Meaning.PAID, Meaning.REFUNDED) and one.captured.currency == amount.currency
        if fine and 0 < amount.minor <= left:
            return one
    raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, f"{amount} cannot be given back of this payment", place="amount")


def _error(trouble: HostedTrouble) -> BridgeError:
    """REFUSED where HiPay said no. What only a person mends is AWAY too: the wish itself is right."""
    code = Code.PAYMENT_SERVICE_REFUSED if trouble.trouble in _REFUSALS else Code.PAYMENT_SERVICE_AWAY
    return BridgeError(code, trouble.words)
