"""Named keys of the native interface: what each may do, and that a change counts at once."""

import json
from pathlib import Path

import pytest

from tests.support.console.api import decide, pay, problem
from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import Counter
from tests.support.console.events import start
from tests.support.console.manual_counter import at_counter, sale
from tillbridge.connector.api.keys import WRONG_TRIES
from tillbridge.connector.api.scopes import ALL_SCOPES, Scope
from tillbridge.connector.api.stream import BEAT_SECONDS
from tillbridge.connector.keybook import KEYS_FILE, KeyBook
from tillbridge.domain.errors import Code
from tillbridge.runtime.data_folder import DataFolder
from tillbridge.runtime.effects import SystemClock

NOWHERE = "0" * 32
PERSON = {"by": "Ada", "reason": "slip 17"}

WRITES = {
    ("/v1/payments", "sale"): (sale(kind="sale"), {Scope.PAY}),
    ("/v1/payments", "authorization"): (sale(kind="authorization"), {Scope.PAY}),
    ("/v1/payments", "capture"): ({"kind": "capture", "parent": NOWHERE}, {Scope.PAY}),
    ("/v1/payments", "refund"): (sale(kind="refund"), {Scope.REFUND}),
    ("/v1/payments", "void"): ({"kind": "void", "parent": NOWHERE}, {Scope.REFUND}),
    ("/v1/payments", "reconciliation"): ({"kind": "reconciliation"}, {Scope.SETTLE}),
    (f"/v1/payments/{NOWHERE}/abort", ""): (None, {Scope.PAY}),
    (f"/v1/payments/{NOWHERE}/signature", ""): ({"accepted": True, "by": "Ada"}, {Scope.PAY}),
    (f"/v1/payments/{NOWHERE}/resolve", ""): (PERSON | {"taken": True}, {Scope.SETTLE}),
    (f"/v1/payments/{NOWHERE}/keep", ""): (PERSON, {Scope.SETTLE}),
    (f"/v1/payments/{NOWHERE}/reverse", ""): (PERSON, {Scope.SETTLE}),
    ("/v1/terminals/front/address", ""): (PERSON | {"address": "10.0.0.5:8888"}, {Scope.SETTLE, Scope.ADMIN}),
}
READS = {
    "/v1/payments": {Scope.READ},
    "/v1/totals": {Scope.READ},
    "/v1/events": {Scope.READ},
    "/v1/undelivered": {Scope.READ, Scope.SETTLE},
    "/v1/terminals": ALL_SCOPES,
    "/v1/terminals/front": ALL_SCOPES,
    f"/v1/payments/{NOWHERE}": ALL_SCOPES,
    "/v1/payments/by-key?key=k": ALL_SCOPES,
}


def book(folder: Path) -> KeyBook:
    return KeyBook(DataFolder(folder))


def made(folder: Path, counter: Counter, name: str, *scopes: Scope) -> Client:
    """A program with a key of its own."""
    key = book(folder).add(name, frozenset(scopes), SystemClock().now())
    return Client(counter.app, {"authorization": f"Bearer {key}"})


def lacks_scope(answer: Answer) -> bool:
    if answer.status != 403:
        return False
    problem(answer, 403, Code.SCOPE_MISSING)
    return True


@pytest.mark.parametrize("given", Scope)
def test_a_key_does_what_it_is_for_and_nothing_else(tmp_path: Path, given: Scope) -> None:
    async def scene(counter: Counter) -> None:
        till = made(tmp_path, counter, "till-1", given)
        for number, ((path, _), (body, wanted)) in enumerate(WRITES.items()):
            answer = await decide(till, path, body, key=f"w{number}")
            assert lacks_scope(answer) is (given not in wanted), (path, body, answer.text)
        for path, allowed in READS.items():
            if path == "/v1/events" and given in allowed:
                async with till.stream(path) as stream:
                    await start(stream)
            else:
                assert lacks_scope(await till.get(path)) is (given not in allowed), path

    at_counter(tmp_path, scene)


def test_who_may_not_learns_nothing_of_what_is_wrong(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = made(tmp_path, counter, "till-1", Scope.READ)
        problem(await till.post("/v1/payments", {"amount": "much"}), 403, Code.SCOPE_MISSING)

    at_counter(tmp_path, scene)


def test_payments_say_whose_they_are_and_each_name_has_its_own_keys(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        one = made(tmp_path, counter, "till-1", Scope.PAY)
        other = made(tmp_path, counter, "till-2", Scope.PAY)
        main = await pay(counter, key="k1")
        first = await one.post("/v1/payments", sale(), idempotency_key="k1", prefer="wait=9")
        second = await other.post("/v1/payments", sale(1300), idempotency_key="k1", prefer="wait=9")
        assert len({answer.json["id"] for answer in (main, first, second)}) == 3
        callers = [answer.json["caller"] for answer in (main, first, second)]
        assert callers == ["native:main", "native:till-1", "native:till-2"]
        assert (await one.get("/v1/payments/by-key?key=k1")).json == first.json
        assert (await other.get("/v1/payments/by-key?key=k1")).json == second.json
        problem(await other.get("/v1/payments/by-key?key=k2"), 404, Code.PAYMENT_UNKNOWN)

    at_counter(tmp_path, scene)


def test_a_key_is_taken_up_and_taken_away_while_the_connector_runs(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = made(tmp_path, counter, "till-1", Scope.READ)
        assert (await till.get("/v1/payments")).status == 200
        async with till.stream("/v1/events") as stream:
            await start(stream)
            book(tmp_path).remove("till-1")
            problem(await till.get("/v1/payments"), 401, Code.UNAUTHENTICATED)
            # Nothing more is told either, whether or not something happens.
            await pay(counter)
            assert await stream.next() is None

    at_counter(tmp_path, scene)


def test_a_quiet_stream_of_a_key_that_lost_its_scope_ends_too(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = made(tmp_path, counter, "till-1", Scope.READ)
        async with till.stream("/v1/events") as stream:
            await start(stream)
            book(tmp_path).remove("till-1")
            made(tmp_path, counter, "till-1", Scope.PAY)
            assert await stream.next() is None
        assert BEAT_SECONDS < 60

    at_counter(tmp_path, scene)


def test_a_named_key_does_not_open_the_console(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        key = book(tmp_path).add("till-1", ALL_SCOPES, SystemClock().now())
        answer = await counter.browser().submit("/sign-in", key=key)
        assert "set-cookie" not in answer.headers
        assert answer.status == 401

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("content", ["{", '{"keys": [{"name": "x"}]}', '{"keys": {}}', "[]", '{"keys": [], "more": 1}'])
def test_a_file_that_cannot_be_read_opens_nothing_and_closes_nothing_else(tmp_path: Path, content: str) -> None:
    async def scene(counter: Counter) -> None:
        till = made(tmp_path, counter, "till-1", Scope.READ)
        (tmp_path / KEYS_FILE).write_text(content)
        problem(await till.get("/v1/payments"), 401, Code.UNAUTHENTICATED)
        assert (await counter.till().get("/v1/payments")).status == 200

    at_counter(tmp_path, scene)


def test_a_key_is_recognised_by_all_of_it(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = made(tmp_path, counter, "till-1", Scope.READ)
        key = till.headers["authorization"].removeprefix("Bearer ")
        (digest,) = (one["digest"] for one in json.loads((tmp_path / KEYS_FILE).read_text())["keys"])
        for wrong in (key[:-1], key + "x", key.upper(), digest):
            problem(
                await counter.browser().get("/v1/terminals", authorization=f"Bearer {wrong}"), 401, Code.UNAUTHENTICATED
            )
        answers = [
            await counter.browser().get("/v1/terminals", authorization="Bearer wrong") for _ in range(WRONG_TRIES)
        ]
        problem(answers[-1], 429, Code.RATE_LIMITED)
        assert (await till.get("/v1/terminals")).status == 200

    at_counter(tmp_path, scene)
