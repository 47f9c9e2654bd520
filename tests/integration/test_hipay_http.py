"""The HiPay door on real connections: tills that vanish, lines that drop, bodies that never end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.web import Client, connected
from tests.lines import PATIENCE
from tests.unit.hipay.till import Watched, basic, settings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import hipay
from tillbridge.protocols.contract import PaymentDesk
from tillbridge.protocols.hipay.door import HipayDoor
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.guard import MAX_BODY
from tillbridge.web.serving import BoundAddress

EXAMPLE = Path(hipay.__file__).with_name("request.example.json").read_bytes()
AUTHORIZATION = f"Authorization: {basic()}"


class Shop:
    """A virtual terminal behind a door that listens."""

    def __init__(self, terminal: VirtualTerminal, door: HipayDoor) -> None:
        self.terminal = terminal
        self.door = door

    @property
    def address(self) -> BoundAddress:
        return BoundAddress("127.0.0.1", int(self.door.address.rpartition(":")[2]))

    def script(self, *names: str) -> None:
        self.terminal.script.set(*(Step(SCENARIOS[name]) for name in names))

    async def until(self, seen: Callable[[], bool]) -> None:
        """Returns once this is seen; a turn of the loop lets everything that is ready happen."""
        async with asyncio.timeout(PATIENCE):
            while not seen():
                await asyncio.sleep(0)


@asynccontextmanager
async def shop(
    *, simulated: bool = False, wrap: Callable[[PaymentDesk], PaymentDesk] = lambda desk: desk, **different: Any
) -> AsyncIterator[Shop]:
    runtime = Runtime()
    terminal = VirtualTerminal(runtime=runtime)
    behaviour = ScriptedBehaviour(terminal) if simulated else None
    door = HipayDoor(settings(host="127.0.0.1", port=0, **different), wrap(terminal), runtime, behaviour=behaviour)
    ready = asyncio.Event()

    async def serve() -> None:
        with suppress(asyncio.CancelledError):
            await door.serve(ready.set)

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve())
        await ready.wait()
        yield Shop(terminal, door)
        serving.cancel()


@asynccontextmanager
async def till(opened: Shop) -> AsyncIterator[aiohttp.ClientSession]:
    patience = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(
        opened.door.address, headers={"Authorization": basic()}, timeout=patience
    ) as session:
        yield session


async def order(client: Client, **fields: Any) -> None:
    """Sends an order and waits for nothing."""
    body = json.dumps(fields).encode()
    head = f"POST /order HTTP/1.1\r\nHost: localhost\r\n{AUTHORIZATION}\r\nContent-Length: {len(body)}\r\n\r\n"
    client.send(head.encode() + body)


@pytest.mark.parametrize("path", ["/", "/order"])
async def test_the_example_is_paid(path: str) -> None:
    async with shop() as opened, till(opened) as session:
        reply = await session.post(path, data=EXAMPLE, headers={"Content-Type": "application/json"})
        assert reply.status == 200
        body = await reply.json()
        assert (body["paymentStatus"], body["amount"], body["money_moved"]) == ("SUCCESS", "10,23", "yes")
        again = await session.get(f"/order/{body['orderId']}")
        assert (await again.json())["payment_id"] == body["payment_id"]


async def test_many_payments_on_one_connection() -> None:
    async with shop() as opened, connected(opened.address) as client:
        for number in range(1, 51):
            reply = await client.ask("POST /order HTTP/1.1", b'{"amount": %d}' % number, [AUTHORIZATION])
            assert (reply.status, json.loads(reply.body)["amount"]) == (200, number)
        assert len(opened.terminal.ledger.rows) == 50


async def test_fifty_repeats_at_once_are_one_payment() -> None:
    async with shop() as opened, till(opened) as session:

        async def pay() -> Any:
            reply = await session.post("/order", json={"amount": "10,23"}, headers={"Idempotency-Key": "same"})
            return await reply.json()

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(pay()) for _ in range(50)]
        bodies = [call.result() for call in calls]
        assert len({body["payment_id"] for body in bodies}) == 1
        assert {body["paymentStatus"] for body in bodies} == {"SUCCESS"}
        assert len(opened.terminal.ledger.rows) == 1


async def test_a_second_till_is_told_that_the_terminal_is_busy() -> None:
    async with shop() as opened, connected(opened.address) as first, till(opened) as session:
        opened.script("manual")
        await order(first, amount=1)
        await opened.until(lambda: opened.terminal.screen is Screen.WAITING_FOR_CARD)
        reply = await session.post("/order", json={"amount": 2})
        body = await reply.json()
        assert (reply.status, body["code"], body["money_moved"]) == (409, "terminal_busy", "no")
        opened.terminal.present_card()
        opened.terminal.enter_pin()
        assert json.loads((await first.reply()).body)["payment_id"] == body["payment_id"]


async def test_a_till_that_vanishes_stops_no_payment() -> None:
    async with shop() as opened, till(opened) as session:
        opened.script("manual")
        async with connected(opened.address) as client:
            await order(client, amount="5,00", order_id="A")
            await opened.until(lambda: opened.terminal.screen is Screen.WAITING_FOR_CARD)
        opened.terminal.present_card()
        opened.terminal.enter_pin()
        await opened.until(lambda: bool(opened.terminal.undelivered()))
        body = await (await session.get("/order/A")).json()
        assert (body["paymentStatus"], body["amount"]) == ("SUCCESS", "5,00")
        await opened.until(lambda: not opened.terminal.undelivered())


async def test_a_till_that_waits_gets_its_result_noted() -> None:
    async with shop() as opened, till(opened) as session:
        opened.script("manual")
        async with asyncio.TaskGroup() as group:
            call = group.create_task(session.post("/order", json={"amount": 1}))
            await opened.until(lambda: opened.terminal.screen is Screen.WAITING_FOR_CARD)
            opened.terminal.present_card()
            opened.terminal.enter_pin()
        assert (await call.result().json())["paymentStatus"] == "SUCCESS"
        assert opened.terminal.undelivered() == []


async def test_a_till_that_vanishes_in_the_middle_of_its_request_asked_for_nothing() -> None:
    async with shop() as opened, till(opened) as session:
        async with connected(opened.address) as client:
            client.send(f"POST /order HTTP/1.1\r\nHost: localhost\r\n{AUTHORIZATION}\r\n".encode())
            client.send(b'Content-Length: 100\r\n\r\n{"amount": 1')
        assert (await session.get("/version")).status == 200
        assert len(opened.terminal.ledger.rows) == 0


async def test_a_body_without_a_length_is_read_and_bounded() -> None:
    async with shop() as opened, connected(opened.address) as client:
        head = f"POST /order HTTP/1.1\r\nHost: localhost\r\n{AUTHORIZATION}\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head.encode() + b'8\r\n{"amount\r\n5\r\n": 1}\r\n0\r\n\r\n')
        assert json.loads((await client.reply()).body)["paymentStatus"] == "SUCCESS"
        client.send(head.encode() + b"%x\r\n%b\r\n" % (MAX_BODY + 1, b" " * (MAX_BODY + 1)))
        reply = await client.reply()
        assert (reply.status, json.loads(reply.body)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""])
async def test_a_foreign_name_is_not_served(host: str) -> None:
    async with shop() as opened, connected(opened.address) as client:
        client.send(f"POST /order HTTP/1.1\r\nHost: {host}\r\n{AUTHORIZATION}\r\nContent-Length: 0\r\n\r\n".encode())
        reply = await client.reply()
        assert (reply.status, json.loads(reply.body)["code"]) == (403, "host_not_allowed")


async def test_a_taken_port_is_named() -> None:
    async with shop() as opened:
        port = opened.address.port
        second = HipayDoor(settings(host="127.0.0.1", port=port), opened.terminal, Runtime())
        with pytest.raises(BridgeError, match=f"127.0.0.1:{port}") as caught:
            await second.serve(lambda: None)
        assert caught.value.code is Code.PORT_TAKEN


async def test_a_wrong_password_is_refused_before_the_body_is_read() -> None:
    async with shop() as opened, connected(opened.address) as client:
        wrong = f"Authorization: {basic('log', 'wrong')}"
        reply = await client.ask("POST /order HTTP/1.1", b'{"amount": 1}', [wrong])
        assert reply.status == 401
        assert len(opened.terminal.ledger.rows) == 0


async def test_a_fault_that_nobody_expected_is_answered_and_the_door_goes_on() -> None:
    def failing(desk: PaymentDesk) -> PaymentDesk:
        watched = Watched(desk)
        watched.broken["find_order"] = RuntimeError("boom")
        return watched

    async with shop(wrap=failing) as opened, till(opened) as session:
        reply = await session.get("/order/A")
        body = await reply.json()
        assert (reply.status, body["code"], body["money_moved"]) == (500, "internal", "unknown")
        assert "boom" not in await reply.text()
        assert (await (await session.post("/order", json={"amount": 1})).json())["paymentStatus"] == "SUCCESS"


# ---------------------------------------------------------------- a simulator on a bad line


@pytest.mark.parametrize(
    ("price", "scenario", "taken"),
    [
        ("5.96", None, 0),  # the line drops on the request
        ("5.95", None, 595),  # approved, then the line drops before the answer
        ("5.10", "drop_last_byte", 510),
        ("5.00", "drop_in_answer", 500),
    ],
)
async def test_a_simulators_line_drops(price: str, scenario: str | None, taken: int) -> None:
    async with shop(simulated=True) as opened:
        if scenario is not None:
            opened.script(scenario)
        async with connected(opened.address) as client:
            await order(client, amount=price)
            heard = await client.rest()
        head, _, body = heard.partition(b"\r\n\r\n")
        length = next((int(line.split()[1]) for line in head.splitlines() if line.startswith(b"content-length")), 0)
        missing = {"5.10": 1, "5.00": length - length // 2}.get(price, length)
        assert length - len(body) == missing
        assert bool(heard) == (price in {"5.10", "5.00"})
        assert sum(row.minor for row in opened.terminal.ledger.rows) == taken
        await opened.until(lambda: len(opened.terminal.undelivered()) == 1)


async def test_a_line_that_drops_before_there_is_a_payment_leaves_none() -> None:
    async with shop(simulated=True) as opened:
        opened.script("drop_before")
        async with connected(opened.address) as client:
            await order(client, amount=5)
            assert await client.rest() == b""
        assert len(opened.terminal.ledger.rows) == 0


async def test_a_simulator_that_never_answers_keeps_the_connection() -> None:
    async with shop(simulated=True) as opened:
        opened.script("never_answer")
        async with connected(opened.address) as client:
            await order(client, amount=5)
            await opened.until(lambda: len(opened.terminal.ledger.rows) == 1)
            assert not client.reader.at_eof()
        await opened.until(lambda: bool(opened.terminal.undelivered()))


async def test_a_pulled_line_lets_no_request_through() -> None:
    async with shop(simulated=True) as opened:
        behaviour = opened.door._mishaps
        assert behaviour is not None
        behaviour._behaviour.pull_line()  # type: ignore[attr-defined]
        async with connected(opened.address) as client:
            await order(client, amount=5)
            assert await client.rest() == b""
        assert len(opened.terminal.ledger.rows) == 0
