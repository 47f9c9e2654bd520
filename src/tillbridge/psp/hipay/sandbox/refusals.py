"""What the gateway answers where it refuses: its numeric codes with the HTTP status that goes with them.

README.md, section 4: the codes are documented, the HTTP status of each is our reading.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from starlette.responses import JSONResponse


class GatewayCode(IntEnum):
    """The codes of the gateway that this sandbox gives."""

    CREDENTIALS = 1000001
    INACTIVE = 1000003
    LOCKED = 1000004
    PERMISSION = 1000005
    UNAVAILABLE = 1000008
    ADDRESS = 1000009
    MISSING = 1010101
    MALFORMED = 1010201
    DECIMAL = 1010205
    EMAIL = 1010209
    NOT_UTF8 = 1010401
    ECI = 1020002
    PRODUCT = 1020003
    ORDER_UNKNOWN = 3000001
    TRANSACTION_UNKNOWN = 3000002
    OPERATION = 3000101
    CURRENCY = 3010001
    AMOUNT_LIMIT = 3010002
    ATTEMPTS = 3010003
    DUPLICATE_ORDER = 3010004
    SESSION_EXPIRED = 3010005
    ORDER_COMPLETED = 3010006
    REFUND_NOT_ALLOWED = 3020202
    REFUNDED_ALREADY = 3020206
    REFUND_TOO_MUCH = 3020209
    REFUND_TOO_LATE = 3020212


_ENTRIES: Final[Mapping[GatewayCode, tuple[int, str]]] = {
    GatewayCode.CREDENTIALS: (401, "Incorrect Credentials"),
    GatewayCode.INACTIVE: (403, "Account Not Active"),
    GatewayCode.LOCKED: (403, "Account Locked"),
    GatewayCode.PERMISSION: (403, "Insufficient Permissions"),
    GatewayCode.UNAVAILABLE: (503, "Temporarily Unavailable"),
    GatewayCode.ADDRESS: (403, "Not Allowed"),
    GatewayCode.MISSING: (400, "Missing Parameter"),
    GatewayCode.MALFORMED: (400, "Malformed Parameter"),
    GatewayCode.DECIMAL: (400, "Malformed Decimal"),
    GatewayCode.EMAIL: (400, "Malformed E-mail Address"),
    GatewayCode.NOT_UTF8: (400, "Not UTF-8"),
    GatewayCode.ECI: (400, "Unsupported ECI"),
    GatewayCode.PRODUCT: (400, "Unsupported Payment Product"),
    GatewayCode.ORDER_UNKNOWN: (404, "Unknown Order"),
    GatewayCode.TRANSACTION_UNKNOWN: (404, "Unknown Transaction"),
    GatewayCode.OPERATION: (400, "Unsupported Operation"),
    GatewayCode.CURRENCY: (400, "Unsupported Currency"),
    GatewayCode.AMOUNT_LIMIT: (400, "Amount Limit Exceeded"),
    GatewayCode.DUPLICATE_ORDER: (400, "Duplicate Order"),
    GatewayCode.ATTEMPTS: (400, "Max Attempts Exceeded"),
    GatewayCode.SESSION_EXPIRED: (400, "Checkout Session Expired"),
    GatewayCode.ORDER_COMPLETED: (400, "Order Completed"),
    GatewayCode.REFUND_NOT_ALLOWED: (400, "Refund Not Allowed"),
    GatewayCode.REFUNDED_ALREADY: (400, "Already Refunded"),
    GatewayCode.REFUND_TOO_MUCH: (400, "Refund Limit Exceeded"),
    GatewayCode.REFUND_TOO_LATE: (400, "Refund Period Exceeded"),
}


class GatewayRefusal(Exception):
    """A request that the gateway refuses. `description` names what is wrong, and holds nothing secret."""

    def __init__(self, code: GatewayCode, description: str) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description

    @property
    def http_status(self) -> int:
        """The HTTP status of the answer."""
        return _ENTRIES[self.code][0]

    @property
    def body(self) -> dict[str, object]:
        """The answer's body."""
        return {"code": int(self.code), "message": _ENTRIES[self.code][1], "description": self.description}


def refused(refusal: GatewayRefusal) -> JSONResponse:
    """The whole answer."""
    headers = {"WWW-Authenticate": "Basic"} if refusal.code is GatewayCode.CREDENTIALS else None
    return JSONResponse(refusal.body, refusal.http_status, headers)
