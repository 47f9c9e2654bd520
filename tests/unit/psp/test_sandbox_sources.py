"""Two sources make a transaction: the shop's message to our own receiver, and what the acquirer tells."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.provider_sandbox import House, open_house, passive
from tillbridge.runtime.manual import run_manual


def message(order_id: str = "W-1", kind: str = "payment.approved", **more: Any) -> dict[str, Any]:
    return {"type": kind, "data": {"order_id": order_id, "amount": {"minor": 1250, "currency": "EUR"}}} | more


async def status(house: House, order_id: str = "W-1") -> list[str]:
    found = (await house.look(f"/transactions?order_id={order_id}"))["transactions"]
    return [one["transaction"]["status"] for one in found]


PUSH = {"order_id": "W-1"}


@pytest.mark.parametrize(
    ("context", "authorized", "after_push", "after_collection"),
    [
        ("standalone", True, ["116"], ["118"]),
        ("standalone", False, [], ["118"]),
        ("centralised", True, ["118"], ["118"]),
        ("centralised", False, ["118"], ["118"]),
    ],
)
@pytest.mark.parametrize("message_first", [True, False])
def test_a_payment_exists_once_both_have_told(
    tmp_path: Path,
    *,
    context: str,
    authorized: bool,
    after_push: list[str],
    after_collection: list[str],
    message_first: bool,
) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            push = {"order_id": "W-1", "context": context, "authorized": authorized}
            if message_first:
                assert (await house.play("/receiver", message())).json["transaction_reference"] is None
                assert await status(house) == []
                await house.play("/push", push)
            else:
                assert (await house.play("/push", push)).status == 202
                assert await status(house) == []
                await house.play("/receiver", message())
            assert await status(house) == after_push
            await house.play("/collect", {"order_id": "W-1", "context": context})
            assert await status(house) == after_collection
            assert (await house.look("/messages"))["messages"][0]["transaction_reference"] == "800000000001"

    run_manual(main())


def test_a_message_that_comes_again_is_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for new in (True, False):
                answer = await house.client.post("/_sandbox/receiver", message(), webhook_id="msg_1")
                assert (answer.status, answer.json["new"]) == (200, new)
            assert len((await house.look("/messages"))["messages"]) == 1

    run_manual(main())


@pytest.mark.parametrize("by_path", [True, False])
def test_of_two_messages_the_one_of_the_right_contract_counts(tmp_path: Path, *, by_path: bool) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for mid in ("1234567", "1234568"):
                path = f"/receiver/{mid}" if by_path else "/receiver"
                await house.play(path, message(contract={"name": "proxy", "merchant_id": mid}))
            await house.play("/push", {"order_id": "W-1", "mid": "1234568"})
            (one,) = (await house.look("/transactions"))["transactions"]
            assert one["transaction"]["mid"] == "1234568"
            kept = {row["body"]: row["transaction_reference"] for row in (await house.look("/messages"))["messages"]}
            assert sorted(filter(None, kept.values())) == ["800000000001"]

    run_manual(main())


def test_a_decline_becomes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.play("/receiver", message(kind="payment.declined"))
            await house.play("/push", PUSH)
            await house.play("/collect")
            assert await status(house) == []

    run_manual(main())


def test_what_is_no_message_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for body in (b"", b"[]", b"{", b"\xff"):
                answer = await house.client.ask("POST", "/_sandbox/receiver", body)
                assert (answer.status, answer.json["code"]) == (400, "body_invalid")
            assert (await house.look("/messages"))["messages"] == []

    run_manual(main())


def test_the_collection_of_everything_takes_what_is_authorised_and_what_shops_have_reported(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive("Order_1", p_code="200000"))
            await house.order(passive("Order_2", p_code="200350"))
            await house.play("/receiver", message("W-1"))
            await house.play("/receiver", message("W-2"))
            await house.play("/push", {"order_id": "W-2"})
            done = (await house.play("/collect")).json["transactions"]
            assert sorted(one["order_id"] for one in done) == ["Order_1", "W-1", "W-2"]
            found = [await status(house, order) for order in ("Order_1", "Order_2", "W-1", "W-2")]
            assert found == [["118"], ["166"], ["118"], ["118"]]
            assert (await house.play("/collect")).json["transactions"] == []

    run_manual(main())


def test_a_switch_makes_a_second_transaction_of_a_recorded_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive(p_code="200000"))
            await house.switch("collected_twice", 1)
            await house.play("/collect", {"order_id": "Order_1"})
            assert await status(house, "Order_1") == ["118", "116"]
            read = (await house.read("/rest/v1/transaction?orderid=Order_1")).json["transaction"]
            assert [one["status"] for one in read] == ["116", "118"]
            assert (await house.post("/rest/v1/order", passive())).json["code"] == 3010004

    run_manual(main())


def test_our_receiver_can_be_slow(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.switch("receiver_slow", 1, 5)
            before = house.runtime.clock.monotonic()
            await house.play("/receiver", message("W-1"))
            assert house.runtime.clock.monotonic() - before == 5
            await house.play("/receiver", message("W-2"))
            assert house.runtime.clock.monotonic() - before == 5

    run_manual(main())
