"""The Postman collections of docs/postman, run by newman against the doors they are for, over virtual terminals.

newman and all that it needs come from tests/newman/package-lock.json, by its hashes.
"""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.architecture.tree import ROOT
from tests.support.shop import free_port
from tests.unit.hipay.till import HASH
from tillbridge.engine.engine import TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols import registry
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.rows import Movement, Row
from tillbridge.virtual.terminal import VirtualTerminal

COLLECTIONS: Final = ROOT / "docs" / "postman"
NEWMAN: Final = ROOT / "tests" / "newman"
HIPAY_COLLECTION: Final = "hipay-door.postman_collection.json"
TOUCH_SCREEN_COLLECTION: Final = "touchscreen.postman_collection.json"
INSTALL_SECONDS: Final = 300
RUN_SECONDS: Final = 90
CUSTOMER_SECONDS: Final = 0.3
"""Between two steps of the customer: long enough that a cashier can cancel before the card is read."""

HIPAY: Final = {"api_username": "log", "api_password_hash": HASH, "serial_number": "00000012345678"}
_CARD_NUMBER: Final = re.compile(r"[0-9]{13,19}")


async def run(*command: str, folder: Path, seconds: float) -> tuple[int, str]:
    """The exit code of a program and all that it said."""
    program = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await program.communicate()
    except BaseException:
        program.kill()
        await program.wait()
        raise
    return program.returncode or 0, said.decode(errors="replace")


@pytest.fixture(scope="module")
def newman() -> Path:
    """The installed program; what was installed from the same lock before is used again."""
    assert shutil.which("npm"), "npm is missing: make system"
    lock, kept = NEWMAN / "package-lock.json", NEWMAN / "node_modules" / ".installed-from.json"
    if not kept.exists() or kept.read_bytes() != lock.read_bytes():
        quiet = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        code, said = asyncio.run(run(*quiet, folder=NEWMAN, seconds=INSTALL_SECONDS))
        assert code == 0, said
        kept.write_bytes(lock.read_bytes())
    return NEWMAN / "node_modules" / ".bin" / "newman"


@asynccontextmanager
async def door(name: str, folder: Path, **settings: object) -> AsyncIterator[tuple[str, Sequence[Row]]]:
    """A door's address, with an engine behind it, and the ledger of the terminal behind that."""
    terminal = VirtualTerminal("counter", Runtime(), Ledger(folder / "ledger.jsonl"), CUSTOMER_SECONDS)
    setup = TerminalSetup("counter", "virtual", DirectTerminal(terminal, ScriptedBehaviour(terminal)))
    maker, port, ready = registry.door(name), free_port(), asyncio.Event()
    checked = maker.settings.model_validate({"port": port} | settings)
    try:
        async with (
            open_engine(folder, [setup], EngineSettings(), Runtime()) as engine,
            asyncio.TaskGroup() as group,
        ):
            serving = group.create_task(maker.open(checked, engine, Runtime()).serve(ready.set))
            await ready.wait()
            yield f"http://localhost:{port}", terminal.ledger.rows
            serving.cancel()
    finally:
        terminal.ledger.close()


async def play(newman: Path, collection: str, folder: Path, **variables: str) -> Mapping[str, Any]:
    """Runs a whole collection; every request was answered and every test in it passed. Gives newman's summary."""
    summary = folder / "summary.json"
    chosen = [part for name, value in variables.items() for part in ("--env-var", f"{name}={value}")]
    reports = ("--reporters", "cli,json", "--reporter-json-export", str(summary), "--reporter-cli-no-banner")
    command = (str(newman), "run", str(COLLECTIONS / collection), *reports, "--color", "off", *chosen)
    code, said = await run(*command, folder=folder, seconds=RUN_SECONDS)
    assert code == 0, said
    told: Mapping[str, Any] = json.loads(summary.read_text())["run"]
    assert told["failures"] == []
    return told


def moved(rows: Sequence[Row]) -> list[tuple[str, int]]:
    return [(str(row.movement), row.minor) for row in rows if row.movement is not Movement.NOTHING]


def requests_of(collection: str) -> list[dict[str, Any]]:
    """Every request of a collection with its name, in its order."""

    def within(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [found for item in items for found in (within(item["item"]) if "item" in item else [item])]

    return within(json.loads((COLLECTIONS / collection).read_text())["item"])


async def test_the_hipay_collection_runs_against_the_hipay_door(newman: Path, tmp_path: Path) -> None:
    async with door("hipay", tmp_path, **HIPAY) as (address, rows):
        told = await play(newman, HIPAY_COLLECTION, tmp_path, baseUrl=address)
        assert told["stats"]["requests"]["total"] == len(requests_of(HIPAY_COLLECTION))
        assert moved(rows) == [("taken", 1023), ("taken", 990), ("refunded", 500)]


async def test_the_touch_screen_collection_runs_against_the_touch_screen_door(newman: Path, tmp_path: Path) -> None:
    async with door("touchscreen", tmp_path) as (address, rows):
        told = await play(newman, TOUCH_SCREEN_COLLECTION, tmp_path, baseUrl=address, pollMilliseconds="50")
        assert told["stats"]["requests"]["total"] > len(requests_of(TOUCH_SCREEN_COLLECTION))
        assert moved(rows)[:3] == [("taken", 1250), ("reversed", 1250), ("refunded", 500)]
        assert len(moved(rows)) == 3


async def test_a_collection_fails_where_the_door_answers_something_else(newman: Path, tmp_path: Path) -> None:
    async with door("hipay", tmp_path, **HIPAY) as (address, _):
        with pytest.raises(AssertionError):
            await play(newman, HIPAY_COLLECTION, tmp_path, baseUrl=address, password="wrong")


@pytest.mark.parametrize("name", [HIPAY_COLLECTION, TOUCH_SCREEN_COLLECTION])
def test_a_collection_is_one_and_gives_nothing_away(name: str) -> None:
    text = (COLLECTIONS / name).read_text()
    collection = json.loads(text)
    assert collection["info"]["schema"].endswith("/collection/v2.1.0/collection.json")
    names = [item["name"] for item in requests_of(name)]
    assert len(set(names)) == len(names), "a request that repeats itself is found by its name"
    assert all("event" in item for item in requests_of(name)), "every request has a test"
    assert _CARD_NUMBER.search(text) is None
    hosts = {item["request"]["url"]["host"][0] for item in requests_of(name)}
    assert hosts == {"{{baseUrl}}"}


def test_the_lock_names_no_place_to_fetch_from_and_every_package_by_its_hash() -> None:
    packages = json.loads((NEWMAN / "package-lock.json").read_text())["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert len(fetched) > 50
    assert not any("resolved" in package for package in fetched.values())
    assert all(package["integrity"].startswith("sha512-") for package in fetched.values())
