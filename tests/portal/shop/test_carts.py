"""A cart holds what was chosen, each form one line of it, in two tabs, after two clicks and after the back button."""

import pytest

from tests.portal.clock import HandClock
from tests.portal.shop.stand import SLUG, Stand, open_stand, proven, together
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.shop.model import OrderState
from tillbridge.portal.shop.tables import line, order, unit


async def test_lines_of_several_designs_are_one_payment_and_each_makes_its_vouchers_once(house: House) -> None:
    stand = await open_stand(house, stock=5)
    secret = await stand.fill(quantity=2)
    again = await stand.fill(into=secret, design_id=stand.free, value=1234, persons=3)
    assert again == secret
    await stand.fill(into=secret, value=5000, quantity=3)
    order_id = (await stand.buying.opened(SLUG, secret))[1].id
    assert (await stand.order(order_id)).amount == 2 * 2500 + 3 * 1234 + 3 * 5000
    await stand.place(order_id)
    assert await stand.stock(stand.fixed) == 0
    notice = stand.payments.notice(await stand.reference(order_id))
    await stand.pay(order_id)
    await together([*(stand.checkout.notified("test", *notice) for _ in range(4)), stand.checkout.look(order_id)])
    units = await stand.units(order_id)
    assert [(one.line, one.unit, one.balance) for one in units] == [
        *((1, place, 2500) for place in (1, 2)),
        (2, 1, 3702),
        *((3, place, 5000) for place in (1, 2, 3)),
    ]
    assert (await stand.happened(order_id)).count("issued") == 1
    await stand.office.refund(proven(stand), order_id, "all of it")
    assert (await stand.order(order_id)).state is OrderState.REFUNDED
    await stand.sound()


async def test_a_form_is_one_line_and_an_ordered_one_stays_as_it_was(stand: Stand) -> None:
    secrets = await together(stand.fill("one-key") for _ in range(4))
    assert len(set(secrets)) == 1
    secret = str(secrets[0])
    assert (await stand.count(order), await stand.count(line)) == (1, 1)
    assert await stand.fill("one-key", into=secret, value=5000) == secret
    two = await together(stand.fill(f"tab-{number}", into=secret) for number in range(3))
    assert set(two) == {secret}
    _, one, lines = await stand.buying.opened(SLUG, secret)
    assert [each.number for each in lines] == [1, 2, 3, 4]
    assert one.amount == 5000 + 3 * 2500
    pages = await together(stand.place(one.id) for _ in range(4))
    assert len(set(pages)) == 1
    # Back, changed and sent again: what is ordered stays as it was ordered.
    assert await stand.fill("one-key", into=secret, value=2500) == secret
    assert (await stand.order(one.id)).amount == 12_500
    # What is chosen next is another order's.
    assert await stand.fill("new-key", into=secret) != secret


async def test_a_cart_has_limits_is_emptied_and_is_forgotten_after_a_day(stand: Stand, clock: HandClock) -> None:
    front, secret = await stand.front(), await stand.fill(quantity=20)
    for _ in range(9):
        await stand.fill(into=secret)
    for quantity in (1, 20):
        with pytest.raises(BridgeError) as refused:
            await stand.fill(into=secret, quantity=quantity)
        assert (refused.value.code, refused.value.place) == (Code.FIELD_INVALID, "cart")
    assert await stand.carts.remove(front, secret, 2)
    assert await stand.carts.count(front, secret) == 28
    assert (await stand.buying.opened(SLUG, secret))[1].amount == 28 * 2500
    assert [await stand.carts.remove(front, secret, number) for number in (1, *range(3, 11))][-1] is False
    assert (await stand.count(order), await stand.count(line)) == (0, 0)
    left = await stand.fill()
    clock.forward(hours=24)
    assert await stand.carts.count(front, left) == 0
    await stand.checkout.step()
    assert await stand.count(order) == 0


async def test_the_last_ones_in_two_lines_are_sold_together_or_not_at_all(house: House) -> None:
    stand = await open_stand(house, stock=3)
    cart = await stand.cart({"quantity": 2}, {"design_id": stand.free, "value": 1000}, {"quantity": 2})
    with pytest.raises(BridgeError) as refused:
        await stand.place(cart)
    assert refused.value.code is Code.SHOP_PRODUCT_GONE
    assert (await stand.order(cart)).state is OrderState.CART
    assert await stand.stock(stand.fixed) == 3
    assert await stand.count(unit) == 0
