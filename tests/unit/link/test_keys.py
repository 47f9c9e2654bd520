"""Keys, their names, and the one spelling that bytes have."""

import re

import pytest
from pydantic import ValidationError

from tests.unit.link.exchange import chance, key_pair
from tillbridge.link import base64url, master_token
from tillbridge.link.keys import KeyPair, PublicJwk, PublicKey


def test_a_pair_is_made_of_chance_and_comes_back_from_its_bytes() -> None:
    pair = key_pair()
    assert pair.dump() == chance(7).randbytes(32)
    assert KeyPair.load(pair.dump()).public == pair.public
    assert pair.public.verifies(pair.sign(b"message"), b"message")


def test_only_the_holder_signs_and_only_this_message() -> None:
    pair = key_pair()
    assert not pair.public.verifies(key_pair(8).sign(b"message"), b"message")
    assert not pair.public.verifies(pair.sign(b"message"), b"massage")
    assert not pair.public.verifies(b"short", b"message")


def test_a_pair_never_shows_its_private_half() -> None:
    pair = key_pair()
    assert not [text for text in (repr(pair), str(pair), f"{pair}") if pair.dump().hex() in text or "Private" in text]


@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_none(raw: bytes) -> None:
    with pytest.raises(ValueError, match="32"):
        PublicKey(raw)
    with pytest.raises(ValueError, match="32"):
        KeyPair.load(raw)


def test_a_fingerprint_is_the_beginning_of_the_thumbprint_in_letters_that_are_not_mistaken() -> None:
    public = key_pair().public
    bits = f"{int.from_bytes(base64url.decode(public.thumbprint)):0256b}"[:60]
    letters = "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[int(bits[at : at + 5], 2)] for at in range(0, 60, 5))
    assert public.fingerprint.replace("-", "") == letters
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", public.fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        {"d": "AAAA"},
        {"kid": "x"},
        {"kty": "EC"},
        {"crv": "Ed448"},
        {"x": "AAAA"},
        {"x": None},
        {"x": "=" * 43},
    ],
)
def test_a_jwk_holds_a_public_ed25519_key_and_nothing_else(change: dict[str, object]) -> None:
    right = key_pair().public.jwk.model_dump(mode="json")
    assert PublicKey.of_jwk(PublicJwk.model_validate(right)) == key_pair().public
    with pytest.raises(ValidationError) as refusal:
        PublicJwk.model_validate(right | change)
    assert "input_value" not in str(refusal.value)


@pytest.mark.parametrize("text", ["A", "AB", "AA==", "A+/A", "AA\n", " AAA", "AAB", "é", "A-_=", "AAAAA"])
def test_bytes_have_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(text)


@pytest.mark.parametrize("value", [b"", b"\0", b"\xff\xfe", b"\xfb\xff\xbf", bytes(range(33))])
def test_each_spelling_comes_back(value: bytes) -> None:
    assert base64url.decode(base64url.encode(value)) == value


def test_a_master_token_is_known_by_its_form_and_shown_by_its_end() -> None:
    token = master_token.new(chance(1).randbytes)
    assert re.fullmatch(r"tbm_[A-Za-z0-9_-]{43}", token)
    assert master_token.has_form(token)
    assert master_token.masked(token) == f"tbm_••••{token[-4:]}"
    assert len(master_token.hashed(token)) == 32
    assert master_token.hashed(token) != master_token.hashed(master_token.new(chance(2).randbytes))


@pytest.mark.parametrize("text", ["", "tbm_", "tbm_" + "a" * 42, "tbm_" + "a" * 44, "xbm_" + "a" * 43])
def test_other_texts_are_no_master_token(text: str) -> None:
    assert not master_token.has_form(text)


def test_a_line_end_behind_a_master_token_is_not_overlooked() -> None:
    assert not master_token.has_form("tbm_" + "a" * 42 + "\n")
    assert not master_token.has_form("tbm_" + "a" * 43 + "\n")
