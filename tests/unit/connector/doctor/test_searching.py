"""The gate before a support bundle: what must not leave is found in every spelling, and our own ids are not it."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connector.doctor.searching import Kind, Secrets, harmless, search
from tillbridge.domain.card import check_digit_holds
from tillbridge.runtime.effects import Runtime

PAN = "4111111111111111"
SECRET = "kh7-Qz!pa55 word/ü"
NOBODY = Secrets.of(())


def card_numbers() -> st.SearchStrategy[str]:
    """Numbers of 13 to 19 digits with a right check digit."""

    def whole(body: str) -> str:
        return next(body + digit for digit in "0123456789" if check_digit_holds(body + digit))

    return st.text("0123456789", min_size=12, max_size=18).map(whole)


SEPARATORS = st.sampled_from(["", " ", "-", ".", ", ", "/", "_", "\n", "\u00a0"])


@given(card_numbers(), SEPARATORS, st.integers(1, 5))
def test_a_card_number_is_found_however_it_is_split(number: str, separator: str, group: int) -> None:
    spelled = separator.join(number[at : at + group] for at in range(0, len(number), group))
    text = f'{{"a": "before {spelled} behind"}}'
    assert search(text.encode(), NOBODY) is Kind.CARD_NUMBER
    assert search(harmless(text, NOBODY).encode(), NOBODY) is None


@given(card_numbers())
def test_a_card_number_is_found_in_every_coding(number: str) -> None:
    raw = f"pan {number}.".encode()
    for coded in (
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        raw.hex(),
        raw.hex().upper(),
        "".join(f"%{byte:02X}" for byte in raw),
        "".join(f"\\u{byte:04x}" for byte in raw),
        base64.b64encode("".join(f"%{byte:02X}" for byte in raw).encode()).decode(),
    ):
        assert search(f'{{"a":"{coded}"}}'.encode(), NOBODY) is Kind.CARD_NUMBER


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=8, max_size=40), st.data())
def test_a_secret_is_found_in_every_spelling_and_hidden(secret: str, data: st.DataObject) -> None:
    known = Secrets.of([secret])
    raw = secret.encode()
    form = data.draw(
        st.sampled_from(
            [
                secret,
                base64.b64encode(raw).decode(),
                base64.b64encode(b"log:" + raw).decode(),
                raw.hex(),
                quote(secret, safe=""),
                json.dumps(secret)[1:-1],
            ]
        )
    )
    text = f"it was {form} there"
    assert search(text.encode(), known) is not None
    assert secret not in harmless(f"it was {secret} there", known)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"x{SECRET}x", Kind.SECRET),
        ("tbm_abcdefghijkl", Kind.MASTER_TOKEN),
        ("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2ln", Kind.SIGNED_TOKEN),
        ("Authorization: Basic bG9nOnB3ZA==", Kind.LOGIN),
        ('{"authorization": "opaque-value"}', Kind.LOGIN),
        ("https://log:pwd@host.example/", Kind.LOGIN),
        ("$argon2id$v=19$m=19456", Kind.PASSWORD_HASH),
        ("-----BEGIN EC PRIVATE KEY-----", Kind.PRIVATE_KEY),
    ],
)
def test_every_kind_is_found(text: str, kind: Kind) -> None:
    assert search(text.encode(), Secrets.of([SECRET])) is kind


def test_short_secrets_are_found_as_words_and_not_within_them() -> None:
    known = Secrets.of(["9137"])
    assert search(b"pin 9137.", known) is Kind.SECRET
    assert search(b"order 291375", known) is None
    assert harmless("pin: 9137", known).find("9137") < 0
    assert search(b"a b c", Secrets.of(["b", "abc"])) is None


def test_our_own_ids_and_times_are_no_card_numbers() -> None:
    ids = Runtime().ids
    text = json.dumps([{"id": ids.new(), "at": "2026-11-22T06:50:28.123+00:00", "bytes": 123456789012}] * 300, indent=1)
    assert search(text.encode(), NOBODY) is None


def test_a_number_in_something_that_only_looks_like_an_id_is_found() -> None:
    assert search(f"{PAN}abcdefabcdefabcd".encode(), NOBODY) is Kind.CARD_NUMBER


def test_what_is_printed_of_the_secrets_shows_none() -> None:
    assert SECRET not in repr(Secrets.of([SECRET]))
