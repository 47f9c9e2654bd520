"""The native interface: what it does not let in, and how it says so."""

from pathlib import Path

import pytest

from tests.support.console.api import problem
from tests.support.console.counter import KEY, Counter
from tests.support.console.manual_counter import at_counter, sale
from tillbridge.domain.errors import Code


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=many", "before=47", "before=" + "A" * 32])
def test_a_wrong_page_is_refused(tmp_path: Path, query: str) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.till().get(f"/v1/payments?{query}")
        assert problem(answer, 400, Code.FIELD_INVALID)["place"] == query.partition("=")[0]

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (sale(12.5), Code.FIELD_INVALID, "amount.minor"),
        (sale("1250"), Code.FIELD_INVALID, "amount.minor"),
        (sale(True), Code.FIELD_INVALID, "amount.minor"),
        (sale(0), Code.FIELD_INVALID, "amount.minor"),
        (sale(-5), Code.FIELD_INVALID, "amount.minor"),
        (sale(10**12 + 1), Code.FIELD_INVALID, "amount.minor"),
        (sale(unit="eur"), Code.FIELD_INVALID, "amount.currency"),
        (sale(unit="XXX"), Code.CURRENCY_UNKNOWN, "amount.currency"),
        (sale(tip=1), Code.FIELD_INVALID, "tip"),
        (sale(kind="purchase"), Code.FIELD_INVALID, "kind"),
        (sale(kind="void"), Code.PARENT_REQUIRED, "parent"),
        (sale(kind="capture"), Code.PARENT_REQUIRED, "parent"),
        (sale(kind="reconciliation"), Code.FIELD_INVALID, "amount"),
        ({"kind": "refund"}, Code.FIELD_INVALID, "amount"),
        ({"kind": "void"}, Code.PARENT_REQUIRED, "parent"),
        ({"kind": "reconciliation", "parent": "0" * 32}, Code.FIELD_INVALID, "parent"),
        (sale(parent="0" * 32), Code.FIELD_INVALID, "parent"),
        (sale(kind="refund", parent="47"), Code.FIELD_INVALID, "parent"),
        (sale(register="1"), Code.FIELD_INVALID, "register"),
        (sale(register_number="01"), Code.FIELD_INVALID, "register_number"),
        (sale(online="yes"), Code.FIELD_INVALID, "online"),
        (sale(partial_allowed=1), Code.FIELD_INVALID, "partial_allowed"),
        (sale(terminal="bar"), Code.TERMINAL_UNKNOWN, "terminal"),
        (sale(terminal=""), Code.FIELD_INVALID, "terminal"),
        (sale(order_id="x" * 65), Code.FIELD_INVALID, "order_id"),
        (sale(order_id="a\nb"), Code.FIELD_INVALID, "order_id"),
        (sale(order_id="\ud800"), Code.FIELD_INVALID, "order_id"),
        ({}, Code.FIELD_INVALID, "amount"),
        ([], Code.BODY_INVALID, None),
        (None, Code.BODY_INVALID, None),
    ],
)
def test_a_wrong_request_is_refused_by_its_field_and_nothing_happens(
    tmp_path: Path, body: object, code: Code, place: str | None
) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.till().post("/v1/payments", body, idempotency_key="k1")
        members = problem(answer, 404 if code is Code.TERMINAL_UNKNOWN else 400, code)
        assert members.get("place") == place
        assert members["money_moved"] == "no"
        assert (await counter.till().get("/v1/payments")).json["payments"] == []

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":{"minor":1,"minor":2,"currency":"EUR"}}',
        b'{"amount":{"minor":NaN,"currency":"EUR"}}',
        b'{"amount":{"minor":' + b"9" * 5000 + b',"currency":"EUR"}}',
        b"[" * 60_000,
        b"\xff\xfe{}",
        b"{",
        b"",
    ],
    ids=["equal names", "NaN", "digits", "depth", "no UTF-8", "torn", "empty"],
)
def test_a_body_that_cannot_be_read_is_refused(tmp_path: Path, body: bytes) -> None:
    async def scene(counter: Counter) -> None:
        headers = {"content-type": "application/json", "idempotency-key": "k"}
        problem(await counter.till().ask("POST", "/v1/payments", body, headers), 400, Code.BODY_INVALID)

    at_counter(tmp_path, scene)


def test_a_body_of_another_type_or_without_end_is_refused(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        form = {"content-type": "text/plain", "idempotency-key": "k"}
        problem(await till.ask("POST", "/v1/payments", b"{}", form), 400, Code.BODY_INVALID)
        large = await till.post("/v1/payments", sale(order_id="x" * 70_000), idempotency_key="k")
        problem(large, 413, Code.BODY_TOO_LARGE)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, Code.KEY_REQUIRED), ("", Code.FIELD_INVALID), ("x" * 256, Code.FIELD_INVALID), ("clé", Code.FIELD_INVALID)],
)
def test_a_payment_needs_a_key(tmp_path: Path, key: str | None, code: Code) -> None:
    async def scene(counter: Counter) -> None:
        headers = {} if key is None else {"idempotency_key": key}
        problem(await counter.till().post("/v1/payments", sale(), **headers), 400, code)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("path", ["/v1/payments/47", "/v1/payments/47/events", "/v1/payments/" + "e" * 5000])
def test_a_payment_that_does_not_exist(tmp_path: Path, path: str) -> None:
    async def scene(counter: Counter) -> None:
        problem(await counter.till().get(path), 404, Code.PAYMENT_UNKNOWN)

    at_counter(tmp_path, scene)


def test_nobody_without_the_key_gets_in_and_nobody_learns_why_a_body_is_wrong(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        stranger = counter.browser()
        for method, path in (
            ("GET", "/v1/payments"),
            ("POST", "/v1/payments"),
            ("GET", "/v1/terminals"),
            ("GET", "/v1/events"),
            ("POST", "/v1/payments/47/resolve"),
            ("POST", "/v1/payments/47/abort"),
        ):
            answer = await stranger.ask(method, path, b"{", {"content-type": "application/json"})
            problem(answer, 401, Code.UNAUTHENTICATED)
            assert answer.headers["www-authenticate"].startswith("Bearer")
        answer = await stranger.get("/v1/terminals", authorization=f"Basic {KEY}")
        problem(answer, 401, Code.UNAUTHENTICATED)
        answer = await stranger.get("/v1/terminals", authorization=f"bearer  {KEY}")
        assert answer.status == 200

    at_counter(tmp_path, scene)


def test_wrong_keys_are_slowed_down_and_the_right_one_is_not(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        stranger = counter.browser()
        for _ in range(10):
            await stranger.get("/v1/terminals", authorization="Bearer wrong")
        answer = await stranger.get("/v1/terminals", authorization="Bearer wrong")
        problem(answer, 429, Code.RATE_LIMITED)
        assert (await counter.till().get("/v1/terminals")).status == 200

    at_counter(tmp_path, scene)


def test_a_session_of_the_console_opens_nothing_here(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        problem(await person.get("/v1/payments"), 401, Code.UNAUTHENTICATED)

    at_counter(tmp_path, scene)


def test_unknown_paths_and_methods_are_problems_too(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        problem(await till.get("/v1/transfers"), 404, Code.PATH_UNKNOWN)
        problem(await till.get("/v1/payments/"), 404, Code.PATH_UNKNOWN)
        answer = await till.ask("DELETE", "/v1/payments")
        problem(answer, 405, Code.METHOD_NOT_ALLOWED)
        assert answer.headers["allow"] == "GET, POST"

    at_counter(tmp_path, scene)
