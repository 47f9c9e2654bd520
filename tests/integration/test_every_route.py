"""Every route there is, taken from the application itself: who may use it, and whose forms count.

A route that is added later is in these tables at once, and fails here until somebody has said who may use it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.support.console.api import pay, problem
from tests.support.console.asgi_client import HOST, Answer, Client
from tests.support.console.counter import Counter
from tests.support.console.events import start
from tests.support.console.manual_counter import at_counter
from tests.support.console.reading import hidden
from tillbridge.connector.api.references import native_document
from tillbridge.connector.api.scopes import ALL_SCOPES, Scope
from tillbridge.connector.console.app import LARGEST_BODY, LARGEST_LIST
from tillbridge.connector.console.day_reports import PATH as DAY_REPORT
from tillbridge.connector.keybook import KeyBook
from tillbridge.domain.errors import Code
from tillbridge.runtime.data_folder import DataFolder
from tillbridge.runtime.effects import SystemClock

DOCUMENT: Final[Any] = native_document()
OPERATIONS: Final = sorted(
    (method.upper(), f"/v1{path}", operation["operationId"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
)
READ, PAY, REFUND, SETTLE, ADMIN = Scope.READ, Scope.PAY, Scope.REFUND, Scope.SETTLE, Scope.ADMIN
MAY: Final[dict[str, set[Scope]]] = {
    "start_payment": {PAY, REFUND, SETTLE},
    "abort_payment": {PAY},
    "sign_payment": {PAY},
    "resolve_payment": {SETTLE},
    "keep_payment": {SETTLE},
    "reverse_payment": {SETTLE},
    "print_receipt": {PAY, REFUND},
    "list_payments": {READ},
    "get_totals": {READ},
    "get_day_report": {READ},
    "stream_payments": {READ},
    "move_terminal": {SETTLE, ADMIN},
    "list_undelivered": {READ, SETTLE},
    "list_webhooks": {READ, ADMIN},
    "get_webhook": {READ, ADMIN},
    "list_deliveries": {READ, ADMIN},
    "get_delivery": {READ, ADMIN},
    "add_webhook": {ADMIN},
    "remove_webhook": {ADMIN},
    "rotate_secret": {ADMIN},
    "test_webhook": {ADMIN},
    "replay_delivery": {ADMIN},
    "list_receivers": {READ, ADMIN},
    "list_reports": {READ, ADMIN},
    "list_payment_reports": {READ, ADMIN},
    "replay_report": {ADMIN},
    "get_trace": {ADMIN},
    "start_trace": {ADMIN},
    "stop_trace": {ADMIN},
    "get_portal": {READ},
    "check_portal": {ADMIN},
    "pair_portal": {ADMIN},
    "unpair_portal": {ADMIN},
    "list_vouchers": {READ},
    "list_voucher_claims": {READ},
    "look_up_voucher": {PAY},
    "redeem_voucher": {PAY},
    "load_voucher": {PAY},
    "put_back_voucher": {PAY, REFUND},
    "reverse_voucher": {REFUND},
    "resolve_voucher": {SETTLE},
    "make_voucher_slip": {PAY, REFUND},
    "print_balance_slip": {PAY, REFUND},
    "print_voucher_slip": {PAY, REFUND},
    "close_receipt": {PAY},
    "cancel_receipt": {PAY, REFUND},
}
"""Who may do what. To look at one payment whose id one knows, and at the terminals, is for all."""

FOR_ALL: Final = {
    *("get_payment", "find_payment", "list_events", "get_receipt", "list_terminals", "get_terminal"),
    *("get_health", "get_readiness"),
    *("get_voucher_action", "get_voucher_service", "get_voucher_slip"),
}

ANY_NAME: Final = {"close_receipt", "cancel_receipt"}
"""They take the till's own number of a receipt, which any text may be."""

PUBLIC: Final = {"/v1/notifications/hipay", "/sign-in", "/language/{code}", "/healthz", "/readyz", "/metrics"}
"""Pages for whoever comes. /metrics is, as long as only this computer can reach it."""

STARTS: Final = {
    PAY: {"kind": "sale"},
    REFUND: {"kind": "refund"},
    SETTLE: {"kind": "reconciliation", "terminal": "x" * 99},
}
"""What a key of a scope may ask for, with something else about it wrong: nothing is to start."""

OTHERWISE: Final = {"/live"}
"""It tells that there is nobody instead of leading to the form: only a script asks for it."""


def filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "0" * 32, path)


def ident(operation: tuple[str, str, str]) -> str:
    return operation[2]


async def ask(
    client: Client, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"{}"
) -> Answer:
    usual = {"content-type": "application/json", "idempotency-key": "k"} if method != "GET" else {}
    return await client.ask(method, filled(path), body if method == "POST" else b"", usual | dict(headers or {}))


def test_the_table_names_every_operation_once() -> None:
    assert {name for *_, name in OPERATIONS} == MAY.keys() | FOR_ALL
    assert not MAY.keys() & FOR_ALL


@pytest.mark.parametrize("given", Scope)
def test_a_key_with_one_scope_can_do_what_the_table_says(tmp_path: Path, given: Scope) -> None:
    async def scene(counter: Counter) -> None:
        key = KeyBook(DataFolder(tmp_path)).add("till-1", frozenset({given}), SystemClock().now())
        till = Client(counter.app, {"authorization": f"Bearer {key}"})
        for method, path, name in OPERATIONS:
            allowed = given in MAY.get(name, ALL_SCOPES)
            if name == "stream_payments" and allowed:
                async with till.stream(path) as stream:
                    await start(stream)
                continue
            asked = json.dumps(STARTS.get(given, {})).encode() if name == "start_payment" else b"{}"
            answer = await ask(till, method, path, body=asked)
            assert (answer.status == 403) is not allowed, (name, answer.text)
            assert answer.status != 401, name
            if not allowed:
                problem(answer, 403, Code.SCOPE_MISSING)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("operation", OPERATIONS, ids=ident)
def test_nobody_gets_in_without_a_key_nor_under_a_foreign_name(tmp_path: Path, operation: tuple[str, str, str]) -> None:
    async def scene(counter: Counter) -> None:
        method, path, _ = operation
        problem(await ask(counter.browser(), method, path), 401, Code.UNAUTHENTICATED)
        elsewhere = await ask(counter.till(), method, path, {"host": "evil.example:8380"})
        assert elsewhere.json["code"] == Code.HOST_NOT_ALLOWED
        if method != "GET":
            for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
                foreign = await ask(counter.till(), method, path, headers)
                assert foreign.json["code"] == Code.ORIGIN_NOT_ALLOWED
            large = await counter.till().ask(method, filled(path), b" " * (LARGEST_BODY + 1))
            assert (large.status, large.json["code"]) == (413, Code.BODY_TOO_LARGE)
            keyless = await counter.till().ask(method, filled(path), b"{}", {"content-type": "application/json"})
            assert keyless.status == 400
            assert keyless.json["code"] in (Code.KEY_REQUIRED, Code.FIELD_INVALID)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("operation", OPERATIONS, ids=ident)
def test_a_wish_that_is_misspelt_is_refused(tmp_path: Path, operation: tuple[str, str, str]) -> None:
    async def scene(counter: Counter) -> None:
        method, path, _ = operation
        for query, place in (("copi=merchant", "copi"), ("=null", "query"), ("kopf=1&kopf=2", "kopf")):
            answer = await counter.till().ask(
                method,
                f"{filled(path)}?{query}",
                b"{}" if method == "POST" else b"",
                {"content-type": "application/json", "idempotency-key": "k"},
            )
            assert problem(answer, 400, Code.FIELD_INVALID)["place"] == place

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("path", ["/v1/payments?limit=1&limit=2", "/v1/payments/by-key?key=a&key=b"])
def test_a_wish_that_stands_there_twice_is_refused(tmp_path: Path, path: str) -> None:
    async def scene(counter: Counter) -> None:
        problem(await counter.till().get(path), 400, Code.FIELD_INVALID)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("operation", OPERATIONS, ids=ident)
def test_ids_that_are_something_else_name_nothing(tmp_path: Path, operation: tuple[str, str, str]) -> None:
    async def scene(counter: Counter) -> None:
        method, path, name = operation
        if "{" not in path or name in ANY_NAME:
            assert name in {"start_payment", "find_payment"} | MAY.keys() | FOR_ALL
            return
        body = json.dumps(BODIES.get(name, {})).encode()
        for text in OTHERS:
            sent = {"content-type": "application/json", "idempotency-key": text[:20]}
            answer = await counter.till().ask(method, re.sub(r"\{[^}]+\}", text, path), body, sent)
            assert answer.status == 404, (name, text, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"

    at_counter(tmp_path, scene)


OTHERS: Final = ("0", "-1", "1e9", "None", "%00", "..%2F..%2Fconsole-key", "%F0%9F%92%B3", "9" * 400, "%27%20OR%201")
BODIES: Final = {
    "sign_payment": {"accepted": True, "by": "Ada"},
    "resolve_payment": {"taken": True, "by": "Ada", "reason": "slip 17"},
    "keep_payment": {"by": "Ada", "reason": "slip 17"},
    "reverse_payment": {"by": "Ada", "reason": "slip 17"},
    "resolve_voucher": {"decision": "noted", "by": "Ada", "reason": "slip 17"},
    "start_trace": {"by": "Ada"},
    "move_terminal": {"address": "192.0.2.1:3000", "by": "Ada", "reason": "slip 17"},
}
"""Right bodies, so that nothing but the id is wrong."""


# ---------------------------------------------------------------- the console


def pages(counter: Counter, method: str) -> list[str]:
    """The paths of the console that take this method."""
    app: Any = counter.app
    while not isinstance(app, Starlette):
        app = app._app  # what stands before the application hands everything on
    return [route.path for route in app.routes if isinstance(route, Route) and method in (route.methods or ())]


async def send(person: Client, path: str, headers: dict[str, str], **fields: str) -> Answer:
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    return await person.ask("POST", path, body, {"content-type": "application/x-www-form-urlencoded"} | headers)


OURS: Final = {"origin": f"http://{HOST}"}


def test_every_form_counts_only_from_a_page_of_its_own_session(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        forms = [path for path in pages(counter, "POST") if path not in PUBLIC]
        assert len(forms) > 10
        paid = (await pay(counter)).json["id"]
        person, other = await counter.person(), await counter.person()
        token = hidden(await person.get("/"), "/sign-out")["token"]
        foreign = hidden(await other.get("/"), "/sign-out")["token"]
        for form in forms:
            path = form.replace("{payment_id}", paid)
            stranger = await send(counter.browser(), path, OURS, token=token)
            assert (stranger.status, stranger.headers["location"]) == (303, "/sign-in"), form
            for fields in ({}, {"token": ""}, {"token": foreign}):
                assert (await send(person, path, OURS, **fields)).status == 403, form
            for elsewhere in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
                assert (await send(person, path, elsewhere, token=token)).status == 403, form
            named = await send(person, path, OURS | {"host": "evil.example"}, token=token)
            assert json.loads(named.body)["code"] == Code.HOST_NOT_ALLOWED, form
            large = await send(
                person, path, OURS, token=token, more="x" * (LARGEST_LIST if form == DAY_REPORT else LARGEST_BODY)
            )
            assert large.status == 413, form
        assert (await person.get("/")).status == 200

    at_counter(tmp_path, scene)


def test_every_page_wants_somebody_to_be_signed_in(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        shown = [path for path in pages(counter, "GET") if path not in PUBLIC]
        assert len(shown) > 15
        for page in shown:
            answer = await counter.browser().get(filled(page))
            if page in OTHERWISE:
                assert answer.status == 401, page
                continue
            assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), page

    at_counter(tmp_path, scene)
