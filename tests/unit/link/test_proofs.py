"""DPoP proofs: what holds, what each fault is answered with, and which addresses are the same."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from joserfc.jwk import OKPKey

from tests.unit.link.exchange import NOW, key_pair
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link import jose, proofs
from tillbridge.link.base64url import decode, encode
from tillbridge.link.proofs import MAX_PROOF, Call

CALL = Call("POST", "https://portal.example/v1/vouchers/redeem", "a.b.c")
NONCE = "n" * 22
JTI = "0123456789abcdef" * 2
KEY = key_pair()


def _proof(call: Call = CALL, nonce: str | None = NONCE) -> str:
    return proofs.make(KEY, call, jti=JTI, at=NOW, nonce=nonce)


def _forged(header: dict[str, object] | None = None, claims: dict[str, object] | None = None) -> str:
    """A proof with a right signature over whatever is to be tried."""
    parts = _proof().split(".")
    whole_header = json.loads(decode(parts[0])) | (header or {})
    whole_claims = json.loads(decode(parts[1])) | (claims or {})
    kept = {name: value for name, value in whole_claims.items() if value is not None}
    first = encode(json.dumps(whole_header).encode()) + "." + encode(json.dumps(kept).encode())
    return first + "." + encode(KEY.sign(first.encode()))


def _refused(proof: str, call: Call = CALL) -> Code:
    with pytest.raises(BridgeError) as refusal:
        proofs.check(proof, call, nonces=("m" * 22, NONCE))
    return refusal.value.code


def test_a_proof_holds_for_its_own_request() -> None:
    proof = proofs.check(_proof(), CALL, nonces=("m" * 22, NONCE))
    assert (proof.jkt, proof.jti, proof.issued_at) == (KEY.public.thumbprint, JTI, int(NOW.timestamp()))


def test_a_proof_says_what_the_standard_wants() -> None:
    header, claims = (json.loads(decode(part)) for part in _proof().split(".")[:2])
    assert header == {"alg": "Ed25519", "typ": "dpop+jwt", "jwk": KEY.public.jwk.model_dump(mode="json")}
    assert "d" not in header["jwk"]
    assert set(claims) == {"htm", "htu", "iat", "jti", "nonce", "ath"}


def test_the_tills_clock_is_not_judged() -> None:
    old = proofs.make(KEY, CALL, jti=JTI, at=NOW - timedelta(days=3), nonce=NONCE)
    assert proofs.check(old, CALL, nonces=[NONCE]).issued_at == int((NOW - timedelta(days=3)).timestamp())


def test_the_older_name_of_the_algorithm_is_accepted() -> None:
    assert proofs.check(_forged(header={"alg": "EdDSA"}), CALL, nonces=[NONCE]).jti == JTI


def test_members_that_are_not_known_do_no_harm() -> None:
    assert proofs.check(_forged({"kid": "x"}, {"more": [1]}), CALL, nonces=[NONCE]).jti == JTI


@pytest.mark.parametrize(
    "other",
    [
        replace(CALL, method="GET"),
        replace(CALL, method="post"),
        replace(CALL, url="https://portal.example/v1/vouchers/load"),
        replace(CALL, url="http://portal.example/v1/vouchers/redeem"),
        replace(CALL, url="https://portal.example:8443/v1/vouchers/redeem"),
        replace(CALL, url="https://portal.example.evil/v1/vouchers/redeem"),
        replace(CALL, url="https://portal.example/v1/vouchers/redeem/"),
        replace(CALL, url="https://portal.example/v1/Vouchers/redeem"),
        replace(CALL, url="https://portal.example/v1%2Fvouchers/redeem"),
        replace(CALL, access_token="a.b.d"),
        replace(CALL, access_token=None),
    ],
)
def test_a_proof_holds_for_no_other_request(other: Call) -> None:
    assert _refused(_proof(), other) is Code.PROOF_REFUSED
    assert _refused(_proof(other), CALL) is Code.PROOF_REFUSED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://portal.example/v1/token", "HTTPS://Portal.Example:443/v1/token?x=1#y"),
        ("https://portal.example", "https://portal.example/"),
        ("http://portal.example:80/a", "http://portal.example/a"),
        ("https://portal.example/a/./b/../c", "https://portal.example/a/c"),
        ("https://portal.example/a/..", "https://portal.example/"),
        ("https://portal.example/%7Euser/%c3%a9", "https://portal.example/~user/%C3%A9"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a?b"),
    ],
)
def test_addresses_that_mean_the_same_are_the_same(one: str, other: str) -> None:
    assert proofs.check(_proof(Call("GET", one)), Call("GET", other), nonces=[NONCE]).jti == JTI
    assert proofs.check(_proof(Call("GET", other)), Call("GET", one), nonces=[NONCE]).jti == JTI


@pytest.mark.parametrize("nonce", [None, "", "x" * 22, NONCE[:-1], NONCE + "n"])
def test_without_a_nonce_that_is_valid_now_a_new_one_is_asked_for(nonce: str | None) -> None:
    assert _refused(_proof(nonce=nonce)) is Code.NONCE_NEEDED


def test_no_nonce_is_asked_for_where_something_else_is_wrong() -> None:
    assert _refused(_proof(nonce=None), replace(CALL, method="GET")) is Code.PROOF_REFUSED


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "Ed448"},
        {"alg": "ES256"},
        {"alg": 5},
        {"jwk": None},
        {"jwk": "x"},
        {"jwk": {}},
        {"jwk": key_pair(8).public.jwk.model_dump(mode="json")},
        {"jwk": KEY.public.jwk.model_dump(mode="json") | {"d": encode(KEY.dump())}},
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
    ],
)
def test_a_wrong_header_is_refused(header: dict[str, object]) -> None:
    assert _refused(_forged(header=header)) is Code.PROOF_REFUSED


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": None},
        {"htu": None},
        {"htu": "nowhere"},
        {"htu": "ftp://portal.example/v1/vouchers/redeem"},
        {"htu": "https://somebody@portal.example/v1/vouchers/redeem"},
        {"htu": "https://portal.example:port/v1/vouchers/redeem"},
        {"htu": "https://[::1/"},
        {"iat": None},
        {"iat": "1"},
        {"iat": 1.5},
        {"iat": True},
        {"iat": -1},
        {"jti": None},
        {"jti": "short"},
        {"jti": "j" * 129},
        {"ath": None},
        {"ath": "x"},
        {"nonce": 5},
    ],
)
def test_wrong_claims_are_refused(claims: dict[str, object]) -> None:
    assert _refused(_forged(claims=claims)) is Code.PROOF_REFUSED


_STRANGE_HEADERS = (b"[]", b"5", b'["alg"]', b'"alg dpop+jwt"', b'"alg crit b64"', b"null", b"[" * 300, b"\xff")


@pytest.mark.parametrize("header", _STRANGE_HEADERS)
def test_a_header_that_is_no_object_is_refused(header: bytes) -> None:
    first = f"{encode(header)}.{encode(b'{}')}"
    assert _refused(f"{first}.{encode(KEY.sign(first.encode()))}") is Code.PROOF_REFUSED


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "é.b.c", "A" * (MAX_PROOF + 1)])
def test_what_is_no_proof_is_refused(text: str) -> None:
    assert _refused(text) is Code.PROOF_REFUSED


def test_claims_that_nest_without_end_are_refused() -> None:
    header: dict[str, object] = {"typ": "dpop+jwt", "jwk": KEY.public.jwk.model_dump(mode="json")}
    deep = jose.write(header, b"[" * 1200, OKPKey.import_key(KEY.key))
    assert len(deep) <= MAX_PROOF
    assert _refused(deep) is Code.PROOF_REFUSED


def test_a_proof_longer_than_the_limit_is_not_read() -> None:
    assert _refused(_forged(claims={"more": "x" * MAX_PROOF})) is Code.PROOF_REFUSED


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(BridgeError) as refusal:
        proofs.check(_forged(claims={"jti": "tell"}), CALL, nonces=[NONCE])
    assert "tell" not in str(refusal.value)
    assert refusal.value.__cause__ is None
