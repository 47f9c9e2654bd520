"""`tillbridge connector pair` and `link`, asking a whole connector that runs, with a real portal behind it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.integration.portal_house import NUMBER, Portal, real_portal
from tests.lines import PATIENCE
from tests.support.shop import free_port
from tillbridge.cli.main import app
from tillbridge.connector.app import run_connector
from tillbridge.connector.settings_file import load_settings
from tillbridge.runtime.effects import Runtime

FILE = """data: data
console: {{port: {port}}}
engine: {{probe_seconds: 0}}
log: {{console: "off"}}
terminals: [{{name: counter, driver: virtual}}]
portal: {{address: "{address}", location_number: {number}}}
"""


def settings_file(folder: Path, portal: Portal) -> Path:
    path = folder / "connector.yml"
    path.write_text(FILE.format(port=free_port(), address=portal.address, number=NUMBER))
    return path


@asynccontextmanager
async def connector(config: Path) -> AsyncIterator[None]:
    """A connector as `connector run` has it, until the block is left."""
    ready, leave = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(
            run_connector(load_settings(config), Runtime(), lambda _: ready.set(), lambda _: None, _after(leave))
        )
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
        yield
        leave.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({running})


async def _after(leave: asyncio.Event) -> None:
    await leave.wait()


async def tillbridge(config: Path, *words: str, typed: str | None = None) -> Result:
    """Runs a command as a person does, in a thread, because it has an event loop of its own."""
    arguments: Sequence[str] = ["connector", *words, "--config", str(config)]
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), input=typed)


async def test_a_person_pairs_looks_and_asks_what_is_wrong(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal:
        config = settings_file(tmp_path, portal)
        nobody = await tillbridge(config, "link", "status")
        assert nobody.exit_code == 1
        async with connector(config):
            before = await tillbridge(config, "link", "status", "--json")
            assert (before.exit_code, json.loads(before.stdout)["state"]) == (1, "not_paired")
            right = await portal.pin()
            wrong = await tillbridge(config, "pair", "--pin", f"{(int(right) + 1) % 10_000:04d}")
            assert wrong.exit_code == 1
            assert "ask the office for a new PIN" in wrong.stderr
            slip = await tillbridge(config, "pair", "--pin", "12")
            assert (slip.exit_code, "12" in slip.stderr.split()) == (1, False)
            paired = await tillbridge(config, "pair", typed=f"{right}\n")
            assert paired.exit_code == 0, paired.stderr
            assert f"Connected: Am Markt ({NUMBER})" in paired.stdout, paired.output
            assert right not in paired.stdout + paired.stderr.replace(str(NUMBER), "")
            after = await tillbridge(config, "link", "status")
            assert "tbm_••••" in after.stdout
            checks = await tillbridge(config, "link", "doctor", "--json")
            found: Any = json.loads(checks.stdout)["checks"]
            assert {one["part"]: one["verdict"] for one in found}["token"] == "ok"
            assert checks.exit_code == 0
            await portal.revoke()
            ended = await tillbridge(config, "link", "doctor")
            assert ended.exit_code == 1
            assert "Ask the office for a new PIN." in ended.stdout
        log = (tmp_path / "data" / "tillbridge.log").read_text()
        assert "portal_paired" in log
        for line in log.splitlines():
            assert right not in json.loads(line).values()
            assert "tbm_" not in line


@pytest.mark.parametrize("words", [("link",), ("link", "--help"), ("pair", "--help")])
def test_help_is_there(words: Sequence[str]) -> None:
    shown = CliRunner().invoke(app, ["connector", *words])
    assert "portal" in shown.output
