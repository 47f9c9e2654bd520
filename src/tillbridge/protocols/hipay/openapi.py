"""The door's OpenAPI 3.1 document, built from the same constants and tables that the code runs on."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from tillbridge.domain.card import EntryMode
from tillbridge.domain.errors import Code
from tillbridge.domain.money import BY_CODE, EUR, MAX_MINOR
from tillbridge.domain.operation import Progress
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.domain.portal_entries import PORTAL_ENTRIES
from tillbridge.protocols.contract import AbortReply
from tillbridge.protocols.deliveries import ReportState
from tillbridge.protocols.hipay.cart import CartStatus, Fault
from tillbridge.protocols.hipay.messages import MAX_KEY, MAX_ORDER_ID
from tillbridge.protocols.hipay.verdicts import ErrorCode, PaymentStatus

VERSION: Final = "1.0.0"
"""Of this interface, not of the program: it moves when the interface does."""

Schema = dict[str, object]

_LARGEST: Final = MAX_MINOR // 10**EUR.exponent - 1
_WRITTEN: Final = "^(0[.,](0[1-9]|[1-9][0-9]?)|[1-9][0-9]{0,8}([.,][0-9]{1,2})?)$"
"""An amount above zero as a text; this is the usual case of two decimals."""

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_AMOUNT: Final[Schema] = {
    "description": 'In the style that the caller used: 10.23, "10.23" or "10,23".',
    "oneOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]{1,16}([.,][0-9]{1,6})?$"},
    ],
}
_CART: Final[Schema] = {
    "description": "One line, or a list of lines. What does not add up gives warnings and stops no payment.",
    "oneOf": [{"$ref": "#/components/schemas/CartLine"}, {"type": "array", "items": {"type": "object"}}],
}
_LINE_FIELDS: Final[Mapping[str, Schema]] = {
    "product_reference": _TEXT,
    "name": _TEXT,
    "type": {"type": "string", "enum": ["good", "discount", "fee"]},
    "quantity": {"type": "integer", "minimum": 1},
    "unit_price": {"type": "number", "description": "Tax included, in the order's currency."},
    "tax_rate": {"type": ["number", "string"], "description": "A percentage: 20 is 20 %."},
    "discount": {"type": "number", "maximum": 0},
    "total_amount": {"type": "number", "description": "unit_price x quantity - |discount|"},
    "european_article_numbering": {"type": ["integer", "string"]},
}
_CUSTOMER_FIELDS: Final[Mapping[str, Schema]] = {
    "id": {"type": ["integer", "string"]},
    "firstname": _TEXT,
    "lastname": _TEXT,
    "email": _TEXT,
}
_KIND: Final[Schema] = {"type": "string", "enum": ["Debit", "Credit"]}
_CUSTOM_DATA: Final[Schema] = {
    "type": "object",
    "description": "Texts, numbers, true and false; anything else is left out with a warning.",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}


@cache
def text() -> str:
    """The document as JSON."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Schema:
    """The document as a value."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tillbridge: the HiPay-compatible door",
            "version": VERSION,
            "description": "Compatible with the HiPay Desktop Connector. Fields beyond HiPay's own are additions; "
            "a till that does not know them may ignore them. Not affiliated with HiPay.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080"}],
        "security": [{"local": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"local": {"type": "http", "scheme": "basic"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> Schema:
    return {
        "/order": {"post": _pay("pay")},
        "/": {"post": _pay("payAtRoot")},
        "/order/{id}": {"get": _ask()},
        "/order/{id}/cancel": {"post": _cancel()},
        "/version": {"get": _read("version", "The version of the program.", {"version": _TEXT})},
        "/config": {"get": _read("config", "The terminal's serial number.", {"deviceId": _TEXT})},
        "/stop": {"get": _read("stop", "Stops the program, unless it is busy.", {"message": _TEXT, "stopped": _FLAG})},
        "/openapi.json": {"get": _read("describe", "This document.", {})},
    }


def _schemas() -> Schema:
    return {
        "Order": _order(),
        "CartLine": {"type": "object", "properties": dict(_LINE_FIELDS)},
        "Customer": {"type": "object", "properties": dict(_CUSTOMER_FIELDS)},
        "Payment": _payment(),
        "Warning": _object({"code": _TEXT, "field": _TEXT, "text": _TEXT}),
        "CartProblem": _cart_problem(),
        "Card": _card(),
        "Failure": _failure(),
        "Refusal": _refusal(),
    }


def _object(fields: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    left_out = set(optional)
    return {
        "type": "object",
        "properties": dict(fields),
        "required": [name for name in fields if name not in left_out],
    }


def _enum(values: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


# ---------------------------------------------------------------- paths


def _refusals(*statuses: int) -> Schema:
    return {
        str(status): {"description": _REFUSED_WITH[status], "content": _content(_ref("Refusal"))}
        for status in sorted({401, 403, 413, 429, 500, *statuses})
    }


_REFUSED_WITH: Final[Mapping[int, str]] = {
    400: "The request is wrong; `field` names where.",
    401: "The login was not accepted.",
    403: "Addressed to a host name, or sent by a web page, that is not allowed here.",
    404: "There is no such payment, terminal or path.",
    405: "The path does not take that method.",
    409: "The terminal is busy or locked, or the order was paid with another amount.",
    413: "The request is too large.",
    422: "The Idempotency-Key was used before for something else.",
    429: "Too many wrong logins.",
    500: "A fault of the connector's own: where `money_moved` is unknown, ask for the payment before trying again.",
    503: "Nothing was sent to the terminal; try again later.",
}


def _pay(name: str) -> Schema:
    return {
        "operationId": name,
        "summary": "Take a payment; the answer comes when the terminal is done.",
        "description": "HTTP 200 carries the terminal's result, SUCCESS or FAILURE. Where it is not known whether the "
        "card was charged, the answer is FAILURE with `outcome: unknown` and `money_moved: unknown`: check the "
        "terminal, never charge again. The same `order_id` within a business day gets the stored result.",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key is the same payment, for ever. A Credit needs one.",
                "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
            }
        ],
        "requestBody": {"required": True, "content": _content(_ref("Order"))},
        "responses": {"200": _result()} | _refusals(400, 404, 409, 422, 503),
    }


def _result() -> Schema:
    return {"description": "The payment's result.", "content": _content(_ref("Payment"))}


def _id() -> Schema:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The order number or the payment's id.",
        "schema": {"type": "string", "minLength": 1},
    }


def _ask() -> Schema:
    return {
        "operationId": "ask",
        "summary": "Ask again what became of a payment.",
        "parameters": [_id()],
        "responses": {"200": _result()} | _refusals(404, 503),
    }


def _cancel() -> Schema:
    reply: Schema = {"allOf": [_ref("Payment"), _object({"cancel": _enum(AbortReply)})]}
    return {
        "operationId": "cancel",
        "summary": "Ask the terminal to stop a running payment.",
        "description": "A request, not a result: a card that is faster wins. Read the end from the payment.",
        "parameters": [_id()],
        "responses": {
            "200": {"description": "Not running, or too late to stop.", "content": _content(reply)},
            "202": {"description": "The terminal was asked to stop.", "content": _content(reply)},
        }
        | _refusals(404, 503),
    }


def _read(name: str, summary: str, fields: Mapping[str, Schema]) -> Schema:
    answer = {"description": summary, "content": _content(_object(fields))}
    return {"operationId": name, "summary": summary, "responses": {"200": answer} | _refusals(404)}


# ---------------------------------------------------------------- schemas


def _order() -> Schema:
    fields: dict[str, Schema] = {
        "amount": {
            "description": "Major units, above zero, no more decimals than the currency has.",
            "oneOf": [
                {"type": "number", "minimum": 0.01, "maximum": _LARGEST, "multipleOf": 0.01, "examples": [9.99]},
                {"type": "string", "pattern": _WRITTEN, "examples": ["10.23", "10,23"]},
            ],
        },
        "currency": _enum(sorted(BY_CODE)) | {"default": "EUR", "description": "ISO 4217."},
        "transaction_type": _KIND | {"default": "Debit", "description": "Also read as `transation_type`."},
        "order_id": {"type": "string", "maxLength": MAX_ORDER_ID, "description": "Made here if it is absent."},
        "force_authorization": _FLAG | {"default": False},
        "cart": _CART,
        "customer": _ref("Customer"),
        "custom_data": _CUSTOM_DATA,
    }
    return {"type": "object", "properties": fields, "required": ["amount"]}


def _payment() -> Schema:
    return _object(_always() | _sometimes(), optional=_sometimes())


def _always() -> dict[str, Schema]:
    return {
        "paymentStatus": _enum(PaymentStatus),
        "notificationHipaySent": _FLAG,
        "numberOfNotificationSent": {"type": "integer", "minimum": 0},
        "amount": _AMOUNT,
        "currency": _TEXT,
        "orderId": {"type": ["string", "null"]},
        "transationType": _KIND,
        "forceAuthorization": _FLAG,
        "cart": {"type": ["object", "array"]},
        "customer": {"type": "object"},
        "customData": {"type": "object"},
        "payment_id": _TEXT,
        "outcome": _enum(["approved", "declined", "aborted", "not_started", "unknown"]),
        "money_moved": _enum(MoneyMoved),
        "code": _TEXT | {"description": "Stable; finer than `errorCode`."},
        "retryable": _FLAG | {"description": "A new attempt charges nobody twice."},
        "device_locked": _FLAG,
        "replayed": _FLAG | {"description": "An earlier payment is shown, nothing new was done."},
        "terminal": _TEXT,
        "notification_state": _enum([state.value for state in ReportState]),
        "operator_text": _TEXT | {"description": "One sentence for the person at the till."},
        "trace_id": _TEXT,
        "warnings": {"type": "array", "items": _ref("Warning")},
    }


def _sometimes() -> dict[str, Schema]:
    return {
        "errorCode": _enum(ErrorCode),
        "errorDescription": _TEXT,
        "transactionType": _KIND,
        "amount_requested": _AMOUNT | {"description": "There only if another amount was approved."},
        "cart_status": _enum(CartStatus),
        "cart_problems": {"type": "array", "items": _ref("CartProblem")},
        "paid_at": _TEXT | {"format": "date-time"},
        "card": _ref("Card"),
        "authorization_code": _TEXT,
        "contract": _TEXT,
        "receipt": _TEXT,
        "terminal_reason": _TEXT | {"description": "The terminal's own code, as it came."},
        "detail": _TEXT | {"description": "What was seen, for a technician."},
        "progress": _enum(Progress),
    }


def _cart_problem() -> Schema:
    return _object(
        {
            "code": _enum(Fault),
            "line": {"type": ["integer", "null"], "minimum": 1},
            "field": {"type": ["string", "null"]},
            "text": _TEXT,
        }
    )


def _card() -> Schema:
    fields: dict[str, Schema] = {
        "masked_pan": _TEXT,
        "entry_mode": _enum(EntryMode),
        "application": _TEXT,
        "aid": _TEXT,
    }
    return _object(fields, optional=fields)


def _failure() -> Schema:
    return _object(
        {"paymentStatus": _enum([PaymentStatus.FAILURE]), "errorCode": _enum(ErrorCode), "errorDescription": _TEXT}
    )


def _refusal() -> Schema:
    """Envelope and flat fields are both optional here: a setting chooses between them."""
    wire: dict[str, Schema] = {
        "error": _ref("Failure"),
        "paymentStatus": _enum([PaymentStatus.FAILURE]),
        "errorCode": _enum(ErrorCode),
        "errorDescription": _TEXT,
        "payment_id": _TEXT,
    }
    ours: dict[str, Schema] = {
        # The portal's own errors never come through this door.
        "code": _enum([code for code in Code if code not in PORTAL_ENTRIES]),
        "field": {"type": ["string", "null"]},
        "detail": _TEXT,
        "action": _TEXT,
        "outcome": _enum(["not_started", "unknown"]),
        "money_moved": _enum(MoneyMoved),
        "retryable": _FLAG,
        "device_locked": _FLAG,
        "operator_text": _TEXT,
        "trace_id": _TEXT,
    }
    return _object(ours | wire, optional=wire)
