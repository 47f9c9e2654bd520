"""Reads what HiPay says by itself, after its signature was found right (UPSTREAM.md, section 6).

Only the fields below are kept: nothing else of such a message, a card's number least of all, gets any further.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import parse_qsl

MOST_FIELDS: Final = 500
"""Fields of a form: HiPay's own have about eighty."""

DEEPEST: Final = 8
LONGEST_VALUE: Final = 200

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

KEPT: Final = (
    *("event_key", "state", "status", "message", "reason[code]", "reason[message]", "test", "transaction_reference"),
    *("authorization_code", "authorized_amount", "captured_amount", "refunded_amount", "currency", "payment_product"),
    *("date_created", "date_updated", "operation[type]", "operation[id]", "operation[amount]", "operation[reference]"),
    *("order[id]", "order[amount]", "order[currency]"),
    *("id", "references[order]", "references[acquirer]", "result[status]", "result[message]", "result[amount]"),
    "result[currency]",
)
"""Names as a form writes them; a JSON object's members come under the same ones."""

_ORDER_IDS: Final = ("order[id]", "references[order]")


class NoticeUnreadable(ValueError):
    """Signed, and all the same nothing that can be read; says why."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What HiPay said: the order that it is about, where it names one, and the fields that are kept."""

    order_id: str | None
    fields: Mapping[str, str]


def read_notice(content_type: str, body: bytes) -> Notice:
    """The notice in this body; `NoticeUnreadable` for one of another kind."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM:
        found = _form(body)
    elif kind == JSON or kind.endswith("+json"):
        found = _object(body)
    else:
        raise NoticeUnreadable("only forms and JSON are read: choose POST as the format of notifications at HiPay")
    fields = {name: _line(found[name]) for name in KEPT if found.get(name)}
    order_id = next((fields[name] for name in _ORDER_IDS if name in fields), None)
    return Notice(order_id, fields)


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8"), max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError:
        raise NoticeUnreadable("the form is not UTF-8, or has too many fields") from None


def _object(body: bytes) -> dict[str, str]:
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise NoticeUnreadable("this is no JSON") from None
    if not isinstance(found, dict):
        raise NoticeUnreadable("a JSON object is expected")
    inner = found.get("data")
    flat = dict(_flat(inner, "", 0)) if isinstance(inner, dict) else {}
    return dict(_flat(found, "", 0)) | flat


def _flat(value: object, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and depth < DEEPEST:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}[{key}]" if name else str(key), depth + 1)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str | int | Decimal):
        yield name, str(value)


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_VALUE]
