"""docs/reference/native-api.md: its commands do what it says, against a connector that really runs."""

import asyncio
import json
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scripts import native_api
from tests.support.counter import counter
from tests.support.guide import blocks, moved, run
from tillbridge import __version__
from tillbridge.connector.keybook import MARK, KeyBook
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.runtime.data_folder import DataFolder

PAGE = "reference/native-api.md"


async def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    (commands,) = blocks(PAGE)
    async with counter(tmp_path) as place:
        await place.open()
        (tmp_path / "DATA").symlink_to(place.data)
        said = await asyncio.to_thread(run, moved(commands, {CONSOLE_PORT: place.native_port}), tmp_path)
        terminals, payment, page, by_key, healthy, *metrics = said
        assert [one["name"] for one in json.loads(terminals)["terminals"]] == ["counter"]
        assert (json.loads(payment)["stage"], json.loads(payment)["money_moved"]) == ("approved", "yes")
        assert [one["order_id"] for one in json.loads(page)["payments"]] == ["4711"]
        assert json.loads(by_key)["id"] == json.loads(payment)["id"]
        assert json.loads(healthy) == {"status": "ok", "version": __version__}
        assert list(text_string_to_metric_families("\n".join(metrics)))
        assert place.taken == [1250]


async def test_the_program_of_the_page_works(tmp_path: Path) -> None:
    (program,) = blocks(PAGE, "python")
    async with counter(tmp_path) as place:
        await place.open()
        text = moved(program, {CONSOLE_PORT: place.native_port}).replace("KEY)", f"{place.key()!r})")
        (tmp_path / "till.py").write_text(text)
        said = await asyncio.to_thread(run, f"{sys.executable} till.py", tmp_path)
        assert said == ["approved yes", "True approved"]
        assert place.taken == [990]


async def test_the_commands_for_keys_work(tmp_path: Path) -> None:
    (commands,) = blocks(PAGE, "sh")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    key, heads, line = await asyncio.to_thread(run, f"export TILLBRIDGE_DATA={data}\n{commands}", tmp_path)
    assert key.startswith(MARK)
    assert heads.split() == ["name", "may", "since"]
    assert line.split()[:3] == ["till-1", "pay,", "refund"]
    assert KeyBook(DataFolder(data)).read() == ()


def test_every_operation_of_the_interface_is_on_the_page() -> None:
    page = native_api.page()
    operations = [
        (method.upper(), path) for path, methods in native_api.document()["paths"].items() for method in methods
    ]
    assert len(operations) > 7
    for method, path in operations:
        assert f"\n### {method} /v1{path}\n" in page
