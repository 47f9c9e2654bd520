import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.manual import run_manual
from tillbridge.web.asgi import Answer, Message, Receive, Scope, Send
from tillbridge.web.guard import MAX_HEADERS, LoopbackGuard

LOCAL = (b"host", b"localhost:8080")


@dataclass
class Application:
    """Reads the whole body and says that it is there."""

    bodies: list[bytes] = field(default_factory=list)
    after: list[Message] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "seen"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        self.after.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def _ask(
    headers: Iterable[tuple[bytes, bytes]] = (LOCAL,),
    body: Iterable[bytes] = (),
    *,
    method: str = "POST",
    path: str = "/",
    kind: str = "http",
    scheme: str = "http",
    disconnects: bool = False,
    **settings: Any,
) -> tuple[Application, list[Message]]:
    """What the application got and what the client got."""
    application = Application()
    pieces = list(body) or [b""]
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = disconnects
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "headers": list(headers), "scheme": scheme}
    run_manual(LoopbackGuard(application, **settings)(scope, receive, send))
    return application, sent


def _code(sent: list[Message]) -> str:
    """The code of the problem that was sent, or the status."""
    if sent[0]["status"] == 200:
        return "200"
    return str(json.loads(sent[1]["body"])["code"])


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080"]
)
def test_this_computer_may_be_addressed_by_its_own_names(host: str) -> None:
    assert _code(_ask([(b"host", host.encode())])[1]) == "200"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "localhost.evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost:", "[::1",
        "127.0.0.2", "", "localhost:8080@evil", "localhost/evil", "user@localhost", "localhost:999999", "[::1]evil",
    ],
)  # fmt: skip
def test_foreign_names_are_refused(host: str) -> None:
    application, sent = _ask([(b"host", host.encode())])
    assert _code(sent) == "host_not_allowed"
    assert sent[0]["status"] == 403
    assert application.bodies == []


@pytest.mark.parametrize("headers", [[], [LOCAL, (b"host", b"evil.example")], [LOCAL, LOCAL]])
def test_there_is_exactly_one_host(headers: list[tuple[bytes, bytes]]) -> None:
    assert _code(_ask(headers)[1]) == "host_not_allowed"


@pytest.mark.parametrize(
    ("configured", "host"),
    [("till.example", "till.example:8080"), ("Till.Example", "till.example"), ("fd00::5", "[fd00::5]:8080")],
)
def test_further_names_can_be_served(configured: str, host: str) -> None:
    assert _code(_ask([(b"host", host.encode())], hosts=[configured])[1]) == "200"


@given(st.text(max_size=40).filter(lambda host: host.lower() not in {"localhost", "127.0.0.1", "[::1]"}))
def test_no_other_name_without_a_port_reaches_the_application(host: str) -> None:
    application, _ = _ask([(b"host", host.encode("utf-8", "surrogatepass"))])
    assert application.bodies == []


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        ("localhost:8080", "http://localhost:8080", "http"),
        ("localhost:8080", "HTTP://LocalHost:8080", "http"),
        ("localhost", "http://localhost", "http"),
        ("localhost:80", "http://localhost", "http"),
        ("localhost", "https://localhost:443", "https"),
        ("[::1]:8080", "http://[::1]:8080", "http"),
        ("[::1]", "http://[::1]:80", "http"),
    ],
)
def test_pages_of_this_very_address_may_send(host: str, origin: str, scheme: str) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    assert _code(_ask(headers, scheme=scheme)[1]) == "200"


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://localhost:3000", "https://localhost:8080", "http://localhost:80800",
     "localhost:8080", "http://localhost:8080.evil.example", "http://localhost:8080/"],
)  # fmt: skip
def test_pages_of_other_sites_may_not_send(origin: str) -> None:
    application, sent = _ask([LOCAL, (b"origin", origin.encode())])
    assert _code(sent) == "origin_not_allowed"
    assert application.bodies == []


def test_a_site_can_be_allowed() -> None:
    headers = [LOCAL, (b"origin", b"https://till.example"), (b"sec-fetch-site", b"cross-site")]
    assert _code(_ask(headers)[1]) == "origin_not_allowed"
    assert _code(_ask(headers, origins=["https://Till.example/"])[1]) == "200"


def test_a_browser_that_only_says_cross_site_is_believed() -> None:
    assert _code(_ask([LOCAL, (b"sec-fetch-site", b"cross-site")])[1]) == "origin_not_allowed"
    assert _code(_ask([LOCAL, (b"sec-fetch-site", b"same-origin")])[1]) == "200"
    assert _code(_ask([LOCAL, (b"sec-fetch-site", b"none")])[1]) == "200"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_not_bound_to_an_origin(method: str) -> None:
    headers = [LOCAL, (b"origin", b"http://evil.example"), (b"sec-fetch-site", b"cross-site")]
    assert _code(_ask(headers, method=method)[1]) == "200"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "MADEUP"])
def test_everything_else_is(method: str) -> None:
    assert _code(_ask([LOCAL, (b"origin", b"http://evil.example")], method=method)[1]) == "origin_not_allowed"


def test_a_path_that_changes_something_is_guarded_for_every_method() -> None:
    headers = [LOCAL, (b"sec-fetch-site", b"cross-site")]
    assert _code(_ask(headers, method="GET", path="/stop", state_changing_paths=["/stop"])[1]) == "origin_not_allowed"
    assert _code(_ask(headers, method="GET", path="/version", state_changing_paths=["/stop"])[1]) == "200"


@pytest.mark.parametrize(("size", "code"), [(10, "200"), (11, "body_too_large")])
def test_an_announced_body_is_bounded(size: int, code: str) -> None:
    headers = [LOCAL, (b"content-length", str(size).encode())]
    application, sent = _ask(headers, [b"x" * size], max_body=10)
    assert _code(sent) == code
    assert application.bodies == ([b"x" * size] if code == "200" else [])


@pytest.mark.parametrize("length", [b"-1", b"+5", b"1e3", b"", b"\xb2", b"9" * 19, b"1, 1"])
def test_an_announced_length_is_a_number(length: bytes) -> None:
    assert _code(_ask([LOCAL, (b"content-length", length)])[1]) == "body_invalid"


@pytest.mark.parametrize(
    ("pieces", "code"), [([b"12345", b"67890"], "200"), ([b"12345", b"67890", b"1"], "body_too_large"), ([b""], "200")]
)
def test_a_body_of_unknown_length_is_bounded_before_the_application_sees_it(pieces: list[bytes], code: str) -> None:
    headers = [LOCAL, (b"transfer-encoding", b"chunked")]
    application, sent = _ask(headers, pieces, max_body=10)
    assert _code(sent) == code
    assert application.bodies == ([b"".join(pieces)] if code == "200" else [])


def test_after_a_body_of_unknown_length_the_application_hears_what_comes_next() -> None:
    application, _ = _ask([LOCAL, (b"transfer-encoding", b"chunked")], [b"a", b"b"])
    assert application.after == [{"type": "http.disconnect"}]


def test_a_client_that_goes_away_in_the_middle_of_its_body_is_let_go() -> None:
    application, sent = _ask([LOCAL, (b"transfer-encoding", b"chunked")], [b"half"], disconnects=True)
    assert application.bodies == []
    assert sent == []


@pytest.mark.parametrize(("size", "code"), [(MAX_HEADERS, "200"), (MAX_HEADERS + 1, "body_too_large")])
def test_headers_are_bounded(size: int, code: str) -> None:
    used = sum(map(len, LOCAL)) + len(b"x-long")
    assert _code(_ask([LOCAL, (b"x-long", b"a" * (size - used))])[1]) == code


def test_a_refusal_has_the_shape_of_its_wire() -> None:
    def render(error: BridgeError) -> Answer:
        return 418, [(b"x-wire", b"mine")], error.code.value.encode()

    _, sent = _ask([(b"host", b"evil.example")], render=render)
    assert sent[0]["status"] == 418
    assert sent[0]["headers"] == [(b"x-wire", b"mine"), (b"content-length", b"16")]
    assert sent[1]["body"] == b"host_not_allowed"


def test_starting_and_stopping_pass_through() -> None:
    assert _ask([], kind="lifespan")[1] == [{"type": "seen"}]


def test_web_sockets_are_closed() -> None:
    assert _ask([LOCAL], kind="websocket")[1] == [{"type": "websocket.close", "code": 1008}]
