"""The demonstration's voucher shop with a cart, an order that was paid, and a present that is under way."""

import re

from tests.browser.portal.open_portal import OpenPortal
from tests.portal.browser import Browser as Asker
from tillbridge.portal.demo_shop import SLUG
from tillbridge.portal.shop.order_links import new_secret

_SHOP = f"/shop/{SLUG}"
_BUYER = {"email": "guest@shop.example", "terms": "on", "withdrawal": "on"}
_GIFT = {"recipient": "Jörg", "sender": "Eva", "message": "Alles Gute!\nBis bald", "send_to": "joerg@shop.example"}


async def shop_at_work(portal: OpenPortal, owner: Asker) -> dict[str, str]:
    """The pages of a buyer and of the merchant."""
    guest = Asker(portal.app)
    window = (await guest.get(_SHOP)).text
    buy = re.findall(rf'href="({_SHOP}/buy/[0-9a-f]+)"', window)[0]
    paid = await _chosen(guest, buy, persons="2", quantity="2", **_GIFT)
    to_pay = (await guest.post(f"{paid}/place", page=paid, **_BUYER)).location
    await guest.post(to_pay, page=to_pay, decision="pay")
    secret = paid.rpartition("/")[2]
    found = re.findall(r'href="(/shops/[0-9a-f]{32})"', (await owner.get("/shops")).text)[0]
    order = re.findall(r'href="(/shops/orders/[0-9a-f]{32})"', (await owner.get(found)).text)[0]
    async with portal.house.database.writing() as connection:
        given = await new_secret(portal.house, connection, order.rpartition("/")[2], line=1)
    cart = await _chosen(guest, buy, **_GIFT)
    assert await _chosen(guest, buy) == cart
    design = re.findall(r'href="(/shops/designs/[0-9a-f]{32})"', (await owner.get(found)).text)[-1]
    return {
        "shop_buy": buy,
        "shop_cart": cart,
        "shop_line": f"{cart}/line/1",
        "shop_order": f"{_SHOP}/order/{secret}",
        "shop_gift": f"{_SHOP}/gift/{given}",
        "shop_office": found,
        "shop_sold": order,
        "shop_design": design,
    }


async def _chosen(guest: Asker, buy: str, **form: str) -> str:
    values = {"fixed": "2500", "persons": "1", "quantity": "1"} | form
    kept = await guest.post(buy, page=buy, **values)
    assert kept.status == 303, kept.text
    return kept.location
