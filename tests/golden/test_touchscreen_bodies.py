"""Golden bodies of the touch-screen wire, byte for byte: what the driver sends and what the door answers.

Numbers of cards are test numbers, everything else is made up.
"""

import pytest

from tests.support.touchscreen import WIRE_ID, exchange, lone_door, profile, question
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen.link import Heard
from tillbridge.protocols.touchscreen.messages import (
    Start,
    confirm_body,
    question_body,
    start_body,
    terminal_body,
    wire_id,
)
from tillbridge.protocols.touchscreen.profile import Op, Profile, built_in
from tillbridge.protocols.touchscreen.strict_json import write
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

ID = b'"01234567-89ab-cdef-0123-456789abcdef"'
ORIGINAL = "fedcba98-7654-3210-fedc-ba9876543210"
PRICE = Money(1250, EUR)
GSA = built_in()
PAYMENT = b'{"secureString":"27924505","request":{"transactionId":' + ID + b',"amount":1250,"currencyCode":978}}'


def sent(body: JsonObject) -> bytes:
    return write(body)


def start(op: Op, amount: Money | None = None, parent: str | None = None, facts: Profile = GSA) -> bytes:
    return sent(start_body(Start(op, WIRE_ID, amount, parent), "27924505", facts))


def test_starts() -> None:
    assert start(Op.SALE, PRICE) == PAYMENT
    assert start(Op.REFUND, PRICE) == PAYMENT
    assert start(Op.RECONCILIATION) == b'{"secureString":"27924505","request":{"transactionId":' + ID + b"}}"
    assert start(Op.VOID, None, ORIGINAL) == (
        b'{"secureString":"27924505","request":{"transactionId":'
        + ID
        + b',"originalTransactionId":"fedcba98-7654-3210-fedc-ba9876543210"}}'
    )
    partner = Start(Op.SALE, WIRE_ID, PRICE, sub_merchant="7")
    assert sent(start_body(partner, "27924505", GSA)) == PAYMENT[:-2] + b',"daughterCompanyId":"7"}}'


def test_questions() -> None:
    flat = b'{"secureString":"27924505","transactionId":' + ID
    assert sent(question_body(WIRE_ID, "27924505", GSA)) == flat + b"}"
    assert sent(confirm_body(WIRE_ID, "27924505", GSA)) == flat + b',"confirm":true}'
    assert sent(terminal_body("27924505", GSA)) == b'{"secureString":"27924505","checkOnline":false}'


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"currency": {"style": "numeric_text"}}, b'"amount":1250,"currencyCode":"978"'),
        ({"currency": {"style": "alpha"}}, b'"amount":1250,"currencyCode":"EUR"'),
        ({"amount": {"style": "decimal_text"}}, b'"amount":"12.50","currencyCode":978'),
    ],
)
def test_other_spellings(facts: dict[str, object], wanted: bytes) -> None:
    assert wanted in start(Op.SALE, PRICE, facts=profile(**facts))


def test_a_number_of_a_currency_has_no_zeros_in_front() -> None:
    assert b'"currencyCode":36}' in start(Op.SALE, Money(5, currency("AUD")))


def test_a_secret_outside_the_body() -> None:
    header = {"value": "27924505", "placement": "header", "field": "X-Key"}
    assert b"27924505" not in start(Op.SALE, PRICE, facts=profile(secret=header))


def test_ids_are_uuids_and_always_the_same() -> None:
    assert wire_id("0123456789abcdef0123456789abcdef", GSA) == WIRE_ID
    assert wire_id("OP17", GSA) == wire_id("OP17", GSA) != wire_id("OP18", GSA)
    assert len(wire_id("OP17", GSA)) == len(WIRE_ID)
    assert wire_id("OP17", profile(id={"style": "plain"})) == "OP17"


# ---------------------------------------------------------------- the other side


async def answers(*steps: tuple[str, bytes | None]) -> list[tuple[int, bytes]]:
    desk = VirtualTerminal(runtime=manual_runtime(), delay=4.0)
    app, heard = lone_door(desk).app, []
    for path, body in steps:
        if path == "over":
            await desk.wait((await desk.find_key("touchscreen:till", WIRE_ID)).id, 10)
            continue
        ended = await exchange(app, question(f"/paya/{path}", body))
        assert isinstance(ended, Heard)
        heard.append((ended.status, ended.body))
    return heard


ASK = b'{"secureString":"27924505","transactionId":' + ID + b"}"
CONFIRM = ASK[:-1] + b',"confirm":true}'


def test_a_whole_sale_as_the_door_tells_it() -> None:
    async def main() -> None:
        said = await answers(
            ("info", None),
            ("payment", PAYMENT),
            ("status", ASK),
            ("result", ASK),
            ("cancel", b"{}"),
            ("over", None),
            ("status", ASK),
            ("result", ASK),
            ("confirm", CONFIRM),
            ("x", ASK),
        )
        about = b'{"transactionId":' + ID
        assert said == [
            (200, b'{"name":"tillbridge","protocolVersion":"paya","terminalId":"TB000001"}'),
            (200, about + b',"isStarted":true,"status":"WaitingForCard"}'),
            (200, about + b',"status":"WaitingForCard"}'),
            (409, about + b',"status":"Not finished"}'),
            (401, b'{"isStarted":false,"status":"Wrong password"}'),
            (200, about + b',"status":"Finished"}'),
            (
                200,
                about + b',"transactionType":"PAYMENT","responseCode":"OK","responseMessage":"Approved",'
                b'"dateTimeTerminal":"2026-01-02T03:04:09+00:00","callReversal":false,"isReversed":false,"amount":1250,'
                b'"currency":978,"pan":"497010######7890","cardInputType":"CHIP","aid":"A0000000421010",'
                b'"authCode":"000001","sequenceNumber":"R000001","merchantIdAcquirer":"1999403"}',
            ),
            (200, about + b',"isConfirmed":true}'),
            (404, b"Endpoint not supported."),
        ]

    run_manual(main())
