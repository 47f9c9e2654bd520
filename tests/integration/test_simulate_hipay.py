"""`tillbridge simulate hipay`: a real process with real connections, and what its death leaves behind."""

import asyncio
import hashlib
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web

from tests.support import warm
from tests.support.provider_sandbox import ACCOUNT, active, passive
from tests.support.shop import Program

GUIDE: Final = Path(__file__).parents[2] / "docs/how-to/try-the-providers-sandbox.md"
READY: Final = "Ctrl-C stops it."


def after(program: Program, words: str) -> str:
    """The word that follows these in what it said."""
    (line,) = [line for line in program.said if line.strip().startswith(words)]
    return line.split(words, 1)[1].split()[0]


class Merchant:
    """Somebody with the account's login."""

    def __init__(self, program: Program, session: aiohttp.ClientSession) -> None:
        self.base = after(program, "its page is at").rstrip("/")
        self._session = session

    async def order(self, fields: Mapping[str, str]) -> tuple[int, Any]:
        async with self._session.post(f"{self.base}/rest/v1/order", data=dict(fields)) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._session.get(f"{self.base}{path}") as answer:
            return answer.status, await answer.json()

    async def play(self, path: str, body: object) -> None:
        async with self._session.post(f"{self.base}/_sandbox{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def sandbox(folder: Path, *words: str) -> AsyncIterator[tuple[Program, Merchant]]:
    """A sandbox with the account of the tests, and its merchant."""
    known = folder / "account.json"
    known.write_text(ACCOUNT.model_dump_json())
    given = ("--port", "0", "--data", str(folder / "kept"), "--credentials", str(known))
    program = await Program.start("simulate", "hipay", *given, *words, ready=READY)
    login = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT.login, ACCOUNT.password)}
    try:
        async with aiohttp.ClientSession(headers=login) as session:
            yield program, Merchant(program, session)
    finally:
        program.kill()
        await program.gone()


async def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as (program, merchant):
        taken: list[str] = []

        async def send(first: int) -> None:
            for number in range(first, 10_000, 4):
                try:
                    status, _ = await merchant.order(passive(f"Order_{number}"))
                except aiohttp.ClientError:
                    return
                assert status == 200
                taken.append(f"Order_{number}")
                if len(taken) == 40:
                    program.kill()

        async with asyncio.TaskGroup() as group:
            for first in range(4):
                group.create_task(send(first))
        await program.gone()
    async with sandbox(tmp_path) as (_, merchant):
        for order_id in taken:
            status, told = await merchant.get(f"/rest/v1/transaction?orderid={order_id}")
            assert (status, told["transaction"]["status"]) == (200, "118")
            assert (await merchant.order(passive(order_id)))[1]["code"] == 3010004


async def test_a_connection_is_cut_before_and_after_the_order_is_kept(tmp_path: Path) -> None:
    async with sandbox(tmp_path, "--fault", "cut_before:1") as (_, merchant):
        with pytest.raises(aiohttp.ClientError):
            await merchant.order(passive("Order_1"))
        assert (await merchant.get("/rest/v1/transaction?orderid=Order_1"))[0] == 404
        await merchant.play("/faults", {"fault": "cut_after", "times": 1})
        with pytest.raises(aiohttp.ClientError):
            await merchant.order(passive("Order_1"))
        assert (await merchant.order(passive("Order_1")))[1]["code"] == 3010004
        assert (await merchant.get("/rest/v1/transaction?orderid=Order_1"))[0] == 200


async def test_an_answer_comes_twice_over_one_connection(tmp_path: Path) -> None:
    async with sandbox(tmp_path, "--fault", "answer_twice:1") as (_, merchant):
        host, port = merchant.base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        login = aiohttp.encode_basic_auth(ACCOUNT.login, ACCOUNT.password)
        head = f"GET /v3/transaction/1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {login}\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(30):
            for _ in range(2):
                told = await reader.readuntil(b"\r\n\r\n")
                assert told.startswith(b"HTTP/1.1 404 ")
                (length,) = [line for line in told.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
                body = await reader.readexactly(int(length.partition(b": ")[2]))
                assert json.loads(body)["code"] == 3000002
        writer.close()


async def test_a_terminals_walk_is_told_and_signed(tmp_path: Path) -> None:
    heard: asyncio.Queue[tuple[Mapping[str, str], bytes]] = asyncio.Queue()

    async def told(request: web.Request) -> web.Response:
        await heard.put((request.headers, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/told", told)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        words = ("--notify", f"http://127.0.0.1:{port}/told", "--notify-digest", "sha512", "--delay", "0")
        async with sandbox(tmp_path, *words) as (_, merchant):
            assert (await merchant.order(active()))[1]["status"] == "174"
            statuses = []
            for _ in range(2):
                async with asyncio.timeout(30):
                    headers, body = await heard.get()
                expected = hashlib.sha512(body + ACCOUNT.passphrase.encode()).hexdigest()
                assert headers["x-allopass-signature"] == expected
                statuses.append(dict(parse_qsl(body.decode()))["status"])
            assert statuses == ["174", "118"]
    finally:
        await runner.cleanup()


async def test_it_says_where_it_is_keeps_its_account_and_stops(tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        program = await Program.start("simulate", "hipay", "--port", "0", "--data", str(tmp_path / "kept"), ready=READY)
        said.append([after(program, f"private {word}") for word in ("login", "password")])
        await program.stop()
        assert program.process.returncode == 0
        assert "Stopped." in program.said[-1]
    assert said[0] == said[1]
    assert (tmp_path / "kept" / "credentials.json").stat().st_mode & 0o077 == 0


async def test_the_commands_of_the_guide_do_what_it_says(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    releases.mkdir()
    (releases / "setup-concertv2-linux.zip").write_bytes(b"PK archive")
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    account = {"LOGIN": ACCOUNT.login, "PASSWORD": ACCOUNT.password, "SECRET": ACCOUNT.hashkey}
    commands = [block for block in blocks if "curl" in block and "tillbridge" not in block]
    assert len(commands) == 4
    async with sandbox(tmp_path, "--releases", str(releases), "--delay", "0") as (_, merchant):
        for command in commands:
            lines = [line for line in command.splitlines(keepends=True) if not line.startswith("LOGIN=")]
            said = await _shell("".join(lines).replace("http://localhost:8580", merchant.base), account, tmp_path)
            assert said.count('"transactionReference":"800000000001"') == (2 if "HASH=" in command else 0)
            assert ('forwardUrl":"http:' in said) is ("hpayment" in command)
            assert ('paymentStatus":"Success"' in said) is ("/v1/connector/order" in command)
    assert (tmp_path / "setup-concertv2-linux.zip").read_bytes() == b"PK archive"


async def test_one_folder_has_one_sandbox(tmp_path: Path) -> None:
    async with sandbox(tmp_path):
        refused = await _refusal("--data", str(tmp_path / "kept"), "--port", "0")
        assert "using this data folder" in refused


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("--fault", "nothing"), "--fault: there is no switch 'nothing'"),
        (("--notify", "http://192.168.1.5/x"), "--notify: "),
        (("--notify-as", "yaml"), "--notify-as: it must be one of: form, json, xml"),
        (("--credit-status", "118"), "--credit-status: it must be one of: 166"),
        (("--terminal", "sleep"), "--terminal: it must be one of: approve"),
        (("--delay", "-1"), "--delay: "),
        (("--only-from", "here"), "--only-from: "),
        (("--releases", "/nowhere/at/all"), "--releases: there is no such folder"),
        (("--credentials", "/nowhere/at/all"), "--credentials: it cannot be read"),
    ],
)
async def test_a_wrong_word_is_named(words: tuple[str, ...], place: str) -> None:
    assert place in await _refusal(*words)


async def test_a_file_of_credentials_that_is_broken_is_named_and_not_shown(tmp_path: Path) -> None:
    broken = tmp_path / "account.json"
    broken.write_text('{"login": "me", "password": "hush-hush", "hashkey": 7}')
    refused = await _refusal("--credentials", str(broken))
    assert "--credentials: " in refused
    assert "hush" not in refused


async def _shell(command: str, more: Mapping[str, str], folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *("sh", "-e", "-c", command), stdout=asyncio.subprocess.PIPE, env={**os.environ, **more}, cwd=folder
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def _refusal(*words: str) -> str:
    process = await warm.start(("simulate", "hipay", *words), environment={"NO_COLOR": "1", "COLUMNS": "200"})
    async with asyncio.timeout(60):
        _, error = await process.communicate()
    assert process.returncode not in (0, -signal.SIGKILL)
    assert b"Traceback" not in error
    return error.decode()
