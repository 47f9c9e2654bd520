"""The shop's pages, asked as a browser asks them: from the window to the voucher, in four languages."""

import io
import re
from html import unescape

import pypdfium2
import pytest
from PIL import Image

from tests.portal.browser import Browser, Reply
from tests.portal.people import TOKEN
from tests.portal.shop.stand import SLUG, Stand
from tillbridge.portal.printing.proofreading import read_all
from tillbridge.portal.shop.pictures import MOST_KEPT, SMALLER

FORM = {"fixed": "2500", "persons": "2", "quantity": "2"}
HOSTILE = "<script>alert(1)</script> & Ω Ж ş 李 🎁 \u202e"
AGREED = {"terms": "on", "withdrawal": "on", "email": "anna@example.org"}


async def shown(asked: Browser, path: str, status: int = 200) -> str:
    reply = await asked.get(path)
    assert reply.status == status, (path, reply.status, reply.text[:600])
    assert not re.search(r"[{}]|shop\.[a-z]", reply.text.partition("<main")[2]), path
    assert len(reply.body) < 40_000
    return reply.text


async def bought(stand: Stand, asked: Browser, **form: str) -> str:
    """Buys, and returns the path of the order's page."""
    page = f"/shop/{SLUG}/buy/{stand.fixed}"
    kept = await asked.post(page, page=page, **{**FORM, **form})
    assert kept.status == 303, kept.text[:900]
    to_pay = await asked.post(f"{kept.location}/place", page=kept.location, **AGREED, location=stand.places[0])
    assert to_pay.status == 303, to_pay.text[:900]
    back = await asked.post(to_pay.location, page=to_pay.location, decision="pay")
    order = await asked.follow(back)
    if order.status == 303:
        return order.location
    return back.location


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


@pytest.mark.parametrize("language", ["de", "fr", "cs", "en"])
async def test_a_guest_buys_from_the_window_to_the_voucher(stand: Stand, language: str) -> None:
    asked = stand.browser(language=language)
    window = await shown(asked, f"/shop/{SLUG}")
    assert f'lang="{language}"' in window
    assert f"/shop/{SLUG}/buy/{stand.fixed}" in window
    await shown(asked, f"/shop/{SLUG}/terms")
    await shown(asked, f"/shop/{SLUG}/buy/{stand.free}")
    path = await bought(stand, asked, recipient="Anna", message="Alles Gute!")
    page = await shown(asked, path)
    assert "vouchers.pdf" in page
    # Of the shop's own there is the cart's cookie, and it ends with the order.
    assert not asked.cookies
    pdf = await asked.get(f"{path}/vouchers.pdf")
    assert (pdf.status, pdf.headers["content-type"]) == (200, "application/pdf")
    document = pypdfium2.PdfDocument(pdf.body)
    found = [read_all(sheet.render(scale=200 / 72, grayscale=True).to_pil()) for sheet in document]
    document.close()
    numbers = {text for sheet in found for _, text in sheet}
    assert [len(sheet) for sheet in found] == [2, 2]
    assert len(numbers) == 2
    said = text_of(pdf.body)
    assert "Alles Gute!" in said
    assert ("50,00" if language != "en" else "50.00") in said
    assert await stand.count() == 2


async def test_names_with_markup_and_in_every_script_are_drawn_as_they_are(stand: Stand) -> None:
    asked = stand.browser()
    path = await bought(stand, asked, recipient=HOSTILE, sender=HOSTILE, message=f"{HOSTILE}\r\n**x** __y__")
    reply = await asked.get(path)
    assert b"<script>alert" not in reply.body
    assert "<script>alert(1)</script>" in unescape(reply.body.decode())
    said = text_of((await asked.get(f"{path}/vouchers.pdf")).body)
    assert "<script>alert(1)</script> & Ω Ж ş" in said
    assert "**x** __y__" in said


async def test_a_wrong_form_says_what_is_wrong_and_keeps_what_was_typed(stand: Stand) -> None:
    asked, page = stand.browser(), f"/shop/{SLUG}/buy/{stand.free}"
    for value, persons, sentence in (("0.99", "1", "1.00"), ("3000.01", "1", "3,000.00"), ("1500", "3", "3,000.00")):
        form = {"value": value, "persons": persons, "quantity": "1", "sender": "Bernd"}
        reply = await asked.post(page, page=page, **form)
        assert reply.status == 400
        assert sentence in reply.text
        assert 'value="Bernd"' in reply.text
    assert (await asked.post(page, page=page, value="1e3")).status == 400


async def test_nothing_is_ordered_without_both_ticks_or_a_form_of_ours(stand: Stand) -> None:
    asked, page = stand.browser(), f"/shop/{SLUG}/buy/{stand.fixed}"
    assert (await asked.post(page, **FORM)).status == 403
    assert (await asked.post(page, token="0" * 32 + ".x", **FORM)).status == 403
    other = re.search(r'name="token" value="([^"]+)"', (await asked.get(f"/shop/{SLUG}/buy/{stand.free}")).text)
    assert other is not None
    assert (await asked.post(page, token=other[1], **FORM)).status == 403
    cart = (await asked.post(page, page=page, **FORM)).location
    assert (await asked.post(f"{cart}/place", page=cart, terms="on")).status == 400
    assert (await asked.post(f"{cart}/place", **AGREED)).status == 403


async def test_a_robot_is_slowed_down(stand: Stand) -> None:
    asked, page = stand.browser(), f"/shop/{SLUG}/buy/{stand.fixed}"
    ends = []
    for _ in range(21):
        cart = (await asked.post(page, page=page, **FORM)).location
        ends.append((await asked.post(f"{cart}/place", page=cart, **AGREED)).status)
    assert ends == [303] * 20 + [429]


async def test_a_link_that_was_revoked_opens_nothing_and_a_new_letter_does(stand: Stand) -> None:
    asked, guest = stand.browser(person=stand.person), stand.browser()
    path = await bought(stand, guest)
    (order_id,) = [one.id for one in (await stand.office.seen(stand.person, stand.shop_id)).orders]
    assert (await asked.post(f"/shops/orders/{order_id}/revoke", token=TOKEN)).status == 303
    assert (await guest.get(path)).status == 404
    ends = [(await asked.post(f"/shops/orders/{order_id}/resend", token=TOKEN)).status for _ in range(6)]
    assert ends == [303] * 5 + [429]
    assert len(await stand.units(order_id)) == 2


async def test_the_return_alone_and_a_forged_notification_issue_nothing(stand: Stand) -> None:
    asked, page = stand.browser(), f"/shop/{SLUG}/buy/{stand.fixed}"
    cart = (await asked.post(page, page=page, **FORM)).location
    await asked.post(f"{cart}/place", page=cart, **AGREED)
    await asked.follow(await asked.get(f"{cart}/back"))
    forged = await asked.ask("POST", f"/shop/{SLUG}/notify/test", b"{}", {"x-test-signature": "1"})
    assert forged.status == 403
    assert await stand.count() == 0
    assert (await asked.get(f"{cart}/vouchers.pdf")).status == 409


async def test_the_merchants_pages_in_four_languages(stand: Stand) -> None:
    await bought(stand, stand.browser())
    (order_id,) = [one.id for one in (await stand.office.seen(stand.person, stand.shop_id)).orders]
    for language in ("de", "fr", "cs", "en"):
        asked = stand.browser(person=stand.person, language=language)
        for path in (
            *("/shops", f"/shops/{stand.shop_id}", f"/shops/{stand.shop_id}/settings"),
            *(f"/shops/designs/of/{stand.shop_id}", f"/shops/designs/{stand.fixed}", f"/shops/orders/{order_id}"),
        ):
            await shown(asked, path)


async def test_a_picture_is_drawn_anew_and_what_was_sold_keeps_its_looks(stand: Stand) -> None:
    asked, guest = stand.browser(person=stand.person), stand.browser()
    path = await bought(stand, guest)
    before = await guest.get(f"{path}/vouchers.pdf")
    drawing = io.BytesIO()
    Image.effect_noise((1600, 1600), 90).convert("RGB").save(drawing, "PNG")
    fields = {"token": TOKEN, "offered": "on", "kind": "fixed", "fixed": "25 50", "names_de": "Neu"}
    assert (await upload(asked, f"/shops/designs/{stand.fixed}", fields, drawing.getvalue())).status == 303
    window = await shown(stand.browser(), f"/shop/{SLUG}")
    (address,) = re.findall(r'src="(/shop/[^"]+)"', window)
    picture = await stand.browser().get(address)
    assert picture.headers["cache-control"].startswith("public")
    assert len(picture.body) <= MOST_KEPT
    with Image.open(io.BytesIO(picture.body)) as opened:
        assert (opened.format, opened.size) == ("JPEG", SMALLER)
    assert (await upload(asked, f"/shops/designs/{stand.fixed}", fields, b"GIF89a")).status == 400
    assert (await stand.office.design(stand.person, stand.fixed))[2].layout.version == 2
    assert (await guest.get(f"{path}/vouchers.pdf")).body == before.body
    assert "Breakfast" in text_of(before.body)


async def test_a_closed_shop_says_so_and_an_unknown_one_is_not_found(stand: Stand) -> None:
    asked = stand.browser(person=stand.person)
    assert (await asked.post(f"/shops/{stand.shop_id}/close", token=TOKEN)).status == 303
    assert "closed" in await shown(stand.browser(), f"/shop/{SLUG}")
    await shown(stand.browser(), f"/shop/{SLUG}/buy/{stand.fixed}", 409)
    assert (await stand.browser().get("/shop/nobody")).status == 404


async def upload(asked: Browser, path: str, fields: dict[str, str], content: bytes) -> Reply:
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{said}\r\n' for name, said in fields.items()
    )
    head = '--b\r\nContent-Disposition: form-data; name="picture"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
    body = (parts + head).encode() + content + b"\r\n--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b", "origin": "http://127.0.0.1:8480"}
    return await asked.ask("POST", path, body, headers)
