"""Orders at the provider's sandbox: what it takes, what it refuses, and what it says."""

import asyncio
import ipaddress
from pathlib import Path
from typing import Any

import pytest

from tests.support.provider_sandbox import ACCOUNT, FORM, active, basic, open_house, passive
from tillbridge.psp.hipay.sandbox.model import Transaction
from tillbridge.psp.hipay.sandbox.orders import order_hash
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings, TerminalAnswer
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.runtime.manual import run_manual

ORDER = "/rest/v1/order"


@pytest.mark.parametrize(
    ("code", "status", "sums"),
    [
        ("200000", "116", ("8.99", "0.00", "0.00")),
        ("200100", "118", ("8.99", "8.99", "0.00")),
        ("200350", "166", ("0.00", "0.00", "8.99")),
    ],
)
def test_a_recorded_order_has_the_status_of_its_code(
    tmp_path: Path, code: str, status: str, sums: tuple[str, str, str]
) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            made = await house.order(passive(p_code=code, custom_data='{"till": "front", "n": 2}', email="a@b.example"))
            assert (made["state"], made["status"], made["test"]) == ("completed", status, "true")
            assert (made["authorizedAmount"], made["capturedAmount"], made["creditedAmount"]) == sums
            assert made["order"]["id"] == "Order_1"
            assert (made["order"]["amount"], made["order"]["email"]) == ("8.99", "a@b.example")
            assert made["customData"] == {"till": "front", "n": 2}
            assert made["transactionReference"] == "800000000001"

    run_manual(main())


def test_every_number_of_the_first_version_is_a_text(tmp_path: Path) -> None:
    def numbers(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [one for member in value.values() for one in numbers(member)]
        return [value] if isinstance(value, int | float) else []

    async def main() -> None:
        async with open_house(tmp_path) as house:
            assert numbers(await house.order(passive())) == []

    run_manual(main())


def test_the_status_of_a_credit_can_be_chosen(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, SandboxSettings(credit_status=Status.CREDIT_REQUESTED)) as house:
            assert (await house.order(passive(p_code="200350")))["status"] == "169"

    run_manual(main())


def without(name: str) -> dict[str, str]:
    return {one: text for one, text in passive().items() if one != name}


REFUSED = [
    *((without(name), 1010101) for name in ("orderid", "eci", "description", "currency", "amount")),
    *((without(name), 1010101) for name in ("payment_product", "payment_product_parameters")),
    (passive(p_hash=None), 1010101),
    (passive(p_code=None), 1010101),
    (passive(p_mid=None), 1010101),
    (passive(p_acquirer_registrationid=None), 1010101),
    (passive(initialize_payment_terminal=None), 1010101),
    (passive(initialize_payment_terminal="2"), 1010201),
    (passive(eci="7"), 1020002),
    (passive(payment_product="visa"), 1020003),
    (passive("o" * 33), 1010201),
    (passive(description="d" * 256), 1010201),
    (passive(currency="EURO"), 3010001),
    (passive(amount="8,99"), 1010205),
    (passive(amount="8.999"), 1010205),
    (passive(amount="-1"), 1010205),
    (passive(amount="0"), 3010002),
    (passive(amount="1000000.01"), 3010002),
    (passive(p_hash="0" * 40), 1010201),
    (passive(amount="9.0") | {"amount": "9.00"}, 1010201),
    (passive(p_code="200999"), 1010201),
    (passive(p_acquirer_reference="1" * 12), 1010201),
    (passive(payment_product_parameters="not json"), 1010201),
    (passive(payment_product_parameters="[]"), 1010201),
    (passive(operation="Refund"), 3000101),
    (passive(operation="Credit"), 1010201),
    (passive(operation="Sale", p_code="200350"), 1010201),
    (passive(email="nobody"), 1010209),
    (passive(custom_data="7"), 1010201),
    (passive(custom_data="{}", cdata1="x"), 1010201),
    *((passive(custom_data=text), 1010201) for text in ('{"a": 1e400}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}')),
    *((passive(basket=f'[{{"total_amount": {text}}}]'), 1010201) for text in ('"1e999999999"', '"sNaN"', "true")),
    (passive(payment_product_parameters='{"hash": "a", "hash": "b"}'), 1010201),
    (passive(basket='[{"total_amount": 9}]'), 1010201),
    (passive(basket='[{"name": "x"}]'), 1010201),
    (passive(basket="{}"), 1010201),
    (active(payment_product="tpe"), 1020003),
    (active(payment_terminal_id=None), 1010101),
    (active(store_id=None), 1010101),
    (active(pos_transaction_lifetime="29"), 1010201),
    (active(order_point="till"), 1010201),
    (active(operation="Credit"), 3000101),
]


def test_what_an_order_may_not_be(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for order, code in REFUSED:
                answer = await house.post(ORDER, order)
                assert (answer.status, answer.json["code"]) == (400, code), (order, answer.text)
                assert set(answer.json) == {"code", "message", "description"}
                assert ACCOUNT.hashkey not in answer.text
            assert house.sandbox.provider.store.count() == 0

    run_manual(main())


def test_a_basket_that_adds_up_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            lines = '[{"name": "x", "total_amount": 10.49}, {"name": "y", "total_amount": "-1.50"}]'
            await house.order(passive(basket=lines))

    run_manual(main())


def test_an_order_number_is_taken_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive())
            again = await house.post(ORDER, passive(amount="1.00"))
            assert (again.status, again.json["code"]) == (400, 3010004)
            read = await house.read("/rest/v1/transaction?orderid=Order_1")
            assert read.json["transaction"]["order"]["amount"] == "8.99"

    run_manual(main())


LOGINS = [
    ({"authorization": ""}, (401, 1000001)),
    ({"authorization": "Bearer x"}, (401, 1000001)),
    ({"authorization": "Basic ???"}, (401, 1000001)),
    (basic(ACCOUNT.login, "wrong"), (401, 1000001)),
    (basic(ACCOUNT.login, ""), (401, 1000001)),
    (basic(ACCOUNT.public_login, ACCOUNT.public_password), (403, 1000005)),
]


def test_only_the_private_login_may_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            asked = (("POST", ORDER), ("GET", "/rest/v1/transaction?orderid=x"), ("GET", "/v3/order/x"))
            for headers, expected in LOGINS:
                for method, path in asked:
                    answer = await house.client.ask(method, path, b"", FORM | headers)
                    assert (answer.status, answer.json["code"]) == expected

    run_manual(main())


def test_only_the_addresses_of_the_account_may_order(tmp_path: Path) -> None:
    async def main() -> None:
        settings = SandboxSettings(allowed=(ipaddress.ip_network("127.0.0.2/32"),))
        async with open_house(tmp_path, settings) as house:
            answer = await house.post(ORDER, passive())
            assert (answer.status, answer.json["code"]) == (403, 1000009)
            house.client.address = "127.0.0.2"
            await house.order(passive())

    run_manual(main())


def multipart(fields: dict[str, str], *, end: bool = True) -> bytes:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    return ("".join(parts) + ("--b--\r\n" if end else "")).encode()


def test_a_multipart_order_is_taken_like_an_urlencoded_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            kind = {"content-type": "multipart/form-data; boundary=b"} | house.login
            body = multipart(passive(description="zwei Kännchen\nund Kuchen"))
            answer = await house.client.ask("POST", ORDER, body, kind)
            assert (answer.status, answer.json["status"]) == (200, "118")
            kept = house.sandbox.provider.known("800000000001")
            assert kept.asked["description"] == "zwei Kännchen\nund Kuchen"

    run_manual(main())


NO_FORMS = [
    ("application/json", b"{}", 1010201),
    ("", b"orderid=x", 1010201),
    ("application/x-www-form-urlencoded", b"orderid=%FF", 1010401),
    ("application/x-www-form-urlencoded", b"orderid=\xff", 1010401),
    ("application/x-www-form-urlencoded", b"orderid=x&orderid=y", 1010201),
    ("application/x-www-form-urlencoded", b"&".join(b"n%d=1" % n for n in range(300)), 1010201),
    ("multipart/form-data", multipart({"orderid": "x"}), 1010201),
    ("multipart/form-data; boundary=b", multipart({"orderid": "x"}, end=False), 1010201),
    ("multipart/form-data; boundary=b", multipart({"orderid": "x"}).replace(b"x", b"\xff"), 1010401),
    ("multipart/form-data; boundary=b", multipart({"o": "x"}).replace(b'"o"', b'"o"; filename="f"'), 1010201),
    ("multipart/form-data; boundary=b", b"nothing of the kind", 1010201),
]


def test_a_body_that_is_no_form(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for kind, body, code in NO_FORMS:
                answer = await house.client.ask("POST", ORDER, body, {"content-type": kind} | house.login)
                assert (answer.status, answer.json["code"]) == (400, code), (kind, body, answer.text)

    run_manual(main())


def test_the_reads_of_both_versions_tell_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            made = await house.order(passive(p_acquirer_reference="42"))
            reference = made["transactionReference"]
            assert (await house.read(f"/rest/v1/transaction/{reference}")).json == {"transaction": made}
            assert (await house.read("/rest/v1/transaction?orderid=Order_1")).json == {"transaction": made}
            third = (await house.read(f"/v3/transaction/{reference}")).json["transaction"]
            assert (third["status"], third["test"], third["order"]["id"]) == (118, True, "Order_1")
            assert "payment_source" in third["terminal_information"]
            assert (await house.read("/v3/order/Order_1")).json["transactions"] == [third]
            assert (await house.read("/v3/transactions/acquirerid/42")).json["transactions"] == [third]
            assert (await house.read("/v3/transactions/arn/42")).json["transactions"] == []
            for path, code in (
                ("/rest/v1/transaction?orderid=other", 3000001),
                ("/rest/v1/transaction/1", 3000002),
                ("/v3/order/other", 3000001),
            ):
                answer = await house.read(path)
                assert (answer.status, answer.json["code"]) == (404, code)
            assert (await house.read("/rest/v1/transaction")).json["code"] == 1010101
            assert (await house.read("/rest/v1/nothing")).status == 404

    run_manual(main())


def test_the_hash_is_that_of_the_published_rule() -> None:
    # printf Order_18.99EURkey | sha1sum
    assert order_hash("Order_1", "8.99", "EUR", "key") == "620f5641a02da17843ea091847e4791bbd1494eb"


async def _answered(tmp_path: Path, answer: TerminalAnswer, **changed: str) -> Transaction:
    settings = SandboxSettings(terminal=answer, terminal_seconds=2)
    async with open_house(tmp_path, settings) as house:
        made = await house.order(active(pos_transaction_lifetime="30", **changed))
        assert (made["state"], made["status"]) == ("pending", "174")
        async with asyncio.TaskGroup() as group:
            working = group.create_task(house.sandbox.work())
            await asyncio.sleep(1)
            assert house.sandbox.provider.known(made["transactionReference"]).status == Status.AWAITING_TERMINAL
            await asyncio.sleep(30)
            working.cancel()
        return house.sandbox.provider.known(made["transactionReference"])


@pytest.mark.parametrize(
    ("answer", "changed", "status"),
    [
        (TerminalAnswer.APPROVE, {}, Status.CAPTURED),
        (TerminalAnswer.APPROVE, {"operation": "Authorization"}, Status.AUTHORIZED),
        (TerminalAnswer.REFUSE, {}, Status.REFUSED),
        (TerminalAnswer.EXPIRE, {}, Status.EXPIRED),
        (TerminalAnswer.WAIT, {}, Status.EXPIRED),
    ],
)
def test_an_order_for_a_terminal_ends(
    tmp_path: Path, answer: TerminalAnswer, changed: dict[str, str], status: Status
) -> None:
    assert run_manual(_answered(tmp_path, answer, **changed)).status == status


def test_a_person_answers_for_the_terminal_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, SandboxSettings(terminal=TerminalAnswer.WAIT)) as house:
            reference = (await house.order(active()))["transactionReference"]
            path = f"/transactions/{reference}/answer"
            first = await house.play(path, {"answer": "approve"})
            assert first.json["transaction"]["status"] == "118"
            assert (await house.play(path, {"answer": "refuse"})).json["code"] == 3000101
            assert (await house.play(path, {"answer": "wait"})).status == 400
            whole = (await house.read(f"/rest/v1/transaction/{reference}")).json["transaction"]
            assert "ORDER Order_1" in whole["receipt"]

    run_manual(main())


def test_a_disk_that_is_full_is_said_and_nothing_is_half_done(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive("Order_0"))
            # SQLite's own limit of pages fails in the same way as a disk without space.
            await house.sandbox.provider.store.run(
                lambda one: one.execute(f"PRAGMA max_page_count = {one.execute('PRAGMA page_count').fetchone()[0]}")
            )
            refused: list[str] = []
            for number in range(1, 400):
                answer = await house.post(ORDER, passive(f"Order_{number}", description="d" * 200))
                if answer.status != 200:
                    assert (answer.status, answer.json["code"]) == (503, 1000008)
                    refused.append(f"Order_{number}")
                    break
            assert refused
            assert (await house.read(f"/rest/v1/transaction?orderid={refused[0]}")).status == 404
            assert (await house.read("/rest/v1/transaction?orderid=Order_0")).status == 200

    run_manual(main())
