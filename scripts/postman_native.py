"""Draws the Postman collection of the native interface from its OpenAPI document and from the table of steps below.

Method, path, parameters and words come from the document. A step says with what an operation is asked and what has to
come of it; an operation that has no step is asked once, and has to answer as the document says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tillbridge.connector.api.payments import PREFIX
from tillbridge.connector.api.references import native_document
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.runtime.data_folder import KEY_FILE

NAME: Final = "native.postman_collection.json"

STREAM: Final = "stream_payments"
"""A stream has no end, and Postman's runner waits for one."""

UNKNOWN: Final = "unknown"
"""Stands where an operation wants an id that nobody here has."""

KEY: Final = "Idempotency-Key"
JSON: Final = "application/json"
PERSON: Final = {"by": "Ada", "reason": "tried out with Postman"}

_DESCRIPTION: Final = f"""The native interface of a tillbridge connector: {PREFIX} on port {CONSOLE_PORT}.

Set `key` to the connector's key (the file {KEY_FILE} of its data folder) or to one with every scope, and `terminal` to
a terminal that approves, such as one of `tillbridge demo`. Run it from top to bottom: what one request answers, the
next ones use. It takes money and gives it back: never run it against a terminal that customers use."""

_APPROVED: Final = (
    'pm.test("the money moved", () => {',
    "    const payment = pm.response.json();",
    '    pm.expect(payment.stage).to.equal("approved");',
    '    pm.expect(payment.money_moved).to.equal("yes");',
    "});",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `statuses` are those that it may get, `kind` the media type of a right answer.

    `keeps` is the variable in which something of the answer is kept, mostly its id (`kept` is the way to it).

    `key` is the variable of its Idempotency-Key, which is made anew by the first step that names it; `expects` are
    further lines of its test.
    """

    operation: str
    name: str
    statuses: tuple[int, ...] = (200,)
    body: Mapping[str, object] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    waits: bool = False
    keeps: str | None = None
    expects: tuple[str, ...] = ()
    kind: str = JSON
    kept: str = "id"


def _amount(minor: int) -> dict[str, object]:
    return {"minor": minor, "currency": "EUR"}


def _payment(name: str, keeps: str, body: Mapping[str, object], expects: tuple[str, ...] = _APPROVED) -> Step:
    where = {} if "parent" in body else {"terminal": "{{terminal}}"}
    return Step(
        "start_payment", name, body={**body, **where}, key=f"{keeps}Key", waits=True, keeps=keeps, expects=expects
    )


def _code(code: str) -> tuple[str, ...]:
    return (
        f'pm.test("the code is {code}", () => {{',
        f'    pm.expect(pm.response.json().code).to.equal("{code}");',
        "});",
    )


def _that(words: str, expression: str) -> tuple[str, ...]:
    return (f'pm.test("{words}", () => {{', f"    pm.expect({expression}).to.equal(true);", "});")


_OF_SALE: Final = {"payment_id": "{{sale}}"}
_OF_WEBHOOK: Final = {"webhook_id": "{{webhook}}"}
_OF_DELIVERY: Final = {"delivery_id": "{{delivery}}"}
_SALE: Final = {"amount": _amount(1250), "order_id": "{{order}}"}

STEPS: Final[Mapping[str, Sequence[Step]]] = {
    "Terminals": (
        Step(
            "list_terminals", "List terminals", expects=_that("there is one", "pm.response.json().terminals.length > 0")
        ),
        Step("get_terminal", "Look at the terminal", path={"name": "{{terminal}}"}),
        Step(
            "get_terminal", "One that is not there", (404,), path={"name": UNKNOWN}, expects=_code("terminal_unknown")
        ),
        Step(
            "move_terminal",
            "A new address of one that is not there",
            (404,),
            body={"address": "192.168.1.20:8888", "by": "Ada", "reason": "read from its screen"},
            path={"name": UNKNOWN},
            key="moveKey",
            expects=_code("terminal_unknown"),
        ),
    ),
    "A sale": (
        _payment("Take money", "sale", _SALE),
        Step(
            "start_payment",
            "The same key again",
            body={**_SALE, "terminal": "{{terminal}}"},
            key="saleKey",
            expects=_that("nothing was done again", "pm.response.json().replayed"),
        ),
        Step(
            "start_payment",
            "The same key for another amount",
            (422,),
            body={**_SALE, "amount": _amount(1300), "terminal": "{{terminal}}"},
            key="saleKey",
            expects=_code("key_conflict"),
        ),
        Step("start_payment", "No key", (400,), body=_SALE, expects=_code("key_required")),
        Step("get_payment", "Ask for it", path=_OF_SALE, waits=True, expects=_APPROVED),
        Step("find_payment", "Ask for it by its key", query={"key": "{{saleKey}}"}, expects=_APPROVED),
        Step(
            "list_payments",
            "Find it by its order",
            query={"order_id": "{{order}}", "limit": "10"},
            expects=_that(
                "it is there",
                'pm.response.json().payments.some((one) => one.id === pm.collectionVariables.get("sale"))',
            ),
        ),
        Step("list_events", "See its timeline", path=_OF_SALE),
        Step("get_totals", "Add up the day", expects=_that("it counts", "pm.response.json().totals.length > 0")),
    ),
    "Money back": (
        _payment("Refund a part of it", "refund", {"kind": "refund", "parent": "{{sale}}", "amount": _amount(250)}),
        Step(
            "start_payment",
            "More than is left",
            (409,),
            body={"kind": "refund", "parent": "{{sale}}", "amount": _amount(1250)},
            key="tooMuchKey",
            expects=_code("parent_spent"),
        ),
        _payment("Take money for a void", "voidable", {"amount": _amount(990)}),
        _payment("Void it", "void", {"kind": "void", "parent": "{{voidable}}"}),
        _payment("Take money for a reversal", "reversible", {"amount": _amount(1000)}),
        Step(
            "reverse_payment",
            "Take it back",
            body=PERSON,
            path={"payment_id": "{{reversible}}"},
            key="reverseKey",
            waits=True,
            expects=_APPROVED,
        ),
    ),
    "Held money": (
        _payment("Hold money", "hold", {"kind": "authorization", "amount": _amount(5000)}),
        _payment("Take a part of it", "part", {"kind": "capture", "parent": "{{hold}}", "amount": _amount(2000)}),
        _payment("Take the rest of it", "rest", {"kind": "capture", "parent": "{{hold}}"}),
    ),
    "Decisions": (
        Step("list_undelivered", "What no till has heard of"),
        Step("keep_payment", "Let one stand", body=PERSON, path=_OF_SALE, key="keepKey", expects=_APPROVED),
        Step(
            "abort_payment",
            "Stop one that is over",
            path=_OF_SALE,
            key="abortKey",
            expects=_that("nothing was running", 'pm.response.json().abort === "not_running"'),
        ),
        Step(
            "sign_payment",
            "Judge a signature that nobody asked for",
            (409,),
            body={"accepted": True, "by": "Ada"},
            path=_OF_SALE,
            key="signKey",
            expects=_code("nothing_to_sign"),
        ),
        Step(
            "resolve_payment",
            "Settle one that is settled",
            (409,),
            body={"taken": True, **PERSON},
            path=_OF_SALE,
            key="resolveKey",
            expects=_code("already_closed"),
        ),
    ),
    "The end of the day": (
        _payment(
            "Close it",
            "closing",
            {"kind": "reconciliation"},
            _that("it has totals", "pm.response.json().outcome.totals.length > 0"),
        ),
    ),
    "Receipts": (
        Step(
            "get_receipt",
            "The customer's, as text",
            path=_OF_SALE,
            query={"language": "en"},
            kind="text/plain; charset=utf-8",
            expects=_that("it names the amount", 'pm.response.text().includes("12.50 EUR")'),
        ),
        Step(
            "get_receipt",
            "The shop's, as a page",
            path=_OF_SALE,
            query={"copy": "merchant", "format": "html", "language": "de"},
            kind="text/html; charset=utf-8",
            expects=_that("it says whose it is", 'pm.response.text().includes("Händlerbeleg")'),
        ),
        Step(
            "print_receipt",
            "Print it, where there is a printer",
            (200, 409),
            {"copy": "customer"},
            _OF_SALE,
            key="printKey",
            expects=_that(
                "it says so", 'pm.response.code === 200 || pm.response.json().code === "printer_unavailable"'
            ),
        ),
    ),
    "Webhooks": (
        Step(
            "add_webhook",
            "Add a receiver",
            (201,),
            # Nobody has a name that ends like this, so nobody is told anything.
            {"url": "https://shop.example/tillbridge", "description": "tried out with Postman"},
            key="webhookKey",
            keeps="webhook",
            kept="webhook.id",
            expects=_that("its secret is shown", 'pm.response.json().secret.startsWith("whsec_")'),
        ),
        Step("list_webhooks", "List receivers", expects=_that("no secret", '!pm.response.text().includes("whsec_")')),
        Step("get_webhook", "See it", path=_OF_WEBHOOK),
        Step("test_webhook", "Try it out", (200, 202), path=_OF_WEBHOOK, key="tryKey", keeps="delivery"),
        Step(
            "list_deliveries",
            "See its log",
            path=_OF_WEBHOOK,
            expects=_that("the test is there", 'pm.response.json().deliveries[0].type === "webhook.test"'),
        ),
        Step("get_delivery", "See what was tried", path=_OF_DELIVERY),
        Step("replay_delivery", "Send it again", (200, 202), path=_OF_DELIVERY, key="replayKey"),
        Step(
            "rotate_secret",
            "Change its secret",
            path=_OF_WEBHOOK,
            key="rotateKey",
            expects=_that("for a day both count", "pm.response.json().previous_until !== null"),
        ),
        Step("remove_webhook", "Take it away", path=_OF_WEBHOOK, key="removeKey"),
        Step("get_webhook", "It is gone", (404,), path=_OF_WEBHOOK, expects=_code("webhook_unknown")),
    ),
}


def collection() -> dict[str, Any]:
    """The whole collection. `KeyError` for a step whose operation or status the document does not have."""
    operations = dict(_operations(native_document()))
    keys: set[str] = set()
    folders = [
        {"name": name, "item": [_item(step, operations[step.operation], keys) for step in steps]}
        for name, steps in STEPS.items()
    ]
    told = {step.operation for steps in STEPS.values() for step in steps} | {STREAM}
    rest = [_item(_any(one), one, keys) for name, one in operations.items() if name not in told]
    return {
        "info": {
            "name": "tillbridge: the native interface",
            "description": _DESCRIPTION,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{key}}", "type": "string"}]},
        "variable": _variables(keys),
        "item": [*folders, *([{"name": "Everything else", "item": rest}] if rest else [])],
    }


def text() -> str:
    """The collection's file."""
    return json.dumps(collection(), indent=2, ensure_ascii=False) + "\n"


def _variables(keys: set[str]) -> list[dict[str, str]]:
    kept = sorted(step.keeps for steps in STEPS.values() for step in steps if step.keeps is not None)
    values = {"baseUrl": f"http://localhost:{CONSOLE_PORT}", "key": "", "terminal": "counter", "order": ""}
    values |= dict.fromkeys([*kept, *sorted(keys)], "")
    return [{"key": name, "value": value, "type": "string"} for name, value in values.items()]


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], operation | {"method": method.upper(), "path": path}


def _any(operation: Mapping[str, Any]) -> Step:
    """A step for an operation of which nothing more is said: any answer that is documented and no fault will do."""
    path = {one["name"]: UNKNOWN for one in operation.get("parameters", ()) if one["in"] == "path"}
    statuses = tuple(int(status) for status in operation["responses"] if int(status) < 500)
    key = None if operation["method"] == "GET" else f"{operation['operationId']}Key"
    body: dict[str, object] | None = {} if "requestBody" in operation else None
    return Step(operation["operationId"], operation["summary"], statuses, body, path, key=key)


def _item(step: Step, operation: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    for status in step.statuses:
        if str(status) not in operation["responses"]:
            raise KeyError(f"{step.name}: {operation['operationId']} never answers {status}")
    made = () if step.key is None or step.key in keys else (f'pm.collectionVariables.set("{step.key}", "{_GUID}");',)
    if step.key is not None:
        keys.add(step.key)
    if step.keeps == "sale":
        made = (*made, f'pm.collectionVariables.set("order", "{_GUID}");')
    # A variable of Postman's inside a script has to be replaced there first.
    before = tuple(line.replace(f'"{_GUID}"', f'pm.variables.replaceIn("{_GUID}")') for line in made)
    return {
        "name": step.name,
        "event": [*([_script("prerequest", before)] if before else []), _script("test", tuple(_test(step)))],
        "request": _request(step, operation),
    }


_GUID: Final = "{{$guid}}"


def _script(listen: str, lines: tuple[str, ...]) -> dict[str, Any]:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": list(lines)}}


def _test(step: Step) -> Iterator[str]:
    listed = ", ".join(map(str, step.statuses))
    yield f'pm.test("the status is {" or ".join(map(str, step.statuses))}", () => {{'
    yield f"    pm.expect(pm.response.code).to.be.oneOf([{listed}]);"
    yield "});"
    yield f'pm.test("an error says what to do, everything else is {step.kind}", () => {{'
    yield "    const wrong = pm.response.code >= 400;"
    yield f'    const kind = wrong ? "application/problem+json" : "{step.kind}";'
    yield '    pm.expect(pm.response.headers.get("Content-Type")).to.equal(kind);'
    yield "    if (wrong) pm.expect(pm.response.json()).to.include.keys('code', 'title', 'action', 'money_moved');"
    yield "});"
    yield from step.expects
    if step.keeps is not None:
        yield f'pm.collectionVariables.set("{step.keeps}", pm.response.json().{step.kept});'


def _request(step: Step, operation: Mapping[str, Any]) -> dict[str, Any]:
    headers = [("Content-Type", "application/json")] if step.body is not None else []
    headers += [(KEY, f"{{{{{step.key}}}}}")] if step.key is not None else []
    headers += [("Prefer", "wait=60")] if step.waits else []
    path = [_filled(part, step.path) for part in f"{PREFIX}{operation['path']}".strip("/").split("/")]
    query = [{"key": name, "value": value} for name, value in step.query.items()]
    asked = "&".join(f"{name}={value}" for name, value in step.query.items())
    raw = "/".join(["{{baseUrl}}", *path]) + (f"?{asked}" if asked else "")
    request: dict[str, Any] = {
        "method": operation["method"],
        "header": [{"key": name, "value": value} for name, value in headers],
        "url": {"raw": raw, "host": ["{{baseUrl}}"], "path": path, **({"query": query} if query else {})},
        "description": " ".join(operation["description"].split()),
    }
    if step.body is not None:
        raw_body = json.dumps(step.body, indent=2)
        request["body"] = {"mode": "raw", "raw": raw_body, "options": {"raw": {"language": "json"}}}
    return request


def _filled(part: str, values: Mapping[str, str]) -> str:
    return values[part[1:-1]] if part.startswith("{") else part
