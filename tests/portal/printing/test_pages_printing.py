"""The pages of printing and of trying codes out, asked as a browser asks them."""

import re
from dataclasses import replace
from typing import Final

from PIL import Image, ImageOps
from sqlalchemy import select

from tests.portal.browser import Browser, Reply
from tests.portal.people import TOKEN, Standing, somebody
from tests.portal.printing.drawing import NUMBER, code, file
from tests.portal.shops import merchant
from tests.portal.vouchers.office import GERMANY, chief, events, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import LARGEST_PICTURE, portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.printing.feature import pages
from tillbridge.portal.printing.model import Symbology
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_model import BatchDraft, OfficeVoucher
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.feature import office
from tillbridge.portal.vouchers.tables import voucher, voucher_guessing

TEST = "/vouchers/test-code"


def browser(house: House, person: Person) -> Browser:
    features = [Feature("vouchers", pages=office(house)), Feature("printing", pages=pages(house))]
    return Browser(portal_app(house, Standing(person), features))


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|(?:vouchers|printing)\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


async def batch_of(house: House, codes: int) -> tuple[Person, str, OfficeVoucher]:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", GERMANY, codes, group="Einladung"))
    return person, made.id, (await Batches(house).seen(person, made.id)).vouchers[0]


async def pictured(asked: Browser, content: bytes, token: str = TOKEN) -> Reply:
    head = f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--b\r\n'
    body = (
        head.encode()
        + b'Content-Disposition: form-data; name="picture"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b", "origin": "http://127.0.0.1:8480"}
    return await asked.ask("POST", f"{TEST}/picture", body, headers)


FORM = {"medium": "sheets", "symbology": "qr", "dark": "#000000", "light": "#ffffff"}


async def test_a_batch_is_printed_from_its_page(house: House) -> None:
    person, batch, _ = await batch_of(house, 3)
    asked, here = browser(house, person), f"/vouchers/batches/{batch}/print"
    assert f'href="{here}"' in await shown(asked, f"/vouchers/batches/{batch}")
    page = await shown(asked, here)
    assert ('name="first" type="text" value="1"' in page, 'name="last" type="text" value="3"' in page) == (True, True)
    assert "at most 500" in page
    assert "gold, silver" in page
    reply = await asked.post(here, page=here, **FORM, first="1", last="2", heading="Sommer")
    assert (reply.status, reply.headers["content-type"], reply.body[:5]) == (200, "application/pdf", b"%PDF-")
    assert "no-store" in reply.headers["cache-control"]
    page = await shown(asked, here)
    assert "1\N{EN DASH}2" in page
    assert 'name="first" type="text" value="3"' in page


WRONG: Final[tuple[tuple[dict[str, str], str], ...]] = (
    ({"dark": "#888888"}, "ratio of 7:1"),
    ({"dark": "#ffffff", "light": "#000000"}, "ratio of 7:1"),
    ({"dark": "red"}, "ratio of 7:1"),
    ({"last": "4"}, "at most 500 codes at once"),
    ({"first": "x"}, "at most 500 codes at once"),
    ({"heading": "x" * 61}, "at most 60 characters"),
    ({"medium": "svg", "pin": "apart"}, "A picture holds the code alone"),
)


async def test_what_is_wrong_is_said_beside_it(house: House) -> None:
    person, batch, _ = await batch_of(house, 3)
    asked, here = browser(house, person), f"/vouchers/batches/{batch}/print"
    for change, said in WRONG:
        reply = await asked.post(here, page=here, **(FORM | {"first": "1", "last": "3"} | change))
        assert (reply.status, said in reply.text) == (400, True), change
    assert [event for event, _ in await events(house)][-1] == "voucher_batch.made"


async def test_one_voucher_is_printed_with_its_pin_after_a_fresh_proof(house: House) -> None:
    person, _, one = await batch_of(house, 1)
    here = f"/vouchers/one/{one.id}/print"
    stale = browser(house, replace(person, stepped_up_at=None))
    assert f'href="{here}"' in await shown(stale, f"/vouchers/one/{one.id}")
    reply = await stale.post(here, page=here, **FORM, pin="apart")
    assert (reply.status, reply.location.partition("?")[0]) == (303, "/step-up")
    reply = await browser(house, person).post(here, page=here, **(FORM | {"medium": "letters"}), pin="apart")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/pdf")
    clerk = browser(house, somebody(person.home, "vouchers.codes.edit"))
    assert 'name="pin"' not in await shown(clerk, here)
    assert (await clerk.post(here, page=here, **FORM, pin="inside")).status == 403
    assert (await clerk.post(here, page=here, **FORM)).status == 200
    assert (await clerk.post(here, page=here, **(FORM | {"medium": "film"}))).status == 400


async def test_a_typed_code_is_tried_out_and_nothing_is_touched(house: House) -> None:
    person, _, one = await batch_of(house, 1)
    asked = browser(house, person)

    async def rows() -> str:
        async with house.database.reading() as connection:
            held = [tuple(row) for row in await connection.execute(select(voucher))]
            return repr((held, list(await connection.execute(select(voucher_guessing)))))

    before, noted = await rows(), await events(house)
    await shown(asked, TEST)
    text = (await asked.post(TEST, page=TEST, code=f"{one.number}9876")).text
    for said in (
        "This voucher is known.",
        one.shown(whole=True),
        "inside the code",
        "Ostern",
        "Not activated",
        "right",
    ):
        assert said in text, said
    assert "9876" not in text.replace(one.shown(whole=True), "")
    for typed, said in (
        (NUMBER, "none of your vouchers has this number"),
        ("27612345678905", "wrong"),
        ("0000", "cannot be read"),
        (one.number, "not in the code"),
        (f"https://shop.example/?v={one.number}#p=4711", "inside the code"),
    ):
        reply = await asked.post(TEST, page=TEST, code=typed)
        assert (reply.status, said in reply.text, "4711" in reply.text) == (200, True, False), typed
    assert (await rows(), await events(house)) == (before, noted)


async def test_a_photographed_code_is_tried_out(house: House) -> None:
    person, _, one = await batch_of(house, 1)
    asked = browser(house, person)
    reply = await pictured(asked, file(code(f"{one.number}9876")))
    assert (reply.status, "This voucher is known." in reply.text, "QR Code" in reply.text) == (200, True, True)
    assert "9876" not in reply.text
    two = Image.new("L", (700, 1500), 255)
    two.paste(code(), (50, 50))
    two.paste(code(one.number), (50, 800))
    for picture, said in (
        (ImageOps.invert(code()), "light on dark"),
        (ImageOps.mirror(code()), "The code is mirrored"),
        (code(kind=Symbology.CODE_128).point(lambda shade: 180 if shade < 128 else 200), "contrast in this picture"),
        (two, "There are 2 codes"),
        (Image.new("L", (300, 300), 255), "No code was found"),
    ):
        reply = await pictured(asked, file(picture))
        assert (reply.status, said in reply.text) == (200, True), said
    for content in (b"", b"GIF89a", bytes(8 * 1024 * 1024 + 1)):
        reply = await pictured(asked, content)
        assert (reply.status, "no picture that can be read" in reply.text) == (400, True)
    assert (await pictured(asked, bytes(LARGEST_PICTURE))).status == 413
    assert (await pictured(asked, file(code()), token="another")).status == 403
    assert (await asked.post(f"{TEST}/picture", token=TOKEN)).status == 400


async def test_a_neighbours_voucher_is_not_known_and_nobody_without_a_right_tests(house: House) -> None:
    person, _, one = await batch_of(house, 1)
    neighbour = browser(house, chief(house, await merchant(house, "Café")))
    reply = await neighbour.post(TEST, page=TEST, code=one.number)
    assert ("none of your vouchers" in reply.text, one.id in reply.text, "Ostern" in reply.text) == (True, False, False)
    nobody = browser(house, somebody(person.home, "customers.edit"))
    assert (await nobody.get(TEST)).status == 403
    assert (await nobody.post(TEST, token=TOKEN, code=one.number)).status == 403
    assert (await pictured(nobody, file(code()))).status == 403


async def test_a_group_is_kept_with_the_batch(house: House) -> None:
    person, batch, _ = await batch_of(house, 1)
    asked = browser(house, person)
    assert "Einladung" in await shown(asked, f"/vouchers/batches/{batch}")
    assert (await events(house))[-1][1]["group"] == "Einladung"
    here = (await Batches(house).seen(person, batch)).system.id
    page = f"/vouchers/systems/{here}/batches/new"
    form = {"name": "Herbst", "amount_of_codes": "2", "country": GERMANY}
    reply = await asked.post(page, page=page, **form, group_name="x" * 65)
    assert (reply.status, "at most 64 characters" in reply.text) == (400, True)
    made = await asked.post(page, page=page, **form, group_name="Rabatt 10 %")
    assert "Rabatt 10 %" in await shown(asked, made.location)


async def test_a_link_that_leads_nowhere_any_more_says_so(house: House) -> None:
    person, batch, _ = await batch_of(house, 1)
    asked, here = browser(house, person), f"/vouchers/batches/{batch}"
    page = (await asked.post(f"{here}/export.csv", page=here)).text
    found = re.search(r'href="(/vouchers/export\?link=[^"]+)"', page)
    assert found is not None
    assert (await asked.get(found[1])).status == 200
    again = await asked.get(found[1])
    assert (again.status, "no longer good" in again.text) == (404, True)


async def test_every_page_in_every_language(house: House) -> None:
    person, batch, one = await batch_of(house, 2)
    for language in Language:
        asked = browser(house, replace(person, language=language))
        for page in (TEST, f"/vouchers/batches/{batch}/print", f"/vouchers/one/{one.id}/print"):
            await shown(asked, page)
        reply = await asked.post(f"/vouchers/batches/{batch}/export.csv", page=f"/vouchers/batches/{batch}")
        assert (reply.status, "/vouchers/export?link=" in reply.text) == (200, True)
        assert (await asked.post(TEST, page=TEST, code=one.number)).status == 200
        made = await asked.post(f"/vouchers/one/{one.id}/print", page=TEST, **(FORM | {"medium": "cards"}))
        assert made.headers["content-type"] == "application/pdf"
