"""The cart as a browser fills it: with a cookie that ends with the order, and in two tabs."""

import re

from tests.portal.shop.stand import SLUG, Stand
from tests.portal.shop.test_shop_pages import AGREED, FORM, shown
from tillbridge.portal.shop.model import OrderState

AT = f"/shop/{SLUG}"


async def test_a_guest_fills_a_cart_changes_it_and_pays_once(stand: Stand) -> None:
    asked = stand.browser()
    fixed, free = f"{AT}/buy/{stand.fixed}", f"{AT}/buy/{stand.free}"
    tab = await asked.token_of(free)
    first = await asked.post(fixed, page=fixed, **FORM, recipient="Anna")
    assert "; Path=/shop/sommer;" in first.headers["set-cookie"]
    assert "HttpOnly" in first.headers["set-cookie"]
    # The other tab was open before there was a cart.
    twice = [(await asked.post(free, page=free, token=tab, value="30", quantity="1")).location for _ in range(2)]
    assert {first.location, *twice} == {first.location}
    page = await shown(asked, first.location)
    assert "130.00" in page
    assert ">3</span>" in await shown(asked, AT)
    assert (await asked.get(f"{AT}/cart")).location == first.location
    # Changing a line shows what was typed, and leaves one line.
    form = await shown(asked, f"{first.location}/line/1")
    assert 'value="Anna"' in form
    token = re.search(r'name="token" value="([^"]+)"', form)
    assert token is not None
    assert (await asked.post(fixed, token=token[1], **{**FORM, "quantity": "1"})).location == first.location
    assert (await asked.post(f"{first.location}/line/2", page=first.location)).location == first.location
    _, one, lines = await stand.buying.opened(SLUG, first.location.rpartition("/")[2])
    assert (one.amount, len(lines)) == (5000, 1)
    wrong = await asked.post(f"{first.location}/place", page=first.location, **{**AGREED, "email": "nobody"})
    assert (wrong.status, 'value="nobody"' in wrong.text) == (400, True)
    old = await asked.token_of(first.location)
    paid = await asked.post(
        f"{first.location}/place", page=first.location, **AGREED, location=stand.places[0], seen="5000"
    )
    assert (paid.status, asked.cookies) == (303, {})
    # The order is made: what its old pages are asked for leads to it, and changes nothing.
    assert (await asked.get(f"{first.location}/line/1")).location == first.location
    assert (await asked.post(f"{first.location}/line/1", token=old)).location == first.location
    assert (await asked.post(fixed, token=token[1], **FORM)).location == first.location
    assert (await stand.order(one.id)).amount == 5000


async def test_nobody_orders_what_was_not_on_the_button(stand: Stand) -> None:
    """A page that was loaded before the other tab changed the cart."""
    asked, page = stand.browser(), f"{AT}/buy/{stand.fixed}"
    cart = (await asked.post(page, page=page, **{**FORM, "quantity": "1"})).location
    _, one, _ = await stand.buying.opened(SLUG, cart.rpartition("/")[2])
    assert f'name="seen" value="{one.amount}"' in await shown(asked, cart)
    await asked.post(page, page=page, **FORM)
    stale = await asked.post(f"{cart}/place", page=cart, **AGREED, seen=str(one.amount))
    assert (stale.status, "check your choice" in stale.text) == (409, True)
    assert (await stand.order(one.id)).state is OrderState.CART


async def test_a_cart_that_is_emptied_says_so_and_nobody_elses_is_opened(stand: Stand) -> None:
    asked, page = stand.browser(), f"{AT}/buy/{stand.fixed}"
    cart = (await asked.post(page, page=page, **FORM)).location
    assert (await asked.post(f"{cart}/line/1")).status == 403
    assert (await asked.post(f"{cart}/line/1", page=cart)).location == f"{AT}/cart"
    assert "empty" in await shown(asked, f"{AT}/cart")
    assert (await asked.get(cart)).status == 404
    asked.cookies["tillbridge_cart"] = "x" * 500
    assert "empty" in await shown(asked, f"{AT}/cart")
