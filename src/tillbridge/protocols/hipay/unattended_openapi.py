"""The OpenAPI 3.1 document of the unattended profile (README, section 10), from the tables that the code runs on."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from tillbridge.domain.errors import CATALOGUE, Code
from tillbridge.domain.money import EUR, MAX_MINOR
from tillbridge.domain.operation import Progress
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.protocols.contract import AbortReply
from tillbridge.protocols.deliveries import ReportState
from tillbridge.protocols.hipay.cart import CartStatus
from tillbridge.protocols.hipay.messages import MAX_ORDER_ID
from tillbridge.protocols.hipay.openapi_parts import (
    CART,
    CUSTOM_DATA,
    CUSTOMER_FIELDS,
    FLAG,
    LINE_FIELDS,
    TEXT,
    Schema,
    as_text,
    cart_problem,
    content,
    fields_of,
    key,
    one_of,
    ref,
    reference,
    whole,
)
from tillbridge.protocols.hipay.unattended import UNSEEN, State
from tillbridge.protocols.hipay.unattended_answers import FAILURE, OWN_STATUS, SUCCESS, TYPE
from tillbridge.protocols.hipay.unattended_receipt import COLUMNS

_LARGEST: Final = MAX_MINOR - 1
_REFUSED_WITH: Final[Mapping[Code, str]] = {
    Code.UNAUTHENTICATED: "The login was not accepted.",
    Code.RATE_LIMITED: "Too many wrong logins.",
    Code.PATH_UNKNOWN: "There is no such path.",
    Code.METHOD_NOT_ALLOWED: "The path does not take that method.",
    Code.PAYMENT_UNKNOWN: "There is no such payment.",
}
_ANYWHERE: Final = frozenset({Code.UNAUTHENTICATED, Code.RATE_LIMITED})


@cache
def text() -> str:
    """The document as JSON."""
    return as_text(document())


def document() -> Schema:
    """The document as a value."""
    description = (
        "The profile `unattended` of the door: compatible with HiPay's connector for terminals without staff. Amounts "
        f"are cents, answers are arrays of one, and every failure is HTTP {FAILURE} with a sentence. Fields beyond "
        "HiPay's own are additions. Not affiliated with HiPay."
    )
    return whole("tillbridge: the HiPay-compatible door for kiosks", description, _paths(), _schemas())


def _paths() -> Schema:
    return {
        "/order": {"post": _pay("pay")},
        "/": {"post": _pay("payAtRoot")},
        "/order/{id}": {"get": _about("ask", "Ask again what became of a payment.")},
        "/order/{id}/cancel": {"post": _about("cancelOrder", "Ask the terminal to stop this payment.")},
        "/cancel": {"get": _read("cancel", "Ask the terminal to stop what runs there.", _cancel())},
        "/check": {"get": _read("check", "How the terminal is.", _check())},
        "/reset": {"get": _refused("reset", "Restarting a terminal: no wire that is spoken here can.")},
        "/tlc": {"get": _refused("collect", "Telecollection: no wire that is spoken here can ask for it.")},
        "/version": {"get": _read("version", "The version of the program.", _version())},
        "/config": {"get": _read("config", "The terminal's serial number.", fields_of({"deviceId": TEXT}))},
        "/stop": {"get": _read("stop", "Stops the program, unless it is busy.", _stop(), Code.PATH_UNKNOWN)},
        "/openapi.json": {"get": _described()},
    }


# ---------------------------------------------------------------- paths


def _refusals(*codes: Code) -> Schema:
    """What may come instead of an answer."""
    told = {str(CATALOGUE[code].status): _REFUSED_WITH[code] for code in OWN_STATUS if code in _ANYWHERE | set(codes)}
    told[str(FAILURE)] = "Not paid, or not done; a text that begins with UNKNOWN says that nobody knows."
    return {status: {"description": said, "content": content(ref("Failure"))} for status, said in sorted(told.items())}


def _listed(description: str, schema: Schema) -> Schema:
    alone: Schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": 1}
    return {"200": {"description": description, "content": content(alone)}}


def _pay(name: str) -> Schema:
    return {
        "operationId": name,
        "summary": "Take a payment; the answer comes when the terminal is done.",
        "description": "HTTP 200 is an approved payment and nothing else is. The same `orderId` within a business day "
        "gets the stored result.",
        "parameters": [key()],
        "requestBody": {"required": True, "content": content(ref("Order"))},
        "responses": _listed("The payment was approved.", ref("Payment")) | _refusals(),
    }


def _about(name: str, summary: str) -> Schema:
    told = _listed("The payment, which was approved.", ref("Payment")) | _refusals(Code.PAYMENT_UNKNOWN)
    return {"operationId": name, "summary": summary, "parameters": [reference()], "responses": told}


def _read(name: str, summary: str, schema: Schema, *codes: Code) -> Schema:
    return {"operationId": name, "summary": summary, "responses": _listed(summary, schema) | _refusals(*codes)}


def _refused(name: str, summary: str) -> Schema:
    return {"operationId": name, "summary": summary, "responses": _refusals()}


def _described() -> Schema:
    told: Schema = {"200": {"description": "This document.", "content": content({"type": "object"})}}
    return {"operationId": "describe", "summary": "This document.", "responses": told | _refusals()}


# ---------------------------------------------------------------- schemas


def _schemas() -> Schema:
    return {
        "Order": _order(),
        "CartLine": {"type": "object", "properties": dict(LINE_FIELDS)},
        "Customer": {"type": "object", "properties": dict(CUSTOMER_FIELDS)},
        "Payment": _payment(),
        "Receipt": _receipt(),
        "Warning": fields_of({"code": TEXT, "field": TEXT, "text": TEXT}),
        "CartProblem": cart_problem(),
        "Failure": _failure(),
    }


def _order() -> Schema:
    fields: dict[str, Schema] = {
        "amount": {
            "description": "Whole cents: 100 is 1 EUR. A number with a point is refused.",
            "oneOf": [
                {"type": "integer", "minimum": 1, "maximum": _LARGEST, "examples": [100]},
                {"type": "string", "pattern": "^[1-9][0-9]{0,9}$", "examples": ["100"]},
            ],
        },
        "orderId": {"type": "string", "maxLength": MAX_ORDER_ID, "description": "Made here if it is absent."},
        "currency": one_of([EUR.code]) | {"default": EUR.code},
        "basket": CART,
        "customer": ref("Customer"),
        "customData": CUSTOM_DATA,
    }
    return {"type": "object", "properties": fields, "required": ["amount"]}


def _payment() -> Schema:
    wire: dict[str, Schema] = {
        "status": one_of([SUCCESS]),
        "error": {"type": "null"},
        "receipt": ref("Receipt"),
        "ticket": {"type": ["string", "null"], "description": "To be printed; `|` begins a new line."},
        "amount": {"type": "integer", "minimum": 0, "description": "Cents, as they were really paid."},
        "basket": {"type": ["object", "array"]},
    }
    return fields_of(wire | _common() | _sometimes(), optional=_sometimes())


def _common() -> dict[str, Schema]:
    """What an answer about a payment has, whether it was approved or not."""
    return {
        "currency": one_of([EUR.code]),
        "orderId": {"type": ["string", "null"]},
        "customer": {"type": "object"},
        "customData": {"type": "object"},
        "notificationHipaySent": FLAG,
        "payment_id": TEXT,
        "outcome": one_of(["approved", "declined", "aborted", "not_started", "unknown"]),
        "money_moved": one_of(MoneyMoved),
        "code": TEXT,
        "retryable": FLAG | {"description": "A new attempt charges nobody twice."},
        "device_locked": FLAG,
        "replayed": FLAG | {"description": "An earlier payment is shown, nothing new was done."},
        "terminal": TEXT,
        "notification_state": one_of([state.value for state in ReportState]),
        "trace_id": TEXT,
        "warnings": {"type": "array", "items": ref("Warning")},
    }


def _sometimes() -> dict[str, Schema]:
    return {
        "amount_requested": {"type": "integer", "description": "Cents; there only if another amount was approved."},
        "cart_status": one_of(CartStatus),
        "cart_problems": {"type": "array", "items": ref("CartProblem")},
        "paid_at": TEXT | {"format": "date-time"},
        "authorization_code": TEXT,
        "contract": TEXT,
        "cancel": one_of(AbortReply),
    }


def _receipt() -> Schema:
    """Every field a text of its width; a number that is wider is never cut."""
    return fields_of({name: {"type": "string", "minLength": column.width} for name, column in COLUMNS.items()})


def _failure() -> Schema:
    told: dict[str, Schema] = {
        "error": TEXT | {"description": "The failure in words."},
        "outcome": one_of(["approved", "declined", "aborted", "not_started", "unknown"]),
        "money_moved": one_of(MoneyMoved),
        "code": TEXT | {"description": "Of a refusal, or of a payment's end; stable."},
        "retryable": FLAG,
        "device_locked": FLAG,
        "trace_id": TEXT,
    }
    ours: dict[str, Schema] = {
        "field": {"type": ["string", "null"]},
        "detail": TEXT,
        "action": TEXT,
        "payment_id": TEXT,
        "terminal_reason": TEXT,
        "progress": one_of(Progress),
        "cancel": one_of(AbortReply),
    }
    return fields_of(told | ours, optional=ours)


def _version() -> Schema:
    return fields_of({"version": TEXT, "type": one_of([TYPE]), "os": TEXT})


def _stop() -> Schema:
    return fields_of({"message": TEXT, "stopped": FLAG})


def _cancel() -> Schema:
    found: dict[str, Schema] = {"payment_id": TEXT, "cancel": one_of(AbortReply)}
    return fields_of({"message": TEXT, "cancelled": FLAG} | found, optional=found)


def _check() -> Schema:
    states: Schema = {
        "type": "integer",
        "enum": [int(state) for state in State],
        "description": "; ".join(f"{int(state)} {state.name.lower().replace('_', ' ')}" for state in State),
    }
    told: dict[str, Schema] = {"cr": states, "terminal": TEXT, "detail": TEXT}
    return fields_of(told | {"not_known": {"type": "array", "items": one_of(UNSEEN)}})
