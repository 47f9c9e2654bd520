"""The wire tester: one wire, directly to one terminal that really listens, with a journal of its own."""

import asyncio
import json
from pathlib import Path

from tests.support.console.asgi_client import Answer
from tests.support.console.bench import Bench, bench
from tests.support.console.reading import hidden, send, words
from tillbridge.connector.wiretest.acceptance import Mark, Step
from tillbridge.connector.wiretest.session import FOLDER
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.scenarios import scenario
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step as Script

STEP = "/tester/acceptance/step"


def movements(bench: Bench, movement: Movement = Movement.TAKEN) -> int:
    return sum(1 for row in bench.terminal.ledger.rows if row.movement is movement)


async def present_card(bench: Bench) -> None:
    """The customer at the terminal of the settings."""
    while bench.counter.terminals["front"].desk.screen is not Screen.WAITING_FOR_CARD:
        await asyncio.sleep(0)
    bench.counter.present_card("front")


async def test_an_address_is_entered_and_the_terminal_answers(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        assert (await at.open()).headers["location"] == "/tester"
        page = words(await at.technician.get("/tester"))
        assert f"concert-v3 localhost:{at.port}" in page
        assert "Ready" in page
        assert "Nothing tried yet" in page


async def test_a_sale_is_journalled_apart_and_its_bytes_are_seen(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open()
        payment = await at.pay("12.50")
        assert payment.stage is Stage.APPROVED
        assert movements(at) == 1
        page = words(await at.technician.get("/tester"))
        assert "CB0041250" in page
        assert "AE00210" in page
        assert "approved: amount 12.50 EUR, masked pan 497010######7890, entry mode contact" in page
        assert at.counter.engine.payments() == []
    reading = Reading(tmp_path / FOLDER / JOURNAL_FILE)
    assert [one.id for one in reading.payments()] == [payment.id]
    reading.close()


async def test_no_card_number_is_on_the_page(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open()
        await at.pay()
        page = await at.technician.get("/tester")
        assert "4970101234567890" not in page.text
        assert "497010######7890" in page.text


async def test_the_same_form_sent_twice_is_one_payment(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open()
        page = await at.technician.get("/tester")
        for _ in range(2):
            await send(at.technician, page, "/tester/pay", kind="sale", amount="1", unit="EUR")
            await at.over()
        assert movements(at) == 1


async def test_wrong_settings_are_said_at_their_fields(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        wrong = await at.open(**{"s.port": "99999"})
        assert wrong.status == 422
        assert 'id="s.port-wrong"' in wrong.text
        neither = await at.open(**{"s.host": ""})
        assert "give either host (and port) or serial" in words(neither)
        assert at.counter.tester.line is None


async def test_a_line_of_a_terminal_with_an_open_payment_is_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, configured=True) as at:
        at.counter.hold("front")
        request = PaymentRequest(Kind.SALE, Money(500, EUR), "hipay:log", "hipay", "front")
        running = await at.counter.engine.start(request)
        refused = await at.open()
        assert refused.status == 422
        assert "front is on the same line" in words(refused)
        assert at.counter.tester.line is None
        await present_card(at)
        await at.counter.engine.wait(running.id, 20)
        assert (await at.open()).status == 303
        at.counter.hold("front")
        second = await at.counter.engine.start(request)
        late = await at.press("/tester/pay", kind="sale", amount="1", unit="EUR")
        assert late.status == 409
        assert "front is on the same line" in words(late)
        assert movements(at) == 0
        await present_card(at)
        await at.counter.engine.wait(second.id, 20)


async def test_what_is_in_doubt_locks_the_tester_until_a_person_has_looked(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open(**{"s.ask_after_doubt": "false"})
        at.terminal.script.set(Script(scenario("approve_then_drop")))
        doubt = await at.pay()
        assert doubt.stage is Stage.IN_DOUBT
        refused = await at.press("/tester/pay", kind="sale", amount="1", unit="EUR")
        assert refused.status == 409
        # Another start of the tester on the same line knows of it: the money is still unaccounted for.
        await at.press("/tester/close")
        await at.open(**{"s.ask_after_doubt": "false"})
        assert "In doubt" in words(await at.technician.get("/tester"))
        settle = f"/tester/payments/{doubt.id}/settle"
        assert (await at.press(settle, taken="yes", by="", reason="x")).status == 409
        assert (await at.press(settle, taken="yes", by="Ada", reason="slip 3")).status == 303
        assert (await at.counter.tester.under_test().engine.inquire(doubt.id)).stage is Stage.APPROVED
        assert movements(at) == 1


async def test_the_tester_is_not_closed_under_a_running_payment(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open()
        at.terminal.script.set(Script(scenario("manual")))
        await at.press("/tester/pay", kind="sale", amount="1", unit="EUR")
        assert (await at.press("/tester/close")).status == 409
        while at.terminal.screen is not Screen.WAITING_FOR_CARD:
            await asyncio.sleep(0)
        at.terminal.present_card()
        at.terminal.enter_pin()
        assert (await at.over()).stage is Stage.APPROVED
        assert (await at.press("/tester/close")).status == 303
        assert at.counter.tester.line is None


async def answer(at: Bench, step: Step, what: str, **more: str) -> Answer:
    page = await at.technician.get("/tester/acceptance")
    fields = hidden(page, STEP) | {"step": step, "do": what} | more
    return await at.technician.submit(STEP, **fields)


async def test_a_new_terminal_is_taken_through_everything_it_can_do(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open()
        page = await at.technician.get("/tester/acceptance")
        begun = await send(at.technician, page, "/tester/acceptance", by="Ada", amount="1.00", unit="EUR")
        assert begun.status == 303
        await answer(at, Step.CONNECT, "begin")
        await answer(at, Step.CONNECT, "yes")
        await answer(at, Step.APPROVE, "begin")
        await at.over()
        await answer(at, Step.APPROVE, "yes", remark="slip 17")
        await answer(at, Step.INQUIRE, "begin")
        for step, script in ((Step.DECLINE, "decline_refused"), (Step.RED_KEY, "customer_cancels"), (Step.REFUND, "")):
            if script:
                at.terminal.script.set(Script(scenario(script)))
            await answer(at, step, "begin")
            await at.over()
            await answer(at, step, "yes")
        found = json.loads((await at.technician.get("/tester/acceptance.json")).text)
        results = {one["step"]: one["result"] for one in found["steps"]}
        assert results == dict.fromkeys(results, Mark.PASSED)
        assert set(results) == {*"connect approve inquire decline red_key refund".split()}
        assert (found["passed"], found["led_by"], found["wire"]) == (True, "Ada", "concert-v3")
        assert found["steps"][1]["remark"] == "slip 17"
        printed = await at.technician.get("/tester/acceptance.html")
        assert "The terminal has passed." in printed.text
        assert "slip 17" in printed.text
        assert (movements(at), movements(at, Movement.REFUNDED)) == (1, 1)


async def test_a_step_that_ends_otherwise_or_looks_otherwise_has_failed(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.open()
        page = await at.technician.get("/tester/acceptance")
        await send(at.technician, page, "/tester/acceptance", by="Ada", amount="1.00", unit="EUR")
        refused = await answer(at, Step.REFUND, "begin")
        assert refused.status == 409
        at.terminal.script.set(Script(scenario("decline_refused")))
        await answer(at, Step.APPROVE, "begin")
        await at.over()
        await answer(at, Step.APPROVE, "yes")
        await answer(at, Step.CONNECT, "begin")
        await answer(at, Step.CONNECT, "no", remark="the screen is dark")
        await answer(at, Step.DECLINE, "skip", remark="no such card here")
        found = json.loads((await at.technician.get("/tester/acceptance.json")).text)
        results = {one["step"]: (one["result"], one["remark"]) for one in found["steps"]}
        assert results["approve"][0] == "failed"
        assert results["connect"] == ("failed", "the screen is dark")
        assert results["decline"] == ("skipped", "no such card here")
        assert found["passed"] is False
        assert movements(at) == 0
