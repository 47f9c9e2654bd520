"""An error of the catalogue as RFC 9457 problem+json: the shape of our own HTTP interfaces."""

import json
from typing import Final

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.web.asgi import Answer

TYPE_PREFIX: Final = "urn:tillbridge:problem:"
"""A problem's type is a name and not an address: it stays the same wherever the documentation moves."""

MEDIA_TYPE: Final = b"application/problem+json"


def problem(
    error: BridgeError, trace_id: str | None = None, money_moved: MoneyMoved = MoneyMoved.NO
) -> dict[str, object]:
    """The members of the answer: those of the RFC, then ours. Members without a value are left out.

    `code` is the stable one of the catalogue, `number` its short name where it has one, `action` what to do now,
    `place` what is wrong, `payment_id` the payment that stands in the way, `retry_after` how many seconds to wait,
    `trace_id` what support asks for, `money_moved` whether the cardholder's money moved.
    """
    members = {
        "type": TYPE_PREFIX + error.code,
        "title": error.entry.title,
        "status": error.entry.status,
        "detail": error.detail or None,
        "code": error.code.value,
        "number": error.entry.number or None,
        "retry_after": error.retry_after,
        "action": error.entry.action,
        "place": error.place,
        "payment_id": error.payment_id,
        "money_moved": money_moved.value,
        "trace_id": trace_id,
    }
    return {name: value for name, value in members.items() if value is not None}


def problem_json(error: BridgeError, trace_id: str | None = None, money_moved: MoneyMoved = MoneyMoved.NO) -> Answer:
    """The whole answer for an error, see `problem`."""
    body = json.dumps(problem(error, trace_id, money_moved), ensure_ascii=False).encode()
    headers = [(b"content-type", MEDIA_TYPE), (b"cache-control", b"no-store")]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    return error.entry.status, headers, body
