"""The Postman collection of the native interface, run by newman against a connector that really listens."""

import re
from pathlib import Path

from scripts import postman_native
from scripts.postman_native import KEY as KEY_HEADER
from tests.integration.test_postman import newman as newman  # noqa: PLC0414  # the fixture
from tests.integration.test_postman import play, requests_of
from tests.support.api_server import server
from tests.support.console.counter import KEY
from tillbridge.connector.api.references import native_document
from tillbridge.virtual.rows import Movement


async def test_the_native_collection_runs_against_a_connector(newman: Path, tmp_path: Path) -> None:
    async with server(tmp_path, "front") as place:
        told = await play(newman, postman_native.NAME, tmp_path, baseUrl=place.url, key=KEY, terminal="front")
        assert told["stats"]["requests"]["total"] == len(requests_of(postman_native.NAME))
        rows = place.inside.terminals["front"].desk.ledger.rows
        moved = [(str(row.movement), row.minor) for row in rows if row.movement is not Movement.NOTHING]
    assert moved == [
        ("taken", 1250),
        ("refunded", 250),
        ("taken", 990),
        ("reversed", 990),
        ("taken", 1000),
        ("reversed", 1000),
        ("held", 5000),
        ("captured", 2000),
        ("captured", 3000),
    ]


def asked(method: str, path: str) -> bool:
    """Whether a request of the collection is for this operation."""
    pattern = re.compile("v1" + re.sub(r"\{[^}]+\}", "[^/]+", path))
    requests = [one["request"] for one in requests_of(postman_native.NAME)]
    return any(one["method"] == method.upper() and pattern.fullmatch("/".join(one["url"]["path"])) for one in requests)


def test_every_operation_is_asked_but_the_stream_which_has_no_end() -> None:
    left_out = {
        operation["operationId"]
        for path, operations in native_document()["paths"].items()
        for method, operation in operations.items()
        if not asked(method, path)
    }
    assert left_out == {postman_native.STREAM}


def test_every_write_but_the_one_without_has_a_key_of_its_own() -> None:
    writes = [one for one in requests_of(postman_native.NAME) if one["request"]["method"] != "GET"]
    keyless = [one["name"] for one in writes if KEY_HEADER not in {h["key"] for h in one["request"]["header"]}]
    assert keyless == ["No key"]
