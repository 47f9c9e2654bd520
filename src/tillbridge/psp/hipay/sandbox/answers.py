"""How a transaction is written: the answers of the gateway's first version, and the reads of its third.

README.md, section 5. In the first version numbers are texts, in the third they are numbers.
"""

from datetime import UTC, datetime
from typing import Final

from pydantic_core import from_json

from tillbridge.domain.money import Money
from tillbridge.psp.hipay.sandbox.model import Mode, Transaction
from tillbridge.psp.hipay.sandbox.statuses import MESSAGES, State, Status, state_of

REASONS: Final = {
    Status.REFUSED: ("4010202", "Refused by the acquirer"),
    Status.EXPIRED: ("4010101", "The terminal did not answer in time"),
    Status.CANCELLED: ("4000008", "Payment cancelled by the customer"),
}
"""A reason of the documented ranges; which one a terminal's refusal gives is not published."""

ECI: Final = "10"
PRODUCT: Final = "tpe"
ONLINE_ECI: Final = "7"
ONLINE_PRODUCT: Final = "visa"
"""Of a payment on the hosted page, where this sandbox knows one single card."""


def eci(transaction: Transaction) -> str:
    """How the card was read: at a terminal, or typed in on the web."""
    return ONLINE_ECI if transaction.mode is Mode.HOSTED else ECI


def product(transaction: Transaction) -> str:
    """What was paid with."""
    return ONLINE_PRODUCT if transaction.mode is Mode.HOSTED else PRODUCT


def moment(at: datetime | None) -> str:
    """A time as the first version writes it; nothing for none."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def major(minor: int, transaction: Transaction) -> str:
    """An amount of this transaction in major units."""
    return Money(minor, transaction.currency).major()


def told_reason(transaction: Transaction) -> tuple[str, str]:
    """Code and words of why nothing came of it, both empty where something did or where the merchant cancelled it."""
    if transaction.status is Status.CANCELLED and transaction.mode is not Mode.HOSTED:
        return "", ""
    return REASONS.get(transaction.status, ("", ""))


def reason(transaction: Transaction) -> dict[str, str] | str:
    """Why a transaction was declined; an empty text for every other one, as a program in PHP writes it."""
    found = told_reason(transaction)
    if not found[0]:
        return ""
    return {"code": found[0], "message": found[1]}


def custom(transaction: Transaction) -> dict[str, object]:
    """The custom data of the order."""
    value = from_json(transaction.asked.get("custom_data", "{}"))
    return value if isinstance(value, dict) else {}


def first(transaction: Transaction) -> dict[str, object]:
    """A transaction in the first version: the answer to an order, and what a read gives."""
    one, sums, asked = transaction, transaction.sums, transaction.asked
    return {
        "state": state_of(one.status).value,
        "reason": reason(one),
        "forwardUrl": "",
        "test": "true",
        "mid": one.mid,
        "attemptId": asked.get("attempt", "1"),
        "authorizationCode": asked.get("authorization_code", ""),
        "transactionReference": one.reference,
        "acquirerTransactionReference": one.acquirer_reference,
        "dateCreated": moment(one.created),
        "dateUpdated": moment(one.updated),
        "dateAuthorized": moment(one.authorized_at),
        "status": str(int(one.status)),
        "message": MESSAGES[one.status],
        "authorizedAmount": major(sums.authorized, one),
        "capturedAmount": major(sums.captured, one),
        "refundedAmount": major(sums.refunded, one),
        "creditedAmount": major(sums.credited, one),
        "decimals": str(one.currency.exponent),
        "currency": one.currency.code,
        "ipAddress": "",
        "ipCountry": "",
        "deviceId": asked.get("payment_terminal_id", ""),
        "customData": custom(one),
        "avsResult": "",
        "cvcResult": "",
        "eci": eci(one),
        "paymentProduct": product(one),
        "paymentMethod": "",
        "threeDSecure": "",
        "fraudScreening": {"scoring": "0", "result": "ACCEPTED", "review": ""},
        "order": _order(one),
    }


def _order(one: Transaction) -> dict[str, str]:
    asked = one.asked
    return {
        "id": one.order_id,
        "dateCreated": moment(one.created),
        "attempts": asked.get("attempt", "1"),
        "amount": one.amount.major(),
        "shipping": major(0, one),
        "tax": major(0, one),
        "decimals": str(one.currency.exponent),
        "currency": one.currency.code,
        "customerId": asked.get("cid", ""),
        "language": asked.get("language", "en_US"),
        "email": asked.get("email", ""),
    }


def maintained(transaction: Transaction, operation: str, status: Status) -> dict[str, object]:
    """The answer to a maintenance operation; `status` is that of the request itself."""
    whole = first(transaction)
    names = (
        *("test", "mid", "authorizationCode", "transactionReference", "dateCreated", "dateUpdated", "dateAuthorized"),
        *("authorizedAmount", "capturedAmount", "refundedAmount", "creditedAmount", "decimals", "currency"),
    )
    answer = {name: whole[name] for name in names}
    return {"operation": operation, "status": str(int(status)), "message": MESSAGES[status]} | answer


def third(transaction: Transaction) -> dict[str, object]:
    """A transaction in the third version's reads."""
    one, sums, asked = transaction, transaction.sums, transaction.asked
    return {
        "transaction_reference": one.reference,
        "test": True,
        "state": state_of(one.status).value,
        "status": int(one.status),
        "message": MESSAGES[one.status],
        "mid": one.mid,
        "authorization_code": asked.get("authorization_code", ""),
        "acquirer_transaction_reference": one.acquirer_reference,
        "date_created": moment(one.created),
        "date_updated": moment(one.updated),
        "date_authorized": moment(one.authorized_at) or None,
        "authorized_amount": major(sums.authorized, one),
        "captured_amount": major(sums.captured, one),
        "refunded_amount": major(sums.refunded, one),
        "credited_amount": major(sums.credited, one),
        "decimals": one.currency.exponent,
        "currency": one.currency.code,
        "eci": int(eci(one)),
        "payment_product": product(one),
        "custom_data": custom(one),
        "order": {"id": one.order_id, "amount": one.amount.major(), "currency": one.currency.code},
        "terminal_information": terminal(one),
    }


def terminal(transaction: Transaction) -> dict[str, object]:
    """What a read tells of the terminal: an order that was only recorded knows nothing of one."""
    asked = transaction.asked
    return {
        "payment_context": "standalone" if transaction.mode is Mode.PASSIVE else asked.get("context", "centralised"),
        "payment_gateway": "sandbox",
        "payment_source": f"sandbox {transaction.mode}",
        "authorization_number": asked.get("authorization_code", ""),
        "payment_terminal_serial_number": asked.get("payment_terminal_id", ""),
        "customer_receipt": None,
    }


def receipt(transaction: Transaction) -> list[str]:
    """The lines that a terminal would print; only an order that a terminal has answered has any."""
    if transaction.mode is not Mode.ACTIVE or state_of(transaction.status) is State.PENDING:
        return []
    return ["SANDBOX", f"ORDER {transaction.order_id}", str(transaction.amount), MESSAGES[transaction.status].upper()]
