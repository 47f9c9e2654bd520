"""What HiPay's answers mean for a report (UPSTREAM.md, sections 3 and 4).

Sans-IO: status and bytes in, a verdict out.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tillbridge.psp.hipay.orders import PassiveOrder
from tillbridge.psp.verdicts import Fate, Verdict

LONGEST_WORDS: Final = 200
"""Characters of HiPay's own words that are kept with a message."""

LONGEST_REFERENCE: Final = 64

DUPLICATES: Final = frozenset({"3010004", "3010006"})
"""The order is there already (and, of the second one, complete): it is looked up before anything is concluded."""

NOBODY: Final = frozenset({"3000001", "3000002"})
"""There is no such order, no such transaction."""

UNAVAILABLE: Final = "1000008"

OUR_SIDE: Final[Mapping[str, str]] = {
    "1000001": "HiPay does not accept the login or its password (1002)",
    "1000003": "the HiPay account is not active (1002)",
    "1000004": "the HiPay account is locked (1002)",
    "1000005": "the HiPay account may not do this (1002)",
    "1000009": "HiPay does not let this computer's internet address in: the merchant has to allow it (1002)",
}
"""What no repeating mends: every report waits until a person has seen to it. Tills know it by the number 1002."""

ACCEPTED: Final = frozenset({"completed", "forwarding", "pending"})
UNWANTED: Final = frozenset({"declined", "error"})

_OK: Final = range(200, 300)
_ELSEWHERE: Final = range(300, 400)
_UNCLEAR_4XX: Final = frozenset({408, 425})
_LATER: Final = frozenset({429, 503})
_LOGIN: Final = frozenset({401, 403})
_NOT_THERE: Final = 404
_SERVER_FAULT: Final = 500


class Found(StrEnum):
    """What a look-up by order id has shown."""

    MATCH = "match"
    OTHER = "other"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a look-up; `words` say what differs."""

    found: Found
    words: str = ""
    reference: str | None = None


def read_order_answer(
    status: int, body: bytes, order: PassiveOrder, retry_after: timedelta | None = None
) -> Verdict | None:
    """What the answer to a passive order means; None where the order is there already and has to be looked up."""
    said = _json(body)
    if status in _OK:
        return _accepted(status, said, order)
    code = _code(said)
    if code in DUPLICATES:
        return None
    return _failure(status, said, code, retry_after)


def read_lookup_answer(
    status: int, body: bytes, order: PassiveOrder, retry_after: timedelta | None = None
) -> Verdict | Seen:
    """What a look-up by order id has shown; a verdict where it could not be made."""
    said = _json(body)
    code = _code(said)
    if code in NOBODY or (status == _NOT_THERE and code is None and isinstance(said, dict)):
        return Seen(Found.NOTHING)
    if status not in _OK:
        return _failure(status, said, code, retry_after)
    if said is None:
        return Verdict(Fate.UNCLEAR, "HiPay's answer could not be read", status)
    seen = [_compare(one, order) for one in _transactions(said)]
    matching = next((one for one in seen if one.found is Found.MATCH), None)
    return matching or next(iter(seen), Seen(Found.NOTHING))


def _accepted(status: int, said: object, order: PassiveOrder) -> Verdict:
    if not isinstance(said, dict) or not isinstance(said.get("state"), str):
        return Verdict(Fate.UNCLEAR, "HiPay's answer could not be read", status)
    reference = _reference(said)
    if said["state"] in UNWANTED:
        return Verdict(Fate.REFUSED, f"HiPay recorded it as {said['state']}{_reason(said)}", status, reference)
    if said["state"] not in ACCEPTED:
        return Verdict(Fate.UNCLEAR, f"HiPay answered an unknown state{_reason(said)}", status, reference)
    seen = _compare(said, order)
    if seen.found is Found.OTHER:
        return Verdict(Fate.REFUSED, seen.words, status, reference)
    return Verdict(Fate.TAKEN, "", status, reference)


def _failure(status: int, said: object, code: str | None, retry_after: timedelta | None) -> Verdict:
    words = f"HiPay answered {status}{_reason(said)}"
    if code is not None and code in OUR_SIDE:
        return Verdict(Fate.HELD, OUR_SIDE[code], status)
    if code == UNAVAILABLE or status in _LATER:
        return Verdict(Fate.UNREACHED, words, status, retry_after=retry_after)
    if status in _LOGIN:
        return Verdict(Fate.HELD, f"{words}: the login is refused (1002)", status)
    if status in _ELSEWHERE or (status == _NOT_THERE and code is None):
        return Verdict(Fate.HELD, f"{words}: this is not the address of HiPay's gateway", status)
    if status >= _SERVER_FAULT or status in _UNCLEAR_4XX:
        return Verdict(Fate.UNCLEAR, words, status, retry_after=retry_after)
    return Verdict(Fate.REFUSED, words, status)


def _compare(said: Mapping[str, object], order: PassiveOrder) -> Seen:
    """Order id, amount and currency, as far as they are told. What is told nowhere does not speak against it."""
    inner = said.get("order")
    inside: Mapping[str, object] = inner if isinstance(inner, dict) else {}
    reference = _reference(said)
    if said.get("state") in UNWANTED:
        return Seen(Found.OTHER, f"HiPay has this order as {said['state']}{_reason(said)}", reference)
    told = {
        "order id": (inside.get("id"), order.order_id),
        "currency": (inside.get("currency", said.get("currency")), order.amount.currency.code),
    }
    for what, (found, wanted) in told.items():
        if found not in (None, "") and str(found) != wanted:
            return Seen(Found.OTHER, f"HiPay has another {what} for it: {str(found)[:LONGEST_REFERENCE]!r}", reference)
    amount = inside.get("amount")
    if amount not in (None, "") and not _is_amount(amount, order):
        words = f"HiPay has another amount for it: {str(amount)[:LONGEST_REFERENCE]!r} instead of {order.amount}"
        return Seen(Found.OTHER, words, reference)
    return Seen(Found.MATCH, reference=reference)


def _is_amount(told: object, order: PassiveOrder) -> bool:
    try:
        return Decimal(str(told)) == Decimal(order.amount.major())
    except ArithmeticError:
        return False


def _transactions(said: object) -> Iterator[Mapping[str, object]]:
    """One transaction, a list of them, or either below `transaction`: HiPay's reads come in all of these shapes."""
    if isinstance(said, dict):
        inner = said.get("transaction")
        if isinstance(inner, dict | list):
            yield from _transactions(inner)
        elif "transactionReference" in said or "order" in said:
            yield said
    elif isinstance(said, list):
        for one in said:
            if isinstance(one, dict):
                yield one


def _json(body: bytes) -> object:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _code(said: object) -> str | None:
    """HiPay's number of an error, which comes as a number or as a text."""
    code = said.get("code") if isinstance(said, dict) else None
    return str(code) if isinstance(code, int | str) and not isinstance(code, bool) else None


def _reason(said: object) -> str:
    if not isinstance(said, dict):
        return ""
    reason = said.get("reason")
    told = reason if isinstance(reason, dict) else said
    parts = [str(told[name]) for name in ("code", "message") if told.get(name) not in (None, "")]
    line = " ".join(" ".join(parts).split())
    return f": {line[:LONGEST_WORDS]}" if line else ""


def _reference(said: Mapping[str, object]) -> str | None:
    found = said.get("transactionReference")
    return str(found)[:LONGEST_REFERENCE] if isinstance(found, str | int) and not isinstance(found, bool) else None
