"""Requests made up from the portal's own OpenAPI document, right ones and wrong ones, against the assembled portal.

Whatever comes, nothing of ours breaks, the answer is one that the document promises, and nobody is paired by it: no PIN
is open, so no request, however lucky, makes a link.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as chances
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response
from sqlalchemy import Engine, create_engine, func, select

from tests.support.shop import free_port
from tillbridge.portal.app import api_app, open_house, portal_app, serve_portal
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.features import assemble
from tillbridge.portal.links.tables import link
from tillbridge.portal.settings import ListenSettings, PortalSettings
from tillbridge.portal.storage.database import FILE
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime

EXAMPLES = 20
"""Requests for each operation; the profile of conftest.py makes them the same ones in every run."""

START_SECONDS = 30

load_all_checks()
PROMISES: Any = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
    ]
)


async def _document() -> Any:
    with TemporaryDirectory() as folder:
        settings = PortalSettings(data=Path(folder))
        await asyncio.to_thread(migrate, settings)
        async with open_house(settings, Runtime()) as house:
            return api_app(house, assemble(house)[1]).openapi()


DOCUMENT: Any = asyncio.run(_document())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PortalSettings:
    port = free_port()
    folder = tmp_path_factory.mktemp("portal")
    made = PortalSettings(data=folder, address=f"http://127.0.0.1:{port}", listen=ListenSettings(port=port))
    migrate(made)
    return made


@pytest.fixture(scope="module")
def portal(settings: PortalSettings) -> Iterator[str]:
    """The assembled portal with the demonstration in it, on a real port; gives its address."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    leave = asyncio.Event()

    async def live() -> None:
        async with open_house(settings, Runtime()) as house, asyncio.TaskGroup() as group:
            await demo_data(house)
            keeper, features = assemble(house)
            app = portal_app(house, keeper, features)
            serving = group.create_task(serve_portal(app, house, features, lambda _: ready.set()))
            await leave.wait()
            serving.cancel()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(live())
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="portal")
    thread.start()
    try:
        assert ready.wait(START_SECONDS), "the portal did not come up"
        yield settings.address
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(START_SECONDS)
        assert not thread.is_alive(), "the portal did not stop"


@pytest.fixture(scope="module")
def database(settings: PortalSettings) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{settings.data / FILE}")
    yield engine
    engine.dispose()


@SCHEMA.parametrize()
@chances(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_the_interface_keeps_the_promises_of_its_document(case: Any, portal: str, database: Engine) -> None:
    reply: Response = case.call(base_url=f"{portal}/v1")
    case.validate_response(reply, checks=PROMISES)
    with database.connect() as connection:
        assert connection.execute(select(func.count()).select_from(link)).scalar_one() == 0


def test_the_document_describes_every_operation_and_how_it_refuses() -> None:
    described = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert described >= {
        ("post", "/pairing/start"),
        ("post", "/pairing/sessions/{session_id}/finish"),
        ("post", "/token"),
        ("post", "/token/session"),
        ("get", "/services"),
        ("get", "/jwks"),
        ("post", "/link/rotation"),
    }
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            assert "422" not in operation["responses"]
            assert "application/problem+json" in operation["responses"]["default"]["content"]
