"""Requests made up from the native interface's own OpenAPI document, right ones and wrong ones, on a real port.

Whatever comes, the answer is one of those that the document promises, and the terminal's ledger takes money only with
an answer that says so.
"""

import asyncio
import json
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

from scripts.reference import FOLDER
from tests.support.console.counter import KEY, counter
from tests.support.console.open_shop import OpenShop, open_shop
from tillbridge.connector.api.scopes import SCOPES
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.ledger import Ledger
from tillbridge.virtual.rows import Movement


async def _document() -> Any:
    with TemporaryDirectory() as folder:
        async with counter(Path(folder), "front", runtime=Runtime()) as inside:
            return (await inside.browser().get("/v1/openapi.json")).json


DOCUMENT: Any = asyncio.run(_document())
# The stream has no end; and whoever adds a webhook has this computer look up, and later call, an address made up here.
NOT_MADE_UP = ["stream_payments", "add_webhook"]
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(operation_id=NOT_MADE_UP)
EXAMPLES = 40
"""Requests for each operation; the profile of conftest.py makes them the same ones in every run."""

load_all_checks()
PROMISES: Any = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
    ]
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenShop]:
    with open_shop(tmp_path_factory.mktemp("shop"), "front") as opened:
        yield opened


@SCHEMA.parametrize()
@chances(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_the_interface_keeps_the_promises_of_its_document(case: Any, shop: OpenShop) -> None:
    before = taken(shop)
    reply: Response = case.call(base_url=f"{shop.url}/v1", headers={"Authorization": f"Bearer {KEY}"})
    case.validate_response(reply, checks=PROMISES)
    shop.until_quiet()
    shop.settle_all()
    if taken(shop) != before:
        assert (case.method, case.path) == ("POST", "/payments")
        assert reply.status_code in (200, 202)
        assert not reply.json()["replayed"]


def taken(shop: OpenShop) -> int:
    return shop.do(lambda: sum(row.movement is not Movement.NOTHING for row in ledger(shop).rows))


def ledger(shop: OpenShop) -> Ledger:
    return shop.counter.terminals["front"].desk.ledger


def test_the_document_describes_every_operation() -> None:
    described = {item["operationId"] for path in DOCUMENT["paths"].values() for item in path.values()}
    assert described >= {
        "start_payment",
        "list_payments",
        "get_payment",
        "find_payment",
        "list_events",
        "get_totals",
        "abort_payment",
        "sign_payment",
        "resolve_payment",
        "keep_payment",
        "reverse_payment",
        "list_undelivered",
        "list_terminals",
        "get_terminal",
        "stream_payments",
        "get_receipt",
        "print_receipt",
        "add_webhook",
        "list_webhooks",
        "get_webhook",
        "remove_webhook",
        "rotate_secret",
        "test_webhook",
        "list_deliveries",
        "get_delivery",
        "replay_delivery",
    }
    assert DOCUMENT["openapi"].startswith("3.1")


def test_what_is_served_is_what_is_committed() -> None:
    assert json.loads((FOLDER / "native-openapi.json").read_text(encoding="utf-8")) == DOCUMENT


def test_every_write_wants_a_key_and_every_operation_says_who_may() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            required = {one["name"] for one in operation.get("parameters", ()) if one["required"]}
            assert ("Idempotency-Key" in required) is (method != "get"), (method, path)
            assert isinstance(operation[SCOPES], list), (method, path)
            assert method == "get" or operation[SCOPES], (method, path)
