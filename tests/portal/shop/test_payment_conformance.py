"""Every payment service that ships keeps every promise, each over what it really talks to."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from tests.support.hosted_buyer import hosted_provider
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings, ShopSettings
from tillbridge.portal.shop.payments import conformance
from tillbridge.portal.shop.payments.conformance import CHECKS, Bench, Check, NotKept
from tillbridge.portal.shop.payments.contract import Abilities, Asked, Begun, PaymentState, Standing
from tillbridge.portal.shop.payments.hipay_service import hipay_service
from tillbridge.portal.shop.payments.services import embedded
from tillbridge.portal.shop.payments.test_service import TestPayments

NAMES = [check.__name__ for check in CHECKS]
_KEYS: Iterator[int] = count(1)


def new_key() -> str:
    return f"conformance-{next(_KEYS):08d}"


@dataclass
class AtTheTestPage:
    """A buyer of the test service."""

    service: TestPayments

    async def pay(self, begun: Begun) -> None:
        await self.service.decide(begun.reference, PaymentState.PAID)

    async def decline(self, begun: Begun) -> None:
        await self.service.decide(begun.reference, PaymentState.FAILED)

    async def cancel(self, begun: Begun) -> None:
        await self.service.decide(begun.reference, PaymentState.CANCELLED)

    async def notice_about(self, begun: Begun) -> conformance.Notice:
        return self.service.notice(begun.reference)


@pytest.fixture
async def hipay(tmp_path: Path) -> AsyncIterator[Bench]:
    """HiPay's hosted page over the sandbox, over real HTTP."""
    async with hosted_provider(tmp_path) as place:
        service = hipay_service(place.settings)
        yield Bench(service, place, new_key, place.notice_about)
        await service.close()


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
async def test_hipay_keeps(check: Check, hipay: Bench) -> None:
    await check(hipay)


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
async def test_the_test_service_keeps(check: Check, house: House) -> None:
    service = TestPayments(house)
    buyer = AtTheTestPage(service)
    await check(Bench(service, buyer, new_key, buyer.notice_about))


async def test_another_process_keeps_to_the_same_payment(tmp_path: Path) -> None:
    """What one process has begun, another finds: nothing of it is in a memory alone."""
    async with hosted_provider(tmp_path) as place, AsyncExitStack() as stack:
        first, second, third = (hipay_service(place.settings) for _ in range(3))
        for service in (first, second, third):
            stack.push_async_callback(service.close)
        asked = Bench(first, place, new_key).asked(new_key())
        begun = await first.create(asked)
        assert await second.create(asked) == begun
        await place.pay(begun)
        assert (await second.status(begun.reference)).state is PaymentState.PAID
        with pytest.raises(BridgeError, match="paid") as refused:
            await third.create(asked)
        assert refused.value.code is Code.PAYMENT_SERVICE_REFUSED


class Careless:
    """A service that breaks promises: it trusts what it is told, and counts a repeated refund again."""

    def __init__(self) -> None:
        self.begun = 0
        self.paid: dict[str, Money] = {}
        self.back: dict[str, int] = {}

    @property
    def abilities(self) -> Abilities:
        return Abilities("careless", frozenset({"EUR"}), refunds=True, partial_refunds=True)

    async def create(self, asked: Asked) -> Begun:
        self.begun += 1
        self.paid[str(self.begun)] = asked.amount
        return Begun(str(self.begun), "http://shop.example/pay")

    async def status(self, reference: str) -> Standing:
        back = self.back.get(reference, 0)
        amount = self.paid.get(reference)
        refunded = None if amount is None or not back else Money(back, amount.currency)
        return Standing(reference, PaymentState.PAID, amount, refunded)

    def reference_of(self, _: object, body: bytes) -> str | None:
        return body.decode("latin-1") or None

    async def refund(self, reference: str, amount: Money, _: str) -> Standing:
        self.back[reference] = self.back.get(reference, 0) + amount.minor
        return await self.status(reference)

    async def pay(self, _: Begun) -> None:
        return None

    decline = cancel = pay


PASSES_ANYHOW = {conformance.paid_in_full, conformance.paid_once}


@pytest.mark.parametrize("check", [one for one in CHECKS if one not in PASSES_ANYHOW], ids=lambda one: one.__name__)
async def test_each_check_finds_a_careless_service(check: Check) -> None:
    careless = Careless()

    async def notice(begun: Begun) -> conformance.Notice:
        return {}, begun.reference.encode()

    with pytest.raises((NotKept, ExceptionGroup)):
        await check(Bench(careless, careless, new_key, notice))


def test_services_are_found_by_what_is_set(house: House, settings: PortalSettings) -> None:
    assert list(embedded(house)) == ["test"]
    account = {"login": "1.stage-gateway", "password": "p", "passphrase": "s"}
    shop = ShopSettings.model_validate({"hipay": account})
    away = {"address": "https://portal.example", "shop": shop}
    assert list(embedded(replace(house, settings=settings.model_copy(update={"shop": shop})))) == ["hipay", "test"]
    assert list(embedded(replace(house, settings=settings.model_copy(update=away)))) == ["hipay"]
