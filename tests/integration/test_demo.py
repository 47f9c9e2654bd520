"""`tillbridge demo`: real processes, real ports and a real pty; and nothing of it is left afterwards."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import stat
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.support import warm
from tests.support.shop import START_SECONDS, Program
from tillbridge.demo.plan import LOGIN, PASSWORD, Plan
from tillbridge.portal.demo_access import OWNER, VOUCHERS
from tillbridge.portal.demo_access import PASSWORD as PORTAL_PASSWORD
from tillbridge.runtime.data_folder import owned

OFFSET: Final = 3_000
"""Beside the usual ports, and below those that a system gives to outgoing connections."""

PORTS: Final = list(Plan(Path(), OFFSET).ports())
READY: Final = "Ctrl-C stops all of it."


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made; and no other connector of this computer is found."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("CONFIG", "DATA", "URL", "KEY"):
        monkeypatch.delenv(f"TILLBRIDGE_{name}", raising=False)
    return folder


@asynccontextmanager
async def demo(*words: str) -> AsyncIterator[Program]:
    """A demo that is ready. Whatever is left of it is killed at the end."""
    program = await Program.start("demo", "--port-offset", str(OFFSET), *words, ready=READY)
    try:
        yield program
    finally:
        program.kill()
        await program.gone()


async def end(program: Program, how: signal.Signals = signal.SIGINT) -> int | None:
    """Signals the whole group, as a terminal's Ctrl-C does, and returns the exit code once everything is gone.

    Its output ends when the last process that can write to it has ended, the connector included.
    """
    os.killpg(program.process.pid, how)
    await program.gone()
    return program.process.returncode


async def command(*words: str) -> tuple[int, str]:
    """A command's exit code and everything that it said."""
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(2 * START_SECONDS):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def tillbridge(*words: str) -> tuple[int, str]:
    """`tillbridge` with these words."""
    process = await warm.start(words, environment=os.environ, session=True)
    async with asyncio.timeout(2 * START_SECONDS):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def ask(url: str) -> Any:
    """What stands at this address, as JSON."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def order(amount: str) -> Any:
    """What the HiPay door answers to a till that asks for this amount."""
    url = f"http://localhost:{Plan(Path(), OFFSET).hipay_ports['counter']}/order"
    login = {"Authorization": aiohttp.encode_basic_auth(LOGIN, PASSWORD)}
    body = {"amount": amount, "currency": "EUR", "order_id": f"Order_{amount}"}
    async with aiohttp.ClientSession() as till, till.post(url, json=body, headers=login) as answer:
        return await answer.json()


async def start_payment(data: Path) -> None:
    """Asks the native interface for 12.50 EUR and does not wait for the end."""
    url = f"http://localhost:{Plan(data, OFFSET).console_port}/v1/payments"
    headers = {"Authorization": f"Bearer {(data / 'console-key').read_text().strip()}", "Idempotency-Key": "k1"}
    body = {"amount": {"minor": 1250, "currency": "EUR"}, "terminal": "counter"}
    async with aiohttp.ClientSession() as till, till.post(url, json=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()


async def balance(terminal: str) -> Any:
    """What the virtual terminal's own ledger says that the shop has gained."""
    control = Plan(Path(), OFFSET).control_port
    return (await ask(f"http://localhost:{control}/terminals/{terminal}/ledger"))["balance"]


async def until_occupied() -> None:
    """Returns once the terminal shows a payment."""
    control = Plan(Path(), OFFSET).control_port
    while (await ask(f"http://localhost:{control}/terminals/counter"))["screen"] == "idle":
        await asyncio.sleep(0.02)


def assert_nothing_left(data: Path) -> None:
    """Nobody who could take a payment, no listening port, no link, no address of a connector that is gone."""
    with owned(data):
        pass
    for port, _ in PORTS:
        socket.create_server(("127.0.0.1", port)).close()
    assert not (data / "concert-v2").is_symlink()
    assert not (data / "till-concert-v2").is_symlink()
    assert not (data / "connector.json").exists()


def printed_commands(said: Iterable[str]) -> list[list[str]]:
    """The commands to try, which stand indented under the table, in their words."""
    return [shlex.split(line) for line in said if line.startswith("  ")]


def names_in(folder: Path) -> list[str]:
    """What stands in a folder."""
    return [entry.name for entry in folder.iterdir()]


async def test_the_check_takes_a_payment_on_each_wire_and_leaves_nothing(scratch: Path) -> None:
    code, said = await tillbridge("demo", "--check", "--port-offset", str(OFFSET))
    assert code == 0, said
    rows = [re.split(r" {2,}", line.strip()) for line in said.splitlines()]
    assert rows[1] == ["terminal", "wire", "the till heard", "journal", "the terminal took", "all agree"]
    assert rows[2:] == [
        ["counter", "concert-v2", "SUCCESS", "approved", "1023 of 1023 cents", "yes"],
        ["counter-v3", "concert-v3", "SUCCESS", "approved", "1023 of 1023 cents", "yes"],
        ["touch", "touchscreen", "SUCCESS", "approved", "1023 of 1023 cents", "yes"],
        ["mypos", "mypos-xml", "SUCCESS", "approved", "1023 of 1023 cents", "yes"],
    ]
    assert names_in(scratch) == []


async def test_the_check_fails_when_a_payment_does_not_come_through(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data), "--delay", "0") as program:
        assert (await order("5.95"))["money_moved"] == "unknown"
        await end(program)
    code, said = await tillbridge("demo", "--check", "--port-offset", str(OFFSET), "--data", str(data))
    assert code == 1, said
    agree = {line.split()[0]: line.split()[-1] for line in said.splitlines()[2:]}
    assert agree == {"counter": "NO", "counter-v3": "yes", "touch": "yes", "mypos": "yes"}


async def test_it_says_what_runs_where_and_three_commands_that_work(tmp_path: Path) -> None:
    data = tmp_path / "my data"
    async with demo("--data", str(data), "--delay", "0") as program:
        said = "".join(program.said)
        assert re.match(r"tillbridge demo, ready in \d+\.\d s", said)
        for port, _ in PORTS:
            assert f":{port}" in said
            socket.create_connection(("localhost", port), timeout=5).close()
        assert stat.S_ISCHR((data / "till-concert-v2").stat().st_mode)
        assert f"{LOGIN} / {PASSWORD}" in said
        line = (data / "concert-v2").readlink()
        assert f"{data}/concert-v2 -> {line}" in said
        assert stat.S_ISCHR(line.stat().st_mode)
        pay, console, curl, (who, _, password), one_time_code, voucher = printed_commands(program.said)
        assert (who, password) == (OWNER, PORTAL_PASSWORD)
        number, pin = VOUCHERS[0]
        assert " ".join(voucher) == f"number {number}, PIN {pin}"
        code, told = await command(*one_time_code)
        assert (code, len(told.strip()), told.strip().isdigit()) == (0, 6, True)
        paid = await command(*pay)
        assert (paid[0], paid[1].splitlines()[-1]) == (0, "approved"), paid
        code, link = await command(*console)
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
            browser.get(link.strip()) as page,
        ):
            assert (code, page.status) == (0, 200)
            assert "counter-v3" in await page.text()
        code, told = await command(*curl, "--silent", "--show-error")
        assert (code, json.loads(told)["paymentStatus"]) == (0, "SUCCESS"), told
        assert (await balance("counter"))["EUR"] > 1250


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_of_it(tmp_path: Path, how: signal.Signals) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data)) as program:
        assert await end(program, how) == 0
        assert program.said[-1].endswith("Stopped.\n")
        assert "Traceback" not in "".join(program.said)
        assert_nothing_left(data)


async def test_without_a_folder_of_its_own_nothing_stays_on_the_disk(scratch: Path) -> None:
    async with demo() as program:
        assert [name[:16] for name in names_in(scratch)] == ["tillbridge-demo-"]
        assert await end(program) == 0
    assert names_in(scratch) == []


async def test_ctrl_c_in_the_middle_of_a_payment_waits_for_its_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data), "--delay", "3") as program, asyncio.TaskGroup() as group:
        paying = group.create_task(tillbridge("pay", "12.50", "--data", str(data)))
        await until_occupied()
        assert await end(program) == 0
        assert "Waiting for the sale of 12.50 EUR on counter to end" in "".join(program.said)
        code, said = await paying
        assert (code, said.splitlines()[-1]) == (0, "approved"), said
        assert_nothing_left(data)


async def test_ctrl_c_twice_does_not_wait(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data), "--delay", "60") as program:
        await start_payment(data)
        await until_occupied()
        os.killpg(program.process.pid, signal.SIGINT)
        await program.wait_for("Waiting for the sale of 12.50 EUR on counter to end")
        assert await end(program) == 0
        assert "Stopped while the sale of 12.50 EUR on counter was running: it is in doubt" in "".join(program.said)
        assert_nothing_left(data)
        _, said = await tillbridge("payments", "list", "--data", str(data))
        assert "12.50 EUR  in_doubt" in said


async def test_what_it_kept_is_there_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for minor in (300, 600):
        async with demo("--data", str(data), "--delay", "0") as program:
            code, said = await tillbridge("pay", "3.00", "--data", str(data))
            assert code == 0, said
            assert await balance("counter") == {"EUR": minor}
            await end(program, signal.SIGKILL)
    code, said = await tillbridge("payments", "list", "--data", str(data))
    assert (code, said.count("3.00 EUR"), said.count("approved")) == (0, 2, 2), said


async def test_the_connector_does_not_outlive_the_demo(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data)) as program:
        os.kill(program.process.pid, signal.SIGKILL)
        await program.gone()
        (data / "concert-v2").unlink()  # all that the dead leave behind; the next demo takes its place
        assert_nothing_left(data)


async def test_a_connector_that_dies_is_told_and_can_be_started_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data), "--delay", "0") as program:
        os.kill(json.loads((data / "connector.json").read_text())["pid"], signal.SIGKILL)
        before = len(program.said)
        await program.wait_for("Ctrl-C here stops")
        told = program.said[before:]
        assert told[0] == "The connector has ended: it was killed by SIGKILL. It is not started again by itself.\n"
        (restart,) = printed_commands(told)
        again = await Program.start(*restart[1:], ready="ready: ")
        code, said = await tillbridge("pay", "3.00", "--data", str(data))
        await again.stop()
        assert code == 0, said
        assert await end(program) == 1


@pytest.mark.parametrize(("port", "role"), PORTS)
async def test_a_taken_port_is_named(port: int, role: str) -> None:
    with socket.create_server(("127.0.0.1", port)):
        code, said = await tillbridge("demo", "--port-offset", str(OFFSET))
    assert code == 1
    problem = f"tillbridge: port {port} is needed for {role}, and another program has it"
    assert said.splitlines()[0] == f"{problem}: stop that one, or move all ports with --port-offset {OFFSET + 1000}"
    assert "Traceback" not in said


async def test_a_folder_has_one_demo(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with demo("--data", str(data), "--delay", "0") as program:
        settings = (data / "demo.yml").read_bytes()
        code, said = await tillbridge("demo", "--data", str(data), "--port-offset", str(OFFSET + 1000))
        assert code == 1
        assert "another simulator writes to this ledger" in said
        assert (data / "demo.yml").read_bytes() == settings
        code, said = await tillbridge("pay", "3.00", "--data", str(data))
        assert code == 0, said
        assert await end(program) == 0
