"""Draws docs/reference/native-api.md from the interface's own OpenAPI document and from the constants behind it."""

import asyncio
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from scripts.markdown import anchor, one_line, table
from tillbridge import __version__
from tillbridge.connector.api.keys import WRONG_TRIES, KeyCheck
from tillbridge.connector.api.openapi import REFERENCE
from tillbridge.connector.api.payments import LONGEST_WAIT
from tillbridge.connector.api.problems import ALWAYS, CODES
from tillbridge.connector.api.routes import PREFIX, api_app
from tillbridge.connector.console.app import LARGEST_BODY
from tillbridge.connector.folder import KEY_FILE
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.runtime.effects import Runtime

Schema = Mapping[str, Any]

METHODS: Final = ("get", "post")
_NO_KEY: Final = "only-for-the-description-of-it"
_TIME: Final = "time in UTC (RFC 3339)"
_SCHEMAS: Final = REFERENCE.removesuffix("{model}")


def document() -> dict[str, Any]:
    """The OpenAPI document, as a connector without terminals serves it."""
    return asyncio.run(_described())


async def _described() -> dict[str, Any]:
    runtime = Runtime()
    with TemporaryDirectory() as folder:
        async with open_engine(Path(folder), [], EngineSettings(), runtime) as engine:
            return api_app(engine, KeyCheck(_NO_KEY, runtime.clock), runtime, __version__).openapi()


def page() -> str:
    """The whole page, without its first line."""
    described = document()
    return (
        _beginning()
        + _commands()
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

* **The key.** Every path below `{PREFIX}` but that one wants `Authorization: Bearer KEY`. The connector makes the key
  at its first start, in the file `{KEY_FILE}` of its data folder, which only its own user can read. After {WRONG_TRIES}
  wrong keys within a minute further wrong ones get 429; the right one always passes.
* **Money** is an integer of minor units with a currency: 1250 of EUR is 12.50 €. No float anywhere.
* **The same key is the same payment, for ever.** `Idempotency-Key` is required to start one. A repeat joins the running
  payment or gets its result, marked `replayed`; with another body it is refused.
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
curl -H "Authorization: Bearer $KEY" 'http://localhost:{CONSOLE_PORT}{PREFIX}/payments?limit=1'
curl http://localhost:{CONSOLE_PORT}/healthz
curl http://localhost:{CONSOLE_PORT}/metrics
```

The last two want no key. `/healthz` says `ok` and the version, or `journal_unavailable` while the disk takes nothing;
`/metrics` is for Prometheus, and wants the key where other computers reach the port.
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
    (content,) = answer["content"].items()
    kind, schema = content[0], content[1].get("schema")
    shape = _type(schema) if schema else f"`{kind}`"
    return shape if status == HTTPStatus.OK and schema else f"{shape}: {answer['description']}"


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
