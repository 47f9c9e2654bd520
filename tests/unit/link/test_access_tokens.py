"""Access tokens: for one service, one location, one key and ten minutes."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.link.exchange import NOW, key_pair
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link.access_tokens import MAX_TOKEN, AccessToken, Checker, Issuer
from tillbridge.link.base64url import decode, encode
from tillbridge.link.scopes import MONEY, Scope, Service, known_scopes, read_scopes, write_scopes

NAME = "https://portal.example"
SIGNING, OLDER, STRANGE = key_pair(1), key_pair(2), key_pair(3)
TOKEN = AccessToken(
    Service.WEB_VOUCHERS,
    frozenset({Scope.VOUCHERS_READ, Scope.VOUCHERS_REDEEM}),
    "0123456789abcdef" * 2,
    "fedcba9876543210" * 2,
    key_pair(4).public.thumbprint,
    "00112233445566778899aabbccddeeff",
)
CHECKER = Checker(NAME, [SIGNING.public, OLDER.public])


def _issued() -> str:
    return Issuer(NAME, SIGNING).issue(TOKEN, NOW)


def _refused(token: str, service: Service = Service.WEB_VOUCHERS) -> Code:
    with pytest.raises(BridgeError) as refusal:
        CHECKER.check(token, service, NOW)
    return refusal.value.code


def _forged(header: dict[str, object] | None = None, claims: dict[str, object] | None = None) -> str:
    """A token with a right signature of the portal's over whatever is to be tried."""
    parts = _issued().split(".")
    whole_header = json.loads(decode(parts[0])) | (header or {})
    whole_claims = json.loads(decode(parts[1])) | (claims or {})
    first = encode(json.dumps(whole_header).encode()) + "." + encode(json.dumps(whole_claims).encode())
    return first + "." + encode(SIGNING.sign(first.encode()))


def test_a_token_says_what_it_was_issued_for() -> None:
    assert CHECKER.check(_issued(), Service.WEB_VOUCHERS, NOW) == TOKEN


def test_a_token_holds_its_claims_under_their_usual_names() -> None:
    header, claims = (json.loads(decode(part)) for part in _issued().split(".")[:2])
    assert header == {"alg": "Ed25519", "typ": "at+jwt", "kid": SIGNING.public.thumbprint}
    assert claims == {
        "iss": NAME,
        "aud": "web_vouchers",
        "scope": "vouchers:read vouchers:redeem",
        "loc": TOKEN.location,
        "link": TOKEN.link,
        "cnf": {"jkt": TOKEN.jkt},
        "jti": TOKEN.jti,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 600,
    }


def test_a_token_lives_for_ten_minutes() -> None:
    issued = _issued()
    assert CHECKER.check(issued, Service.WEB_VOUCHERS, NOW + timedelta(seconds=599)) == TOKEN
    with pytest.raises(BridgeError) as refusal:
        CHECKER.check(issued, Service.WEB_VOUCHERS, NOW + timedelta(seconds=600))
    assert refusal.value.code is Code.TOKEN_EXPIRED


def test_while_keys_are_changed_tokens_of_both_are_accepted() -> None:
    assert CHECKER.check(Issuer(NAME, OLDER).issue(TOKEN, NOW), Service.WEB_VOUCHERS, NOW) == TOKEN


def test_a_token_of_a_key_that_is_gone_is_asked_for_anew() -> None:
    assert _refused(Issuer(NAME, STRANGE).issue(TOKEN, NOW)) is Code.TOKEN_EXPIRED


def test_a_token_is_for_one_service() -> None:
    assert _refused(_issued(), Service.CUSTOMER_BASE) is Code.LINK_SCOPE


def test_a_token_allows_its_scopes_and_no_more() -> None:
    token = CHECKER.check(_issued(), Service.WEB_VOUCHERS, NOW)
    token.demand(Scope.VOUCHERS_REDEEM)
    with pytest.raises(BridgeError) as refusal:
        token.demand(Scope.VOUCHERS_LOAD)
    assert (refusal.value.code, refusal.value.place) == (Code.LINK_SCOPE, "vouchers:load")


@pytest.mark.parametrize(
    "header",
    [{"typ": "JWT"}, {"typ": "dpop+jwt"}, {"alg": "none"}, {"alg": "HS256"}, {"alg": None}, {"crit": ["x"]}],
)
def test_a_wrong_header_is_refused(header: dict[str, object]) -> None:
    assert _refused(_forged(header=header)) is Code.PROOF_REFUSED


@pytest.mark.parametrize("kid", [None, 5, ["x"], "", {"a": 1}])
def test_a_name_of_no_key_is_no_key(kid: object) -> None:
    assert _refused(_forged(header={"kid": kid})) in {Code.TOKEN_EXPIRED, Code.PROOF_REFUSED}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": None},
        {"aud": ["web_vouchers"]},
        {"exp": None},
        {"exp": str(2**40)},
        {"exp": 1e12},
        {"exp": True},
        {"cnf": None},
        {"cnf": {}},
        {"cnf": {"jkt": "x"}},
        {"loc": ""},
        {"link": None},
        {"scope": None},
    ],
)
def test_wrong_claims_are_refused(claims: dict[str, object]) -> None:
    assert _refused(_forged(claims=claims)) is Code.PROOF_REFUSED


def test_a_scope_that_a_newer_replica_put_in_opens_nothing_here() -> None:
    token = CHECKER.check(_forged(claims={"scope": "vouchers:read vouchers:teleport"}), Service.WEB_VOUCHERS, NOW)
    assert token == replace(TOKEN, scopes=frozenset({Scope.VOUCHERS_READ}))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_that_was_changed_anywhere_is_refused(part: int) -> None:
    parts = _issued().split(".")
    parts[part] = parts[part][:-2] + ("A" if parts[part][-2] != "A" else "Q") + parts[part][-1]
    assert _refused(".".join(parts)) in {Code.PROOF_REFUSED, Code.TOKEN_EXPIRED}


def test_a_token_signed_by_somebody_else_under_our_keys_name_is_refused() -> None:
    first = _issued().rpartition(".")[0]
    assert _refused(first + "." + encode(STRANGE.sign(first.encode()))) is Code.PROOF_REFUSED


@pytest.mark.parametrize("text", ["", "a.b.c", "é", "A" * (MAX_TOKEN + 1), f"{encode(b'5')}.e30.AA"])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert _refused(text) is Code.PROOF_REFUSED


def test_a_token_with_every_scope_is_within_the_limit() -> None:
    everything = replace(TOKEN, scopes=frozenset(Scope))
    token = Issuer(NAME + "/" + "p" * 250, SIGNING).issue(everything, NOW)
    assert len(token) <= MAX_TOKEN
    assert Checker(NAME + "/" + "p" * 250, [SIGNING.public]).check(token, TOKEN.service, NOW) == everything


def test_scopes_are_written_in_one_order_and_read_back() -> None:
    assert write_scopes({Scope.VOUCHERS_REDEEM, Scope.STATUS}) == "status vouchers:redeem"
    assert read_scopes("vouchers:redeem status") == {Scope.STATUS, Scope.VOUCHERS_REDEEM}
    assert known_scopes("") == frozenset()


@pytest.mark.parametrize("text", ["", " ", "status  status", "vouchers", "STATUS"])
def test_a_scope_that_does_not_exist_cannot_be_asked_for(text: str) -> None:
    with pytest.raises(ValueError, match="Scope"):
        read_scopes(text)


def test_what_changes_a_balance_is_a_money_scope() -> None:
    assert {scope.value for scope in MONEY} == {"vouchers:load", "vouchers:redeem", "vouchers:cancel"}
