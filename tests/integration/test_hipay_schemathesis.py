"""Requests made up from the door's own OpenAPI document, right ones and wrong ones, against the door on a real port.

Whatever comes, the answer is one of those that the document promises, and money moves only with a result that says so.
"""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as chances
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.unit.hipay.till import Host, basic, settings
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Stage
from tillbridge.protocols.hipay import openapi, unattended_openapi
from tillbridge.protocols.hipay.door import HipayDoor
from tillbridge.protocols.hipay.unattended_answers import FAILURE
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.terminal import VirtualTerminal

SCHEMA = schemathesis.openapi.from_dict(openapi.document())
KIOSKS = schemathesis.openapi.from_dict(unattended_openapi.document())
NUMBERS = count()
EXAMPLES = 40
FEWER = 12
"""Requests for each operation, and for each of the other profile; conftest.py makes them the same ones in every run."""

PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


@dataclass(frozen=True, slots=True)
class Opened:
    """A door that listens in another thread, because the client here blocks."""

    terminal: VirtualTerminal
    door: HipayDoor


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    yield from listening()


@pytest.fixture(scope="module")
def kiosk() -> Iterator[Opened]:
    yield from listening(profile="unattended")


def listening(**different: Any) -> Iterator[Opened]:
    ready = threading.Event()
    found: list[Opened] = []
    ended: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        runtime = Runtime()
        terminal = VirtualTerminal(runtime=runtime)
        door = HipayDoor(settings(host="127.0.0.1", port=0, **different), terminal, runtime, Host())
        found.append(Opened(terminal, door))
        loops.append(asyncio.get_running_loop())
        ended.append(asyncio.Event())
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(door.serve(ready.set))
            await ended[0].wait()
            serving.cancel()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    loops[0].call_soon_threadsafe(ended[0].set)
    thread.join(10)
    assert not thread.is_alive()


@SCHEMA.parametrize()
@chances(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_the_door_keeps_the_promises_of_its_document(case: schemathesis.Case[Any], opened: Opened) -> None:
    vary_the_key(case)
    before = taken(opened)
    reply: Response = case.call(base_url=opened.door.address, headers={"Authorization": basic()})
    case.validate_response(reply, checks=PROMISES)
    after = taken(opened)
    if after != before:
        assert case.path in {"/", "/order"}
        assert reply.status_code == 200
        assert reply.json()["money_moved"] == "yes"


@KIOSKS.parametrize()
@chances(max_examples=FEWER, suppress_health_check=list(HealthCheck))
def test_the_unattended_profile_keeps_those_of_its_own(case: schemathesis.Case[Any], kiosk: Opened) -> None:
    vary_the_key(case)
    before = taken(kiosk)
    reply: Response = case.call(base_url=kiosk.door.address, headers={"Authorization": basic()})
    # Every failure is 599 in this profile, so that one of the door's own is known by its code.
    case.validate_response(reply, checks=[check for check in PROMISES if check is not not_a_server_error])
    told = reply.json()
    assert reply.status_code != FAILURE or told["code"] != Code.INTERNAL
    if taken(kiosk) != before:
        assert case.path in {"/", "/order"}
        assert (reply.status_code, told[0]["money_moved"]) == (200, "yes")


def vary_the_key(case: schemathesis.Case[Any]) -> None:
    """Two keys of three are made unlike all before, or nearly every request would be refused as a misused repeat."""
    number = next(NUMBERS)
    if number % 3 and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"{case.headers['Idempotency-Key']}{number}"


def taken(opened: Opened) -> int:
    return sum(row.stage is Stage.APPROVED for row in opened.terminal.ledger.rows)


def described(schema: Any) -> set[tuple[str, str]]:
    return {(path, method) for path, methods in schema.raw_schema["paths"].items() for method in methods}


def test_the_documents_describe_every_path() -> None:
    upkeep = {(path, "get") for path in ("/cancel", "/check", "/reset", "/tlc")}
    assert described(KIOSKS) == described(SCHEMA) | upkeep
    assert described(SCHEMA) == {
        ("/order", "post"),
        ("/", "post"),
        ("/order/{id}", "get"),
        ("/order/{id}/cancel", "post"),
        ("/version", "get"),
        ("/config", "get"),
        ("/stop", "get"),
        ("/openapi.json", "get"),
    }
