"""docs/reference/native-api.md: its commands do what it says, against a connector that really runs."""

import asyncio
import json
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from scripts import native_api
from tests.support.counter import counter
from tests.support.guide import blocks, moved, run
from tillbridge import __version__
from tillbridge.connector.settings import CONSOLE_PORT

PAGE = "reference/native-api.md"


async def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    (commands,) = blocks(PAGE)
    async with counter(tmp_path) as place:
        await place.open()
        (tmp_path / "DATA").symlink_to(place.data)
        said = await asyncio.to_thread(run, moved(commands, {CONSOLE_PORT: place.native_port}), tmp_path)
        terminals, payment, page, healthy, *metrics = said
        assert [one["name"] for one in json.loads(terminals)["terminals"]] == ["counter"]
        assert (json.loads(payment)["stage"], json.loads(payment)["money_moved"]) == ("approved", "yes")
        assert [one["order_id"] for one in json.loads(page)["payments"]] == ["4711"]
        assert json.loads(healthy) == {"status": "ok", "version": __version__}
        assert list(text_string_to_metric_families("\n".join(metrics)))
        assert place.taken == [1250]


def test_every_operation_of_the_interface_is_on_the_page() -> None:
    page = native_api.page()
    operations = [
        (method.upper(), path) for path, methods in native_api.document()["paths"].items() for method in methods
    ]
    assert len(operations) > 7
    for method, path in operations:
        assert f"\n### {method} /v1{path}\n" in page
