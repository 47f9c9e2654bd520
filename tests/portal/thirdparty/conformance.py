"""What every server of the third-party form has to do, over plain HTTP: for ours, and for whoever builds another.

    VOUCHERS_BASE=https://portal.example/v1/third-party VOUCHERS_KEY=… VOUCHERS_CODE=276123456789040420 \\
        python -m tests.portal.thirdparty.conformance

The voucher is a real one with its PIN and at least 1.00 on it; whatever a check redeems it cancels again. Nothing of
ours is imported here. docs/reference/voucher-third-party-api.md is what the checks are read from.
"""

import asyncio
import http.client
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30
WRONG_AMOUNTS = ("0", "-1", "1.0", "1e2", '"100"', "true", "10000000000000", "[1]")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: dict[str, Any]


class Wire(Protocol):
    """A way to a server. `code` is a voucher's 18 digits; without `key` none is sent."""

    @property
    def code(self) -> str: ...

    async def ask(self, method: str, path: str, body: bytes | None = None, *, key: bool = True) -> Answer: ...


@dataclass(frozen=True, slots=True)
class OverHttp:
    """One that is reached at an address."""

    base: str
    key: str = field(repr=False)
    code: str

    async def ask(self, method: str, path: str, body: bytes | None = None, *, key: bool = True) -> Answer:
        return await asyncio.to_thread(self._ask, method, path, body, {"X-Api-Key": self.key} if key else {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(self.base)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
        try:
            sent = {"Content-Type": "application/json", "Accept-Language": "en", **headers}
            connection.request(method, parts.path + path, body, sent)
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers.get_content_type(), json.loads(reply.read()))
        finally:
            connection.close()


async def balance(wire: Wire, code: str | None = None) -> Answer:
    return await wire.ask("GET", f"/vouchers/{code or wire.code}/balance")


async def redeem(wire: Wire, code: str, **body: object) -> Answer:
    return await wire.ask("POST", f"/vouchers/{code}/redeem", json.dumps(body).encode())


async def cancel(wire: Wire, token: object, **body: object) -> Answer:
    said = json.dumps({"redeem_token": token, **body}).encode()
    return await wire.ask("POST", f"/vouchers/{wire.code[:14]}/cancel", said)


async def credit(wire: Wire) -> int:
    found = (await balance(wire)).body["balance_in_cents"]
    assert isinstance(found, int)
    return found


def fine(answer: Answer) -> dict[str, Any]:
    assert (answer.status, answer.content_type, answer.body["message"]) == (200, "application/json", "")
    return answer.body


def error(answer: Answer, status: int) -> str:
    """A sentence for the cashier; returns the number of the error, which another server need not have."""
    assert (answer.status, answer.content_type) == (status, "application/json")
    assert isinstance(answer.body["message"], str)
    assert answer.body["message"]
    return str(answer.body.get("error_number", ""))


def reference() -> str:
    return f"conformance-{secrets.token_hex(8)}"


async def a_balance_has_these_fields_of_these_types(wire: Wire) -> None:
    for code in (wire.code, wire.code[:14]):
        body = fine(await balance(wire, code))
        assert (body["code"], body["is_redeemable"]) == (code, True)
        for name in ("balance_in_cents", "total_amount_in_cents"):
            assert type(body[name]) is int, name
        assert body["total_amount_in_cents"] >= body["balance_in_cents"] > 0


async def a_request_needs_a_key(wire: Wire) -> None:
    number = wire.code[:14]
    error(await wire.ask("GET", f"/vouchers/{number}/balance", key=False), 401)
    error(await wire.ask("POST", f"/vouchers/{wire.code}/redeem", b'{"amount_in_cents": 1}', key=False), 401)
    error(await wire.ask("POST", f"/vouchers/{number}/cancel", b'{"redeem_token": "x"}', key=False), 401)


async def an_unknown_voucher_is_not_found(wire: Wire) -> None:
    error(
        await balance(wire, "27600000000008" if not wire.code.startswith("27600000000008") else "05600000000018"), 404
    )


async def a_code_has_fourteen_or_eighteen_digits(wire: Wire) -> None:
    for code in (wire.code[:13], wire.code[:16], wire.code + "0", "abcdefghijklmn"):
        error(await balance(wire, code), 400)


async def a_redemption_needs_a_pin(wire: Wire) -> None:
    before = await credit(wire)
    assert error(await redeem(wire, wire.code[:14], amount_in_cents=1), 400) in {"", "V105"}
    other = "0000" if wire.code[14:] != "0000" else "1111"
    assert error(await redeem(wire, wire.code, amount_in_cents=1, pin=other), 400) in {"", "V104"}
    assert await credit(wire) == before


async def an_amount_is_a_whole_number(wire: Wire) -> None:
    before = await credit(wire)
    for amount in WRONG_AMOUNTS:
        said = f'{{"amount_in_cents": {amount}}}'.encode()
        assert error(await wire.ask("POST", f"/vouchers/{wire.code}/redeem", said), 400) in {"", "V304"}, amount
    assert await credit(wire) == before


async def a_redemption_takes_the_whole_amount_or_nothing(wire: Wire) -> None:
    before = await credit(wire)
    error(await redeem(wire, wire.code, amount_in_cents=before + 1, reference_number=reference()), 409)
    assert await credit(wire) == before
    body = fine(
        await redeem(wire, wire.code[:14], amount_in_cents=10, pin=wire.code[14:], reference_number=reference())
    )
    assert (body["code"], body["balance_in_cents"]) == (wire.code[:14], before - 10)
    assert isinstance(body["redeem_token"], str)
    assert fine(await cancel(wire, body["redeem_token"]))["balance_in_cents"] == before
    assert await credit(wire) == before


async def the_same_reference_redeems_once(wire: Wire) -> None:
    before, named = await credit(wire), reference()
    first = fine(await redeem(wire, wire.code, amount_in_cents=10, reference_number=named))
    again = fine(await redeem(wire, wire.code, amount_in_cents=10, reference_number=named))
    assert again == first
    error(await redeem(wire, wire.code, amount_in_cents=11, reference_number=named), 422)
    assert await credit(wire) == before - 10
    fine(await cancel(wire, first["redeem_token"]))


async def parts_are_cancelled_until_nothing_is_left(wire: Wire) -> None:
    before = await credit(wire)
    token = fine(await redeem(wire, wire.code, amount_in_cents=10, reference_number=reference()))["redeem_token"]
    assert fine(await cancel(wire, token, amount_in_cents=4))["balance_in_cents"] == before - 6
    error(await cancel(wire, token, amount_in_cents=7), 409)
    assert fine(await cancel(wire, token, amount_in_cents=6))["balance_in_cents"] == before
    error(await cancel(wire, token, amount_in_cents=1), 409)
    assert await credit(wire) == before


async def the_same_cancellation_with_one_reference_is_one(wire: Wire) -> None:
    before, named = await credit(wire), reference()
    token = fine(await redeem(wire, wire.code, amount_in_cents=10, reference_number=reference()))["redeem_token"]
    for _ in range(2):
        said = fine(await cancel(wire, token, amount_in_cents=3, reference_number=named))
        assert said["balance_in_cents"] == before - 7
    assert fine(await cancel(wire, token))["balance_in_cents"] == before


async def a_token_that_was_never_given_cancels_nothing(wire: Wire) -> None:
    before = await credit(wire)
    error(await cancel(wire, secrets.token_hex(16)), 404)
    assert await credit(wire) == before


Check = Callable[[Wire], Awaitable[None]]

CHECKS: tuple[Check, ...] = (
    a_balance_has_these_fields_of_these_types,
    a_request_needs_a_key,
    an_unknown_voucher_is_not_found,
    a_code_has_fourteen_or_eighteen_digits,
    a_redemption_needs_a_pin,
    an_amount_is_a_whole_number,
    a_redemption_takes_the_whole_amount_or_nothing,
    the_same_reference_redeems_once,
    parts_are_cancelled_until_nothing_is_left,
    the_same_cancellation_with_one_reference_is_one,
    a_token_that_was_never_given_cancels_nothing,
)


async def run(wire: Wire) -> dict[str, str]:
    """What of it failed, and how."""
    failed: dict[str, str] = {}
    for check in CHECKS:
        name = getattr(check, "__name__", "")
        try:
            await check(wire)
        except (AssertionError, KeyError, ValueError, OSError, http.client.HTTPException) as fault:
            failed[name] = f"{type(fault).__name__}: {fault}"
        sys.stdout.write(f"{'FAILED' if name in failed else 'ok':6} {name.replace('_', ' ')}\n")
    return failed


def main() -> int:
    wire = OverHttp(os.environ["VOUCHERS_BASE"], os.environ["VOUCHERS_KEY"], os.environ["VOUCHERS_CODE"])
    failed = asyncio.run(run(wire))
    for name, why in failed.items():
        sys.stdout.write(f"\n{name.replace('_', ' ')}\n    {why}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
