"""The sandbox's payment page: what its order must hold, what a buyer sees, and what is told to whom."""

import asyncio
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.provider_sandbox import House, open_house, passive
from tillbridge.domain.cashier_texts import Language
from tillbridge.psp.hipay.sandbox.faults import Fault
from tillbridge.psp.hipay.sandbox.settings import Target
from tillbridge.psp.hipay.sandbox.store import FILE, VERSION, prepare
from tillbridge.runtime.manual import run_manual

BACK = "https://shop.example/back?own=1"


def wish(order_id: str = "S-1", **changed: str | None) -> dict[str, str]:
    """An order of a page. `changed` replaces parameters, None leaves them out."""
    fields: dict[str, str | None] = {
        "orderid": order_id,
        "operation": "Sale",
        "eci": "7",
        "description": "Gift <b>voucher</b>",
        "amount": "19.99",
        "currency": "EUR",
        "email": "guest@shop.example",
        "language": "de_DE",
        "template": "basic-js",
        "payment_product_list": "visa,mastercard",
        "notify_url": "https://shop.example/told",
    }
    fields |= dict.fromkeys(("accept_url", "decline_url", "pending_url", "exception_url", "cancel_url"), BACK)
    return {name: text for name, text in (fields | changed).items() if text is not None}


async def opened(house: House, order_id: str = "S-1", **changed: str | None) -> str:
    """The path of a new page."""
    answer = await house.post("/rest/v1/hpayment", wish(order_id, **changed))
    assert answer.status == 200, answer.text
    address: str = answer.json["forwardUrl"]
    return urlsplit(address).path


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"orderid": None}, 1010101),
        ({"description": None}, 1010101),
        ({"amount": None}, 1010101),
        ({"currency": None}, 1010101),
        ({"orderid": "x" * 33}, 1010201),
        ({"description": "x" * 256}, 1010201),
        ({"amount": "19,99"}, 1010205),
        ({"amount": "19.999"}, 1010205),
        ({"amount": "0"}, 3010002),
        ({"currency": "EURO"}, 3010001),
        ({"eci": "10"}, 1020002),
        ({"operation": "Credit"}, 3000101),
        ({"payment_product": "visa"}, 1020003),
        ({"payment_product_list": "visa,tpe"}, 1020003),
        ({"email": "nobody"}, 1010209),
        ({"template": "other"}, 1010201),
        ({"language": "german"}, 1010201),
        ({"time_limit_to_pay": "0"}, 1010201),
        ({"time_limit_to_pay": "2140001"}, 1010201),
        ({"time_limit_to_pay": "7 days"}, 1010201),
        ({"accept_url": "javascript:alert(1)"}, 1010201),
        ({"cancel_url": "https://me@shop.example/"}, 1010201),
        ({"decline_url": "https://shop.example/\u00e9"}, 1010201),
        ({"notify_url": "http://shop.example/told"}, 1010201),
        ({"notify_url": "https://192.168.0.1/told"}, 1010201),
        ({"merchant_display_name": "x" * 33}, 1010201),
        ({"basket": "[]"}, 1010201),
        ({"custom_data": "{"}, 1010201),
    ],
)
def test_an_order_of_a_page_is_checked(tmp_path: Path, changed: dict[str, Any], code: int) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            answer = await house.post("/rest/v1/hpayment", wish(**changed))
            assert (answer.status, answer.json["code"]) == (400, code), answer.text
            assert (await house.read("/rest/v1/transaction?orderid=S-1")).status == 404

    run_manual(main())


def test_the_answer_and_the_login(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            answer = await house.post("/rest/v1/hpayment", wish())
            assert answer.json["forwardUrl"].startswith("http://localhost:8380/payment/web/pay/")
            assert (answer.json["test"], answer.json["order"]["amount"]) == ("true", "19.99")
            assert (await house.post("/rest/v1/hpayment", wish(), authorization="Basic eDp5")).status == 401
            again = await house.post("/rest/v1/hpayment", wish())
            assert again.json == answer.json
            other = await house.post("/rest/v1/hpayment", wish(amount="1.00"))
            assert other.json["code"] == 3010004
            assert (await house.post("/rest/v1/order", passive("S-1"))).json["code"] == 3010004
            await house.order(passive("Order_1"))
            assert (await house.post("/rest/v1/hpayment", wish("Order_1"))).json["code"] == 3010004
            await house.switch("page_once")
            assert (await house.post("/rest/v1/hpayment", wish())).json["code"] == 3010004

    run_manual(main())


@pytest.mark.parametrize("language", list(Language))
def test_the_page_speaks_the_buyers_language_and_says_what_it_is(tmp_path: Path, language: Language) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            path = await opened(house, language=f"{language}_XX")
            page = await house.client.get(path)
            assert (page.status, f'<html lang="{language}">' in page.text) == (200, True)
            assert "HiPay" in page.text
            assert "<script" not in page.text
            assert "&lt;b&gt;voucher" in page.text
            assert "https://shop.example" not in page.text
            assert "form-action 'self' https:" in page.headers["content-security-policy"]
            for other in Language:
                switched = await house.client.get(f"{path}?lang={other}")
                assert f'<html lang="{other}">' in switched.text
            await house.client.submit(path, deed="pay")
            closed = await house.client.get(path)
            assert (closed.status, "<form" in closed.text, BACK.partition("?")[0] in closed.text) == (410, False, True)

    run_manual(main())


@pytest.mark.parametrize(
    ("deed", "state", "status"),
    [
        ("pay", "completed", "118"),
        ("decline", "declined", "113"),
        ("hang", "pending", "200"),
        ("cancel", "completed", "115"),
    ],
)
def test_what_a_buyer_does_is_recorded_and_told(tmp_path: Path, deed: str, state: str, status: str) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            path = await opened(house)
            back = await house.client.submit(path, deed=deed)
            assert (back.status, back.headers["location"].startswith(f"{BACK}&orderid=S-1")) == (303, True)
            carried = parse_qs(urlsplit(back.headers["location"]).query)
            assert (carried["state"], carried["status"], len(carried["hash"][0])) == ([state], [status], 64)
            one = (await house.read("/rest/v1/transaction?orderid=S-1")).json["transaction"]
            assert (one["status"], one["eci"], one["paymentProduct"]) == (status, "7", "visa")
            assert one["capturedAmount"] == ("19.99" if deed == "pay" else "0.00")
            assert house.sandbox.provider.sender.target.url is None
            told = (await house.look("/notifications"))["notifications"]
            assert [one["status"] for one in told] == ([118, 116] if deed == "pay" else [int(status)])
            assert house.sandbox.provider.store.next_notice(named=True) is not None
            assert f"{status} " in (await house.client.get("/transactions/800000000001", accept="text/html")).text

    run_manual(main())


def test_a_page_without_ways_back_says_what_came_of_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            path = await opened(house, accept_url=None)
            done = await house.client.submit(path, deed="pay")
            assert done.headers["location"] == path
            assert (await house.client.submit(path, deed="pay")).status == 410

    run_manual(main())


def test_an_authorization_alone_is_not_captured(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.client.submit(await opened(house, operation=None), deed="pay")
            one = (await house.read("/rest/v1/transaction?orderid=S-1")).json["transaction"]
            assert (one["status"], one["authorizedAmount"], one["capturedAmount"]) == ("116", "19.99", "0.00")

    run_manual(main())


def test_a_page_expires_and_a_cancelled_one_stays_closed(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            short = await opened(house, time_limit_to_pay="60")
            cancelled = await opened(house, order_id="S-2")
            await house.client.submit(cancelled, deed="cancel")
            assert (await house.client.submit(cancelled, deed="pay")).status == 410
            assert (await house.post("/rest/v1/hpayment", wish("S-2"))).json["code"] == 3010006
            await asyncio.sleep(61)
            assert (await house.client.submit(short, deed="pay")).status == 410
            assert (await house.post("/rest/v1/hpayment", wish(time_limit_to_pay="60"))).json["code"] == 3010005
            assert (await house.read("/rest/v1/transaction?orderid=S-1")).status == 404

    run_manual(main())


def test_a_program_plays_the_buyer(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            token = (await opened(house)).rpartition("/")[2]
            done = await house.play(f"/pages/{token}", {"deed": "hang"})
            assert (done.status, done.json["return"].startswith(BACK)) == (200, True)
            assert (await house.play(f"/pages/{token}", {"deed": "pay"})).json["code"] == 3010006
            assert (await house.play("/pages/0", {"deed": "pay"})).status == 404
            assert (await house.play(f"/pages/{token}", {"deed": "steal"})).status == 400
            page = await house.client.get("/transactions/800000000001", accept="text/html", accept_language="en")
            assert "The buyer\u2019s bank has not answered yet" in page.text
            await house.client.submit("/transactions/800000000001/answer", answer="approve")
            one = (await house.read("/rest/v1/transaction?orderid=S-1")).json["transaction"]
            assert (one["status"], one["capturedAmount"]) == ("118", "19.99")

    run_manual(main())


def test_pages_and_forms_that_there_are_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            path = await opened(house)
            assert (await house.client.get("/payment/web/pay/0", accept="text/html")).status == 404
            assert (await house.client.submit("/payment/web/pay/0", deed="pay")).status == 404
            assert (await house.client.submit(path, deed="steal")).status == 400
            form = {"content-type": "application/x-www-form-urlencoded", "origin": "https://elsewhere.example"}
            assert (await house.client.ask("POST", path, b"deed=pay", form)).status == 403
            assert (await house.read("/rest/v1/transaction?orderid=S-1")).status == 404

    run_manual(main())


def test_a_notification_goes_where_the_order_says_and_others_where_the_account_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            provider = house.sandbox.provider
            provider.sender.target = Target("https://account.example/told")
            await house.switch(Fault.NOTICE_EARLY, 1)
            await house.client.submit(await opened(house), deed="decline")
            await house.order(passive("Order_1"))
            urls = {notice.order_id: notice.url for notice in provider.store.notices(None, 10)}
            assert urls == {"S-1": "https://shop.example/told", "Order_1": ""}
            assert len(house.receiver.heard) == 1

    run_manual(main())


def test_a_folder_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    first = (files("tillbridge.psp.hipay.sandbox") / "schema.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(f"{first}\nPRAGMA user_version = 1;")

    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive("Order_1"))
            await opened(house)

    run_manual(main())
    prepare(tmp_path / FILE)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
