"""The program stops when it is asked to, and never in the middle of a payment unless somebody insists."""

import asyncio
from pathlib import Path

import pytest

import tillbridge
from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.connector.host import LAST_PAYMENT_SECONDS, Host
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.runtime.manual import run_manual


def test_an_idle_connector_stops_when_a_till_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with house(tmp_path, Puppet()) as engine:
            host = Host(engine, pytest.fail)
            assert (host.version, host.busy()) == (tillbridge.__version__, False)
            assert host.stop()
            await host.until_stop()
            with pytest.raises(BridgeError) as caught:
                await engine.start(ask())
            assert caught.value.code is Code.CONNECTOR_STOPPING
            host.raise_failure()

    run_manual(main())


def test_a_till_cannot_stop_it_in_the_middle_of_a_payment(tmp_path: Path) -> None:
    async def main() -> None:
        terminal = Puppet()
        async with house(tmp_path, terminal) as engine:
            host = Host(engine, pytest.fail)
            payment = await engine.start(ask())
            assert host.busy()
            assert not host.stop()
            terminal.answers.put_nowait(PAID)
            assert (await engine.wait(payment.id, 10)).stage is Stage.APPROVED
            second = await engine.start(ask(order_id="not refused"))
            terminal.answers.put_nowait(PAID)
            await engine.wait(second.id, 10)

    run_manual(main())


def test_a_signal_lets_the_running_payment_end(tmp_path: Path) -> None:
    async def main() -> None:
        terminal, told = Puppet(), list[str]()
        async with house(tmp_path, terminal) as engine, asyncio.TaskGroup() as group:
            host = Host(engine, told.append)
            payment = await engine.start(ask())
            host.interrupt()
            stopping = group.create_task(host.until_stop())
            await asyncio.sleep(LAST_PAYMENT_SECONDS / 2)
            assert not stopping.done()
            with pytest.raises(BridgeError) as caught:
                await engine.start(ask(order_id="another"))
            assert caught.value.code is Code.CONNECTOR_STOPPING
            terminal.answers.put_nowait(PAID)
            await stopping
            assert (await engine.inquire(payment.id)).stage is Stage.APPROVED
        assert len(told) == 1
        assert told[0].startswith("Waiting for the sale of 10.00 EUR on t1 to end, at most 75 seconds.")

    run_manual(main())


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    async def main() -> None:
        told = list[str]()
        async with house(tmp_path, Puppet()) as engine, asyncio.TaskGroup() as group:
            host = Host(engine, told.append)
            payment = await engine.start(ask())
            host.interrupt()
            stopping = group.create_task(host.until_stop())
            await asyncio.sleep(1)
            host.interrupt()
            await stopping
            assert asyncio.get_running_loop().time() == 1
        assert told[1].startswith("Stopped while the sale of 10.00 EUR on t1 was running: it is in doubt")
        async with house(tmp_path, Puppet()) as engine:
            assert (await engine.inquire(payment.id)).stage is Stage.IN_DOUBT

    run_manual(main())


def test_a_signal_after_another_request_to_leave_still_waits(tmp_path: Path) -> None:
    async def main() -> None:
        terminal, told = Puppet(), list[str]()
        async with house(tmp_path, terminal) as engine, asyncio.TaskGroup() as group:
            host = Host(engine, told.append)
            payment = await engine.start(ask())
            host.leave()
            host.interrupt()
            stopping = group.create_task(host.until_stop())
            await asyncio.sleep(LAST_PAYMENT_SECONDS / 2)
            assert not stopping.done()
            terminal.answers.put_nowait(PAID)
            await stopping
            assert (await engine.inquire(payment.id)).stage is Stage.APPROVED
        assert len(told) == 1

    run_manual(main())


def test_a_payment_that_never_ends_is_waited_for_within_a_bound(tmp_path: Path) -> None:
    async def main() -> None:
        told = list[str]()
        async with house(tmp_path, Puppet(), Puppet()) as engine:
            host = Host(engine, told.append)
            await engine.start(ask(terminal="t1"))
            await engine.start(ask(terminal="t2"))
            host.leave()
            await host.until_stop()
            assert asyncio.get_running_loop().time() == LAST_PAYMENT_SECONDS
        assert "on t1, the sale of 10.00 EUR on t2" in told[0]

    run_manual(main())


@pytest.mark.parametrize(
    ("died_of", "code"),
    [(BridgeError(Code.PORT_TAKEN, "another one has it"), Code.PORT_TAKEN), (ValueError("secret"), Code.INTERNAL)],
)
def test_a_part_that_dies_takes_all_of_it_down_and_is_named(tmp_path: Path, died_of: Exception, code: Code) -> None:
    async def main() -> None:
        async with house(tmp_path, Puppet()) as engine:
            host = Host(engine, pytest.fail)
            host.fail("the door till", died_of)
            host.fail("the console", RuntimeError("a consequence"))
            await host.until_stop()
            with pytest.raises(BridgeError) as caught:
                host.raise_failure()
            assert caught.value.code is code
            assert "secret" not in str(caught.value)

    run_manual(main())
