"""What HiPay's answers mean for a payment page (HOSTED.md, sections 2 to 4). Sans-IO: status and bytes in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from tillbridge.domain.money import BY_CODE, MAX_MINOR, Currency, Money
from tillbridge.psp.hipay.hosted.model import Attempt, HostedPage, HostedTrouble, Trouble

LONGEST_WORDS: Final = 200
LONGEST_ADDRESS: Final = 2000
LONGEST_TEXT: Final = 64
LONGEST_NUMBER: Final = 24
"""Characters of an amount that is looked at: a billion with a dozen decimals is shorter."""

NOBODY: Final = frozenset({"3000001", "3000002"})
THERE: Final = frozenset({"3010003", "3010004", "3010005", "3010006", "3010007", "3010008"})
"""The order's number was used before, whatever became of it."""

UNAVAILABLE: Final = "1000008"
BARRED: Final = frozenset({"1000001", "1000002", "1000003", "1000004", "1000005", "1000006", "1000009"})

_OK: Final = range(200, 300)
_ELSEWHERE: Final = range(300, 400)
_LATER: Final = frozenset({429, 503})
_UNCLEAR_4XX: Final = frozenset({408, 425})
_LOGIN: Final = frozenset({401, 403})
_NOT_THERE: Final = 404
_SERVER_FAULT: Final = 500


def read_page(status: int, body: bytes) -> HostedPage:
    """The page that was opened; `HostedTrouble` for everything else."""
    said = _object(status, body)
    address = said.get("forwardUrl")
    if not isinstance(address, str) or not _is_address(address):
        raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer names no page")
    return HostedPage(address, str(said.get("test", "")).lower() in ("true", "1"))


def read_attempts(status: int, body: bytes, order_id: str) -> Sequence[Attempt]:
    """The attempts to pay this order, none where HiPay knows of none; `HostedTrouble` where it could not be asked."""
    try:
        said = _object(status, body)
    except HostedTrouble:
        if _nothing(status, body):
            return ()
        raise
    found = [_attempt(one) for one in _transactions(said)]
    if any(one.order_id != order_id for one in found):
        raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer is about another order")
    return found


def read_operation(status: int, body: bytes) -> None:
    """Returns where HiPay has taken an operation; `HostedTrouble` for everything else."""
    if not isinstance(_object(status, body).get("operation"), str):
        raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer could not be read")


def read_known(status: int, body: bytes) -> bool:
    """Whether an operation of the id that was asked for has been made; `HostedTrouble` where that is not told."""
    try:
        said = _object(status, body)
    except HostedTrouble:
        if _nothing(status, body):
            return False
        raise
    for name in ("transactions", "data"):
        found = said.get(name)
        if isinstance(found, list):
            return bool(found)
    raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer could not be read")


def read_amount(told: object, unit: Currency) -> Money:
    """An amount in major units, as a text or a number; `ValueError` for one that is no whole number of minor units."""
    text = str(told) if isinstance(told, str | int | Decimal) and not isinstance(told, bool) else ""
    if not text.isascii() or not 0 < len(text) <= LONGEST_NUMBER:
        raise ValueError("no amount")
    try:
        scaled = Decimal(text).scaleb(unit.exponent)
    except ArithmeticError:
        raise ValueError("no amount") from None
    if not scaled.is_finite() or not 0 <= scaled <= MAX_MINOR or scaled != int(scaled):
        raise ValueError("no amount")
    return Money(int(scaled), unit)


def _attempt(said: Mapping[str, object]) -> Attempt:
    inner = said.get("order")
    order: Mapping[str, object] = inner if isinstance(inner, dict) else {}
    code = said.get("currency") or order.get("currency")
    unit = BY_CODE.get(code) if isinstance(code, str) else None
    status = str(said.get("status", ""))
    reference, order_id = said.get("transactionReference"), order.get("id")
    if unit is None or not (status.isascii() and status.isdigit()) or reference in (None, "") or order_id is None:
        raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer could not be read")
    reason = said.get("reason")
    try:
        return Attempt(
            str(reference)[:LONGEST_TEXT],
            str(order_id),
            int(status),
            str(said.get("state", "")),
            str(reason.get("code") or "")[:LONGEST_TEXT] if isinstance(reason, dict) else "",
            read_amount(order.get("amount"), unit),
            read_amount(said.get("capturedAmount") or "0", unit),
            read_amount(said.get("refundedAmount") or "0", unit),
        )
    except ValueError:
        raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer holds an amount that cannot be read") from None


def _transactions(said: object) -> Iterator[Mapping[str, object]]:
    """One transaction, a list of them, or either below `transaction`."""
    match said:
        case {"transaction": dict() | list() as inner}:
            yield from _transactions(inner)
        case dict() if "transactionReference" in said:
            yield said
        case list():
            for one in said:
                if not isinstance(one, dict):
                    raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer could not be read")
                yield one
        case _:
            raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer could not be read")


def _object(status: int, body: bytes) -> Mapping[str, object]:
    said = _json(body)
    if status not in _OK:
        raise _trouble(status, said)
    if not isinstance(said, dict):
        raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer could not be read")
    return said


def _nothing(status: int, body: bytes) -> bool:
    """Whether HiPay itself says that there is nothing: a page not found of anybody else is no such word."""
    said = _json(body)
    code = _code(said)
    return code in NOBODY or (status == _NOT_THERE and code is None and isinstance(said, dict))


def _trouble(status: int, said: object) -> HostedTrouble:
    words = f"HiPay answered {status}{_reason(said)}"
    code = _code(said)
    if code in BARRED:
        return HostedTrouble(Trouble.BARRED, words)
    if code == UNAVAILABLE or status in _LATER:
        return HostedTrouble(Trouble.AWAY, words)
    if code in THERE:
        return HostedTrouble(Trouble.THERE, words)
    if status in _LOGIN or status in _ELSEWHERE or (status == _NOT_THERE and code is None):
        return HostedTrouble(Trouble.BARRED, words)
    if status >= _SERVER_FAULT or status in _UNCLEAR_4XX:
        return HostedTrouble(Trouble.UNCLEAR, words)
    return HostedTrouble(Trouble.REFUSED, words)


def _is_address(text: str) -> bool:
    """Whether a browser may be sent there: over TLS, or to this computer, which is where a sandbox is."""
    if len(text) > LONGEST_ADDRESS or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return (
        bool(parts.hostname)
        and parts.username is None
        and (parts.scheme == "https" or (parts.scheme == "http" and local))
    )


def _json(body: bytes) -> object:
    try:
        found: object = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return found


def _code(said: object) -> str | None:
    code = said.get("code") if isinstance(said, dict) else None
    return str(code) if isinstance(code, int | str) and not isinstance(code, bool) else None


def _reason(said: object) -> str:
    if not isinstance(said, dict):
        return ""
    parts = [str(said[name]) for name in ("code", "message") if said.get(name) not in (None, "")]
    line = " ".join(" ".join(parts).split())
    return f": {line[:LONGEST_WORDS]}" if line else ""
