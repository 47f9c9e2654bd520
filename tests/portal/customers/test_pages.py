"""The pages, asked as a browser asks them."""

import io
import json
import re
from dataclasses import replace
from string import Formatter

import openpyxl
import pytest

from tests.portal.browser import Browser, Reply
from tests.portal.customers import bases
from tests.portal.people import TOKEN, Standing, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.customers.feature import feature
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.rights import Person
from tillbridge.web.asgi import Receive, Scope, Send

FILE = "Kundennummer;Name;E-Mail;Saldo;Größe\n2000001;Jörg Müller;j@shop.example;1.234,50;XL\n12;=Eva;;-3,00;\n"


@pytest.fixture
async def tenant(house: House) -> str:
    return await merchant(house)


@pytest.fixture
async def place(house: House, tenant: str) -> str:
    return await shop(house, tenant, 1)


def browser(house: House, person: Person) -> Browser:
    app = portal_app(house, Standing(person), [feature(house, bases.licensed)])

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        # By this version of ASGI a download learns from sending, not from listening, that the browser has gone.
        await app({**scope, "asgi": {**scope["asgi"], "spec_version": "2.4"}}, receive, send)

    return Browser(patient)


async def send_file(asked: Browser, path: str, content: bytes, token: str = TOKEN) -> Reply:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n'.encode(),
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../old.csv"\r\n\r\n'
        + content
        + b"\r\n--b--\r\n",
    ]
    headers = {"content-type": "multipart/form-data; boundary=b", "origin": "http://127.0.0.1:8480"}
    return await asked.ask("POST", path, b"".join(parts), headers)


async def work(house: House) -> None:
    while await Converter(house).step():
        pass


async def test_from_a_file_to_customers_of_2_0(house: House, tenant: str, place: str) -> None:
    person = replace(bases.chief(house, tenant), language=Language.DE)
    asked = browser(house, person)
    base = f"/customers/bases/{place}"
    for page in ("/customers", "/customers/new", "/customers/bases", base, f"/customers/import/{place}/v1"):
        await shown(asked, page)
    sent = await send_file(asked, f"/customers/upload/{place}/v1", FILE.encode("cp1252"))
    mapping = await shown(asked, sent.location)
    assert "Jörg Müller" in mapping
    assert "cp1252" in mapping
    chosen = {
        found[1]: found[2]
        for part in mapping.split("<select")
        if (found := re.search(r'name="(column-[a-z]+)">.*<option value="(\d+)" selected', part, re.DOTALL))
    }
    assert chosen == {"column-number": "0", "column-name": "1", "column-email": "2", "column-balance": "3"}
    choice = chosen | {"decimal": ","}
    checked = await asked.post(sent.location, page=sent.location, **choice)
    assert checked.status == 200
    done = await asked.post(f"{sent.location}/apply", page=sent.location, declared="1.231,50", **choice)
    assert done.location == f"{base}?done=imported"
    await shown(asked, done.location)
    assert await bases.state(house, place) is CustomerBase.V1_ONLINE
    await shown(asked, f"{base}/old")
    await asked.post(f"{base}/accept", page=base, accepted="yes")
    await asked.post(f"{base}/dry-run", page=base, **{"remedy-renumber": "yes"})
    assert 'http-equiv="refresh"' in await shown(asked, base)
    await work(house)
    started = await asked.post(f"{base}/convert", page=base, dry_run=await _read_report(asked, base))
    assert started.status == 303
    await work(house)
    assert await bases.state(house, place) is CustomerBase.V2
    for after in (base, f"{base}/old", "/customers", "/customers?q=mull", f"/customers/import/{place}/v2"):
        await shown(asked, after)
    assert "Jörg Müller" in (await asked.get("/customers?q=MULLER")).text
    assert "=Eva" in (await asked.get("/customers?q=12")).text


async def _read_report(asked: Browser, base: str) -> str:
    """The id of the report that the page offers, once it was read in both shapes."""
    report = re.search(r"/customers/reports/([0-9a-f]{32})\.json", await shown(asked, base))
    assert report is not None
    run = json.loads((await asked.get(f"/customers/reports/{report[1]}.json")).body)
    assert [(one["row"], one["reason"], one["blocks"]) for one in run["findings"]] == [(3, "number_unfit", False)]
    book = openpyxl.load_workbook(io.BytesIO((await asked.get(f"/customers/reports/{report[1]}.xlsx")).body))
    assert [cell.value for cell in book.worksheets[1][2]][:2] == [3, "12"]
    return report[1]


async def test_one_customer_from_its_making_to_its_erasure(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 1, customer_base="v2")
    asked = browser(house, bases.chief(house, tenant))
    wrong = await asked.post("/customers/new", page="/customers/new", location=place, name="", email="x")
    assert wrong.status == 400
    assert wrong.text.count('class="wrong"') == 2
    first, second = [
        (await asked.post("/customers/new", page="/customers/new", location=place, name=name)).location.split("?")[0]
        for name in ("Ada <b>", "Eve")
    ]
    assert b"Ada &lt;b&gt;" in (await asked.get(first)).body
    assert b"Ada <b>" not in (await asked.get(first)).body
    changed = await asked.post(first, page=first, revision="0", name="Ada", phone="+49 30 123456", consent="yes")
    assert changed.location.endswith("done=changed")
    late = await asked.post(first, page=first, revision="0", name="Adam")
    assert late.status == 409
    number = re.search(r'class="code">(\d{7})<', (await asked.get(second)).text)
    assert number is not None
    both = await shown(asked, f"{first}/merge?number={number[1]}")
    assert "Eve" in both
    merged = await asked.post(f"{first}/merge", page=f"{first}/merge?number={number[1]}", other=second[-32:])
    assert number[1] in (await asked.follow(merged)).text
    await shown(asked, second)
    facts = json.loads((await asked.post(f"{first}/export.json", page=first)).body)
    assert (facts["name"], facts["earlier_numbers"]) == ("Ada", [number[1]])
    book = openpyxl.load_workbook(io.BytesIO((await asked.post(f"{first}/export.xlsx", page=first)).body))
    assert book.worksheets[0]["B3"].value == "Ada"
    refused = await asked.post(f"{first}/erase", page=f"{first}/erase", number="1", reason="asked for it")
    assert refused.status == 400
    erased = await asked.post(f"{first}/erase", page=f"{first}/erase", number=facts["number"], reason="asked for it")
    assert "Ada" not in (await asked.follow(erased)).text
    assert "Ada" not in await shown(asked, "/customers")


async def test_exports_are_whole_and_nobody_works_them_out(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 1, customer_base="v2")
    asked = browser(house, bases.chief(house, tenant))
    names = ["=cmd()", "+49", "Žofie", 'a"b;c']
    for name in names:
        await asked.post("/customers/new", page="/customers/new", location=place, name=name)
    text = (await asked.post("/customers/export.csv", page="/customers")).body.decode("utf-8-sig")
    assert "'=cmd()" in text
    assert ",'+49," in text
    book = openpyxl.load_workbook(
        io.BytesIO((await asked.post("/customers/export.xlsx", page="/customers")).body), data_only=False
    )
    cells = [row[2] for row in book.worksheets[0].iter_rows(min_row=2)]
    assert [(cell.value, cell.data_type) for cell in cells] == [(name, "s") for name in names]


async def test_a_file_is_taken_from_our_own_page_only(house: House, tenant: str, place: str) -> None:
    asked = browser(house, bases.chief(house, tenant))
    path = f"/customers/upload/{place}/v1"
    assert (await send_file(asked, path, FILE.encode(), token="foreign")).status == 403
    assert (await send_file(asked, path, b"a\x00b")).status == 400
    assert (await send_file(asked, f"/customers/upload/{place}/v3", FILE.encode())).status == 404
    viewer = browser(house, somebody(tenant, "customers.view"))
    assert (await send_file(viewer, path, FILE.encode())).status == 403
    stranger = browser(house, bases.chief(house, await merchant(house, "Somebody else")))
    assert (await send_file(stranger, path, FILE.encode())).status == 404
    kept = await send_file(asked, path, FILE.encode())
    colleague = browser(house, somebody(tenant, "customers.edit"))
    assert (await colleague.get(kept.location)).status == 404


async def test_foreign_customers_bases_and_reports_are_not_there(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 1, customer_base="v1_online")
    await bases.v1(house, place, [bases.row(2)])
    report = await bases.reported(house, bases.chief(house, tenant), place)
    await bases.converted(house, bases.chief(house, tenant), place)
    (one,) = await bases.everybody(house, tenant)
    elsewhere = browser(house, bases.chief(house, await merchant(house, "Somebody else")))
    other_place = browser(house, somebody(tenant, "customers.edit", locations=frozenset({"f" * 32})))
    for asked in (elsewhere, other_place):
        for path in (
            f"/customers/one/{one.id}",
            f"/customers/bases/{place}",
            f"/customers/bases/{place}/old",
            f"/customers/reports/{report.id}.json",
        ):
            assert (await asked.get(path)).status == 404, path
        assert one.number not in (await asked.get("/customers")).text
        assert (await asked.post(f"/customers/one/{one.id}", token=TOKEN, name="Mine", revision="0")).status == 404


async def test_a_conversion_without_a_fresh_proof_asks_for_one(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 1, customer_base="v1_online")
    await bases.v1(house, place, [bases.row(2)])
    report = await bases.reported(house, bases.chief(house, tenant), place)
    asked = browser(house, replace(bases.chief(house, tenant), stepped_up_at=None))
    page = f"/customers/bases/{place}"
    sent = await asked.post(f"{page}/convert", page=page, dry_run=report.id)
    assert sent.location.startswith("/step-up")


async def test_a_missing_licence_names_the_sales_contact(house: House, tenant: str) -> None:
    place = await shop(house, tenant, 1, customer_base="v1_online")
    operator = house.settings.operator.model_copy(update={"sales_contact": "sales@portal.example"})
    house = replace(house, settings=house.settings.model_copy(update={"operator": operator}))
    await bases.v1(house, place, [bases.row(2)])
    report = await bases.reported(house, bases.chief(house, tenant), place)
    app = portal_app(house, Standing(bases.chief(house, tenant)), [feature(house, bases.unlicensed)])
    asked, page = Browser(app), f"/customers/bases/{place}"
    refused = await asked.post(f"{page}/convert", page=page, dry_run=report.id)
    assert refused.status == 403
    assert "C402" in refused.text
    assert "sales@portal.example" in refused.text


def test_every_language_says_the_same_things() -> None:
    """The same keys with the same fields to fill in; that each page has its texts is seen in one language then."""

    def fields(text: str) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)

    said = [
        {key: fields(text) for key, text in CATALOGUES[language].texts.items() if "customer" in key}
        for language in Language
    ]
    assert all(one == said[0] for one in said)


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[-2000:])
    return reply.text
