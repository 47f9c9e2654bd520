"""A shop, a buyer and the provider's hosted page over real HTTP, on their bad days."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from tests.support.hosted_buyer import SOON, Provider, carried, hosted_provider
from tests.support.provider_sandbox import ACCOUNT
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.portal.shop.payments.contract import Asked, Begun, PaymentState, Standing
from tillbridge.portal.shop.payments.hipay_service import HipayService
from tillbridge.psp.hipay.hosted.client import HostedClient
from tillbridge.psp.hipay.hosted.returning import returned
from tillbridge.psp.hipay.sandbox.faults import Fault
from tillbridge.psp.hipay.sandbox.settings import TerminalAnswer
from tillbridge.psp.hipay.sandbox.statuses import Status

PRICE: Final = Money(4999, EUR)
_KEYS = count(1)


@dataclass
class Shop:
    """A shop that notes each notification as it comes, whom it says it is about, and what the service says then."""

    place: Provider
    service: HipayService
    url: str = ""
    heard: "asyncio.Queue[tuple[str | None, bytes]]" = field(default_factory=asyncio.Queue)
    letters: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def asked(self, key: str | None = None) -> Asked:
        wish = key or f"key-{next(_KEYS)}"
        told = f"{self.url}/told"
        return Asked(wish, "S-1", PRICE, "a voucher", f"{self.url}/back?own=1", told, "guest@shop.example", "de")

    async def begin(self) -> Begun:
        return await self.service.create(self.asked())

    async def paid(self) -> Begun:
        begun = await self.begin()
        assert (await self.place.press(begun.page, "pay"))[0] == 303
        return begun

    async def next(self) -> tuple[str | None, bytes]:
        """What came next."""
        async with asyncio.timeout(SOON):
            return await self.heard.get()

    async def stands(self, begun: Begun) -> Standing:
        return await self.service.status(begun.reference)

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.letters.append((headers, body))
        self.heard.put_nowait((self.service.reference_of(headers, body), body))
        return web.Response()


@asynccontextmanager
async def open_shop(folder: Path, seconds: float = 60.0) -> AsyncIterator[Shop]:
    """A shop with its provider. `seconds` is how long it waits for an answer at most."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(hosted_provider(folder))
        client = HostedClient(place.url, place.url, ACCOUNT.login, ACCOUNT.password, "0", seconds=seconds)
        shop = Shop(place, HipayService(place.settings, await stack.enter_async_context(client)))
        app = web.Application()
        app.router.add_post("/told", shop.hear)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield shop


async def refusal(wish: Awaitable[object]) -> Code:
    """The error that this ends in."""
    with pytest.raises(BridgeError) as error:
        await wish
    return error.value.code


async def test_a_buyer_pays_and_comes_back_signed(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun = await shop.begin()
        status, back = await shop.place.press(begun.page, "pay")
        assert (status, back.startswith(f"{shop.url}/back?own=1&orderid=")) == (303, True)
        assert (returned(carried(back), ACCOUNT.passphrase) or {})["orderid"] == begun.reference
        forged = [(name, "116" if name == "status" else value) for name, value in carried(back)]
        assert returned(forged, ACCOUNT.passphrase) is None
        assert await shop.stands(begun) == Standing(begun.reference, PaymentState.PAID, PRICE)
        assert {(await shop.next())[0] for _ in range(2)} == {begun.reference}


async def test_a_return_with_a_forged_signature_is_nobodys(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.RETURN_FORGED)
        begun = await shop.begin()
        _, back = await shop.place.press(begun.page, "decline")
        assert returned(carried(back), ACCOUNT.passphrase) is None
        assert (await shop.stands(begun)).state is PaymentState.FAILED


async def test_the_notification_comes_before_the_return(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.NOTICE_EARLY)
        begun = await shop.paid()
        reference, body = shop.heard.get_nowait()
        assert (reference, b"status=118" in body) == (begun.reference, True)
        assert (await shop.stands(begun)).state is PaymentState.PAID


async def test_the_notification_comes_after_the_return_and_out_of_order(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.NOTICE_LATE, seconds=0.2)
        begun = await shop.paid()
        assert (await shop.stands(begun)).state is PaymentState.PAID
        order = [b"status=118" in (await shop.next())[1] for _ in range(2)]
        assert order == [True, False]
        assert (await shop.stands(begun)).amount == PRICE


async def test_a_notification_comes_five_times(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.NOTICE_FIVE)
        begun = await shop.paid()
        found = [await shop.next() for _ in range(6)]
        assert {reference for reference, _ in found} == {begun.reference}
        assert await shop.stands(begun) == Standing(begun.reference, PaymentState.PAID, PRICE)


@pytest.mark.parametrize("fault", [Fault.NOTICE_PASSPHRASE, Fault.NOTICE_UNSIGNED, Fault.NOTICE_CHANGED])
async def test_a_forged_notification_is_nobodys(tmp_path: Path, fault: Fault) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(fault, times=None)
        begun = await shop.paid()
        assert [(await shop.next())[0] for _ in range(2)] == [None, None]
        assert (await shop.stands(begun)).state is PaymentState.PAID


async def test_a_notification_for_another_amount_changes_no_amount(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.NOTICE_AMOUNT, times=None)
        begun = await shop.paid()
        told = [await shop.next() for _ in range(2)]
        assert {reference for reference, _ in told} == {begun.reference}
        assert any(b"captured_amount=149.99" in body for _, body in told)
        assert (await shop.stands(begun)).amount == PRICE


async def test_a_notification_of_yesterday_says_nothing_that_is_believed(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun = await shop.paid()
        await shop.next()
        await shop.next()
        (headers, paid), *_ = [letter for letter in shop.letters if b"status=118" in letter[1]]
        await shop.service.refund(begun.reference, PRICE, "all of it")
        assert shop.service.reference_of(headers, paid) == begun.reference
        assert await shop.stands(begun) == Standing(begun.reference, PaymentState.REFUNDED, PRICE, PRICE)


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.CUT_BEFORE, Fault.ERROR_BEFORE, Fault.BAD_LOGIN])
async def test_a_provider_that_is_away_while_it_begins(tmp_path: Path, fault: Fault) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(fault, times=None)
        asked = shop.asked()
        assert await refusal(shop.service.create(asked)) is Code.PAYMENT_SERVICE_AWAY
        shop.place.sandbox.provider.faults.clear()
        begun = await shop.service.create(asked)
        assert (await shop.stands(begun)).state is PaymentState.PENDING


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.BROKEN_JSON, Fault.ANSWER_TWICE])
async def test_a_lost_answer_is_looked_up_and_the_page_is_the_same(tmp_path: Path, fault: Fault) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(fault)
        begun = await shop.begin()
        assert len(shop.place.sandbox.provider.store.rows("SELECT token FROM page")) == 1
        assert (await shop.place.press(begun.page, "pay"))[0] == 303
        assert (await shop.stands(begun)).amount == PRICE


async def test_a_lost_page_that_is_not_given_again_is_refused(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.CUT_AFTER)
        shop.place.fault(Fault.PAGE_ONCE, times=None)
        assert await refusal(shop.begin()) is Code.PAYMENT_SERVICE_REFUSED


async def test_a_provider_that_does_not_answer_in_time(tmp_path: Path) -> None:
    async with open_shop(tmp_path, seconds=0.3) as shop:
        begun = await shop.paid()
        shop.place.fault(Fault.SLOW, times=None, seconds=0.9)
        assert await refusal(shop.stands(begun)) is Code.PAYMENT_SERVICE_AWAY
        shop.place.sandbox.provider.faults.clear()
        assert (await shop.stands(begun)).state is PaymentState.PAID


async def test_a_provider_that_goes_down_while_the_buyer_pays(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun = await shop.begin()
        shop.place.fault(Fault.DOWN, times=None)
        assert (await shop.place.press(begun.page, "pay"))[0] == 303
        assert await refusal(shop.stands(begun)) is Code.PAYMENT_SERVICE_AWAY
        assert await refusal(shop.service.refund(begun.reference, PRICE, "one")) is Code.PAYMENT_SERVICE_AWAY
        shop.place.sandbox.provider.faults.clear()
        assert await shop.stands(begun) == Standing(begun.reference, PaymentState.PAID, PRICE)


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.BROKEN_JSON])
async def test_a_refund_whose_answer_is_lost_is_made_once(tmp_path: Path, fault: Fault) -> None:
    async with open_shop(tmp_path) as shop:
        begun, part = await shop.paid(), Money(1000, EUR)
        if fault is Fault.BROKEN_JSON:
            # It spoils reads as well: the first of them, which asks whether the refund was made before.
            shop.place.fault(fault)
            assert await refusal(shop.service.refund(begun.reference, part, "one")) is Code.PAYMENT_SERVICE_AWAY
        else:
            shop.place.fault(fault)
        for _ in range(3):
            assert (await shop.service.refund(begun.reference, part, "one")).refunded == part
        assert (await shop.stands(begun)).refunded == part


async def test_a_refund_that_did_not_arrive_is_made_with_the_next(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun, part = await shop.paid(), Money(1000, EUR)
        shop.place.fault(Fault.CUT_BEFORE)
        assert await refusal(shop.service.refund(begun.reference, part, "one")) is Code.PAYMENT_SERVICE_AWAY
        assert (await shop.stands(begun)).refunded is None
        assert (await shop.service.refund(begun.reference, part, "one")).refunded == part


async def test_a_refund_that_the_bank_refuses_gives_nothing_back(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.place.fault(Fault.REFUND_REFUSED)
        begun = await shop.paid()
        standing = await shop.service.refund(begun.reference, PRICE, "one")
        assert (standing.state, standing.refunded) == (PaymentState.PAID, None)


async def test_a_buyer_tries_again_after_a_refusal_and_not_for_ever(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun, other = await shop.begin(), await shop.begin()
        await shop.place.press(begun.page, "decline")
        assert (await shop.stands(begun)).state is PaymentState.FAILED
        await shop.place.press(begun.page, "pay")
        assert await shop.stands(begun) == Standing(begun.reference, PaymentState.PAID, PRICE)
        for _ in range(3):
            assert (await shop.place.press(other.page, "decline"))[0] == 303
        assert (await shop.place.press(other.page, "pay"))[0] == 410
        assert (await shop.stands(other)).state is PaymentState.FAILED


async def test_two_tabs_pay_once(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun = await shop.begin()
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(shop.place.press(begun.page, "pay"))
        assert await shop.stands(begun) == Standing(begun.reference, PaymentState.PAID, PRICE)
        assert len(shop.place.sandbox.provider.store.of_order(begun.reference)) == 1


async def test_a_bank_that_answers_later_and_one_that_takes_it_back(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun, provider = await shop.begin(), shop.place.sandbox.provider
        _, back = await shop.place.press(begun.page, "hang")
        assert dict(carried(back))["state"] == "pending"
        assert (await shop.stands(begun)).state is PaymentState.PENDING
        (one,) = provider.store.of_order(begun.reference)
        await provider.answer(one.reference, TerminalAnswer.APPROVE)
        assert (await shop.stands(begun)).state is PaymentState.PAID
        await provider.charge_back(one.reference, Status.CHARGEBACK)
        assert (await shop.stands(begun)).state is PaymentState.DISPUTED
        refused = shop.service.refund(begun.reference, PRICE, "too late")
        assert await refusal(refused) is Code.PAYMENT_SERVICE_REFUSED


async def test_a_refund_at_the_providers_own_console_is_told(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        begun, provider = await shop.paid(), shop.place.sandbox.provider
        (one,) = provider.store.of_order(begun.reference)
        await provider.maintain(one.reference, {"operation": "refund", "amount": "9.99"})
        standing = await shop.stands(begun)
        assert (standing.state, standing.refunded) == (PaymentState.PAID, Money(999, EUR))
        told = [await shop.next() for _ in range(4)]
        assert {reference for reference, _ in told} == {begun.reference}


async def test_one_key_for_two_amounts_is_refused(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        asked = shop.asked("the same")
        await shop.service.create(asked)
        other = Asked(asked.key, "S-1", Money(1, EUR), "a voucher", asked.return_url, asked.notify_url, asked.email)
        assert await refusal(shop.service.create(other)) is Code.PAYMENT_SERVICE_REFUSED
        async with HostedClient(shop.place.url, shop.place.url, ACCOUNT.login, ACCOUNT.password, "0") as client:
            fresh = HipayService(shop.place.settings, client)
            assert await refusal(fresh.create(other)) is Code.PAYMENT_SERVICE_REFUSED
