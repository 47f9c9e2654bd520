"""`tillbridge portal recover`, as somebody types it."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.portal.recovery.conftest import Shop
from tests.portal.recovery.test_recovery import linked
from tillbridge.cli.portal import app
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.recovery_messages import RecoveryAsk
from tillbridge.portal.recovery.service import Recoveries
from tillbridge.portal.storage.database import Dialect


def test_begun_shown_and_ended_by_hand(closed_shop: Shop, dialect: Dialect, tmp_path: Path) -> None:
    if dialect is Dialect.POSTGRESQL:
        return  # what it asks is tried on both beside
    config = tmp_path / "portal.yml"
    config.write_text(f"data: {tmp_path}\n", encoding="utf-8")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["recover", *words, "--config", str(config)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    async def fill() -> None:
        async with closed_shop.open() as floor:
            await linked(floor, floor.here)
            await floor.voucher(loaded=500)
            await Recoveries.of(floor.house).asked(floor.here, RecoveryAsk(newest="made-up-by-the-till"))

    asyncio.run(fill())
    before = run("status")
    assert "No voucher system is in recovery." in before
    assert "was answered what this portal does not know" in before
    with pytest.raises(BridgeError) as caught:
        run("begin", "--since", "yesterday")
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, "--since")
    begun = run("begin", "--since", "2026-03-01")
    assert "Recovery begins for 1 voucher systems." in begun
    assert "waits" in begun
    assert "Every voucher system is in recovery." in run("begin")
    for wrong in (("--reason", " "), ("--reason", "x", "--system", "no such")):
        with pytest.raises(BridgeError):
            run("end", *wrong)
    assert "1 voucher systems take vouchers again." in run("end", "--reason", "the till was stolen")
    assert run("status") == "No voucher system is in recovery.\n"
