"""docs/how-to/connect-a-hipay-till.md, followed line by line, with a virtual terminal at the end of the cable."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.architecture.tree import ROOT
from tests.support.guide import blocks, moved, run
from tests.support.shop import Program, free_port
from tillbridge import __version__
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.protocols.hipay.settings import HipaySettings

PAGE: Final = "how-to/connect-a-hipay-till.md"
DOOR_PORT: Final = 8080


@asynccontextmanager
async def program(*arguments: str, ready: str) -> AsyncIterator[Program]:
    """A program of ours for as long as the block lasts."""
    started = await Program.start(*arguments, ready=ready)
    try:
        yield started
    finally:
        await started.stop()


@asynccontextmanager
async def terminal(folder: Path) -> AsyncIterator[Path]:
    """The port of a terminal whose customer takes no time."""
    cable = folder / "cable"
    ledger = str(folder / "ledger.jsonl")
    begin = ("simulate", "concert", "--pty", str(cable), "--ledger", ledger, "--delay", "0")
    async with program(*begin, ready="Ctrl-C"):
        yield cable


async def test_whoever_follows_the_guide_takes_a_payment(tmp_path: Path) -> None:
    (tmp_path / "src").symlink_to(ROOT / "src")
    make_hash, check, start, ask = blocks(PAGE)
    (settings,) = blocks(PAGE, "yaml")
    ports = {CONSOLE_PORT: free_port(), DOOR_PORT: free_port()}
    (hashed,) = await asyncio.to_thread(run, make_hash, tmp_path, "pwd\npwd\n")
    async with terminal(tmp_path) as cable:
        settings = settings.replace("HASH", hashed).replace("/dev/ttyUSB0", str(cable))
        for usual, free in ports.items():
            settings = settings.replace(f"port: {usual}", f"port: {free}")
        (tmp_path / "connector.yml").write_text(settings)
        assert await asyncio.to_thread(run, check, tmp_path)
        command = start.replace("connector.yml", str(tmp_path / "connector.yml")).split()
        async with program(*command[1:], ready="ready: "):
            said = await asyncio.to_thread(run, moved(ask, ports), tmp_path)
    version, sample, forced, found, config = map(json.loads, said)
    assert version == {"version": f"{__version__}-concertv2-linux"}
    assert (sample["paymentStatus"], sample["amount"], sample["replayed"]) == ("SUCCESS", "10,23", False)
    assert {warning["code"] for warning in sample["warnings"]} == {"email_invalid", "cart_total"}
    assert (forced["paymentStatus"], forced["amount"], forced["forceAuthorization"]) == ("SUCCESS", 9.9, True)
    assert (found["payment_id"], found["orderId"]) == (sample["payment_id"], "Order_12345")
    assert config == {"deviceId": "00000012345678"}
    rows = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [row["minor"] for row in rows] == [1023, 990]


def written(fields: dict[str, FieldInfo], above: str = "") -> Iterator[tuple[str, str]]:
    """Every setting and its default, in the words of the table."""
    for name, field in fields.items():
        if isinstance(field.default, BaseModel):
            yield from written(type(field.default).model_fields, f"{name}.")
        else:
            yield f"`{above}{name}`", "required" if field.is_required() else in_words(field.default)


def in_words(default: Any) -> str:
    if default in (None, ()):
        return "none"
    return f"`{str(default).lower()}`" if default != "" else "empty"


def test_the_table_of_settings_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / PAGE).read_text()
    table = page[page.index("| setting |") : page.index("## 3.")]
    rows = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", table, re.MULTILINE)
    assert rows == list(written(HipaySettings.model_fields))
