"""`tillbridge vouchers`, asking a whole connector that runs, with a portal on a real port behind it."""

import asyncio
from pathlib import Path

from typer.testing import CliRunner, Result

from tests.integration.test_portal_command_line import FILE, connector
from tests.support.shop import free_port
from tests.unit.connector.vouchers.wire import NUMBER, PIN, Portal, key, serving, till
from tillbridge.cli.exits import Exit
from tillbridge.cli.main import app


async def vouchers(config: Path, *words: str, typed: str | None = None) -> Result:
    arguments = ["vouchers", *words, "--config", str(config)]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, input=typed)


async def test_a_person_looks_pays_loads_and_takes_back(tmp_path: Path) -> None:
    portal = Portal()
    async with serving(portal) as address:
        async with till(address, tmp_path / "data"):
            pass  # the link is kept from now on
        config = tmp_path / "connector.yml"
        config.write_text(FILE.format(port=free_port(), address=address, number="10047110"))
        async with connector(config):
            looked = await vouchers(config, "balance", NUMBER)
            assert looked.stdout == "276…8904  50.00 EUR  loaded\n"
            paid = await vouchers(
                config, "redeem", NUMBER, "12.50", "--receipt", "A-17", "--key", key(), typed=f"{PIN}\n"
            )
            assert paid.exit_code == Exit.APPROVED
            assert paid.stdout.endswith("done  12.50 EUR  left 37.50 EUR  276…8904\n")
            assert PIN not in paid.output
            listed = await vouchers(config, "list")
            assert key() in listed.stdout
            loaded = await vouchers(config, "load", NUMBER, "5", "--receipt", "A-18")
            assert (loaded.exit_code, portal.balances[NUMBER]) == (Exit.APPROVED, 4250)
            back = await vouchers(config, "put-back", key())
            assert back.stdout.startswith("putback_done  12.50 EUR")
            wrong = await vouchers(config, "redeem", NUMBER, "1", "--receipt", "A-19", "--pin", "9999")
            assert wrong.exit_code not in {Exit.APPROVED, Exit.IN_DOUBT}
            assert "PIN is wrong" in wrong.output
            assert "Nothing is open." in (await vouchers(config, "list")).stdout
        assert portal.balances[NUMBER] == 5500
