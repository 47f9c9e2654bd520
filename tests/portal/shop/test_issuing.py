"""An order that is paid makes its vouchers once, whatever comes how often and in which order; no other makes any."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.shop.stand import Stand, letters, open_stand, proven, together
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.link.scopes import Service
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import lot
from tillbridge.portal.services import store as services
from tillbridge.portal.shop import checkout, orders_store
from tillbridge.portal.shop.model import Case, OrderState
from tillbridge.portal.shop.payments.contract import PaymentState
from tillbridge.portal.shop.payments.contract import Standing as Answer
from tillbridge.portal.shop.payments.test_service import TestPayments
from tillbridge.portal.vouchers.tables import voucher


async def test_a_paid_order_has_its_vouchers_as_credit_of_the_location(stand: Stand) -> None:
    order_id = await stand.issued(persons=4, quantity=2)
    one = await stand.order(order_id)
    assert (one.state, one.amount) == (OrderState.DELIVERED, 20_000)
    assert [each.balance for each in await stand.units(order_id)] == [10_000, 10_000]
    async with stand.house.database.reading() as connection:
        assert set(await connection.scalars(select(lot.c.location_id))) == {stand.places[0]}
        # What a shop sells is of no batch, and so does not count to the month's codes.
        assert set(await connection.scalars(select(voucher.c.batch_id))) == {None}
    assert await letters(stand.house) == ["anna@example.org"]
    assert await stand.happened(order_id) == ["placed", "payment_begun", "paid", "issued", "delivered"]
    await stand.sound()


@pytest.mark.parametrize("paid_first", [True, False])
async def test_five_notifications_before_and_after_the_return_issue_once(stand: Stand, paid_first: bool) -> None:
    order_id = await stand.placed(quantity=3)
    notice = stand.payments.notice(await stand.reference(order_id))
    if not paid_first:
        await stand.checkout.notified("test", *notice)
        assert await stand.count() == 0
    await stand.pay(order_id)
    work = [stand.checkout.notified("test", *notice) for _ in range(5)] + [stand.checkout.look(order_id)]
    await together(work)
    await stand.step()
    assert await stand.count() == 3
    assert len(await letters(stand.house)) == 1
    assert (await stand.happened(order_id)).count("issued") == 1
    await stand.sound()


async def test_a_forged_notification_and_one_of_yesterday_are_refused(stand: Stand, clock: HandClock) -> None:
    order_id = await stand.placed()
    headers, body = stand.payments.notice(await stand.reference(order_id))
    await stand.pay(order_id)
    forged: tuple[tuple[Mapping[str, str], bytes], ...] = (
        ({"x-test-signature": "0" * 64}, body),
        ({}, body),
        (headers, body.replace(b"}", b" }")),
        (headers, b"["),
    )
    for one in forged:
        with pytest.raises(BridgeError) as refused:
            await stand.checkout.notified("test", *one)
        assert refused.value.code is Code.ORIGIN_NOT_ALLOWED
    clock.forward(days=1)
    with pytest.raises(BridgeError) as refused:
        await stand.checkout.notified("test", headers, body)
    assert refused.value.code is Code.ORIGIN_NOT_ALLOWED
    assert await stand.count() == 0


@pytest.mark.parametrize(("amount", "currency"), [(2499, "EUR"), (2501, "EUR"), (2500, "CHF"), (1, "EUR")])
async def test_another_amount_or_currency_issues_nothing_and_stays_open(
    stand: Stand, amount: int, currency: str
) -> None:
    order_id = await stand.placed()
    await stand.pay(order_id, amount, currency)
    for _ in range(3):
        await stand.checkout.look(order_id)
    one = await stand.order(order_id)
    assert (one.open_case, one.state) == (Case.MISMATCH, OrderState.PAYMENT_PENDING)
    assert await stand.count() == 0
    assert (await stand.happened(order_id)).count("mismatch") == 1


@pytest.mark.parametrize("state", [PaymentState.FAILED, PaymentState.CANCELLED])
async def test_a_payment_that_fails_sets_the_stock_free(house: House, state: PaymentState) -> None:
    stand = await open_stand(house, stock=2)
    order_id = await stand.placed(quantity=2)
    assert await stand.stock(stand.fixed) == 0
    await stand.script(order_id, state=state.value)
    await stand.checkout.look(order_id)
    assert (await stand.order(order_id)).state is OrderState.FAILED
    assert await stand.stock(stand.fixed) == 2


async def test_an_order_expires_and_is_issued_when_it_is_paid_late(house: House, clock: HandClock) -> None:
    stand = await open_stand(house, stock=1)
    order_id = await stand.placed()
    clock.forward(minutes=29)
    await stand.step()
    assert (await stand.order(order_id)).state is OrderState.PAYMENT_PENDING
    clock.forward(minutes=1)
    await stand.step()
    assert (await stand.order(order_id)).state is OrderState.EXPIRED
    assert await stand.stock(stand.fixed) == 1
    await stand.pay(order_id)
    clock.forward(minutes=15)
    await stand.step()
    assert (await stand.order(order_id)).state is OrderState.DELIVERED
    assert await stand.stock(stand.fixed) == 0
    assert "paid_late" in await stand.happened(order_id)


async def test_what_is_paid_late_and_gone_is_given_back(house: House, clock: HandClock) -> None:
    stand = await open_stand(house, stock=1)
    late = await stand.placed()
    clock.forward(minutes=31)
    await stand.step()
    await stand.issued()
    await stand.pay(late)
    await stand.checkout.look(late)
    assert (await stand.order(late)).state is OrderState.REFUNDED
    standing = await stand.payments.status(await stand.reference(late))
    assert (standing.state, standing.refunded) == (PaymentState.REFUNDED, standing.amount)
    assert len(await stand.units(late)) == 0
    await stand.checkout.look(late)
    assert (await stand.order(late)).open_case is Case.NONE


class RefundsLater(TestPayments):
    """A service that cannot be reached whenever money is to go back."""

    async def refund(self, reference: str, amount: Money, key: str) -> Answer:  # noqa: ARG002  # the names are the promise's
        raise BridgeError(Code.PAYMENT_SERVICE_AWAY)


async def test_what_waits_to_be_given_back_is_not_issued_after_all(house: House, clock: HandClock) -> None:
    stand = await open_stand(house, stock=1)
    stand = replace(stand, services={"test": RefundsLater(house)})
    late = await stand.placed()
    clock.forward(minutes=31)
    await stand.step()
    sold = await stand.issued()
    await stand.pay(late)
    await stand.checkout.look(late)
    assert (await stand.order(late)).state is OrderState.PAID
    await stand.office.refund(proven(stand), sold, "room again")
    for _ in range(3):
        await stand.checkout.look(late)
    assert len(await stand.units(late)) == 0
    clock.forward(minutes=2)
    stand = replace(stand, services={"test": TestPayments(house)})
    await stand.step()
    assert (await stand.order(late)).state is OrderState.REFUNDED


async def test_a_payment_that_failed_and_is_made_after_all_is_noticed_without_a_notification(
    house: House, clock: HandClock
) -> None:
    stand = await open_stand(house, stock=1)
    order_id = await stand.placed()
    await stand.script(order_id, state="failed")
    await stand.checkout.look(order_id)
    assert (await stand.order(order_id)).state is OrderState.FAILED
    await stand.pay(order_id)
    clock.forward(minutes=15)
    await stand.step()
    assert (await stand.order(order_id)).state is OrderState.DELIVERED


async def test_a_payment_that_is_never_decided_is_asked_for_a_day_and_then_told_to_a_person(
    stand: Stand, clock: HandClock
) -> None:
    order_id = await stand.placed()
    for _ in range(30):
        clock.forward(minutes=50)
        await stand.step()
    one = await stand.order(order_id)
    assert (one.state, one.open_case) == (OrderState.EXPIRED, Case.SILENT)
    async with stand.house.database.writing() as connection:
        due = await orders_store.claim_due(connection, clock.now(), checkout.AGAIN, 10)
    assert due == []


async def test_the_last_one_of_a_limited_design_is_sold_once(house: House) -> None:
    stand = await open_stand(house, stock=1)
    carts = [await stand.cart() for _ in range(6)]
    ends = await together(stand.place(one) for one in carts)
    gone = [one for one in ends if isinstance(one, BridgeError) and one.code is Code.SHOP_PRODUCT_GONE]
    assert (len(gone), sum(isinstance(one, str) for one in ends)) == (5, 1)
    assert await stand.stock(stand.fixed) == 0


@pytest.mark.parametrize(
    ("design", "values", "code", "place"),
    [
        ("free", {"value": 99}, Code.SHOP_RANGE, "value"),
        ("free", {"value": 300_001}, Code.SHOP_RANGE, "value"),
        ("free", {"value": 150_000, "persons": 3}, Code.SHOP_RANGE, "persons"),
        ("fixed", {"value": 2600}, Code.SHOP_RANGE, "value"),
        ("fixed", {"persons": 100}, Code.FIELD_INVALID, "persons"),
        ("fixed", {"quantity": 21}, Code.FIELD_INVALID, "quantity"),
        ("fixed", {"quantity": 0}, Code.FIELD_INVALID, "quantity"),
    ],
)
async def test_what_is_not_sold_is_refused(
    stand: Stand, design: str, values: dict[str, Any], code: Code, place: str
) -> None:
    with pytest.raises(BridgeError) as refused:
        await stand.cart(design_id=getattr(stand, design), **values)
    assert (refused.value.code, refused.value.place) == (code, place)
    if code is Code.SHOP_RANGE:
        assert refused.value.members == {"min": 100, "max": 300_000}


class _KilledError(Exception):
    """The process dies here."""


@pytest.mark.parametrize("name", ["add_unit", "set_order", "note"])
async def test_a_process_that_dies_while_it_issues_leaves_nothing_and_the_next_does_it(
    stand: Stand, name: str, monkeypatch: pytest.MonkeyPatch, clock: HandClock
) -> None:
    order_id = await stand.placed(quantity=2)
    await stand.pay(order_id)

    async def dies(*_: object, **__: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr(orders_store, name, dies)
        with pytest.raises(_KilledError):
            await stand.checkout.look(order_id)
    assert await stand.count() == 0
    assert await stand.count(voucher) == 0
    clock.forward(minutes=1)
    await stand.step()
    assert len(await stand.units(order_id)) == 2
    await stand.sound()


async def test_a_disputed_payment_freezes_its_vouchers(stand: Stand) -> None:
    order_id = await stand.issued(quantity=2)
    await stand.script(order_id, state="disputed")
    await stand.checkout.look(order_id)
    assert all(each.blocked for each in await stand.units(order_id))
    assert (await stand.order(order_id)).open_case is Case.DISPUTED


async def test_without_the_switch_or_the_licence_nothing_is_sold(stand: Stand) -> None:
    cart = await stand.cart()

    now = stand.house.runtime.clock.now()
    async with stand.house.database.writing() as connection:
        await services.switch(connection, stand.places[0], Service.WEB_VOUCHERS, on=False, at=now, by="")
    front = await stand.front()
    assert list(front.sellers) == [stand.places[1]]
    with pytest.raises(BridgeError) as refused:
        await stand.place(cart)
    assert (refused.value.code, refused.value.place) == (Code.FIELD_INVALID, "location")
