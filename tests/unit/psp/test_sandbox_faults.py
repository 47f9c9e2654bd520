"""The switches of the provider's sandbox: each does what it says, as often as it says."""

import json
from pathlib import Path

import pytest

from tests.support.console.asgi_client import Answer
from tests.support.provider_sandbox import House, open_house, passive
from tillbridge.domain.errors import BridgeError
from tillbridge.psp.hipay.sandbox.faults import Fault, Faults, read_switch
from tillbridge.runtime.manual import run_manual

ORDER = "/rest/v1/order"


async def count(house: House) -> int:
    return int((await house.look(""))["transactions"])


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("down", 503, 1000008),
        ("bad_login", 401, 1000001),
        ("account_inactive", 403, 1000003),
        ("account_locked", 403, 1000004),
        ("no_permission", 403, 1000005),
        ("address_refused", 403, 1000009),
    ],
)
def test_a_refusal_on_purpose_keeps_nothing(tmp_path: Path, fault: str, status: int, code: int) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.switch(fault, 2)
            for _ in range(2):
                answer = await house.post(ORDER, passive())
                assert (answer.status, answer.json["code"]) == (status, code)
            assert await count(house) == 0
            await house.order(passive())

    run_manual(main())


@pytest.mark.parametrize(("fault", "kept"), [("error_before", 0), ("error_after", 1)])
def test_a_fault_of_the_gateway_before_and_after_it_has_kept_the_order(tmp_path: Path, fault: str, kept: int) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.switch(fault)
            answer = await house.post(ORDER, passive())
            assert (answer.status, await count(house)) == (500, kept)
            # A read is answered, so that a client can see what became of it.
            assert (await house.read("/rest/v1/transaction?orderid=Order_1")).status == (200 if kept else 404)
            assert (await house.client.ask("DELETE", f"/_sandbox/faults/{fault}")).json["on"] == []
            again = await house.post(ORDER, passive())
            assert (again.status, again.json.get("code")) == ((400, 3010004) if kept else (200, None))

    run_manual(main())


def test_a_slow_gateway_takes_its_seconds(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.switch("slow", 1)
            before = house.runtime.clock.monotonic()
            await house.order(passive("Order_1"))
            assert house.runtime.clock.monotonic() - before == 65
            await house.order(passive("Order_2"))
            assert house.runtime.clock.monotonic() - before == 65

    run_manual(main())


async def _spoiled(tmp_path: Path, fault: str) -> Answer:
    async with open_house(tmp_path) as house:
        await house.switch(fault, 1)
        answer = await house.post(ORDER, passive())
        assert await count(house) == 1
        return answer


def test_a_json_that_ends_in_its_middle(tmp_path: Path) -> None:
    answer = run_manual(_spoiled(tmp_path, "broken_json"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


def test_an_answer_that_says_that_it_is_html(tmp_path: Path) -> None:
    answer = run_manual(_spoiled(tmp_path, "wrong_content_type"))
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.json["status"] == "118"


def test_numbers_that_are_numbers(tmp_path: Path) -> None:
    told = run_manual(_spoiled(tmp_path, "numbers_unquoted")).json
    assert (told["status"], told["capturedAmount"], told["order"]["amount"]) == (118, 8.99, 8.99)
    assert told["order"]["id"] == "Order_1"


def test_reads_that_are_late(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive())
            await house.switch("late_reads", 2)
            assert [
                (await house.read("/rest/v1/transaction?orderid=Order_1")).status,
                (await house.read("/v3/transaction/800000000001")).status,
                (await house.read("/rest/v1/transaction?orderid=Order_1")).status,
            ] == [404, 404, 200]

    run_manual(main())


def test_switches_are_shown_set_and_put_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            assert set((await house.look("/faults"))["known"]) == set(Fault)
            await house.switch("slow", 3, 10)
            await house.switch("down")
            assert (await house.look("/faults"))["on"] == [
                {"fault": "slow", "times": 3, "seconds": 10.0},
                {"fault": "down", "times": None, "seconds": 5.0},
            ]
            for wrong in ({"fault": "x"}, {"fault": "slow", "times": 0}, {"fault": "slow", "more": 1}, {}):
                answer = await house.play("/faults", wrong)
                assert answer.json["code"] == "field_invalid"
            assert (await house.client.ask("DELETE", "/_sandbox/faults/x")).status == 400
            assert (await house.client.ask("DELETE", "/_sandbox/faults")).json["on"] == []

    run_manual(main())


def test_a_switch_of_the_command_line() -> None:
    assert [(one.times, one.seconds) for one in map(read_switch, ("slow", "slow:3", "slow:3:7.5", "slow:0:1"))] == [
        (None, 65.0),
        (3, 65.0),
        (3, 7.5),
        (None, 1.0),
    ]
    for wrong in ("x", "slow:x", "slow:1:x", "slow:-1", "slow:1:601", "slow:1:nan", ""):
        with pytest.raises(BridgeError):
            read_switch(wrong)


def test_a_switch_that_is_used_up_is_off() -> None:
    faults = Faults([read_switch("down:2")])
    assert [faults.strikes(Fault.DOWN) for _ in range(3)] == [True, True, False]
    assert faults.on == {}
