import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from tillbridge.runtime.scrubbing import (
    ALWAYS_HIDDEN,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_SCANNED,
    MAX_TEXT,
    Loggable,
    is_secret,
    looks_like_card_number,
    scrub,
    scrub_text,
)

PAN = "4111111111111111"
"""A number that card schemes publish for tests."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (PAN, "############1111"),
        (f"card {PAN} declined", "card ############1111 declined"),
        ("4111 1111 1111 1111", "############1111"),
        ("4111-1111-1111-1111", "############1111"),
        ("5500000000000004", "############0004"),
        ("378282246310005", "###########0005"),
        ("6304000000000000000", "###############0000"),
        (f"00{PAN}00", "################1100"),
        ("4111111111112", "4111111111112"),
        ("411111######1111", "411111######1111"),
        ("2026-01-02T03:04:05.123456+00:00", "2026-01-02T03:04:05.123456+00:00"),
        ("019b7e4c-5d1c-7a02-8f3e-0a1b2c3d4e5f", "019b7e4c-5d1c-7a02-8f3e-0a1b2c3d4e5f"),
    ],
)
def test_card_numbers_are_hidden_but_for_their_end(text: str, shown: str) -> None:
    assert scrub_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Basic bG9nOnB3ZA==", "Authorization: Basic <redacted>"),
        ("sent Bearer eyJhbGciOi.J9.x_y-z", "sent Bearer <redacted>"),
        ("http://log:pwd@localhost:8080/", "http://<redacted>@localhost:8080/"),
        ("http://localhost:8080/a@b", "http://localhost:8080/a@b"),
        ('{"password": "hunter2", "a": 1}', '{"password": <redacted>, "a": 1}'),
        ("Settings(api_password='hunter2', port=1)", "Settings(api_password=<redacted>, port=1)"),
        ("token=abc&x=1", "token=<redacted>&x=1"),
        ('"access_token":"a b c"', '"access_token":<redacted>'),
        ("pin: 1234", "pin: <redacted>"),
        ("the master token tbm_0123456789-_abcdefghijklmnopqrstuvwxyzABCDE", "the master token tbm_<redacted>"),
        ("'tbm_abc'", "'tbm_<redacted>'"),
        ("Authorization: DPoP eyJhbGciOi.J9.x_y-z", "Authorization: DPoP <redacted>"),
        ("DPoP: eyJhbGciOi.J9.x_y-z", "DPoP: <redacted>"),
        ("(b'dpop', b'eyJhbGciOi.J9.x_y-z')", "(b'dpop', b'<redacted>')"),
        ("got eyJhbGciOi.J9.x_y-z back", "got <redacted> back"),
        ("Cookie: tillbridge_language=de; __Host-tillbridge_portal=abc", "Cookie: <redacted>"),
        ('{"cookie": "a=b; c=d", "x": 1}', '{"cookie": <redacted>, "x": 1}'),
        ('{\\"pin\\": \\"0420\\", 1}', '{\\"pin\\": <redacted>, 1}'),
        (
            "https://portal.example/password/new?link=abc-_9 once",
            "https://portal.example/password/new?link=<redacted> once",
        ),
        ("pairing_pin='0420'", "pairing_pin=<redacted>"),
        ('{"pairing_pin": "0420"}', '{"pairing_pin": <redacted>}'),
        ("PIN 0420 was typed", "PIN <redacted> was typed"),
        ("pin=042017&x=1", "pin=<redacted>&x=1"),
        ("spin 4200 times", "spin 4200 times"),
        ("the pin 42", "the pin 42"),
        ("no secret here", "no secret here"),
        ("shopping: apples", "shopping: apples"),
    ],
)
def test_secrets_inside_text_are_hidden(text: str, shown: str) -> None:
    assert scrub_text(text) == shown


@pytest.mark.parametrize(
    "name",
    "password api_password apiPassword token accessToken refresh-token secret authorization Authorization PIN "
    "pairing_pin voucher_pin cookie set-cookie Proxy-Authorization cvv api_key apiKey private_key passphrase DPoP "
    "dpop_nonce".split(),
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", "pinned shipping key idempotency_key tokenizer passed author event amount".split())
def test_other_names_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret(name)


class Colour(StrEnum):
    RED = "red"


class Login(BaseModel):
    user: str
    password: str
    shown: SecretStr


@dataclass
class Account:
    name: str
    token: str
    cards: list[str] = field(default_factory=list)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError(PAN)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (1250, 1250),
        (1.5, 1.5),
        (math.inf, "inf"),
        (int(PAN), "############1111"),
        (-int(PAN), "-############1111"),
        (1 << 5000, "<number of 5001 bits>"),
        (Colour.RED, "red"),
        (b"\x02" + PAN.encode(), "<17 bytes>"),
        (memoryview(b"abc"), "<3 bytes>"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (ValueError(f"bad card {PAN}"), "ValueError: bad card ############1111"),
        (Login(user="log", password="pwd", shown=SecretStr("s")),
         {"user": "log", "password": "<redacted>", "shown": "SecretStr('**********')"}),
        (Account("log", "t", [PAN]), {"name": "log", "token": "<redacted>", "cards": ["############1111"]}),
        ({"password": None}, {"password": None}),
        ({PAN: 1}, {"############1111": 1}),
        ({7: "x"}, {"7": "x"}),
        ((1, [2, {"a": PAN}]), [1, [2, {"a": "############1111"}]]),
        (Unprintable(), "<unprintable Unprintable>"),
    ],
)  # fmt: skip
def test_every_kind_of_value(value: object, shown: Loggable) -> None:
    assert scrub(value) == shown


def test_a_path_is_written_as_text() -> None:
    assert "folder" in str(scrub(Path("folder")))


def test_collections_are_bounded() -> None:
    many = scrub(list(range(MAX_ITEMS + 5)))
    assert isinstance(many, list)
    assert many[-2:] == [MAX_ITEMS - 1, "…"]
    members = scrub({f"k{number}": number for number in range(MAX_ITEMS + 5)})
    assert isinstance(members, dict)
    assert members["…"] == "5 more"


def test_what_contains_itself_ends() -> None:
    endless: list[object] = []
    endless.append(endless)
    depth = 0
    level = scrub(endless)
    while isinstance(level, list):
        level = level[0]
        depth += 1
    assert (level, depth) == ("…", MAX_DEPTH)


def test_long_text_keeps_its_beginning_and_its_end() -> None:
    text = scrub_text("begin" + "x" * 20_000 + "the error itself")
    assert text.startswith("begin")
    assert text.endswith("the error itself")
    assert "characters left out" in text
    assert len(text) < MAX_TEXT + 50


@pytest.mark.parametrize("shift", range(-20, 2))
def test_no_part_of_a_number_shows_where_text_is_cut(shift: int) -> None:
    text = "x" * (MAX_SCANNED + shift) + PAN + "y" * 100
    assert "4111" not in scrub_text(text)


@pytest.mark.parametrize("shift", range(-20, 2))
def test_no_part_of_a_number_shows_where_the_middle_is_left_out(shift: int) -> None:
    text = "x" * (MAX_TEXT // 2 + shift) + PAN + "y" * MAX_TEXT
    assert "4111" not in scrub_text(text)


def test_endless_rows_of_digits_are_hidden_without_looking() -> None:
    assert looks_like_card_number("2" * (ALWAYS_HIDDEN + 1))


def test_control_characters_cannot_write_to_the_screen_of_a_reader() -> None:
    assert scrub_text("a\x1b[2Jb\x00\nc\t") == "a\\x1b[2Jb\\x00\nc\t"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("payment=01a1ff4970107890123451a4885a2a10 and on", True),
        ("01a1ff4970107890123451a4885a2a10", True),
        ("/v1/payments/01a1ff4970107890123451a4885a2a10/events", True),
        ("01a1ff4970107890123451a4885a2a1", False),
        ("x01a1ff4970107890123451a4885a2a10", False),
        ("01a1ff4970107890123451a4885a2a10g", False),
        ("00004970107890123450000000000000", False),
    ],
)
def test_an_id_that_has_the_digits_of_a_card_can_still_be_looked_up(text: str, whole: bool) -> None:
    assert (scrub_text(text) == text) is whole
