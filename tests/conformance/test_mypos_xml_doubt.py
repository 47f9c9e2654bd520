"""myPOS XML when the answer is late, the journal fails, or the terminal is not there: what is kept of it."""

import asyncio
import re

import pytest

from tests.support.concert_v3 import money_taken, told_to_till
from tests.support.mypos import (
    AFTERWARDS,
    Canned,
    Network,
    Shop,
    assert_no_lie,
    door_settings,
    driver_settings,
    operation,
    shop,
)
from tests.support.wires import CONNECT, JOURNAL, Journal
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import Fault, HealthState
from tillbridge.protocols.mypos_xml.driver import MyposXmlTerminal
from tillbridge.protocols.mypos_xml.line import Line
from tillbridge.protocols.mypos_xml.opening import manner_of
from tillbridge.runtime.manual import run_manual

OK = b"<payresp><result>OK</result><ref>4711</ref></payresp>"


def _evidence(here: Shop) -> list[str]:
    texts = []
    for late in here.late:
        assert isinstance(late.outcome, InDoubt)
        texts.append(late.outcome.detail)
    return texts


@pytest.mark.parametrize("keep_alive", [False, True])
def test_a_customer_slower_than_the_till_leaves_evidence_and_no_verdict(keep_alive: bool) -> None:
    async def main() -> None:
        async with shop(delay=300, driver=driver_settings(keep_alive=keep_alive, listen_after_doubt=0)) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.NO_ANSWER
            assert asyncio.get_running_loop().time() == 180
            assert (await here.terminal.health()).state is HealthState.BUSY
            await asyncio.sleep(180)
            (text,) = _evidence(here)
            assert here.desk.ledger.rows[0].payment_id in text
            health = await here.terminal.health()
            assert health.state is HealthState.UNKNOWN
            assert "has no answer" in health.detail
            assert told_to_till(here.desk) == [True]
            assert_no_lie(here, outcome)

    run_manual(main())


def test_whoever_stops_waiting_still_hears_the_answer() -> None:
    async def main() -> None:
        async with shop(delay=30) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            selling.cancel()
            await asyncio.wait({selling})
            assert selling.cancelled()
            assert here.journal.outcomes == []
            await asyncio.sleep(60)
            assert len(_evidence(here)) == 1

    run_manual(main())


@pytest.mark.parametrize("patience", [0.0, 0.1])
def test_whoever_stops_before_the_request_has_sent_nothing(patience: float) -> None:
    async def main() -> None:
        async with shop() as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(patience)
            selling.cancel()
            await asyncio.wait({selling})
            await asyncio.sleep(AFTERWARDS)
            assert here.network.from_till == b""
            assert isinstance(await here.sell(id="op-2"), Approved)

    run_manual(main())


def test_a_new_operation_ends_the_wait_for_an_old_answer() -> None:
    async def main() -> None:
        async with shop(faults={Fault.NEVER_ANSWER: 1}, door=door_settings(personality={"second": "refused"})) as here:
            assert isinstance(await here.sell(), InDoubt)
            again = await here.sell(id="op-2", wire_reference="f" * 32)
            assert isinstance(again, Approved)
            assert money_taken(here.desk) == 2 * 1250

    run_manual(main())


def test_an_answer_that_comes_while_the_time_out_is_written_down_is_evidence() -> None:
    class Slow(Journal):
        async def outcome(self, outcome: Outcome) -> None:
            await asyncio.sleep(30)
            await super().outcome(outcome)

    async def main() -> None:
        async with shop(delay=190) as here:
            outcome = await here.terminal.perform(operation(), Slow())
            assert isinstance(outcome, InDoubt)
            await asyncio.sleep(1)
            assert len(_evidence(here)) == 1

    run_manual(main())


def test_nothing_is_sent_when_the_intent_cannot_be_kept() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(network.trace, fails_at="sending"))
            await asyncio.sleep(AFTERWARDS)
            assert network.trace == []
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_an_outcome_that_cannot_be_kept_is_not_returned_and_stays_as_evidence() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            with pytest.raises(OSError, match="no space"):
                await here.terminal.perform(operation(), Journal(network.trace, fails_at="outcome"))
            await asyncio.sleep(AFTERWARDS)
            assert money_taken(here.desk) == 1250
            assert len(_evidence(here)) == 1

    run_manual(main())


def test_a_refused_connection_is_a_payment_that_never_started() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(probe_by_connecting=True)) as here:
            network.answering = None
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.NETWORK_UNAVAILABLE
            assert "refused the connection" in outcome.detail
            assert network.trace == [(JOURNAL, "sending"), (CONNECT, None), (JOURNAL, "outcome")]
            assert (await here.terminal.health()).state is HealthState.UNREACHABLE

    run_manual(main())


@pytest.mark.parametrize(("probe", "connections"), [(False, 0), (True, 1)])
def test_a_sign_of_life_uses_up_no_button_unless_it_may(probe: bool, connections: int) -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(probe_by_connecting=probe)) as here:
            health = await here.terminal.health()
            assert health.state is (HealthState.READY if probe else HealthState.UNKNOWN)
            assert network.connections == connections
            assert network.from_till == b""
            assert isinstance(await here.sell(), Approved)
            assert (await here.terminal.health()).state is health.state

    run_manual(main())


def test_a_kept_line_that_is_probed_is_the_one_that_is_used() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(probe_by_connecting=True, keep_alive=True)) as here:
            assert (await here.terminal.health()).state is HealthState.READY
            assert isinstance(await here.sell(), Approved)
            assert (await here.terminal.health()).detail == "the line is open"
            assert network.connections == 1

    run_manual(main())


def test_closing_the_driver_leaves_a_running_payment_in_doubt() -> None:
    async def main() -> None:
        async with shop(delay=30) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            await here.terminal.close()
            outcome = await selling
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.CONNECTOR_STOPPED
            closed = await here.sell(id="op-2")
            assert isinstance(closed, NotStarted)
            assert closed.reason is NotStartedReason.CONNECTOR_STOPPED

    run_manual(main())


@pytest.mark.parametrize("button", ["each_time", "pressed"])
def test_a_button_that_has_to_be_pressed_again_is_no_doubt(button: str) -> None:
    async def main() -> None:
        async with shop(door=door_settings(personality={"button": button})) as here:
            assert isinstance(await here.sell(), Approved)
            await asyncio.sleep(0.1)
            outcome = await here.sell(id="op-2")
            assert isinstance(outcome, Approved if button == "pressed" else NotStarted)
            await asyncio.sleep(5)
            assert isinstance(await here.sell(id="op-3"), Approved)

    run_manual(main())


@pytest.mark.parametrize(("second", "kind"), [("served", Declined), ("refused", NotStarted), ("ignored", InDoubt)])
def test_a_second_till_meets_what_the_terminal_makes_of_it(second: str, kind: type[Outcome]) -> None:
    async def main() -> None:
        async with shop(delay=500, door=door_settings(personality={"second": second})) as here:
            selling = here.group.create_task(here.sell())
            await asyncio.sleep(10)
            settings = driver_settings()
            other = MyposXmlTerminal(settings, Line(here.network.connect, manner_of(settings)))
            assert isinstance(await other.perform(operation(id="op-2"), Journal()), kind)
            await other.close()
            await selling
            await asyncio.sleep(AFTERWARDS)
            assert money_taken(here.desk) == 1250

    run_manual(main())


def test_what_an_idle_line_says_is_logged_and_ends_it() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(keep_alive=True)) as here:
            lines: list[Canned] = []

            def canned() -> Canned:
                lines.append(Canned(OK))
                return lines[-1]

            network.answering = canned
            assert isinstance(await here.sell(), Approved)
            lines[0]._transport.write(OK.replace(b"4711", b"4970101234567890"))
            await asyncio.sleep(1)
            # No operation was in doubt: it is told to whoever asks for the terminal's health, and to nobody else.
            assert here.late == []
            health = await here.terminal.health()
            assert "said when nobody asked" in health.detail
            assert "4970101234567890" not in health.detail
            assert isinstance(await here.sell(id="op-2"), Approved)
            assert network.connections == 2

    run_manual(main())


def test_an_idle_line_that_the_terminal_ends_is_closed_and_opened_anew() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network, driver=driver_settings(keep_alive=True)) as here:
            lines: list[Canned] = []

            def canned() -> Canned:
                lines.append(Canned(OK))
                return lines[-1]

            network.answering = canned
            assert isinstance(await here.sell(), Approved)
            lines[0]._transport.write_eof()
            await asyncio.sleep(1)
            assert (await here.terminal.health()).state is HealthState.UNKNOWN
            assert isinstance(await here.sell(id="op-2"), Approved)
            assert network.connections == 2
            assert [line._transport.is_closing() for line in lines] == [True, False]

    run_manual(main())


@pytest.mark.parametrize("greeting", [OK, OK[:20], b"hello\r\n", b"\xff\xfe"])
def test_a_terminal_that_always_speaks_first_is_asked_for_nothing(greeting: bytes) -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            network.answering = lambda: Canned(OK, greeting=greeting)
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert network.from_till == b""
            assert len(here.late) == 3

    run_manual(main())


@pytest.mark.parametrize(
    "raw",
    [
        b"<payresp><result>OK</result><ref>" + b"4711" * 2_500_000 + b"</ref></payresp>",
        b"<payresp>" + b"<x>" * 10_000,
        OK.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-16"?>\xff\xfe' + OK,
        b"<!DOCTYPE payresp SYSTEM 'file:///etc/passwd'>" + OK,
        b'<!DOCTYPE payresp [<!ENTITY ok "OK">]><payresp><result>&ok;</result></payresp>',
        b"<payresp><result>&ok;</result></payresp>",
        b"<payresp><result>OK</result><!-- ERROR --></payresp>",
        b"<payresp><result><![CDATA[OK]]></result></payresp>",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_a_hostile_answer_is_a_doubt_and_costs_no_card_number(raw: bytes) -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.answering = lambda: Canned(raw, closes=True)
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert len(outcome.detail) < 1000
            assert not re.search("[0-9]{13}", outcome.detail)

    run_manual(main())


def test_a_probe_that_fails_keeps_no_terminal_from_being_tried_again() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            answering, network.answering = network.answering, None
            assert isinstance(await here.sell(), NotStarted)
            health = await here.terminal.health()
            assert health.state is HealthState.UNKNOWN
            assert "refused the connection" in health.detail
            network.answering = answering
            assert isinstance(await here.sell(id="op-2"), Approved)

    run_manual(main())


def test_blanks_before_the_request_are_nothing() -> None:
    async def main() -> None:
        network = Network()
        async with shop(network) as here:
            network.answering = lambda: Canned(OK, greeting=b"\r\n \x00")
            assert isinstance(await here.sell(), Approved)
            assert network.connections == 1
            assert here.late == []

    run_manual(main())
