"""The connector as a process: how it starts, how it says that it cannot, and how it stops."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.counter import SOON, Counter, counter
from tests.support.shop import free_port
from tillbridge.domain.operation import Stage

BEARER = "Authorization"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter(tmp_path) as made:
        yield made


async def start_payment(place: Counter, key: str = "k1", wait: int | None = None) -> tuple[int, dict[str, object]]:
    """Asks the native interface for a payment of 12.50 EUR."""
    headers = {BEARER: f"Bearer {place.key()}", "Idempotency-Key": key}
    if wait is not None:
        headers["Prefer"] = f"wait={wait}"
    body = {"amount": {"minor": 1250, "currency": "EUR"}}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{place.url}/v1/payments", json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_it_says_where_it_is_and_takes_a_payment(place: Counter) -> None:
    connector = await place.open()
    assert connector.said[-1] == f"ready: console {place.url}\n"
    assert place.address() == {"url": place.url, "pid": connector.process.pid}
    async with aiohttp.ClientSession() as session, session.get(f"{place.url}/healthz") as healthy:
        assert healthy.status == 200
    status, paid = await start_payment(place, wait=30)
    assert (status, paid["stage"]) == (200, Stage.APPROVED)
    assert place.taken == [1250]
    await connector.stop()
    assert connector.process.returncode == 0
    assert not (place.data / "connector.json").exists()


async def test_its_files_are_for_its_user_alone(place: Counter) -> None:
    await place.open()
    await start_payment(place, wait=30)
    assert place.data.stat().st_mode & 0o077 == 0
    assert [file.name for file in place.data.iterdir() if file.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_waits_for_the_running_payment_and_its_till_hears_the_end(
    place: Counter, how: signal.Signals
) -> None:
    async with asyncio.TaskGroup() as group:
        connector = await place.open()
        place.wait_by_hand()
        till = group.create_task(start_payment(place, wait=60))
        await place.until(place.terminal.screen.WAITING_FOR_CARD)
        connector.process.send_signal(how)
        async with asyncio.timeout(SOON):
            await connector.wait_for("Waiting for the sale of 12.50 EUR on counter to end")
        await place.pay_by_hand()
        status, paid = await till
        assert (status, paid["stage"]) == (200, Stage.APPROVED)
        await connector.gone()
        assert connector.process.returncode == 0


async def test_a_second_signal_leaves_the_payment_in_doubt(place: Counter) -> None:
    connector = await place.open()
    place.wait_by_hand()
    _, started = await start_payment(place)
    await place.until(place.terminal.screen.WAITING_FOR_CARD)
    for words in ("Waiting for the sale", "it is in doubt"):
        connector.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SOON):
            await connector.wait_for(words)
    await connector.gone()
    assert connector.process.returncode == 0
    listed = await place.command("payments", "show", str(started["id"]), "--data", str(place.data))
    assert "in doubt (connector_stopped)" in listed.out


async def test_a_till_that_waits_while_it_is_stopped_hears_that_nothing_is_known_yet(place: Counter) -> None:
    async with asyncio.TaskGroup() as group:
        connector = await place.open()
        place.wait_by_hand()
        till = group.create_task(start_payment(place, wait=60))
        await place.until(place.terminal.screen.WAITING_FOR_CARD)
        for words in ("Waiting for the sale", "it is in doubt"):
            connector.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SOON):
                await connector.wait_for(words)
        status, left = await till
        assert (status, left["stage"], left["money_moved"]) == (202, Stage.SENDING, "unknown")
        await connector.gone()


async def test_it_stops_when_whoever_started_it_is_gone(place: Counter) -> None:
    connector = await place.start("connector", "run", "--until-stdin-ends", "--config", str(place.settings))
    assert connector.stdout is not None
    assert connector.stdin is not None
    async with asyncio.timeout(30):
        assert (await connector.stdout.readline()).startswith(b"ready: ")
        connector.stdin.close()
        assert await connector.wait() == 0


async def test_a_taken_port_is_one_sentence(place: Counter) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.native_port))
        other.listen()
        told = await place.command("connector", "run", "--config", str(place.settings))
    assert told.code == 1
    assert f"tillbridge: another program already listens on 127.0.0.1:{place.native_port}\n" in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


async def test_a_folder_has_one_connector(place: Counter) -> None:
    first = await place.open()
    told = await place.command("connector", "run", "--config", str(place.settings))
    assert told.code == 1
    assert f"a connector (process {first.process.pid}, {place.url}) is using this data folder" in told.err
    assert (await start_payment(place, wait=30))[1]["stage"] == Stage.APPROVED


@pytest.mark.parametrize("command", ["run", "check"])
async def test_wrong_settings_are_named_by_file_and_line(place: Counter, command: str) -> None:
    place.settings.write_text("data: d\nterminals:\n  - name: a\n    driver: concert-v2\n    settigs: {}\n")
    told = await place.command("connector", command, "--config", str(place.settings))
    assert told.code == 1
    first = told.err.splitlines()[0]
    remedy = "terminals[0].settigs: there is no such setting; did you mean 'settings'?"
    assert first == f"tillbridge: {place.settings}, line 5: {remedy}"


async def test_a_till_that_may_can_stop_it(place: Counter) -> None:
    hashed = await place.command("connector", "hash-password", text="pwd\npwd\n")
    assert hashed.code == 0
    door = {"port": 0, "api_username": "log", "api_password_hash": hashed.out.splitlines()[-1]}
    place.write_settings(doors=[{"name": "till", "door": "hipay", "settings": door}])
    connector = await place.open()
    address = connector.said[-1].split("till ")[-1].strip()
    async with (
        aiohttp.ClientSession(headers={BEARER: aiohttp.encode_basic_auth("log", "pwd")}) as till,
        till.get(f"{address}/stop") as answer,
    ):
        assert (await answer.json())["stopped"] is True
    await connector.gone()
    assert connector.process.returncode == 0


async def test_check_looks_at_everything_and_moves_nothing(place: Counter) -> None:
    well = await place.command("connector", "check", "--config", str(place.settings))
    assert well.code == 0, well
    for words in ("settings", "data folder", f"127.0.0.1:{place.native_port} is free", "ready"):
        assert words in well.out
    await place.open()
    running = await place.command("connector", "check", "--config", str(place.settings))
    assert running.code == 0, running
    assert f"runs at {place.url}" in running.out
    assert not place.terminal.ledger.rows


async def test_check_finds_what_is_wrong(place: Counter) -> None:
    place.write_settings(port=free_port())
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.native_port))
        other.listen()
        told = await place.command("connector", "check", "--config", str(place.settings))
    assert told.code == 1
    lines = [line.split() for line in told.out.splitlines()]
    assert [words[0] for words in lines if "wrong" in words] == ["console", "terminal"]


async def test_the_printed_link_opens_the_console(place: Counter) -> None:
    none = await place.command("connector", "console", "--config", str(place.settings))
    assert none.code == 1
    assert "no connector runs on this data folder" in none.err
    await place.open()
    link = (await place.command("connector", "console")).out.strip()
    cookies = aiohttp.CookieJar(unsafe=True)  # it keeps those of an address without a name, as browsers do
    async with aiohttp.ClientSession(cookie_jar=cookies) as browser, browser.get(link) as page:
        assert page.status == 200
        assert "key=" not in str(page.url)
        assert "counter" in await page.text()
