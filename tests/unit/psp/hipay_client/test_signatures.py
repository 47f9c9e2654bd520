"""Signatures of notifications: the right ones in every digest, and nothing else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.psp.hipay.signatures import ALL_DIGESTS, Digest, signed_with

BODY, PASSPHRASE = b"state=completed&order[id]=47", "Zauberwört"


def made(digest: str, body: bytes = BODY, passphrase: str = PASSPHRASE) -> str:
    return hashlib.new(digest, body + passphrase.encode("utf-8")).hexdigest()


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_each_digest_is_known_by_its_length_and_case_does_not_matter(digest: str) -> None:
    for value in (made(digest), made(digest).upper()):
        found = signed_with(BODY, PASSPHRASE, notification=[value], terminal=[])
        assert found == f"x-allopass-signature {digest}"
    others = [one for one in ALL_DIGESTS if one.value != digest]
    assert signed_with(BODY, PASSPHRASE, notification=[made(digest)], terminal=[], allowed=others) is None


def test_the_terminal_s_header_is_sha_256_alone() -> None:
    found = signed_with(BODY, PASSPHRASE, notification=[], terminal=[made("sha256")])
    assert found == "x-hipay-signature sha256"
    assert signed_with(BODY, PASSPHRASE, notification=[], terminal=[made("sha1")]) is None


def test_both_headers_must_both_be_right_and_none_may_come_twice() -> None:
    right, wrong = made("sha256"), made("sha256", b"other")
    assert signed_with(BODY, PASSPHRASE, notification=[right], terminal=[right])
    assert signed_with(BODY, PASSPHRASE, notification=[right], terminal=[wrong]) is None
    assert signed_with(BODY, PASSPHRASE, notification=[wrong], terminal=[right]) is None
    assert signed_with(BODY, PASSPHRASE, notification=[right, right], terminal=[]) is None
    assert signed_with(BODY, PASSPHRASE, notification=[], terminal=[]) is None


@given(st.binary(max_size=60), st.text(max_size=140), st.sampled_from(Digest))
def test_no_other_body_passphrase_or_value_passes(body: bytes, value: str, digest: Digest) -> None:
    right = made(digest.value)
    if body != BODY:
        assert signed_with(body, PASSPHRASE, notification=[right], terminal=[]) is None
    assert signed_with(BODY, PASSPHRASE + "x", notification=[right], terminal=[]) is None
    if value.lower() not in {made(one.value) for one in ALL_DIGESTS}:
        assert signed_with(BODY, PASSPHRASE, notification=[value], terminal=[]) is None
        assert signed_with(BODY, PASSPHRASE, notification=[], terminal=[value]) is None
