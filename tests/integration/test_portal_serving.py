"""The portal as a process among others: with TLS, asked through another one, killed in a pairing."""

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from tests.integration.test_webhook_delivery import certificate
from tests.portal.browser import Browser
from tests.portal.postgres import Cluster, cluster
from tests.portal.storage.office import PATIENCE, Office, Till, host_of, links, over, place, settings_file, whole
from tests.support.shop import Program, free_port
from tillbridge.cli.main import app as tillbridge
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.pairing import connector_side
from tillbridge.portal.accounts.secrets import to_bytes
from tillbridge.portal.app import check_certificate
from tillbridge.portal.commands.model import State
from tillbridge.portal.commands.tables import command
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.demo_plan import DEMO_NUMBER
from tillbridge.portal.house import House
from tillbridge.portal.pairing.tables import pairing_session
from tillbridge.portal.settings import ListenSettings, load_settings
from tillbridge.portal.storage.database import Dialect

CONNECTOR: Final = """data: data
console: {{port: {port}}}
engine: {{probe_seconds: 0}}
log: {{console: "off"}}
terminals: [{{name: counter, driver: virtual}}]
portal: {{address: "{address}", location_number: {number}, ca: "{ca}", accept_payments: true}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@asynccontextmanager
async def process(config: Path) -> AsyncIterator[Program]:
    """`tillbridge portal serve`, until the block is left."""
    program = await Program.start("portal", "serve", "--config", str(config), ready="ready: ")
    try:
        yield program
    finally:
        await program.stop()


# ---------------------------------------------------------------- a till, a connector and two processes of the portal


async def run(*words: str) -> str:
    """What a command prints that goes well."""
    done = await asyncio.to_thread(CliRunner().invoke, tillbridge, list(words))
    assert done.exit_code == 0, done.output
    return done.output


async def ended(house: House, command_id: str) -> tuple[str, Mapping[str, Any]]:
    """How a command ended, as any process of the portal sees it."""
    asked = select(command.c.state, command.c.result).where(command.c.id == command_id)
    async with asyncio.timeout(PATIENCE):
        while True:
            async with house.database.reading() as connection:
                state, result = (await connection.execute(asked)).one()
            if State(state).over:
                return state, result
            await asyncio.sleep(0.05)  # another process writes it


@pytest.mark.timeout(90)
@pytest.mark.parametrize("dialect", Dialect)
async def test_a_payment_goes_from_one_process_through_another_to_the_shop(
    tmp_path: Path, server: Cluster, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The office is at one process of the portal, the connector holds its line to another, with a private authority."""
    made, key = certificate(tmp_path)
    port = free_port()
    written: dict[str, Any] = {
        "address": f"https://localhost:{port}",
        "listen": {"port": port, "certificate": f"../{made.name}", "key": f"../{key.name}"},
    }
    if dialect is Dialect.POSTGRESQL:
        server.run("create database shared")
        monkeypatch.setenv("PORTAL_DATABASE", server.url("shared"))
        written["database"] = {"url": {"env": "PORTAL_DATABASE"}}
    config = settings_file(tmp_path / "portal", written)
    till = tmp_path / "connector.yml"
    till.write_text(
        CONNECTOR.format(port=free_port(), address=f"https://localhost:{port}", number=DEMO_NUMBER, ca=made)
    )
    async with whole(load_settings(config)) as (house, app):
        await demo_data(house)
        office, here = Office(house, Browser(app)), await place(house)
        await office.sign_in()
        async with process(config):
            program = await Program.start("connector", "run", "--config", str(till), ready="ready")
            try:
                said = await run("connector", "pair", "--pin", await office.pin(here), "--config", str(till))
                assert f"({DEMO_NUMBER})" in said
                page = f"/connectors/{here}"
                fields = attempt_on((await office.browser.get(page)).text)
                asked = await office.browser.post(f"{page}/payment", page=page, amount="12,50", **fields)
                assert asked.status == 303, asked.text
                state, result = await ended(house, asked.location.rpartition("/")[2])
                assert (state, result["outcome"], result["amount_minor"]) == ("done", "approved", 1250), result
            finally:
                await program.stop()
        assert await links(house) == 1


def attempt_on(page: str) -> dict[str, str]:
    """The name of this attempt, which the page gives so that a form that is sent twice pays once."""
    value = page.partition('name="attempt" value="')[2].partition('"')[0]
    assert value
    return {"attempt": value, "terminal": "counter"}


# ---------------------------------------------------------------- killed


async def kept(house: House, session_id: str) -> tuple[str | None, str | None]:
    """What the database knows of an exchange: the hash of its finish, and the answer."""
    asked = select(pairing_session.c.body_hash, pairing_session.c.answer).where(pairing_session.c.id == session_id)
    async with house.database.reading() as connection:
        body_hash, answer = (await connection.execute(asked)).one()
        return body_hash, answer


async def kill_in_finish(program: Program, house: House, till: Till, *, answered: bool) -> None:
    """Kills the portal as soon as the database knows of the finish, or has the answer to it."""
    assert till.kept is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(unheard(till))
        async with asyncio.timeout(PATIENCE):
            while (await kept(house, till.kept.session_id))[int(answered)] is None:
                await asyncio.sleep(0)  # another process writes it
        program.kill()
        await program.gone()


async def unheard(till: Till) -> None:
    """Sends a finish whose answer gets lost."""
    with suppress(aiohttp.ClientError, ConnectionError):
        await till.finish()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("answered", [False, True])
async def test_a_finish_is_answered_with_the_same_bytes_after_a_kill(tmp_path: Path, *, answered: bool) -> None:
    port = free_port()
    address = f"http://localhost:{port}"
    config = settings_file(tmp_path / "portal", {"address": address, "listen": {"port": port}})
    async with whole(load_settings(config)) as (house, app):
        await demo_data(house)
        office, here = Office(house, Browser(app)), await place(house)
        await office.sign_in()
        till = Till(over(address), host_of(address))
        async with process(config) as program:
            await till.begin(await office.pin(here))
            await kill_in_finish(program, house, till, answered=answered)
        assert till.kept is not None
        _, answer = await kept(house, till.kept.session_id)
        async with process(config):
            status, body = await till.finish()
            assert status == 200, body
            assert answer is None or to_bytes(answer) == body
            assert await till.finish() == (200, body)
        assert till.conclude(body).location.number == str(DEMO_NUMBER)
        assert await links(house) == 1


# ---------------------------------------------------------------- who is addressed, and who asks


async def test_only_its_own_names_are_served(tmp_path: Path) -> None:
    address = {"address": "https://portal.example", "extra_addresses": ["https://other.example"]}
    config = settings_file(tmp_path, address | {"listen": {"behind_proxy": True}})
    async with whole(load_settings(config)) as (_, app):
        for host, status in (("portal.example", 200), ("other.example", 200), ("portal.example.evil.example", 403)):
            assert (await Browser(app).ask("GET", "/sign-in", headers={"host": host})).status == status, host


@pytest.mark.parametrize(("behind_proxy", "source"), [(True, "198.51.100.7"), (False, "192.0.2.1")])
async def test_the_last_forwarded_address_counts_behind_a_proxy_alone(
    tmp_path: Path, source: str, *, behind_proxy: bool
) -> None:
    config = settings_file(tmp_path, {"listen": {"behind_proxy": behind_proxy}})
    async with whole(load_settings(config)) as (house, app):
        headers = {"x-forwarded-for": "203.0.113.9, 198.51.100.7", "content-type": "application/json"}
        begun = connector_side.begin("0420", DEMO_NUMBER, "127.0.0.1", random.Random(1).randbytes)
        asked = Browser(app, "192.0.2.1").ask("POST", "/v1/pairing/start", begun.request.body(), headers)
        assert (await asked).status == 201
        async with house.database.reading() as connection:
            assert (await connection.execute(select(pairing_session.c.source))).scalar_one() == source


# ---------------------------------------------------------------- TLS that cannot work


def new_key(folder: Path, *options: str) -> Path:
    """A key of its own."""
    made = folder / f"key{len(options)}.pem"
    new = ["openssl", "genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *options, "-out", str(made)]
    subprocess.run(new, check=True, capture_output=True)
    return made


def test_files_that_are_no_certificate_with_its_key_are_named(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    locked = new_key(tmp_path, "-aes256", "-pass", "pass:secret")
    for chosen, chosen_key, said in (
        (tmp_path / "none.pem", key, "none.pem cannot be read: No such file"),
        (pem, new_key(tmp_path), "are no certificate with its key"),
        (key, key, "are no certificate with its key"),
        (pem, locked, "the key has a password"),
    ):
        with pytest.raises(BridgeError, match=said) as refusal:
            check_certificate(ListenSettings(certificate=chosen, key=chosen_key))
        assert refusal.value.code is Code.SETTINGS_INVALID
    check_certificate(ListenSettings(certificate=pem, key=key))
    check_certificate(ListenSettings())
