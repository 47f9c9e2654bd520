from pathlib import Path

import pytest

from tests.unit.hipay.till import Counter, Host, basic, call, settings
from tillbridge.protocols import hipay
from tillbridge.protocols.hipay.answers import Answers
from tillbridge.protocols.hipay.gate import TRACE, Refusing
from tillbridge.runtime.manual import run_manual
from tillbridge.web.asgi import Message, Receive, Scope, Send
from tillbridge.web.guard import MAX_BODY

EXAMPLE = Path(hipay.__file__).with_name("request.example.json").read_bytes()
MINUTE = 60.0


# ---------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "body_invalid", "body"),
        (b"[]", "body_invalid", "body"),
        (b"\xff\xfe", "body_invalid", "body"),
        (b'{"amount": NaN}', "body_invalid", "body"),
        (b'{"amount": 1, "amount": 2}', "body_invalid", "body"),
        (b"{}", "amount_invalid", "amount"),
        (b'{"amount": 10.001}', "amount_invalid", "amount"),
        (b'{"amount": 1, "currency": "string"}', "currency_unknown", "currency"),
        (b'{"amount": 1, "customer": 5}', "field_invalid", "customer"),
    ],
)
def test_a_bad_request_is_named_and_nothing_else_happens(body: bytes, code: str, field: str) -> None:
    async def main() -> None:
        counter = Counter()
        reply = await counter.order(body)
        assert (reply.status, reply.json["code"], reply.json["field"]) == (400, code, field)
        assert (reply.json["error"]["errorCode"], reply.json["money_moved"]) == ("1000", "no")
        assert len(counter.terminal.ledger.rows) == 0

    run_manual(main())


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_does_not_matter(kind: str) -> None:
    reply = run_manual(call("POST", "/order", {"amount": 1}, headers={"Content-Type": kind}))
    assert reply.json["paymentStatus"] == "SUCCESS"


def test_a_key_that_cannot_be_kept_is_named() -> None:
    reply = run_manual(call("POST", "/order", {"amount": 1}, headers={"Idempotency-Key": "k" * 256}))
    assert (reply.status, reply.json["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/order", 405, "POST"),
        ("PUT", "/order", 405, "POST"),
        ("POST", "/version", 405, "GET, HEAD"),
        ("GET", "/nothing", 404, None),
        ("POST", "/order/", 405, None),
        ("DELETE", "/order/A", 405, None),
    ],
)
def test_wrong_paths_and_methods(method: str, path: str, status: int, allow: str | None) -> None:
    reply = run_manual(call(method, path))
    assert (reply.status, reply.json["errorCode"]) == (status, "1000")
    if allow is not None:
        assert {one.strip() for one in reply.headers["allow"].split(",")} == set(allow.split(", "))


# ---------------------------------------------------------------- the login and the guard


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/order"),
        ("POST", "/"),
        ("GET", "/order/A"),
        ("POST", "/order/A/cancel"),
        ("GET", "/version"),
        ("GET", "/config"),
        ("GET", "/stop"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
    ],
)
def test_every_path_wants_the_login(method: str, path: str) -> None:
    async def main() -> None:
        host = Host()
        counter = Counter(host=host)
        for login in (None, basic("log", "wrong"), basic("log", "")):
            reply = await counter.call(method, path, {"amount": 1}, login=login)
            assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
            assert reply.headers["www-authenticate"].startswith("Basic ")
            assert reply.json["error"]["errorCode"] == "1000"
        assert len(counter.terminal.ledger.rows) == 0
        assert not host.stopped

    run_manual(main())


def test_too_many_wrong_logins_have_to_wait() -> None:
    async def main() -> None:
        counter = Counter()
        for number in range(10):
            assert (await counter.call("GET", "/version", login=basic("log", str(number)))).status == 401
        reply = await counter.call("GET", "/version", login=basic("log", "x"))
        assert (reply.status, reply.headers["retry-after"], reply.json["retryable"]) == (429, "60", True)

    run_manual(main())


def test_two_logins_are_as_good_as_none() -> None:
    async def main() -> None:
        counter = Counter()
        reply = await counter.call("GET", "/version", headers={"Authorization": basic()}, login=basic())
        assert reply.status == 401

    run_manual(main())


@pytest.mark.parametrize(
    ("headers", "code", "status"),
    [
        ({"host": "evil.example"}, "host_not_allowed", 403),
        ({"origin": "https://evil.example"}, "origin_not_allowed", 403),
        ({"content-length": str(MAX_BODY + 1)}, "body_too_large", 413),
    ],
)
def test_the_guard_answers_in_the_shape_of_the_wire(headers: dict[str, str], code: str, status: int) -> None:
    reply = run_manual(call("POST", "/order", {"amount": 1}, headers=headers))
    assert (reply.status, reply.json["code"], reply.json["error"]["errorCode"]) == (status, code, "1000")
    assert reply.json["trace_id"] == reply.headers["x-trace-id"]


def test_a_page_of_another_site_cannot_stop_the_program() -> None:
    async def main() -> None:
        host = Host()
        reply = await Counter(host=host).call("GET", "/stop", headers={"origin": "https://evil.example"})
        assert (reply.status, host.stopped) == (403, False)

    run_manual(main())


def test_a_web_till_works_once_its_origin_is_named() -> None:
    async def main() -> None:
        counter = Counter(allowed_origins=["https://till.example"])
        ask = {"origin": "https://till.example", "access-control-request-method": "POST"}
        preflight = await counter.call(
            "OPTIONS", "/order", headers=ask | {"access-control-request-headers": "authorization"}, login=None
        )
        assert preflight.status == 200
        assert preflight.headers["access-control-allow-origin"] == "https://till.example"
        paid = await counter.call("POST", "/order", {"amount": 1}, {"origin": "https://till.example"})
        assert paid.json["paymentStatus"] == "SUCCESS"
        assert paid.headers["access-control-allow-origin"] == "https://till.example"

    run_manual(main())


def test_no_web_page_is_let_in_by_default() -> None:
    headers = {"origin": "https://till.example", "access-control-request-method": "POST"}
    reply = run_manual(call("OPTIONS", "/order", headers=headers, login=None))
    assert reply.status == 401
    assert "access-control-allow-origin" not in reply.headers


def test_a_failure_in_the_middle_of_an_answer_is_no_second_answer() -> None:
    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("boom")

    async def main() -> None:
        said: list[Message] = []

        async def say(message: Message) -> None:
            said.append(message)

        async def hear() -> Message:
            return {"type": "http.disconnect"}

        with pytest.raises(RuntimeError, match="boom"):
            await Refusing(half, Answers(settings()))({"type": "http", TRACE: "t"}, hear, say)
        assert [message["type"] for message in said] == ["http.response.start"]

    run_manual(main())
