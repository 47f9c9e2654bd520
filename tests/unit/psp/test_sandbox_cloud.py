"""The provider's cloud drives a terminal: what a till hears, what is in the books, and what is told to whom."""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.console.asgi_client import Answer
from tests.support.provider_sandbox import ACCOUNT, TOOK_IT, House, open_house
from tillbridge.psp.hipay.sandbox.notices import Style, body_of
from tillbridge.runtime.manual import run_manual
from tillbridge.web.webhooks.courier import Reply

CENTRAL = {
    "pos_technical_info": {"device_information": {"serial_number": "1", "manufacturer": "PAX"}},
    "terminal_transaction_display": {"protocol": "AppNepting"},
}
CONCERT = {
    "pos_technical_info": {"host_information": {"host": "203.0.113.7"}},
    "terminal_transaction_display": {
        "protocol": "ConcertV3.2",
        "contract_array": [{"merchant_contract": "1234567", "rank": "001", "payment_application": "001"}],
    },
}
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TELLS = "http://localhost:9000/told"


async def order(house: House, how: dict[str, Any], minor: int = 899, **different: Any) -> Answer:
    body = how | {"order": {"order_id": "Cloud_1", "price": {"amount": minor}} | different}
    return await house.client.ask("POST", "/v1/connector/order", json.dumps(body).encode(), house.login)


def test_a_payment_of_the_central_gateway_is_in_the_books_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            assert (await house.client.get("/v1/connector/healthcheck")).text == "up"
            told = await order(house, CENTRAL)
            assert (told.status, told.json["paymentStatus"]) == (200, "Success")
            assert base64.b64decode(told.json["receipt"], validate=True)
            assert told.json["technical_pos_info"] == CENTRAL["pos_technical_info"]
            (one,) = (await house.look("/transactions"))["transactions"]
            assert (one["order_id"], one["transaction"]["status"]) == ("Cloud_1", "118")

    run_manual(main())


def test_a_payment_over_concert_is_there_after_the_collection(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            assert (await order(house, CONCERT)).json["paymentStatus"] == "Success"
            assert (await house.look("/transactions"))["transactions"] == []
            await house.play("/collect", {})
            (one,) = (await house.look("/transactions"))["transactions"]
            found = one["transaction"]
            assert (one["order_id"], found["status"], found["capturedAmount"]) == ("Cloud_1", "118", "8.99")

    run_manual(main())


def test_what_was_not_paid_is_failed_and_in_no_book(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            declined = await order(house, CENTRAL, 891)
            assert (declined.status, declined.json["paymentStatus"], declined.json["errorCode"]) == (
                200,
                "Failed",
                "10",
            )
            unknown = await order(house, CENTRAL, transaction_type="Cancel")
            assert (unknown.json["paymentStatus"], unknown.json["errorData"]) == ("Failed", {"reason": "12"})
            assert (await house.look("/messages"))["messages"] == []
        async with open_house(tmp_path) as off:
            assert (await order(off, CENTRAL)).status == 502

    run_manual(main())


def test_requests_that_are_wrong(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            nobody = await house.client.post("/v1/connector/order", {})
            assert (nobody.status, nobody.json["error"]["code"]) == (401, "connector.api.login.unauthorized")
            for how, fields, path in (
                (CENTRAL, {"order_id": ""}, "order.order_id"),
                (CENTRAL, {"price": {"amount": 8.99}}, "order.price.amount"),
                (CENTRAL, {"price": {"amount": 1, "currency": "CHF"}}, "order.price.currency"),
                (CONCERT | {"pos_technical_info": {}}, {}, "pos_technical_info.host_information"),
            ):
                answer = await order(house, how, **fields)
                assert (answer.status, answer.json["error"]["details"]) == (400, {"path": path})
            for code, status in (("00", 201), ("10", 200), ("20", 400), ("50", 500)):
                assert (await order(house, CENTRAL, sandbox_code=code)).status == status
            assert (await house.look("/messages"))["messages"] == []

    run_manual(main())


@pytest.mark.parametrize(("fault", "status"), [("error_after", 500), ("down", 503), ("error_before", 500)])
def test_the_switches_act_on_the_cloud_too(tmp_path: Path, fault: str, status: int) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            await house.switch(fault)
            assert (await order(house, CENTRAL)).status == status
            paid = (await house.look("/messages"))["messages"]
            assert len(paid) == (1 if fault == "error_after" else 0)

    run_manual(main())


def test_half_of_an_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            await house.switch("truncated")
            half = await order(house, CENTRAL)
            assert 0 < len(half.body) < int(half.headers["content-length"])
            assert len((await house.look("/messages"))["messages"]) == 1

    run_manual(main())


# ---------------------------------------------------------------- the Terminal API


async def take(house: House, minor: int = 899, reference: str = "Term_1", emitter: str = TELLS) -> Answer:
    body = {
        "amount": minor,
        "order": {"reference": reference},
        "communication": {"terminal": {"id": "T1"}, "mode": "Async", "notifications": {"emitter": emitter}},
    }
    return await house.client.ask("POST", "/v1/connector/transaction", json.dumps(body).encode(), house.login)


def test_a_result_comes_as_a_signed_callback_until_it_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house, asyncio.TaskGroup() as group:
            working = group.create_task(house.sandbox.callbacks.run())
            house.receiver.answers = [Reply(503, "it answered 503"), TOOK_IT]
            taken = await take(house)
            assert taken.status == 202
            again = await take(house)
            assert (again.status, again.json["code"]) == (425, "api.too-early.error")
            await asyncio.sleep(300)
            assert len(house.receiver.heard) == 2
            _, headers, body = house.receiver.heard[1]
            assert headers["x-hipay-signature"] == hashlib.sha256(body + ACCOUNT.passphrase.encode()).hexdigest()
            told = json.loads(body)
            assert (told["id"], told["references"]["order"], told["result"]["status"]) == (
                *(taken.json["id"], "Term_1"),
                "Success",
            )
            assert (await take(house, 891, "Term_2")).status == 202
            await asyncio.sleep(30)
            assert json.loads(house.receiver.heard[-1][2])["result"]["status"] == "Refused"
            working.cancel()

    run_manual(main())


def test_the_terminal_api_refuses_in_its_own_shape(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, terminal=True) as house:
            nobody = await house.client.post("/v1/connector/transaction", {})
            assert (nobody.status, nobody.json["code"]) == (401, "api-rules.unauthorized.error")
            for answer in (await take(house, 0), await take(house, emitter="http://203.0.113.7/x")):
                assert (answer.status, answer.json["code"]) == (400, "api.bad_request.error")
            await house.switch("down", 1)
            assert (await take(house)).json["code"] == "api.service-unavailable.error"

    run_manual(main())


def test_a_notification_as_xml() -> None:
    fields = (("state", "completed"), ("order[id]", "A<1>"), ("custom_data[till no]", "ž\x07"))
    root = ET.fromstring(body_of(fields, Style.XML, NOON))  # noqa: S314  # our own bytes
    assert (root.tag, root.findtext("state"), root.findtext("order/id")) == ("notification", "completed", "A<1>")
    (custom,) = root.findall("custom_data/field")
    assert (custom.get("name"), custom.text) == ("till no", "ž")
