"""Signed requests: every part that is signed is guarded, and nothing but the one form is read."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.link.exchange import NOW
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link.signatures import MAX_HEADER, Presented, SessionKey, Signed, base, check, content_digest, mac, sign

KEY = SessionKey("session-1", b"k" * 32)
REQUEST = Signed("POST", "/v1/vouchers/redeem", "", b'{"amount_minor":100}', "7f3c-1")
ASKING = Signed("GET", "/v1/vouchers", "number=1&page=2", b"", "key with a blank")


@pytest.mark.parametrize("request_", [REQUEST, ASKING])
def test_a_signature_holds_for_its_request(request_: Signed) -> None:
    headers = sign(KEY, request_, NOW)
    assert Presented.read(headers).key_id == "session-1"
    check(headers, request_, KEY, NOW)


def test_the_headers_are_those_of_the_standards() -> None:
    headers = sign(KEY, REQUEST, NOW)
    assert set(headers) == {"content-digest", "signature-input", "signature"}
    assert headers["signature-input"] == (
        'tb=("@method" "@path" "content-digest" "idempotency-key")'
        f';created={int(NOW.timestamp())};keyid="session-1";alg="hmac-sha256"'
    )
    assert '"@path" "@query" "content-digest"' in sign(KEY, ASKING, NOW)["signature-input"]


def _refused(headers: dict[str, str], request: Signed = REQUEST, key: SessionKey = KEY) -> BridgeError:
    with pytest.raises(BridgeError) as refusal:
        check(headers, request, key, NOW)
    assert refusal.value.code is Code.PROOF_REFUSED
    return refusal.value


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, method="PUT"),
        replace(REQUEST, path="/v1/vouchers/load"),
        replace(REQUEST, path="/v1/vouchers/redeem/"),
        replace(REQUEST, query="a=1"),
        replace(REQUEST, body=b'{"amount_minor":900}'),
        replace(REQUEST, body=b""),
        replace(REQUEST, idempotency_key="7f3c-2"),
    ],
)
def test_a_signature_holds_for_no_other_request(other: Signed) -> None:
    _refused(sign(KEY, REQUEST, NOW), other)
    _refused(sign(KEY, other, NOW), REQUEST)


def test_a_query_cannot_be_taken_off_or_changed() -> None:
    _refused(sign(KEY, ASKING, NOW), replace(ASKING, query=""))
    _refused(sign(KEY, ASKING, NOW), replace(ASKING, query="number=1&page=3"))


def test_a_signature_has_to_name_the_query_that_it_covers() -> None:
    """What is computed over the query, and claims not to be, would be read otherwise by another checker."""
    parameters = sign(KEY, replace(ASKING, query=""), NOW)["signature-input"].removeprefix("tb=")
    covered = [
        ("@method", ASKING.method),
        ("@path", ASKING.path),
        ("@query", f"?{ASKING.query}"),
        ("content-digest", content_digest(ASKING.body)),
        ("idempotency-key", ASKING.idempotency_key),
    ]
    made = base64.b64encode(mac(KEY.secret, base(covered, parameters))).decode()
    _refused(sign(KEY, ASKING, NOW) | {"signature-input": f"tb={parameters}", "signature": f"tb=:{made}:"}, ASKING)


@pytest.mark.parametrize("key", [SessionKey("session-1", b"j" * 32), SessionKey("session-2", b"k" * 32)])
def test_another_key_does_not_sign_for_this_one(key: SessionKey) -> None:
    _refused(sign(KEY, REQUEST, NOW), key=key)
    _refused(sign(key, REQUEST, NOW))


@pytest.mark.parametrize("seconds", [-60, -1, 0, 1, 60])
def test_a_minute_either_way_is_forgiven(seconds: int) -> None:
    check(sign(KEY, REQUEST, NOW + timedelta(seconds=seconds)), REQUEST, KEY, NOW)


@pytest.mark.parametrize("seconds", [-86_400, -61, 61, 86_400])
def test_more_than_a_minute_is_not(seconds: int) -> None:
    refusal = _refused(sign(KEY, REQUEST, NOW + timedelta(seconds=seconds)))
    assert "too old, or from the future" in refusal.detail


def test_the_digest_must_be_that_of_the_body_and_the_signed_one() -> None:
    headers = sign(KEY, REQUEST, NOW)
    _refused(headers | {"content-digest": content_digest(b"other")})
    other = replace(REQUEST, body=b"other")
    _refused(headers | {"content-digest": content_digest(b"other")}, other)
    _refused({name: value for name, value in headers.items() if name != "content-digest"})


def _input(text: str) -> dict[str, str]:
    return sign(KEY, REQUEST, NOW) | {"signature-input": text}


_COMPONENTS = '("@method" "@path" "content-digest" "idempotency-key")'
_CREATED = f";created={int(NOW.timestamp())}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        f'sig={_COMPONENTS}{_CREATED};keyid="session-1";alg="hmac-sha256"',
        f'tb={_COMPONENTS}{_CREATED};keyid="session-1"',
        f'tb={_COMPONENTS}{_CREATED};keyid="session-1";alg="ed25519"',
        f'tb={_COMPONENTS};keyid="session-1";alg="hmac-sha256"',
        f'tb={_COMPONENTS}{_CREATED};keyid="session-1";alg="hmac-sha256";expires=9999999999',
        f'tb=("@method"){_CREATED};keyid="session-1";alg="hmac-sha256"',
        f'tb=(){_CREATED};keyid="session-1";alg="hmac-sha256"',
        f'tb=("@path" "@method" "content-digest" "idempotency-key"){_CREATED};keyid="session-1";alg="hmac-sha256"',
        f'tb={_COMPONENTS}{_CREATED};keyid="a b";alg="hmac-sha256"',
        f'tb={_COMPONENTS};created=-1;keyid="session-1";alg="hmac-sha256"',
        f'tb={_COMPONENTS};created=٣;keyid="session-1";alg="hmac-sha256"',
        f'tb={_COMPONENTS}{_CREATED};keyid="session-1";alg="hmac-sha256"\n',
        f'tb={_COMPONENTS}{_CREATED};keyid="session-1";alg="hmac-sha256", tb={_COMPONENTS}',
        "x" * (MAX_HEADER + 1),
    ],
)
def test_no_other_form_is_read(text: str) -> None:
    _refused(_input(text))


@pytest.mark.parametrize("text", ["", "tb=::", "tb=:AAAA:", "tb=:" + "A" * 43 + ":", "sig=:" + "A" * 43 + "=:"])
def test_no_other_form_of_the_signature_is_read(text: str) -> None:
    _refused(sign(KEY, REQUEST, NOW) | {"signature": text})


@pytest.mark.parametrize(
    "change",
    [
        {"method": "post"},
        {"method": "POST\n"},
        {"path": "v1"},
        {"path": "/a\n/b"},
        {"path": "/a b"},
        {"query": "a\r\nb"},
        {"query": "ü"},
        {"idempotency_key": ""},
        {"idempotency_key": " a"},
        {"idempotency_key": 'a\n"@path": /x'},
        {"idempotency_key": "k" * 256},
    ],
)
def test_what_could_read_like_another_request_cannot_be_signed(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be signed"):
        replace(REQUEST, **change)  # type: ignore[arg-type]  # each of them is one of the texts


@pytest.mark.parametrize(("name", "secret"), [("", b"k" * 32), ('a"b', b"k" * 32), ("a", b"k" * 31)])
def test_a_key_has_a_name_and_is_long_enough(name: str, secret: bytes) -> None:
    with pytest.raises(ValueError, match="a session key"):
        SessionKey(name, secret)


def test_a_key_does_not_show_its_secret() -> None:
    assert "kkk" not in repr(KEY)
