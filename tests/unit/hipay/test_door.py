import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.hipay.till import Counter, basic, call, watched
from tillbridge.domain.errors import CATALOGUE, BridgeError, Code
from tillbridge.protocols import hipay
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step

EXAMPLE = Path(hipay.__file__).with_name("request.example.json").read_bytes()
MINUTE = 60.0


# ---------------------------------------------------------------- a payment


@pytest.mark.parametrize("path", ["/order", "/"])
def test_the_example_is_paid_at_both_addresses(path: str) -> None:
    reply = run_manual(call("POST", path, EXAMPLE))
    body, sent = reply.json, json.loads(EXAMPLE)
    assert reply.status == 200
    assert (body["paymentStatus"], body["amount"], body["currency"]) == ("SUCCESS", "10,23", "EUR")
    assert body["orderId"] == "Order_12345"
    assert (body["cart"], body["customer"], body["customData"]) == (
        sent["cart"],
        sent["customer"],
        sent["custom_data"],
    )
    assert {warning["code"] for warning in body["warnings"]} == {"email_invalid", "cart_total"}
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-trace-id"] == body["trace_id"]


def test_the_desk_gets_the_whole_request() -> None:
    async def main() -> None:
        counter, desk = watched(terminal="terminal-1")
        await counter.call("POST", "/order", EXAMPLE, {"Idempotency-Key": "k1"})
        request = desk.requests[0]
        assert (request.caller, request.door, request.terminal) == ("hipay:log", "hipay", "terminal-1")
        assert (request.order_id, request.key, request.online) == ("Order_12345", "k1", False)
        assert len(request.fingerprint) == 64
        assert not request.keyless
        assert json.loads(str(request.notes["customer"]))["id"] == 283749291
        assert request.notes["cart_status"] == "left_out"

    run_manual(main())


def test_an_order_number_is_made_where_there_is_none() -> None:
    async def main() -> None:
        counter = Counter()
        made = [(await counter.order(amount=1)).json["orderId"] for _ in range(3)]
        assert made == sorted(set(made))
        assert all(len(one) == 32 and one.isascii() and one.isalnum() for one in made)
        assert (await counter.get(f"/order/{made[1]}")).json["orderId"] == made[1]

    run_manual(main())


@pytest.mark.parametrize(
    ("threshold", "amount", "forced", "online"),
    [
        (None, "1000000", False, False),
        (None, "1", True, True),
        ("100", "100", False, False),
        ("100", "100.01", False, True),
        ("100", "5", True, True),
        ("0", "0.01", False, True),
    ],
)
def test_online_authorization_is_asked_for_when_forced_or_above(
    threshold: str | None, amount: str, forced: bool, online: bool
) -> None:
    async def main() -> None:
        counter, desk = watched(authorization_threshold=threshold)
        reply = await counter.order(amount=amount, force_authorization=forced)
        assert desk.requests[0].online is online
        assert reply.json["forceAuthorization"] is forced

    run_manual(main())


def test_the_result_is_noted_as_delivered() -> None:
    async def main() -> None:
        counter, desk = watched()
        paid = (await counter.order(amount=1, order_id="A")).json["payment_id"]
        assert desk.told == [(paid, "hipay:log", True)]
        await counter.get("/order/A")
        assert desk.told == [(paid, "hipay:log", True)] * 2
        await counter.call("HEAD", "/order/A")
        assert len(desk.told) == 2

    run_manual(main())


def test_a_note_that_fails_does_not_spoil_the_answer() -> None:
    async def main() -> None:
        counter, desk = watched()
        desk.broken["delivered"] = RuntimeError("no disk")
        assert (await counter.order(amount=1)).json["paymentStatus"] == "SUCCESS"

    run_manual(main())


@pytest.mark.parametrize(("different", "allowed"), [({}, False), ({"partial_approval": True}, True)])
def test_a_part_may_be_approved_only_if_the_settings_say_so(different: dict[str, bool], allowed: bool) -> None:
    async def main() -> None:
        counter, desk = watched(**different)
        await counter.order(amount=1)
        await counter.order(amount=1, transaction_type="Credit", key="k")
        assert [request.partial_allowed for request in desk.requests] == [allowed, False]

    run_manual(main())


def test_a_cart_that_is_none_stops_no_payment() -> None:
    async def main() -> None:
        counter = Counter()
        paid = (await counter.order(amount=1, order_id="A", cart="none")).json
        assert (paid["paymentStatus"], paid["cart"], paid["cart_status"]) == ("SUCCESS", {}, "left_out")
        assert [warning["code"] for warning in paid["warnings"]] == ["cart_not_an_object"]
        again = (await counter.get("/order/A")).json
        assert (again["cart"], again["cart_status"]) == ({}, "left_out")

    run_manual(main())


def test_a_part_that_was_approved_is_answered() -> None:
    async def main() -> None:
        counter = Counter()
        counter.terminal.script.set(Step(SCENARIOS["partial"]))
        body = (await counter.order(amount="10,00")).json
        assert (body["paymentStatus"], body["amount"], body["amount_requested"]) == ("SUCCESS", "5,00", "10,00")

    run_manual(main())


# ---------------------------------------------------------------- patience


def test_at_the_end_of_its_patience_the_till_hears_that_nothing_is_known() -> None:
    async def main() -> None:
        counter, desk = watched()
        before = counter.runtime.clock.monotonic()
        counter.terminal.script.set(Step(SCENARIOS["slow_6"]))
        body = (await counter.order(amount=1, order_id="A")).json
        assert counter.runtime.clock.monotonic() - before == 3 * MINUTE
        assert (body["errorCode"], body["code"], body["money_moved"]) == ("1001", "still_running", "unknown")
        assert desk.told == []
        await asyncio.sleep(3 * MINUTE)
        body = (await counter.get("/order/A")).json
        assert (body["paymentStatus"], body["money_moved"]) == ("SUCCESS", "yes")

    run_manual(main())


def test_a_slow_customer_is_waited_for() -> None:
    async def main() -> None:
        counter = Counter()
        counter.terminal.script.set(Step(SCENARIOS["slow"]))
        assert (await counter.order(amount=1)).json["paymentStatus"] == "SUCCESS"

    run_manual(main())


def test_a_second_till_hears_busy_and_by_what() -> None:
    async def main() -> None:
        counter = Counter()
        counter.terminal.script.set(Step(SCENARIOS["slow"]))
        async with asyncio.TaskGroup() as group:
            first = group.create_task(counter.order(amount=1))
            await asyncio.sleep(1)
            second = await counter.order(amount=2)
            assert second.status == 409
            assert (second.json["code"], second.json["money_moved"]) == ("terminal_busy", "no")
            assert second.json["error"]["errorCode"] == "1000"
        assert second.json["payment_id"] == first.result().json["payment_id"]

    run_manual(main())


# ---------------------------------------------------------------- keys


def test_the_same_key_is_the_same_payment() -> None:
    async def main() -> None:
        counter = Counter()
        first = (await counter.order(amount="5.00", key="k")).json
        again = (await counter.order(amount=5, key="k")).json
        assert (first["replayed"], again["replayed"]) == (False, True)
        for field in ("payment_id", "orderId", "paid_at", "paymentStatus"):
            assert again[field] == first[field]
        other = await counter.order(amount=6, key="k")
        assert (other.status, other.json["code"]) == (422, "key_conflict")
        assert len(counter.terminal.ledger.rows) == 1

    run_manual(main())


def test_a_repeat_joins_the_running_payment() -> None:
    async def main() -> None:
        counter = Counter()
        counter.terminal.script.set(Step(SCENARIOS["slow"]))
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(counter.order(amount=1, key="k")) for _ in range(50)]
        bodies = [call.result().json for call in calls]
        assert len({body["payment_id"] for body in bodies}) == 1
        assert [body["replayed"] for body in bodies].count(False) == 1
        assert {body["paymentStatus"] for body in bodies} == {"SUCCESS"}
        assert len(counter.terminal.ledger.rows) == 1

    run_manual(main())


def test_a_credit_needs_a_key() -> None:
    async def main() -> None:
        counter = Counter()
        without = await counter.order(amount=1, transaction_type="Credit")
        assert (without.status, without.json["code"]) == (400, "key_required")
        body = (await counter.order(amount=1, transaction_type="Credit", key="k")).json
        assert (body["paymentStatus"], body["transationType"]) == ("SUCCESS", "Credit")
        assert [row.kind for row in counter.terminal.ledger.rows] == ["refund"]

    run_manual(main())


# ---------------------------------------------------------------- asking and cancelling


def test_a_payment_is_found_by_order_and_by_id() -> None:
    async def main() -> None:
        counter = Counter()
        paid = (await counter.call("POST", "/order", EXAMPLE)).json
        for reference in ("Order_12345", paid["payment_id"]):
            body = (await counter.get(f"/order/{reference}")).json
            for field in ("payment_id", "amount", "cart", "customer", "customData", "cart_status", "paid_at"):
                assert body[field] == paid[field]

    run_manual(main())


def test_an_order_number_may_hold_what_a_path_can() -> None:
    async def main() -> None:
        counter = Counter()
        for number in ("2026/01 A", "a/cancel", "é%"):
            await counter.order(amount=1, order_id=number)
            assert (await counter.get(f"/order/{number}")).json["orderId"] == number

    run_manual(main())


def test_payments_of_others_do_not_exist() -> None:
    async def main() -> None:
        counter = Counter()
        paid = (await counter.order(amount=1, order_id="A")).json["payment_id"]
        other = Counter(counter.terminal, runtime=counter.runtime, api_username="other")
        for reference in ("A", paid, "nothing", "0" * 32):
            for method, path in (("GET", f"/order/{reference}"), ("POST", f"/order/{reference}/cancel")):
                reply = await other.call(method, path, login=basic("other"))
                assert (reply.status, reply.json["code"]) == (404, "payment_unknown")

    run_manual(main())


def test_a_running_payment_can_be_asked_to_stop() -> None:
    async def main() -> None:
        counter = Counter()
        counter.terminal.script.set(Step(SCENARIOS["manual"]))
        async with asyncio.TaskGroup() as group:
            call = group.create_task(counter.order(amount=1, order_id="A"))
            await asyncio.sleep(1)
            reply = await counter.call("POST", "/order/A/cancel")
            assert (reply.status, reply.json["cancel"]) == (202, "requested")
        body = call.result().json
        assert (body["errorCode"], body["outcome"], body["money_moved"]) == ("1006", "aborted", "no")
        again = await counter.call("POST", "/order/A/cancel")
        assert (again.status, again.json["cancel"]) == (200, "not_running")

    run_manual(main())


def test_a_card_beats_the_wish_to_stop() -> None:
    async def main() -> None:
        counter = Counter()
        counter.terminal.script.set(Step(replace(SCENARIOS["card_beats_abort"], delay=MINUTE)))
        async with asyncio.TaskGroup() as group:
            call = group.create_task(counter.order(amount=1, order_id="A"))
            await asyncio.sleep(1)
            assert (await counter.call("POST", "/order/A/cancel")).json["cancel"] == "requested"
        assert call.result().json["paymentStatus"] == "SUCCESS"

    run_manual(main())


# ---------------------------------------------------------------- when the desk fails


def test_a_refusal_of_the_desk_is_answered_with_its_own_status() -> None:
    async def main() -> None:
        counter, desk = watched()
        for code in Code:
            desk.broken["start"] = BridgeError(code, "as planned", payment_id="p1")
            reply = await counter.order(amount=1)
            assert reply.status == CATALOGUE[code].status
            assert (reply.json["code"], reply.json["payment_id"]) == (code, "p1")

    run_manual(main())


@pytest.mark.parametrize("failure", [RuntimeError("boom"), BridgeError(Code.TERMINAL_BUSY), OSError(5, "disk")])
def test_once_a_payment_may_have_begun_every_failure_is_unknown(failure: Exception) -> None:
    async def main() -> None:
        counter, desk = watched()
        counter.terminal.script.set(Step(SCENARIOS["slow"]))
        desk.broken["wait"] = failure
        reply = await counter.order(amount=1, order_id="A")
        assert (reply.status, reply.json["code"], reply.json["errorCode"]) == (500, "internal", "1000")
        assert (reply.json["outcome"], reply.json["money_moved"]) == ("unknown", "unknown")
        assert (reply.json["retryable"], reply.json["device_locked"]) == (False, True)
        assert "check the terminal" in reply.json["errorDescription"]
        assert (await counter.get("/order/A")).json["payment_id"] == reply.json["payment_id"]
        assert "boom" not in reply.text

    run_manual(main())


def test_a_desk_that_breaks_on_the_start_leaves_the_money_open() -> None:
    async def main() -> None:
        counter, desk = watched()
        desk.broken["start"] = RuntimeError("boom")
        reply = await counter.order(amount=1)
        assert (reply.status, reply.json["money_moved"]) == (500, "unknown")

    run_manual(main())


@pytest.mark.parametrize("what", ["find_order", "inquire"])
def test_a_journal_that_cannot_be_read_is_not_a_payment_that_does_not_exist(what: str) -> None:
    async def main() -> None:
        counter, desk = watched()
        desk.broken[what] = BridgeError(Code.JOURNAL_UNAVAILABLE)
        reply = await counter.get(f"/order/{'0' * 32}")
        assert (reply.status, reply.json["code"]) == (503, "journal_unavailable")

    run_manual(main())
