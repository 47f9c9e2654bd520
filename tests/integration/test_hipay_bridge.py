"""The HiPay door of a real connector over real HTTP, and a Concert terminal whose own ledger says what happened."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.integration.web import connected
from tests.support.counter import SOON, Counter, counter
from tests.support.shop import free_port
from tests.unit.hipay.till import HASH, basic
from tillbridge.protocols import hipay
from tillbridge.virtual.screen import Screen
from tillbridge.web.serving import BoundAddress

EXAMPLE: Final = Path(hipay.__file__).with_name("request.example.json").read_text()
PAYERS: Final = 50
OF_ONE_ANSWER: Final = {"trace_id", "replayed", "warnings", "cart_status", "cart_problems"}
"""What may differ between answers about one payment: they speak of the request that is answered."""


class Till:
    """Tills that talk to one connector; every request has a connection of its own."""

    def __init__(self, place: Counter, port: int) -> None:
        self.place = place
        self.address = BoundAddress("127.0.0.1", port)

    async def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"Authorization": basic()}
        url = f"http://localhost:{self.address.port}{path}"
        patience = aiohttp.ClientTimeout(3 * SOON)
        async with (
            aiohttp.ClientSession(headers=sent, timeout=patience) as session,
            session.request(method, url, data=body) as reply,
        ):
            return reply.status, await reply.json()

    async def pay(self, **fields: object) -> tuple[int, dict[str, Any]]:
        return await self.ask("POST", "/order", json.dumps(fields))


@asynccontextmanager
async def bridge(folder: Path, **door: object) -> AsyncIterator[Till]:
    """A connector between a till and a terminal; `door` is what is different about the door's settings."""
    port = free_port()
    settings = {"port": port, "api_username": "log", "api_password_hash": HASH, "terminal": "counter"} | door
    async with counter(folder) as place:
        place.write_settings(doors=[{"name": "till", "door": "hipay", "settings": settings}])
        await place.open()
        yield Till(place, port)


def truth(body: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says about the payment itself."""
    return {name: value for name, value in body.items() if name not in OF_ONE_ANSWER}


async def test_the_same_order_fifty_times_at_once_is_one_payment_and_one_truth(tmp_path: Path) -> None:
    async with bridge(tmp_path) as till:
        till.place.wait_by_hand()
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(till.pay(amount="10,23", order_id="A")) for _ in range(PAYERS)]
            group.create_task(till.place.pay_by_hand())
        answers = [call.result() for call in calls]
        assert [status for status, _ in answers] == [200] * PAYERS
        first = truth(answers[0][1])
        assert (first["paymentStatus"], first["money_moved"], first["amount"]) == ("SUCCESS", "yes", "10,23")
        assert all(truth(body) == first for _, body in answers)
        assert [body["replayed"] for _, body in answers].count(False) == 1
        assert till.place.taken == [1023]


async def test_fifty_repeats_of_a_key_all_hear_that_it_was_cancelled(tmp_path: Path) -> None:
    async with bridge(tmp_path) as till:
        till.place.wait_by_hand()

        async def press_cancel() -> None:
            await till.place.until(Screen.WAITING_FOR_CARD)
            till.place.terminal.press_cancel()

        async with asyncio.TaskGroup() as group:
            # A key and no order number: whoever comes after the end would else have made a new attempt.
            asking = [till.ask("POST", "/order", '{"amount": 5}', Idempotency_Key="k") for _ in range(PAYERS)]
            calls = [group.create_task(one) for one in asking]
            group.create_task(press_cancel())
        bodies = [call.result()[1] for call in calls]
        assert {(body["outcome"], body["errorCode"], body["money_moved"]) for body in bodies} == {
            ("aborted", "1006", "no")
        }
        assert len({body["payment_id"] for body in bodies}) == 1
        assert till.place.taken == []


async def test_two_tills_with_different_orders_take_turns(tmp_path: Path) -> None:
    async with bridge(tmp_path) as till:
        till.place.wait_by_hand()
        async with asyncio.TaskGroup() as group:
            first = group.create_task(till.pay(amount=1, order_id="A"))
            await till.place.until(Screen.WAITING_FOR_CARD)
            status, busy = await till.pay(amount=2, order_id="B")
            await till.place.pay_by_hand()
        paid = first.result()[1]
        assert (status, busy["code"], busy["money_moved"]) == (409, "terminal_busy", "no")
        assert (busy["paymentStatus"], busy["error"]["errorCode"], busy["retryable"]) == ("FAILURE", "1000", True)
        assert busy["payment_id"] == paid["payment_id"]
        assert (await till.ask("GET", "/order/B"))[0] == 404
        async with asyncio.TaskGroup() as group:
            second = group.create_task(till.pay(amount=2, order_id="B"))
            group.create_task(till.place.pay_by_hand())
        assert second.result()[1]["paymentStatus"] == "SUCCESS"
        assert till.place.taken == [100, 200]


async def test_a_till_that_hangs_up_in_the_middle_asks_again_and_hears_the_end(tmp_path: Path) -> None:
    async with bridge(tmp_path) as till:
        till.place.wait_by_hand()
        body = b'{"amount": "7.50", "order_id": "A"}'
        async with connected(till.address) as client:
            client.send(
                f"POST /order HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic()}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await till.place.until(Screen.WAITING_FOR_CARD)
        _, running = await till.ask("GET", "/order/A")
        assert (running["outcome"], running["money_moved"], running["code"]) == ("unknown", "unknown", "still_running")
        async with asyncio.TaskGroup() as group:
            joined = group.create_task(till.pay(amount="7.50", order_id="A"))
            group.create_task(till.place.pay_by_hand())
        status, ended = await till.ask("GET", "/order/A")
        assert (status, ended["paymentStatus"], ended["amount"]) == (200, "SUCCESS", "7.50")
        assert {running["payment_id"], ended["payment_id"]} == {joined.result()[1]["payment_id"]}
        assert truth((await till.ask("GET", f"/order/{ended['payment_id']}"))[1]) == truth(ended)
        assert till.place.taken == [750]


async def test_the_sample_request_is_paid_on_both_paths_in_every_style(tmp_path: Path) -> None:
    taken: list[int] = []
    async with bridge(tmp_path) as till:
        for path in ("/", "/order"):
            for amount, minor in (("9.99", 999), ('"10.23"', 1023), ('"10,23"', 1023)):
                # A sale of its own each time: the same order number with another amount would be a conflict.
                sample = EXAMPLE.replace('"10,23"', amount).replace("Order_12345", f"Order_{len(taken)}")
                status, body = await till.ask("POST", path, sample)
                taken.append(minor)
                assert (status, body["paymentStatus"], body["money_moved"]) == (200, "SUCCESS", "yes")
                assert body["amount"] == json.loads(amount)
                assert body["customData"] == json.loads(EXAMPLE)["custom_data"]
                assert {warning["code"] for warning in body["warnings"]} == {"email_invalid", "cart_total"}
        assert till.place.taken == taken


@pytest.mark.parametrize("threshold", [None, 100])
async def test_forced_or_above_the_threshold_the_terminal_is_told_on_the_wire(
    tmp_path: Path, threshold: int | None
) -> None:
    async with bridge(tmp_path, authorization_threshold=threshold) as till:
        for order_id, amount, forced in (("A", 100, False), ("B", "100.01", False), ("C", 5, True)):
            status, body = await till.pay(order_id=order_id, amount=amount, force_authorization=forced)
            assert (status, body["paymentStatus"], body["forceAuthorization"]) == (200, "SUCCESS", forced)
        # The terminal's own book: what came in its wire's flag.
        told = [row.online for row in till.place.terminal.ledger.rows]
        assert told == [False, threshold is not None, True]


async def test_stop_waits_for_a_login_and_for_the_end_of_the_payment(tmp_path: Path) -> None:
    async with bridge(tmp_path) as till:
        till.place.wait_by_hand()
        async with asyncio.TaskGroup() as group:
            paying = group.create_task(till.pay(amount=1, order_id="A"))
            await till.place.until(Screen.WAITING_FOR_CARD)
            assert await till.ask("GET", "/stop") == (
                200,
                {"message": "TP-Manager is busy, will stop when possible", "stopped": False},
            )
            await till.place.pay_by_hand()
        assert paying.result()[1]["paymentStatus"] == "SUCCESS"
        async with aiohttp.ClientSession() as stranger, stranger.get(f"http://{till.address}/stop") as refused:
            assert refused.status == 401
        assert (await till.ask("GET", "/version"))[0] == 200
        assert await till.ask("GET", "/stop") == (200, {"message": "TP-Manager stopped", "stopped": True})
        (connector,) = till.place.running
        await connector.gone()
        assert connector.process.returncode == 0


async def test_a_till_that_waits_while_the_connector_is_stopped_hears_that_nothing_is_known(tmp_path: Path) -> None:
    async with bridge(tmp_path) as till:
        till.place.wait_by_hand()
        connector = till.place.running[-1]
        async with asyncio.TaskGroup() as group:
            call = group.create_task(till.pay(amount="10,23", order_id="A"))
            await till.place.until(Screen.WAITING_FOR_CARD)
            for words in ("Waiting for the sale", "it is in doubt"):
                connector.process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(SOON):
                    await connector.wait_for(words)
        status, body = call.result()
        assert (status, body["paymentStatus"], body["errorCode"]) == (200, "FAILURE", "1001")
        assert body["money_moved"] == "unknown"
        await connector.gone()
