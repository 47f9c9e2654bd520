"""The client of the native interface, over real connections that break, to connectors that go away and come back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.support.api_server import SOON, Server, cut, server
from tests.support.console.api import taken, unheard
from tests.support.console.counter import KEY
from tests.support.shop import free_port
from tillbridge.client import AmountBody, Bridge, NoAnswer, PaymentBody, Refused, asking, connect, listening
from tillbridge.connector.api.resources import StreamedResource
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.protocols.contract import AbortReply
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step
from tillbridge.web.serving import BoundAddress, serve_asgi

QUICKLY = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Pauses before another try, for a test that has a connector come back in that time."""


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    for module in (asking, listening):
        monkeypatch.setattr(module, "AGAIN_SECONDS", QUICKLY)
    async with server(tmp_path, "front", "bar") as opened:
        yield opened


@pytest.fixture
async def bridge(place: Server) -> AsyncIterator[Bridge]:
    async with connect(place.url, KEY) as connected:
        yield connected


def sale(minor: int = 1250, **more: Any) -> PaymentBody:
    return PaymentBody(amount=AmountBody(minor=minor, currency="EUR"), **({"terminal": "front"} | more))


async def until_waiting(bridge: Bridge, payment_id: str) -> None:
    async with asyncio.timeout(SOON):
        while (await bridge.payment(payment_id)).progress is None:
            await asyncio.sleep(0.01)


async def test_a_payment_from_its_start_to_the_lists_it_is_in(place: Server, bridge: Bridge) -> None:
    began = place.inside.runtime.clock.now()
    paid = await bridge.pay(sale(order_id="47", register="07"), key="k1")
    assert (paid.stage, paid.money_moved, paid.register_number) == (Stage.APPROVED, MoneyMoved.YES, "07")
    assert (await bridge.pay(sale(order_id="47", register="07"), key="k1")).replayed
    assert await bridge.payment(paid.id) == paid
    assert await bridge.payment_by_key("k1") == paid
    refunded = await bridge.pay(PaymentBody(kind=Kind.REFUND, parent=paid.id), key="k2")
    assert refunded.parent == paid.id
    assert [one.id async for one in bridge.payments()] == [refunded.id, paid.id]
    assert [one.id async for one in bridge.payments(order_id="47", since=began)] == [paid.id]
    assert [one.id async for one in bridge.payments(kind=Kind.VOID)] == []
    assert [event.type for event in await bridge.timeline(paid.id)][:2] == ["accepted", "sending"]
    totals = await bridge.totals(began)
    assert {(one.kind, one.minor) for one in totals.totals} == {(Kind.SALE, 1250), (Kind.REFUND, 1250)}
    assert (await bridge.totals()).totals == totals.totals
    assert [terminal.name for terminal in await bridge.terminals()] == ["front", "bar"]
    assert (await bridge.terminal("bar")).state == "free"


async def test_a_list_is_read_over_all_its_pages(
    place: Server, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.client.bridge.PAGE", 2)
    made = [(await bridge.pay(sale(order_id="47"), key=f"k{number}")).id for number in range(5)]
    await bridge.pay(sale(order_id="48"), key="other")
    assert [one.id async for one in bridge.payments(order_id="47")] == made[::-1]
    assert taken(place.inside) == 6


async def test_a_payment_is_stopped_and_waited_for(place: Server, bridge: Bridge) -> None:
    place.inside.hold("front")
    running = await bridge.start(sale(), key="k1")
    await until_waiting(bridge, running.id)
    asked = await bridge.abort(running.id, key="a1")
    assert asked.abort is AbortReply.REQUESTED
    assert (await bridge.abort(running.id, key="a1")) == asked
    assert (await bridge.until_over(running.id)).stage is Stage.ABORTED


async def test_what_only_a_person_decides(place: Server, bridge: Bridge) -> None:
    doubt = await bridge.pay(sale(1295), key="k1")
    assert doubt.money_moved is MoneyMoved.UNKNOWN
    settled = await bridge.resolve(doubt.id, taken=False, by="Ada", reason="no slip", key="d1")
    assert settled.stage is Stage.DECLINED
    held = await unheard(place.inside)
    assert [one.id for one in await bridge.undelivered()] == [held]
    assert (await bridge.keep(held, by="Ada", reason="slip 17", key="d2")).stage is Stage.APPROVED
    void = await bridge.reverse(held, by="Ada", reason="wrong price", key="d3")
    assert (void.kind, void.parent, void.stage) == (Kind.VOID, held, Stage.APPROVED)
    place.inside.terminals["front"].desk.script.set(Step(SCENARIOS["signature"]))
    running = await bridge.start(sale(), key="k2")
    async with asyncio.timeout(SOON):
        while (await bridge.payment(running.id)).progress != "awaiting_signature":
            await asyncio.sleep(0.01)
    await bridge.sign(running.id, accepted=True, by="Ada", key="d4")
    assert (await bridge.until_over(running.id)).stage is Stage.APPROVED


async def test_a_refusal_says_why_and_what_is_known_of_the_money(bridge: Bridge) -> None:
    await bridge.pay(sale(1295), key="k1")
    with pytest.raises(Refused) as refusal:
        await bridge.pay(sale(), key="k2")
    assert (refusal.value.code, refusal.value.money_moved) == (Code.TERMINAL_LOCKED, MoneyMoved.NO)
    assert refusal.value.payment_id is not None
    with pytest.raises(Refused, match="terrace"):
        await bridge.terminal("terrace")
    with pytest.raises(Refused):
        await bridge.terminal("../payments")
    with pytest.raises(Refused) as unmoved:
        await bridge.move("front", "10.0.0.5:8888", by="Ada", reason="read from its screen", key="k3")
    assert unmoved.value.code is Code.OPERATION_UNSUPPORTED


async def test_a_wrong_key_is_refused_by_every_question(place: Server) -> None:
    async with connect(place.url, "wrong") as stranger:
        with pytest.raises(Refused) as refusal:
            await stranger.terminals()
        assert refusal.value.code is Code.UNAUTHENTICATED
        with pytest.raises(Refused):
            await anext(stranger.events())


async def test_a_lost_answer_is_asked_for_again_and_money_moves_once(place: Server) -> None:
    async with cut(place.port) as line, connect(f"http://127.0.0.1:{line.port}", KEY) as bridge:
        line.loses = 3
        paid = await bridge.pay(sale(), key="k1")
        assert line.loses == 0
        assert (paid.stage, paid.replayed) == (Stage.APPROVED, True)
        assert taken(place.inside) == 1


async def test_a_line_that_stays_dead_is_said_and_that_the_request_may_have_arrived(place: Server) -> None:
    async with cut(place.port) as line, connect(f"http://127.0.0.1:{line.port}", KEY) as bridge:
        line.loses = 1000
        with pytest.raises(NoAnswer) as lost:
            await bridge.pay(sale(), key="k1")
        assert lost.value.sent
        line.loses = 0
        assert (await bridge.payment_by_key("k1", wait=5)).stage is Stage.APPROVED
        assert taken(place.inside) == 1


async def test_nobody_there_is_said_and_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "AGAIN_SECONDS", (0.0,))
    monkeypatch.setattr(listening, "AGAIN_SECONDS", (0.0,))
    async with connect(f"http://127.0.0.1:{free_port()}", KEY) as bridge:
        with pytest.raises(NoAnswer) as nobody:
            await bridge.pay(sale(), key="k1")
        assert not nobody.value.sent
        with pytest.raises(NoAnswer):
            await anext(bridge.events())


async def test_a_connector_that_comes_back_is_waited_for(
    place: Server, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AGAIN_SECONDS", (0.05,) * 100)
    await place.close()
    async with asyncio.TaskGroup() as group:
        paying = group.create_task(bridge.pay(sale(), key="k1"))
        await asyncio.sleep(0.1)
        assert not paying.done()
        await place.open()
    assert paying.result().stage is Stage.APPROVED
    assert taken(place.inside) == 1


async def test_events_go_on_over_a_restart_without_a_gap_or_a_repeat(
    place: Server, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "AGAIN_SECONDS", (0.05,) * 100)
    heard: list[StreamedResource] = []
    listening_now = asyncio.Event()

    async def listen() -> None:
        async for event in bridge.events(after=0):
            heard.append(event)
            listening_now.set()
            if event.order_id == "last" and event.change is not None and event.change.type == "outcome":
                return

    async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        group.create_task(listen())
        await bridge.pay(sale(), key="k1")
        await listening_now.wait()
        await place.close()
        engine = place.inside.engine
        await unheard(place.inside)
        await place.open()
        await bridge.pay(sale(order_id="last"), key="k2")
    lines = [event.change.seq for event in heard if event.change is not None]
    wanted = [change.seq for change in engine.changes(0, 1000) if change.type != "progress" and change.seq <= lines[-1]]
    assert lines == wanted


@pytest.mark.parametrize(
    "answer",
    [
        {"body": {"name": "something else"}, "status": 200},
        {"body": {"error": "teapot"}, "status": 418},
    ],
)
async def test_something_else_that_answers_is_no_connector(
    answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AGAIN_SECONDS", ())

    async def reply(_: Request) -> JSONResponse:
        return JSONResponse(answer["body"], answer["status"])

    app = Starlette(routes=[Route("/v1/terminals", reply)])
    address: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve_asgi(app, "127.0.0.1", 0, address.set_result))
        async with connect(f"http://{await address}", KEY) as bridge:
            with pytest.raises(NoAnswer, match=str(answer["status"])):
                await bridge.terminals()
        serving.cancel()


async def test_a_code_of_a_later_release_is_kept_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "AGAIN_SECONDS", ())
    problem = {"type": "t", "title": "Too late.", "status": 409, "code": "too_late", "action": "-", "money_moved": "no"}

    async def reply(_: Request) -> JSONResponse:
        return JSONResponse(problem, 409)

    app = Starlette(routes=[Route("/v1/terminals", reply)])
    address: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve_asgi(app, "127.0.0.1", 0, address.set_result))
        async with connect(f"http://{await address}", KEY) as bridge:
            with pytest.raises(Refused, match="Too late") as refusal:
                await bridge.terminals()
        serving.cancel()
    assert (refusal.value.code, refusal.value.problem.code) == (Code.INTERNAL, "too_late")


async def test_a_moment_without_a_zone_is_not_asked_for(bridge: Bridge) -> None:
    with pytest.raises(ValueError, match="zone"):
        await bridge.totals(datetime(2026, 1, 2))  # noqa: DTZ001  # the fault that is meant
