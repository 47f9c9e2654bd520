"""What the touch-screen door refuses: passwords, bodies, wrong types."""

import json
from typing import Any

import pytest

from tests.support.touchscreen import (
    SECRET,
    WIRE_ID,
    call,
    lone_door,
    start_of,
)
from tillbridge.protocols.touchscreen.gate import MAX_WRONG
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.protocols.touchscreen.settings import DoorSettings
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

BASES = built_in().bases
V6 = BASES[0]

V6 = built_in().bases[0]


async def ask(path: str, body: Any, **different: Any) -> tuple[int, Any]:
    door = lone_door(VirtualTerminal(runtime=manual_runtime()), **different)
    return await call(door.app, path, body)


# ---------------------------------------------------------------- the password


@pytest.mark.parametrize(
    "given",
    ["", "2792450", "27924505 ", "279245051", None, 27924505, ["27924505"], {"a": 1}, True, "ä" * 300, "\ud800"],
)
@pytest.mark.parametrize("path", ["payment", "status", "terminal", "closing", "cancel"])
def test_a_wrong_password_opens_nothing(given: object, path: str) -> None:
    async def main() -> None:
        body = {"secureString": given, "transactionId": WIRE_ID, "request": start_of()["request"]}
        status, answer = await ask(f"{V6}/{path}", body)
        assert (status, answer["isStarted"]) == (401, False)

    run_manual(main())


def test_whoever_tries_many_passwords_has_to_wait() -> None:
    async def main() -> None:
        door = lone_door(VirtualTerminal(runtime=manual_runtime()))
        codes = [(await call(door.app, f"{V6}/terminal", {"secureString": f"x{n}"}))[0] for n in range(MAX_WRONG + 2)]
        assert codes == [401] * MAX_WRONG + [429] * 2
        right = await call(door.app, f"{V6}/terminal", {"secureString": SECRET})
        assert right[0] == 200, "the right till is not shut out"

    run_manual(main())


def test_an_old_password_that_is_sent_for_ever_is_no_search() -> None:
    async def main() -> None:
        door = lone_door(VirtualTerminal(runtime=manual_runtime()))
        for _ in range(3 * MAX_WRONG):
            assert (await call(door.app, f"{V6}/terminal", {"secureString": "old"}))[0] == 401

    run_manual(main())


def test_the_password_is_in_no_text() -> None:
    settings = DoorSettings.model_validate({"secret": "verysecret"})
    assert "verysecret" not in repr(settings)
    assert SECRET not in repr(built_in())


# ---------------------------------------------------------------- wrong bodies


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"transactionId": 5}, "request.transactionId"),
    ({"transactionId": ""}, "request.transactionId"),
    ({"transactionId": "a b"}, "request.transactionId"),
    ({"transactionId": "x" * 65}, "request.transactionId"),
    ({"transactionId": None}, "request.transactionId"),
    ({"amount": "1250"}, "request.amount"),
    ({"amount": 12.5}, "request.amount"),
    ({"amount": 1250.0}, "request.amount"),
    ({"amount": True}, "request.amount"),
    ({"amount": None}, "request.amount"),
    ({"amount": -1}, "request.amount"),
    ({"amount": 0}, "request.amount"),
    ({"amount": 10**13}, "request.amount"),
    ({"amount": [1250]}, "request.amount"),
    ({"currencyCode": None}, "request.currencyCode"),
    ({"currencyCode": 1}, "request.currencyCode"),
    ({"currencyCode": "EURO"}, "request.currencyCode"),
    ({"currencyCode": True}, "request.currencyCode"),
    ({"currencyCode": 978.0}, "request.currencyCode"),
    ({"invoiceNumber": 5}, "request.invoiceNumber"),
    ({"invoiceNumber": "x" * 65}, "request.invoiceNumber"),
    ({"daughterCompanyId": {}}, "request.daughterCompanyId"),
]


@pytest.mark.parametrize(("different", "place"), WRONG, ids=str)
def test_a_wrong_type_is_refused_by_its_place(different: dict[str, Any], place: str) -> None:
    async def main() -> None:
        desk = VirtualTerminal(runtime=manual_runtime())
        body = start_of()
        body["request"] |= different
        status, answer = await call(lone_door(desk).app, f"{V6}/payment", body)
        assert status == 400
        assert answer["status"].startswith(f"{place}: ")
        assert not desk.ledger.rows

    run_manual(main())


@pytest.mark.parametrize("inner", [None, [], "x", 5])
def test_a_request_without_its_envelope_is_refused(inner: object) -> None:
    async def main() -> None:
        status, answer = await ask(f"{V6}/payment", {"secureString": SECRET, "request": inner})
        assert status == 400
        assert answer["status"].startswith("request: ")

    run_manual(main())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"\xff", b'{"a":1,"a":2}', b"[" * 100_000, b'{"secureString":NaN}', b'{"a":1e999999999}'],
    ids=lambda raw: repr(raw[:12]),
)
@pytest.mark.parametrize("path", ["payment", "status", "confirm"])
def test_what_is_no_json_object_is_refused(body: bytes, path: str) -> None:
    async def main() -> None:
        status, answer = await ask(f"{V6}/{path}", body)
        assert status == (401 if b"e999" in body else 400)
        assert isinstance(answer, dict)

    run_manual(main())


def test_ten_megabytes_are_not_read() -> None:
    async def main() -> None:
        body = json.dumps(start_of() | {"x": "y" * 10_000_000}).encode()
        assert (await ask(f"{V6}/payment", body))[0] == 413

    run_manual(main())


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("status", {"transactionId": 7}, "transactionId"),
        ("confirm", {"transactionId": WIRE_ID, "confirm": "yes"}, "confirm"),
        ("confirm", {"transactionId": WIRE_ID}, "confirm"),
        ("reverse", {"request": {"transactionId": WIRE_ID}}, "request.originalTransactionId"),
    ],
)
def test_questions_are_read_strictly_too(path: str, body: dict[str, Any], place: str) -> None:
    async def main() -> None:
        status, answer = await ask(f"{V6}/{path}", {"secureString": SECRET} | body)
        assert (status, answer["status"].partition(":")[0]) == (400, place)

    run_manual(main())


@pytest.mark.parametrize("currency", [978, "978", "EUR"])
def test_every_way_to_write_a_currency_that_tills_use(currency: object) -> None:
    async def main() -> None:
        status, answer = await ask(f"{V6}/payment", start_of(currencyCode=currency))
        assert (status, answer["isStarted"]) == (200, True)

    run_manual(main())
