"""The door's OpenAPI 3.1 document, built from the same constants and tables that the code runs on."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from tillbridge.domain.money import BY_CODE, EUR, MAX_MINOR
from tillbridge.domain.operation import Progress
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.protocols.contract import AbortReply
from tillbridge.protocols.deliveries import ReportState
from tillbridge.protocols.hipay import unattended_openapi
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
    card,
    cart_problem,
    content,
    fields_of,
    key,
    one_of,
    our_codes,
    ref,
    reference,
    whole,
)
from tillbridge.protocols.hipay.settings import Profile
from tillbridge.protocols.hipay.verdicts import ErrorCode, PaymentStatus

_LARGEST: Final = MAX_MINOR // 10**EUR.exponent - 1
_WRITTEN: Final = "^(0[.,](0[1-9]|[1-9][0-9]?)|[1-9][0-9]{0,8}([.,][0-9]{1,2})?)$"
"""An amount above zero as a text; this is the usual case of two decimals."""

_AMOUNT: Final[Schema] = {
    "description": 'In the style that the caller used: 10.23, "10.23" or "10,23".',
    "oneOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]{1,16}([.,][0-9]{1,6})?$"},
    ],
}
_KIND: Final[Schema] = {"type": "string", "enum": ["Debit", "Credit"]}


@cache
def text() -> str:
    """The document as JSON."""
    return as_text(document())


def profiles() -> Mapping[str, str]:
    """The descriptions of the door's other profiles, by the profile's name."""
    return {Profile.UNATTENDED.value: unattended_openapi.text()}


def document() -> Schema:
    """The document as a value."""
    description = (
        "Compatible with the HiPay Desktop Connector. Fields beyond HiPay's own are additions; "
        "a till that does not know them may ignore them. Not affiliated with HiPay."
    )
    return whole("tillbridge: the HiPay-compatible door", description, _paths(), _schemas())


def _paths() -> Schema:
    return {
        "/order": {"post": _pay("pay")},
        "/": {"post": _pay("payAtRoot")},
        "/order/{id}": {"get": _ask()},
        "/order/{id}/cancel": {"post": _cancel()},
        "/version": {"get": _read("version", "The version of the program.", {"version": TEXT})},
        "/config": {"get": _read("config", "The terminal's serial number.", {"deviceId": TEXT})},
        "/stop": {"get": _read("stop", "Stops the program, unless it is busy.", {"message": TEXT, "stopped": FLAG})},
        "/openapi.json": {"get": _read("describe", "This document.", {})},
    }


def _schemas() -> Schema:
    return {
        "Order": _order(),
        "CartLine": {"type": "object", "properties": dict(LINE_FIELDS)},
        "Customer": {"type": "object", "properties": dict(CUSTOMER_FIELDS)},
        "Payment": _payment(),
        "Warning": fields_of({"code": TEXT, "field": TEXT, "text": TEXT}),
        "CartProblem": cart_problem(),
        "Card": card(),
        "Failure": _failure(),
        "Refusal": _refusal(),
    }


# ---------------------------------------------------------------- paths


def _refusals(*statuses: int) -> Schema:
    return {
        str(status): {"description": _REFUSED_WITH[status], "content": content(ref("Refusal"))}
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
        "parameters": [key()],
        "requestBody": {"required": True, "content": content(ref("Order"))},
        "responses": {"200": _result()} | _refusals(400, 404, 409, 422, 503),
    }


def _result() -> Schema:
    return {"description": "The payment's result.", "content": content(ref("Payment"))}


def _ask() -> Schema:
    return {
        "operationId": "ask",
        "summary": "Ask again what became of a payment.",
        "parameters": [reference()],
        "responses": {"200": _result()} | _refusals(404, 503),
    }


def _cancel() -> Schema:
    reply: Schema = {"allOf": [ref("Payment"), fields_of({"cancel": one_of(AbortReply)})]}
    return {
        "operationId": "cancel",
        "summary": "Ask the terminal to stop a running payment.",
        "description": "A request, not a result: a card that is faster wins. Read the end from the payment.",
        "parameters": [reference()],
        "responses": {
            "200": {"description": "Not running, or too late to stop.", "content": content(reply)},
            "202": {"description": "The terminal was asked to stop.", "content": content(reply)},
        }
        | _refusals(404, 503),
    }


def _read(name: str, summary: str, fields: Mapping[str, Schema]) -> Schema:
    answer = {"description": summary, "content": content(fields_of(fields))}
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
        "currency": one_of(sorted(BY_CODE)) | {"default": "EUR", "description": "ISO 4217."},
        "transaction_type": _KIND | {"default": "Debit", "description": "Also read as `transation_type`."},
        "order_id": {"type": "string", "maxLength": MAX_ORDER_ID, "description": "Made here if it is absent."},
        "force_authorization": FLAG | {"default": False},
        "cart": CART,
        "customer": ref("Customer"),
        "custom_data": CUSTOM_DATA,
    }
    return {"type": "object", "properties": fields, "required": ["amount"]}


def _payment() -> Schema:
    return fields_of(_always() | _sometimes(), optional=_sometimes())


def _always() -> dict[str, Schema]:
    return {
        "paymentStatus": one_of(PaymentStatus),
        "notificationHipaySent": FLAG,
        "numberOfNotificationSent": {"type": "integer", "minimum": 0},
        "amount": _AMOUNT,
        "currency": TEXT,
        "orderId": {"type": ["string", "null"]},
        "transationType": _KIND,
        "forceAuthorization": FLAG,
        "cart": {"type": ["object", "array"]},
        "customer": {"type": "object"},
        "customData": {"type": "object"},
        "payment_id": TEXT,
        "outcome": one_of(["approved", "declined", "aborted", "not_started", "unknown"]),
        "money_moved": one_of(MoneyMoved),
        "code": TEXT | {"description": "Stable; finer than `errorCode`."},
        "retryable": FLAG | {"description": "A new attempt charges nobody twice."},
        "device_locked": FLAG,
        "replayed": FLAG | {"description": "An earlier payment is shown, nothing new was done."},
        "terminal": TEXT,
        "notification_state": one_of([state.value for state in ReportState]),
        "operator_text": TEXT | {"description": "One sentence for the person at the till."},
        "trace_id": TEXT,
        "warnings": {"type": "array", "items": ref("Warning")},
    }


def _sometimes() -> dict[str, Schema]:
    return {
        "errorCode": one_of(ErrorCode),
        "errorDescription": TEXT,
        "transactionType": _KIND,
        "amount_requested": _AMOUNT | {"description": "There only if another amount was approved."},
        "cart_status": one_of(CartStatus),
        "cart_problems": {"type": "array", "items": ref("CartProblem")},
        "paid_at": TEXT | {"format": "date-time"},
        "card": ref("Card"),
        "authorization_code": TEXT,
        "contract": TEXT,
        "receipt": TEXT,
        "terminal_reason": TEXT | {"description": "The terminal's own code, as it came."},
        "detail": TEXT | {"description": "What was seen, for a technician."},
        "progress": one_of(Progress),
    }


def _failure() -> Schema:
    return fields_of(
        {"paymentStatus": one_of([PaymentStatus.FAILURE]), "errorCode": one_of(ErrorCode), "errorDescription": TEXT}
    )


def _refusal() -> Schema:
    """Envelope and flat fields are both optional here: a setting chooses between them."""
    wire: dict[str, Schema] = {
        "error": ref("Failure"),
        "paymentStatus": one_of([PaymentStatus.FAILURE]),
        "errorCode": one_of(ErrorCode),
        "errorDescription": TEXT,
        "payment_id": TEXT,
    }
    ours: dict[str, Schema] = {
        "code": our_codes(),
        "field": {"type": ["string", "null"]},
        "detail": TEXT,
        "action": TEXT,
        "outcome": one_of(["not_started", "unknown"]),
        "money_moved": one_of(MoneyMoved),
        "retryable": FLAG,
        "device_locked": FLAG,
        "operator_text": TEXT,
        "trace_id": TEXT,
    }
    return fields_of(ours | wire, optional=wire)
