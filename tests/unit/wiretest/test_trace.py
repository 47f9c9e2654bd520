"""What a person sees of a wire: every byte but those that nobody may see."""

import base64
import random

import pytest

from tillbridge.connector.wiretest.trace import LARGEST_PIECE, MOST_PIECES, Trace
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.transports.tap import Direction

CARD = "4970101234567890"
VALID = "4111111111111111"


def trace(*passed: tuple[Direction, bytes], secrets: tuple[str, ...] = ()) -> list[str]:
    shown: list[str] = []

    async def main() -> None:
        seen = Trace(manual_runtime().clock, secrets)
        for direction, data in passed:
            seen.observe(direction, data)
        shown.extend(piece.text for piece in seen.pieces())

    run_manual(main())
    return shown


def test_control_characters_are_named() -> None:
    assert trace((Direction.SENT, b"\x05\x02AB\x03\x7f")) == ["«ENQ»«STX»AB«ETX»«DEL»"]


@pytest.mark.parametrize(
    "card", [VALID, f" {VALID} ", f"AA019{VALID}AC00600", f"%B{VALID}^ADA/L^2912", f";{VALID}=2912?"]
)
def test_a_card_number_that_was_received_is_hidden(card: str) -> None:
    (text,) = trace((Direction.RECEIVED, card.encode()))
    assert VALID not in text
    assert "#" in text


def test_a_card_number_is_hidden_however_its_bytes_are_split() -> None:
    whole = f'{{"pan": "{VALID}"}}'.encode()
    for seed in range(20):
        chance = random.Random(seed)
        cut = sorted(chance.sample(range(1, len(whole)), 5))
        pieces = [whole[a:b] for a, b in zip([0, *cut], [*cut, len(whole)], strict=True)]
        (text,) = trace(*((Direction.RECEIVED, piece) for piece in pieces))
        assert VALID[:8] not in text
        assert VALID[-6:] not in text


def test_a_card_number_at_the_end_of_what_is_kept_is_not_shown_in_part() -> None:
    (text,) = trace((Direction.RECEIVED, b"x" * (LARGEST_PIECE - 8) + VALID.encode()))
    assert VALID[:8] not in text


@pytest.mark.parametrize(
    "said",
    [
        '{"secureString": "abcDEF123"}',
        "POST http://t/pay?secureString=abcDEF123&x=1",
        "<password>abcDEF123</password>",
        "password=abcDEF123",
        '{"token":"abcDEF123"}',
    ],
)
@pytest.mark.parametrize("direction", Direction)
def test_what_is_called_a_secret_is_hidden(said: str, direction: Direction) -> None:
    assert "abcDEF123" not in trace((direction, said.encode()))[0]


def test_an_entered_password_is_hidden_wherever_it_turns_up() -> None:
    coded = base64.b64encode(b"s3cret-word").decode()
    (text,) = trace((Direction.SENT, f"x s3cret-word {coded}".encode()), secrets=("s3cret-word",))
    assert "s3cret" not in text
    assert coded not in text


def test_what_we_sent_stays_readable() -> None:
    request = "0100001250" + "1" + "1" + "0" + "978" + "          " + "A010B010"
    assert trace((Direction.SENT, request.encode())) == [request]


def test_only_the_newest_pieces_and_no_endless_one_are_kept() -> None:
    passed = [
        (Direction.SENT if number % 2 else Direction.RECEIVED, b"%d" % number) for number in range(MOST_PIECES + 10)
    ]
    assert trace(*passed)[-1] == str(MOST_PIECES + 9)
    assert len(trace(*passed)) == MOST_PIECES
    assert len(trace((Direction.SENT, b"x" * (2 * LARGEST_PIECE)))[0]) == LARGEST_PIECE
