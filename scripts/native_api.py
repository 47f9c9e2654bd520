"""Draws docs/reference/native-api.md from the interface's own OpenAPI document and from the constants behind it."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from scripts.markdown import anchor, one_line, table
from tillbridge.connector.api.headers import LONGEST_WAIT
from tillbridge.connector.api.hub import MOST_KEPT
from tillbridge.connector.api.keys import WRONG_TRIES
from tillbridge.connector.api.openapi import REFERENCE
from tillbridge.connector.api.payments import PREFIX
from tillbridge.connector.api.problems import ALWAYS, CODES
from tillbridge.connector.api.references import native_document
from tillbridge.connector.api.repeats import MOST_REMEMBERED
from tillbridge.connector.api.scopes import ALLOWS, SCOPES
from tillbridge.connector.api.stream import BEAT_SECONDS, SEND_PATIENCE
from tillbridge.connector.console.app import LARGEST_BODY
from tillbridge.connector.keybook import KEYS_FILE
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.runtime.data_folder import KEY_FILE

Schema = Mapping[str, Any]

METHODS: Final = ("get", "post", "put", "delete")
_JSON: Final = "application/json"
_TIME: Final = "time in UTC (RFC 3339)"
_SCHEMAS: Final = REFERENCE.removesuffix("{model}")


def document() -> dict[str, Any]:
    """The OpenAPI document, as a connector serves it."""
    return native_document()


def page() -> str:
    """The whole page, without its first line."""
    described = document()
    return (
        _beginning()
        + _keys()
        + _idempotency()
        + _kinds()
        + _events()
        + _commands()
        + _client()
        + "\n## Paths\n\n"
        + table(("path", "what it does"), list(_overview(described)))
        + "".join(_operations(described))
        + "\n## Shapes\n\nFields may be added to an answer at any time; none is renamed or taken away.\n"
        + "".join(_shapes(described["components"]["schemas"]))
    )


def _beginning() -> str:
    always = ", ".join(f"`{code}`" for code in ALWAYS)
    return f"""# The native interface

What tillbridge speaks itself, without an older connector's shapes: HTTP and JSON on port {CONSOLE_PORT}, below
`{PREFIX}`, for programs on this computer unless the settings say otherwise. A running connector serves the same
description in OpenAPI at `{PREFIX}/openapi.json`.

* **A key.** Every path below `{PREFIX}` but that one wants `Authorization: Bearer KEY`, see [keys](#keys).
* **Money** is an integer of minor units with a currency: 1250 of EUR is 12.50 €. No float anywhere.
* **`Idempotency-Key`** is required on every write. The same key is the same payment, for ever: a repeat joins the
  running payment or gets its result, marked `replayed`; with another body it is refused. More [below](#repeats).
* **202 while it runs, 200 once it is over.** Ask again at `Location`, or send `Prefer: wait=N` to be answered at the
  end, after at most N ≤ {LONGEST_WAIT} seconds.
* **`money_moved`** is the answer for a till in a hurry: `yes`, `no`, or `unknown`. `unknown` is no decline: ask again,
  look at the terminal, and never take the money a second time because of it.
* **An error** is `application/problem+json` (RFC 9457), a [ProblemResource](#problemresource) with a code of
  [the catalogue](errors.md). Every path may answer
  {always}.
* **A body** is one JSON object of at most {LARGEST_BODY // 1024} KiB, in UTF-8, sent as `application/json`. A field
  that is not known, or stands there twice, is refused.
"""


def _keys() -> str:
    return f"""
## Keys

The connector makes its own key at its first start, in the file `{KEY_FILE}` of its data folder, which only its own user
can read. That key may do everything, and opens the console as well. A till or a program gets one of its own:

```sh
tillbridge connector key add till-1 --scope pay --scope refund
tillbridge connector key list
tillbridge connector key remove till-1
```

`add` prints the key this once. The file `{KEYS_FILE}` holds its SHA-256 and never the key: 256 bits of chance need
no slow digest, and it is compared in constant time. A running connector takes up every change at once; a key that was
removed is refused with the next request, and its streams of events end. Payments that were asked for with it say so:
their `caller` is `native:till-1`, and keys and order numbers are matched within that.

Scopes say what a key is for. Every key may ask for a payment by its id or its own key, and see the terminals.

{table(("scope", "what it allows"), [(f"`{scope}`", words) for scope, words in ALLOWS.items()])}
A path that needs a scope says so below; a key without it gets 403 `scope_missing`. After {WRONG_TRIES} wrong keys
within a minute further wrong ones get 429; the right one always passes.
"""


def _idempotency() -> str:
    return f"""
## Repeats

A key that **started a payment** (also a void by `reverse`) is kept in the journal for ever. The same key with the same
body never does anything again, whatever happened in between; with another body it gets 422 `key_conflict`. A field that
is left out means the same as its default. A till that does not know whether its request arrived sends it again, or asks
`GET {PREFIX}/payments/by-key`.

The other writes (abort, signature, resolve, keep) change a payment that is there. Their answers are kept under their
keys for as long as the connector runs, the newest {MOST_REMEMBERED}: the same key with the same path and body gets the
same answer, also while the first is still being worked on, and another body gets 422. After a restart nothing is done
twice either, because the payment's own state speaks: an abort says `not_running`, a signature is refused with
`nothing_to_sign`, a second verdict with `already_closed`, and what is kept stays kept. A write that was refused stands
for nothing; its key may be used again. These keys are apart from those of payments.
"""


def _kinds() -> str:
    rows = (
        ("`sale`", "required", "", "takes money"),
        ("`authorization`", "required", "", "holds money for a capture"),
        ("`capture`", "all that is left", "required: an authorization", "takes held money, in one part or several"),
        ("`refund`", "all that is left; required without a parent", "a sale or capture, or none", "gives money back"),
        ("`void`", "all of it", "required: any of these", "takes the whole of it back, on the same terminal"),
        ("`reconciliation`", "none", "", "closes the terminal's day; its totals are in the outcome"),
    )
    return f"""
## Kinds

Everything a terminal can do is a payment of a kind, started with `POST {PREFIX}/payments`, found by its id and told in
the events: also a reconciliation. `amount` may be left out where the table says what that means; `parent` is the id of
an earlier payment. What the terminal cannot do is refused before anything is sent to it.

{table(("kind", "amount", "parent", "what it does"), rows)}"""


def _events() -> str:
    return f"""
## Events

`GET {PREFIX}/events` is a stream of server-sent events named `payment`, each with a
[StreamedResource](#streamedresource): the payment as it stands when it is told. One with an `id` is a line of the
journal, and `change` says which: accepted, sending, outcome, resolved, delivered and so on. They come in the journal's
order. Whoever comes back with the last `id`, as `Last-Event-ID` or `?after=`, is told everything since: nothing is lost
over a broken line, a restart of the connector or a day of absence. `?after=0` begins at the beginning. What a terminal
does meanwhile (`progress`) comes without `id` as it happens, and is not told again.

In a shop that is paired with a portal the stream tells vouchers, too: `voucher_service` with a
[VoucherServiceResource](#voucherserviceresource), at once and when it changes, and `voucher` with a
[StreamedVoucherResource](#streamedvoucherresource), each step of an action. They have no `id` and are not told again;
see [vouchers at the till](connector-vouchers.md#9-events). A reader skips events whose name it does not know.

There is a sign of life every {BEAT_SECONDS:g} seconds. A client that takes nothing for {SEND_PATIENCE:g} seconds, or
falls {MOST_KEPT} events behind, is cut off; it comes back where it was.
"""


def _commands() -> str:
    return f"""
## Try it

With `DATA` for the connector's data folder (`tillbridge demo --data DATA` has one):

```
KEY=$(cat DATA/{KEY_FILE})
curl -H "Authorization: Bearer $KEY" http://localhost:{CONSOLE_PORT}{PREFIX}/terminals
curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
     -H 'Idempotency-Key: sale-4711' -H 'Prefer: wait=60' \\
     -d '{{"amount": {{"minor": 1250, "currency": "EUR"}}, "terminal": "counter", "order_id": "4711"}}' \\
     http://localhost:{CONSOLE_PORT}{PREFIX}/payments
curl -H "Authorization: Bearer $KEY" 'http://localhost:{CONSOLE_PORT}{PREFIX}/payments?order_id=4711&limit=1'
curl -H "Authorization: Bearer $KEY" 'http://localhost:{CONSOLE_PORT}{PREFIX}/payments/by-key?key=sale-4711'
curl http://localhost:{CONSOLE_PORT}/healthz
curl http://localhost:{CONSOLE_PORT}/metrics
```

The last two want no key. `/healthz` says `ok` and the version, or `journal_unavailable` while the disk takes nothing;
`/metrics` is for Prometheus, and wants a key with the scope `read` where other computers reach the port.
"""


def _client() -> str:
    return f"""
## From Python

`tillbridge.client` speaks all of this, with types. It asks again where the line was lost, under the same key, so that
nothing happens twice, and its events go on over a restart of the connector.

```python
import asyncio
from uuid import uuid4

from tillbridge.client import AmountBody, PaymentBody, connect


async def main() -> None:
    async with connect("http://localhost:{CONSOLE_PORT}", KEY) as bridge:
        sale = PaymentBody(amount=AmountBody(minor=990, currency="EUR"), terminal="counter")
        payment = await bridge.pay(sale, key=str(uuid4()))
        print(payment.stage, payment.money_moved)
        async for event in bridge.events(after=0):
            print(event.id == payment.id, event.stage)
            break


asyncio.run(main())
```

A payment that is declined or in doubt is a result and no exception. `Refused` carries the code of
[the catalogue](errors.md); `NoAnswer` says whether the request may have arrived.

[A collection for Postman](../postman/native.postman_collection.json) asks every path, in an order that makes sense.
"""


def _overview(described: Schema) -> Iterator[tuple[str, str]]:
    for path, method, operation in _each(described):
        title = f"{method} {PREFIX}{path}"
        yield f"[`{title}`](#{anchor(title)})", operation["summary"]


def _each(described: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, operations in described["paths"].items():
        for method in METHODS:
            if method in operations:
                yield path, method.upper(), operations[method]


def _operations(described: Schema) -> Iterator[str]:
    for path, method, operation in _each(described):
        yield f"\n### {method} {PREFIX}{path}\n\n{one_line(operation['description'])}\n\n"
        scopes = operation.get(SCOPES)
        if scopes:
            yield f"Scope: {' or '.join(f'`{scope}`' for scope in scopes)}\n\n"
        body = operation.get("requestBody")
        if body is not None:
            yield f"Body: {_type(body['content']['application/json']['schema'])}\n\n"
        parameters = operation.get("parameters", [])
        if parameters:
            yield table(("parameter", "in", "type", "meaning"), [_parameter(one) for one in parameters]) + "\n"
        yield table(("HTTP", "answer"), list(_answers(operation["responses"])))


def _parameter(one: Schema) -> tuple[str, str, str, str]:
    required = "required" if one.get("required") else "optional"
    return f"`{one['name']}`", f"{one['in']}, {required}", _type(one["schema"]), _meaning(one)


def _meaning(one: Schema) -> str:
    default = one["schema"].get("default")
    left_out = [] if default is None else [f"`{default}` if it is left out."]
    return " ".join([*([one["description"]] if "description" in one else []), *left_out])


def _answers(responses: Schema) -> Iterator[tuple[str, str]]:
    """What this path answers beyond the errors of every path."""
    for status, answer in sorted(responses.items()):
        codes = [code for code in answer.get(CODES, ()) if code not in ALWAYS]
        if codes:
            yield status, ", ".join(f"`{code}`" for code in codes)
        elif CODES not in answer:
            yield status, _good(int(status), answer)


def _good(status: int, answer: Schema) -> str:
    content = answer.get("content", {})
    if not content:
        return str(answer["description"])
    shape = " or ".join(_shape(kind, one.get("schema")) for kind, one in content.items())
    plain = status == HTTPStatus.OK and list(content) == [_JSON]
    return shape if plain else f"{shape}: {answer['description']}"


def _shape(kind: str, schema: Schema | None) -> str:
    return _type(schema) if schema and kind == _JSON else f"`{kind}`"


# ---------------------------------------------------------------- shapes


def _shapes(schemas: Schema) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"\n### {name}\n\n{one_line(schema.get('description', ''))}\n\n"
        if "enum" in schema:
            yield ", ".join(f"`{value}`" for value in schema["enum"]) + "\n"
        else:
            required = schema.get("required", ())
            rows = [(f"`{field}`", _field(inner, field in required)) for field, inner in schema["properties"].items()]
            yield table(("field", "type"), rows)


def _field(schema: Schema, required: bool) -> str:
    if required or "const" in schema:
        return _type(schema)
    default = schema.get("default")
    return f"{_type(schema)}; optional" + ("" if default is None else f", `{default}` if it is left out")


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_SCHEMAS)
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_type(one) for one in schema[choice])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return _plain(schema)


def _plain(schema: Schema) -> str:
    named = _TIME if schema.get("format") == "date-time" else str(schema.get("type", "anything"))
    limits = [
        f"{words} {int(schema[limit])}"
        for limit, words in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "length from"),
            ("maxLength", "length to"),
        )
        if limit in schema
    ]
    pattern = [f"`{schema['pattern']}`"] if "pattern" in schema else []
    return ", ".join([named, *limits, *pattern])
