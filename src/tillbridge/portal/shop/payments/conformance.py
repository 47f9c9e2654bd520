"""What every payment service has to keep, as checks that anybody can run (docs/reference/payment-services.md).

Each check is a plain coroutine over a `Bench`, begins payments of its own, and raises `NotKept` with what was found.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, EUR, Currency, Money
from tillbridge.portal.shop.payments.contract import Asked, Begun, PaymentService, PaymentState, Standing

LONGEST_REFERENCE: Final = 200
AT_ONCE: Final = 5
PRICE: Final = 1999
"""Minor units of what is bought: an amount that no float keeps exactly once it is divided by a hundred."""

T = TypeVar("T")

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class NotKept(Exception):
    """The promise is broken; says how."""


class Buyer(Protocol):
    """Somebody with a browser. To do it on a page that is closed already does nothing, and is no error."""

    async def pay(self, begun: Begun) -> None:
        """Pays on the page, and the bank agrees."""
        ...

    async def decline(self, begun: Begun) -> None:
        """Tries to pay, and the bank refuses."""
        ...

    async def cancel(self, begun: Begun) -> None:
        """Goes back without paying."""
        ...


Notice = tuple[Mapping[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the checks work with.

    `new_key` gives a key that was never used at this service, not in an earlier run either. `notice_about` gives a
    genuine notification of the service about a payment, headers and body; None where it sends none. `unit` is a
    currency that it takes.
    """

    service: PaymentService
    buyer: Buyer
    new_key: Callable[[], str]
    notice_about: Callable[[Begun], Awaitable[Notice]] | None = None
    unit: Currency = EUR

    @property
    def price(self) -> Money:
        """What is bought for."""
        return Money(PRICE, self.unit)

    def asked(self, key: str, amount: Money | None = None) -> Asked:
        """A wish with this key."""
        return Asked(
            key,
            f"S-{key[-8:]}",
            amount or self.price,
            "Gift voucher <b>& more</b>, Gutschein für žluťoučký kůň",
            "https://shop.example/back?order=1",
            "https://shop.example/told",
            "guest@shop.example",
            "de",
        )

    async def begin(self) -> Begun:
        """A payment of a new key."""
        return await self.service.create(self.asked(self.new_key()))

    async def paid(self) -> Begun:
        """A payment that the buyer has made."""
        begun = await self.begin()
        await self.buyer.pay(begun)
        return begun


Check = Callable[[Bench], Awaitable[None]]


async def begins_open(bench: Bench) -> None:
    """A payment begins with a page that a browser may be sent to, and nothing is paid."""
    begun = await bench.begin()
    parts = urlsplit(begun.page)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    _must(safe, f"the page {begun.page[:100]!r} is neither https nor on this computer")
    _must(0 < len(begun.reference) <= LONGEST_REFERENCE, "the reference is empty or too long to be kept")
    _is(await bench.service.status(begun.reference), {PaymentState.PENDING}, None)


async def same_key_same_payment(bench: Bench) -> None:
    """A wish that is repeated, one after the other and at once, never begins a second payment."""
    asked = bench.asked(bench.new_key())
    first = await bench.service.create(asked)
    again = await _together(lambda: bench.service.create(asked))
    _must({one.reference for one in again} == {first.reference}, "the same key has begun another payment")


async def same_key_at_once(bench: Bench) -> None:
    """Two tabs: wishes of one key that arrive together begin one payment."""
    asked = bench.asked(bench.new_key())
    found = await _together(lambda: bench.service.create(asked))
    _must(len({one.reference for one in found}) == 1, "one key has begun several payments")


async def other_key_other_payment(bench: Bench) -> None:
    """Two wishes are two payments, even if everything else is the same."""
    first, second = await bench.begin(), await bench.begin()
    _must(first.reference != second.reference, "two keys share one payment")
    await bench.buyer.pay(first)
    _is(await bench.service.status(second.reference), {PaymentState.PENDING}, None)


async def paid_in_full(bench: Bench) -> None:
    """What was paid is told to the minor unit, with its currency, for small and for odd amounts."""
    for minor in (1, 29, PRICE, 100_000, 300_000):
        amount = Money(minor, bench.unit)
        begun = await bench.service.create(bench.asked(bench.new_key(), amount))
        await bench.buyer.pay(begun)
        _is(await bench.service.status(begun.reference), {PaymentState.PAID}, amount)


async def paid_once(bench: Bench) -> None:
    """A page that is used twice, in two tabs or after going back, takes the money once."""
    begun = await bench.paid()
    await bench.buyer.pay(begun)
    await bench.buyer.cancel(begun)
    await bench.buyer.decline(begun)
    _is(await bench.service.status(begun.reference), {PaymentState.PAID}, bench.price)


async def repeated_after_paying(bench: Bench) -> None:
    """The wish of a payment that was made, once more: it stays that payment, or is refused."""
    asked = bench.asked(bench.new_key())
    begun = await bench.service.create(asked)
    await bench.buyer.pay(begun)
    try:
        again = await bench.service.create(asked)
    except BridgeError as error:
        _must(error.code is Code.PAYMENT_SERVICE_REFUSED, f"it failed with {error.code}")
    else:
        _must(again.reference == begun.reference, "the same key has begun another payment")
        await bench.buyer.pay(again)
    _is(await bench.service.status(begun.reference), {PaymentState.PAID}, bench.price)


async def declined_is_not_paid(bench: Bench) -> None:
    """A refusal of the bank; a service whose page lets the buyer try again may call it open."""
    begun = await bench.begin()
    await bench.buyer.decline(begun)
    _is(await bench.service.status(begun.reference), {PaymentState.FAILED, PaymentState.PENDING}, None)


async def cancelled_is_not_paid(bench: Bench) -> None:
    """A buyer who goes back; a service that does not record it may call it open."""
    begun = await bench.begin()
    await bench.buyer.cancel(begun)
    allowed = {PaymentState.CANCELLED, PaymentState.FAILED, PaymentState.PENDING}
    _is(await bench.service.status(begun.reference), allowed, None)


async def unknown_is_not_paid(bench: Bench) -> None:
    """A reference that nobody has: refused, or a payment that nobody has made."""
    try:
        standing = await bench.service.status(f"unknown-{bench.new_key()[:16]}")
    except BridgeError as error:
        _must(error.code is Code.PAYMENT_SERVICE_REFUSED, f"it failed with {error.code}")
    else:
        _is(standing, {PaymentState.PENDING, PaymentState.FAILED}, None)


async def refunded_in_full(bench: Bench) -> None:
    """All of it goes back, once, however often it is asked for with the same key."""
    begun, key = await bench.paid(), bench.new_key()
    for _ in range(2):
        standing = await bench.service.refund(begun.reference, bench.price, key)
        _is(standing, {PaymentState.REFUNDED}, bench.price, bench.price)
    _is(await bench.service.status(begun.reference), {PaymentState.REFUNDED}, bench.price, bench.price)


async def refunded_in_parts(bench: Bench) -> None:
    """Parts add up; a repeated key adds nothing, and equal parts of two keys are two."""
    if not bench.service.abilities.partial_refunds:
        return
    begun, part = await bench.paid(), Money(500, bench.unit)
    first, second = bench.new_key(), bench.new_key()
    for key, back in ((first, 500), (first, 500), (second, 1000), (first, 1000)):
        standing = await bench.service.refund(begun.reference, part, key)
        _is(standing, {PaymentState.PAID}, bench.price, Money(back, bench.unit))
    rest = Money(PRICE - 1000, bench.unit)
    standing = await bench.service.refund(begun.reference, rest, bench.new_key())
    _is(standing, {PaymentState.REFUNDED}, bench.price, bench.price)


async def refunded_at_once(bench: Bench) -> None:
    """A double click on a refund: one key, several requests together, once."""
    if not bench.service.abilities.partial_refunds:
        return
    begun, key, part = await bench.paid(), bench.new_key(), Money(500, bench.unit)
    await _together(lambda: bench.service.refund(begun.reference, part, key))
    _is(await bench.service.status(begun.reference), {PaymentState.PAID}, bench.price, part)


async def never_more_than_paid(bench: Bench) -> None:
    """More than was paid, of what was not paid, in another currency: refused, and nothing goes back."""
    paid, unpaid = await bench.paid(), await bench.begin()
    other = next(unit for code, unit in BY_CODE.items() if code != bench.unit.code and unit.exponent)
    wrong = (
        (paid, Money(PRICE + 1, bench.unit)),
        (paid, Money(100, other)),
        (unpaid, bench.price),
    )
    for begun, amount in wrong:
        await _refused(bench.service.refund(begun.reference, amount, bench.new_key()), f"a refund of {amount}")
    _is(await bench.service.status(paid.reference), {PaymentState.PAID}, bench.price)
    _is(await bench.service.status(unpaid.reference), {PaymentState.PENDING}, None)


async def foreign_currency(bench: Bench) -> None:
    """A currency that the service does not name is refused before anything begins."""
    known = bench.service.abilities.currencies
    _must(bench.unit.code in known, "the currency of this bench is none of its abilities")
    other = next((unit for code, unit in BY_CODE.items() if code not in known), None)
    if other is not None:
        asked = bench.asked(bench.new_key(), Money(10_000, other))
        await _refused(bench.service.create(asked), f"a payment in {other}")


async def nonsense_is_no_notice(bench: Bench) -> None:
    """Whatever a stranger sends is nobody's notification, and no fault."""
    bodies = (b"", b"{", b"\xff\xfe", b"[]", b'{"reference": "1"}', b"order%5Bid%5D=1&status=118", b"a" * 100_000)
    headers: tuple[Mapping[str, str], ...] = (
        {},
        {"content-type": "application/json"},
        {"content-type": "application/x-www-form-urlencoded", "x-allopass-signature": "0" * 64},
        {"x-signature": "é", "x-test-signature": "é", "x-allopass-signature": "é" * 40},
    )
    for shown in headers:
        for body in bodies:
            _must(bench.service.reference_of(shown, body) is None, "an unsigned notification was believed")


async def notice_is_signed(bench: Bench) -> None:
    """A genuine notification names its payment every time it comes; with one byte changed it is nobody's."""
    if bench.notice_about is None:
        return
    begun = await bench.paid()
    headers, body = await bench.notice_about(begun)
    for _ in range(5):
        _must(bench.service.reference_of(headers, body) == begun.reference, "a genuine notification was not known")
    for at in {0, len(body) // 2, len(body) - 1}:
        forged = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        _must(bench.service.reference_of(headers, forged) is None, "a changed notification was believed")
    bare = {name: value for name, value in headers.items() if name == "content-type"}
    _must(bench.service.reference_of(bare, body) is None, "an unsigned notification was believed")


CHECKS: Final[tuple[Check, ...]] = (
    *(begins_open, same_key_same_payment, same_key_at_once, other_key_other_payment),
    *(paid_in_full, paid_once, repeated_after_paying, declined_is_not_paid, cancelled_is_not_paid),
    *(unknown_is_not_paid, refunded_in_full, refunded_in_parts, refunded_at_once, never_more_than_paid),
    *(foreign_currency, nonsense_is_no_notice, notice_is_signed),
)
"""All of them. Each is independent of the others."""


async def _together(wish: Callable[[], Coroutine[object, object, T]]) -> Sequence[T]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wish()) for _ in range(AT_ONCE)]
    return [task.result() for task in tasks]


async def _refused(wish: Awaitable[object], what: str) -> None:
    try:
        await wish
    except BridgeError as error:
        _must(error.code is Code.PAYMENT_SERVICE_REFUSED, f"{what} failed with {error.code}")
    else:
        raise NotKept(f"{what} was taken")


def _is(
    standing: Standing, states: Collection[PaymentState], amount: Money | None, refunded: Money | None = None
) -> None:
    """No money may also be told as an amount of nothing."""
    names = " or ".join(sorted(states))
    _must(standing.state in states, f"it is {standing.state} where {names} was to be expected")
    for what, told, wanted in (("paid", standing.amount, amount), ("given back", standing.refunded, refunded)):
        same = told == wanted if wanted is not None else told is None or not told.minor
        _must(same, f"{told} was {what} where it was {wanted}")


def _must(kept: bool, otherwise: str) -> None:
    if not kept:
        raise NotKept(otherwise)
