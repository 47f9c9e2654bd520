"""`tillbridge portal` as a person types it: as real processes, and with plain sentences where something is wrong."""

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.portal.storage.office import whole
from tests.support import warm
from tests.support.shop import TILLBRIDGE, Program, free_port
from tillbridge.cli.main import app
from tillbridge.portal.audit.sealing import Sealer
from tillbridge.portal.settings import load_settings
from tillbridge.portal.storage.database import FILE
from tillbridge.portal.storage.migrating import newest

STOP_SECONDS: Final = 10.0
"""Within which a portal that is told to stop has stopped, on a busy computer; nothing is going on in it."""


def portal(*words: str) -> Result:
    """Runs a command as a person does."""
    return CliRunner().invoke(app, ["portal", *words])


def written(folder: Path, **settings: object) -> Path:
    path = folder / "portal.yml"
    path.write_text(yaml.safe_dump({"data": "data", **settings}))
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the settings and the data of a portal that has the demonstration in it."""
    folder = tmp_path_factory.mktemp("filled")
    config = str(written(folder))
    assert portal("migrate", "--config", config).exit_code == 0
    assert portal("demo-data", "--config", config).exit_code == 0
    return folder


@pytest.fixture
def config(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return tmp_path / "portal.yml"


async def process(*words: str, folder: Path) -> tuple[int, str, str]:
    """A command as a process of its own: exit code, output, and errors."""
    started = await warm.start(("portal", *words), environment=os.environ, folder=folder)
    output, errors = await started.communicate()
    assert started.returncode is not None
    return started.returncode, output.decode(), errors.decode()


# ---------------------------------------------------------------- from nothing to a first person who is in


async def test_a_portal_from_nothing_to_its_first_person(tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    config = written(tmp_path, address=address, listen={"port": port})
    made = await asyncio.to_thread(portal, "migrate", "--config", str(config))
    assert (made.exit_code, made.stdout, made.stderr) == (0, f"Migrated from nothing to {newest()}.\n", "")
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    words = ("create-admin", "ada@portal.example", "--name", "Ada", "--config", str(config))
    link = (await asyncio.to_thread(portal, *words)).stdout.splitlines()[1]
    assert link.startswith(f"{address}/password/new?link=")
    serving = await Program.start("portal", "serve", "--config", str(config), ready="ready: ")
    try:
        assert serving.said == [f"ready: {address} (listening on 127.0.0.1:{port})\n"]
        await choose_password(address, link)
        code, output, errors = await process("serve", folder=tmp_path)
        assert (code, output) == (1, "")
        assert errors.startswith(f"tillbridge: another program already listens on 127.0.0.1:{port}\n")
    finally:
        async with asyncio.timeout(STOP_SECONDS):
            await serving.stop()
    assert serving.process.returncode == 0
    assert "Traceback" not in "".join(serving.said)


async def choose_password(address: str, link: str) -> None:
    """The link works, once: a password is chosen, and then it lets its owner in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(link) as page:
            text = await page.text()
            assert page.status == 200, text
        fields = hidden(text) | {"password": "seven brown loaves", "again": "seven brown loaves"}
        origin = {"Origin": address}
        async with browser.post(f"{address}/password/new", data=fields, headers=origin) as answer:
            assert "/sign-in" in str(answer.url), await answer.text()
        async with browser.post(f"{address}/password/new", data=fields, headers=origin) as answer:
            assert "done=password_set" not in str(answer.url)
        async with browser.get(f"{address}/sign-in") as page:
            signed = hidden(await page.text()) | {"email": "ada@portal.example", "password": "seven brown loaves"}
        async with browser.post(f"{address}/sign-in", data=signed, headers=origin) as answer:
            assert "Ada" in await answer.text()


def hidden(page: str) -> dict[str, str]:
    """What the forms of a page carry besides what a person types."""
    return dict(re.findall(r'<input[^>]*type="hidden" name="([^"]+)" value="([^"]*)"', page))


async def test_it_stops_when_whoever_started_it_is_gone(config: Path) -> None:
    written(config.parent, listen={"port": free_port()})
    started = await asyncio.create_subprocess_exec(
        str(TILLBRIDGE),
        "portal",
        "serve",
        "--until-stdin-ends",
        cwd=config.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdin is not None
    assert (await started.stdout.readline()).startswith(b"ready: ")
    started.stdin.close()
    async with asyncio.timeout(STOP_SECONDS):
        assert await started.wait() == 0


# ---------------------------------------------------------------- what is said when something is wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: data\nlistn: 3\n", "line 2: listn: there is no such setting; did you mean 'listen'?"),
        ("data: data\nlisten: {host: 0.0.0.0}\n", "line 2: listen: 0.0.0.0 is reached over a network: set certificate"),
        ("data: data\nlisten: {certificate: a.pem}\n", "line 2: listen: certificate and key go together"),
        ("data: data\naddress: http://portal.example\n", "is reached over a network and needs https"),
        ("data: data\naddress: https://portal.example/shop\n", "is not an address such as https://portal.example"),
        ("data: data\ndatabase: {url: 'postgresql://a:b@h/d'}\n", "a password does not stand here in clear"),
        ("data: data\nmail: {smtp: {host: mail.example, security: none}}\n", "needs starttls or tls"),
        ("data: data\noperator: {licences: some}\n", "line 2: operator.licences: "),
        ("data: [\n", "line 2: this is not YAML"),
        ("listen: {port: 8480}\n", "data"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "portal.yml"
    config.write_text(text)
    for words in (("serve",), ("migrate",), ("audit", "verify")):
        told = portal(*words, "--config", str(config))
        assert (told.exit_code, told.stdout) == (1, "")
        assert said in told.stderr.replace("\n", " "), told.stderr
        assert "Traceback" not in told.stderr
    assert not (tmp_path / "data").exists()


def test_settings_that_are_not_there_are_named(tmp_path: Path) -> None:
    told = portal("serve", "--config", str(tmp_path / "none.yml"))
    assert told.exit_code == 1
    assert "none.yml: the file cannot be read: No such file or directory" in told.stderr


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("0009", "The database has not been migrated to this version.\nRun: tillbridge portal migrate."),
        ("9999", "The database was migrated by a newer version.\nInstall that version or a newer one."),
    ],
)
def test_another_versions_database_is_named(config: Path, step: str, said: str) -> None:
    with closing(sqlite3.connect(config.parent / "data" / FILE)) as database, database:
        database.execute("update alembic_version set version_num = ?", (step,))
    for words in (("serve",), ("create-admin", "a@b.example", "--name", "A"), ("audit", "anchor")):
        told = portal(*words, "--config", str(config))
        assert (told.exit_code, told.stdout) == (1, "")
        assert said in told.stderr
    if step == "9999":
        assert said in portal("migrate", "--config", str(config)).stderr


def test_a_server_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DATABASE", f"postgresql://nobody@/none?host={tmp_path}")
    config = written(tmp_path, database={"url": {"env": "PORTAL_DATABASE"}})
    for words in ("serve", "migrate"):
        told = portal(words, "--config", str(config))
        assert told.exit_code == 1
        assert "the database of the portal cannot be reached" in told.stderr.lower()
    monkeypatch.setenv("PORTAL_DATABASE", "mysql://nobody@localhost/none")
    told = portal("migrate", "--config", str(config))
    assert "database.url: it must be postgresql://USER:PASSWORD@HOST/NAME, or absent for SQLite" in told.stderr


# ---------------------------------------------------------------- the demonstration


def test_the_demonstration_is_filled_in_once(config: Path) -> None:
    again = portal("demo-data", "--config", str(config))
    assert (again.exit_code, again.stdout) == (1, "")
    assert "the demonstration is here already; nothing was changed" in again.stderr
    assert re.fullmatch(r"[0-9]{6}\n", portal("demo-code").stdout)


def test_everybody_who_can_sign_in_to_the_demonstration_is_listed(tmp_path: Path) -> None:
    config = str(written(tmp_path))
    assert portal("migrate", "--config", config).exit_code == 0
    lines = portal("demo-data", "--config", config).stdout.splitlines()
    assert lines[0] == "owner@bakery.example  warme-semmeln-am-morgen  Owner, Bäckerei Sommer"
    assert len(lines) > 7


def test_the_demonstration_is_not_for_a_portal_that_others_reach(tmp_path: Path) -> None:
    config = str(written(tmp_path, address="https://portal.example", listen={"behind_proxy": True}))
    assert portal("migrate", "--config", config).exit_code == 0
    told = portal("demo-data", "--config", config)
    assert (told.exit_code, told.stdout) == (1, "")
    assert "everybody knows the passwords" in told.stderr
    assert portal("create-admin", "a@b.example", "--name", "A", "--config", config).exit_code == 0


def test_a_first_person_is_made_once(config: Path) -> None:
    words = ("create-admin", "ada@portal.example", "--name", "Ada", "--config", str(config))
    assert portal(*words).exit_code == 0
    again = portal(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "this address has an account already" in again.stderr
    wrong = portal("create-admin", "no address", "--name", "Ada", "--config", str(config))
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "email" in wrong.stderr


# ---------------------------------------------------------------- the audit log


def tampering(config: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who has the database file and takes its guards away."""
    with closing(sqlite3.connect(config.parent / "data" / FILE)) as database, database:
        for (name,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            database.execute(f"drop trigger {name}")
        yield database


def test_the_log_is_held_against_what_was_signed(config: Path) -> None:
    async def seal() -> None:
        async with whole(load_settings(config)) as (house, _):
            assert await Sealer(house).catch_up() > 50

    asyncio.run(seal())
    verify = ("audit", "verify", "--config", str(config))
    sound = portal(*verify)
    assert (sound.exit_code, sound.stdout.splitlines()[-1]) == (0, "The log is as it was written.")
    anchor = config.parent / "anchor.json"
    anchor.write_text(portal("audit", "anchor", "--config", str(config)).stdout)
    assert portal(*verify, "--anchor", str(anchor)).exit_code == 0
    (config.parent / "data" / "audit-anchor.json").unlink()
    for database in tampering(config):
        database.execute("delete from audit_seal where position > 40")
        database.execute("delete from audit_entry where id not in (select entry_id from audit_seal)")
        database.execute("delete from audit_head")
    cut = portal(*verify, "--anchor", str(anchor))
    assert cut.exit_code == 1
    assert "cut at position 41" in cut.stdout
    assert cut.stdout.splitlines()[-1] == "The log was tampered with."
    for database in tampering(config):
        database.execute("update audit_entry set actor_name = 'Nobody' where id = (select entry_id from audit_seal)")
    changed = portal(*verify)
    assert (changed.exit_code, "changed at position" in changed.stdout) == (1, True), changed.stdout
    other = portal(*verify, "--anchor", str(config))
    assert (other.exit_code, "it is no anchor of an audit log" in other.stderr) == (1, True)
