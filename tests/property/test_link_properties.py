"""The link, whatever is typed, changed on the way or made up: nobody is paired by it, and nobody learns anything."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.link.exchange import (
    DESCRIPTION,
    HOST,
    LOCATION,
    NOW,
    PIN,
    SECRET_WORDS,
    Opened,
    chance,
    grant,
    key_pair,
    open_exchange,
)
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LAST_SERIAL, LocationNumber
from tillbridge.link import proofs, signatures
from tillbridge.link.access_tokens import AccessToken, Checker, Issuer
from tillbridge.link.base64url import decode, encode
from tillbridge.link.frames import UnknownMessage, read_from_connector, read_from_portal
from tillbridge.link.pairing import connector_side, portal_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.words import (
    SESSION_BYTES,
    FinishReply,
    FinishRequest,
    StartReply,
    StartRequest,
    new_session_id,
)
from tillbridge.link.scopes import Scope, Service

_T = TypeVar("_T")

_SPAKE = settings(max_examples=24)
"""Each example computes a whole exchange, some twenty milliseconds of arithmetic."""

_serials = st.integers(0, LAST_SERIAL)
_pins = st.from_regex(r"[0-9]{4}([0-9]{2})?", fullmatch=True)


@given(_serials, st.integers(0, 7), st.integers(1, 9))
def test_every_wrong_digit_of_a_location_number_is_caught(serial: int, place: int, by: int) -> None:
    digits = str(LocationNumber.of(serial))
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]
    assert _number_fault(wrong) is Code.FIELD_INVALID


@given(_serials, st.integers(0, 6))
def test_every_swap_of_neighbours_is_caught(serial: int, place: int) -> None:
    digits = str(LocationNumber.of(serial))
    swapped = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
    assert (_number_fault(swapped) is None) == (swapped == digits)


@given(st.text(max_size=12))
def test_whatever_is_typed_is_a_location_number_or_refused(text: str) -> None:
    if _number_fault(text) is None:
        assert str(LocationNumber.parse(text, place="x")) == text.strip(" \t\r\n")


def _number_fault(text: str) -> Code | None:
    try:
        LocationNumber.parse(text, place="location")
    except BridgeError as refusal:
        return refusal.code
    return None


@_SPAKE
@given(_pins, st.one_of(st.none(), _pins))
def test_only_the_right_pin_pairs(typed: str, other: str | None) -> None:
    open_pin = other or typed
    opened = open_exchange(typed, open_pin)
    judged = opened.state.judge(FinishRequest.read(opened.kept.finish_body))
    assert (judged is not None) == (typed == open_pin)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a relay has seen of a pairing that went well."""

    opened: Opened
    start: bytes
    answer: bytes
    finish: bytes
    reply: bytes


@cache
def _heard() -> _Heard:
    opened = open_exchange()
    judged = opened.state.judge(FinishRequest.read(opened.kept.finish_body))
    assert judged is not None
    reply = judged.reply(grant())
    return _Heard(opened, opened.request.body(), opened.reply.body(), opened.kept.finish_body, reply)


def _flipped(body: bytes, name: str, bit: int) -> bytes:
    """The body with one bit of one value changed, spelled so that it can be read again."""
    members = json.loads(body)
    value = bytearray(decode(members[name]))
    value[bit // 8 % len(value)] ^= 1 << bit % 8
    return json.dumps(members | {name: encode(bytes(value))}).encode()


_bits = st.integers(0, 10_000)


@_SPAKE
@given(_bits)
def test_a_flipped_bit_in_the_connectors_share_pairs_nobody(bit: int) -> None:
    """The portal refuses what is no share, at no cost of a try; another share leads to other keys."""
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    entropy = chance(2).randbytes
    changed = StartRequest.read(_flipped(begun.request.body(), "share_a", bit))
    answered = _tried(lambda: portal_side.begin(changed, PIN, HOST, new_session_id(entropy), entropy))
    if isinstance(answered, BridgeError):
        assert (answered.code, answered.place) == (Code.PAIRING_INPUT, "share_a")
        return
    reply, state = answered
    kept = begun.answer(reply, DESCRIPTION, key_pair())
    assert state.judge(FinishRequest.read(kept.finish_body)) is None


@_SPAKE
@given(_bits, st.sampled_from(["share_b", "session_id"]))
def test_a_flipped_bit_in_the_portals_share_or_session_pairs_nobody(bit: int, name: str) -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    entropy = chance(2).randbytes
    reply, state = portal_side.begin(begun.request, PIN, HOST, new_session_id(entropy), entropy)
    changed = StartReply.read(_flipped(reply.body(), name, bit))
    kept = _tried(lambda: begun.answer(changed, DESCRIPTION, key_pair()))
    if isinstance(kept, BridgeError):
        assert (kept.code, kept.place) == (Code.PORTAL_UNPROVEN, "share_b")
        return
    assert state.judge(FinishRequest.read(kept.finish_body)) is None


@given(_bits, st.sampled_from(["confirm_a", "sealed_a"]))
def test_a_flipped_bit_in_the_finish_pairs_nobody(bit: int, name: str) -> None:
    heard = _heard()
    assert heard.opened.state.judge(FinishRequest.read(_flipped(heard.finish, name, bit))) is None


@given(_bits, st.sampled_from(["confirm_b", "sealed_b"]))
def test_a_flipped_bit_in_the_reply_is_not_believed(bit: int, name: str) -> None:
    heard = _heard()
    assert _unproven(heard.opened.kept, FinishReply.read(_flipped(heard.reply, name, bit)))


def _unproven(kept: KeptExchange, reply: FinishReply) -> bool:
    try:
        kept.conclude(reply)
    except BridgeError as refusal:
        return refusal.code is Code.PORTAL_UNPROVEN
    return False


@given(st.integers(0, 3), _bits, st.binary(min_size=1, max_size=3))
def test_whatever_becomes_of_a_message_on_the_way_nobody_is_paired_by_accident(
    which: int, at: int, noise: bytes
) -> None:
    """Bytes put over a body: it is refused with a code of its side, or means what it meant, or does not hold."""
    heard = _heard()
    body = (heard.start, heard.answer, heard.finish, heard.reply)[which]
    cut = at % len(body)
    changed = body[:cut] + noise + body[cut + len(noise) :]
    assume(changed != body)
    codes = {Code.PAIRING_INPUT, Code.SUITE_UNKNOWN} if which in {0, 2} else {Code.PORTAL_UNPROVEN}
    assert _refusal(lambda: _taken(which, changed)) in {None, *codes}


def _taken(which: int, body: bytes) -> None:
    """Takes a message in as its receiver does; what can be read and is another message must not hold."""
    heard = _heard()
    match which:
        case 0:
            StartRequest.read(body)
        case 1:
            StartReply.read(body)
        case 2:
            finish = FinishRequest.read(body)
            same = finish == FinishRequest.read(heard.finish)
            assert (heard.opened.state.judge(finish) is not None) == same
        case _:
            reply = FinishReply.read(body)
            same = reply == FinishReply.read(heard.reply)
            assert _unproven(heard.opened.kept, reply) != same


def test_a_relay_that_hears_everything_reads_nothing() -> None:
    heard = _heard()
    seen = b"".join((heard.start, heard.answer, heard.finish, heard.reply))
    seen += b"".join((FinishRequest.read(heard.finish).sealed_a, FinishReply.read(heard.reply).sealed_b))
    told = [grant().master_token, SECRET_WORDS, grant().tenant, PIN + '"', "e30.e30", DESCRIPTION.connector_id]
    assert not [secret for secret in told if secret.encode() in seen]


@_SPAKE
@given(_pins, _pins)
def test_a_portal_in_the_middle_that_guesses_wrong_wins_nothing(open_pin: str, guess: str) -> None:
    """It speaks to both sides with a guess of its own: neither side proves anything to it, nor gives it anything."""
    assume(open_pin != guess)
    begun = connector_side.begin(open_pin, LOCATION, HOST, chance(1).randbytes)
    fake_entropy, entropy = chance(5).randbytes, chance(2).randbytes
    fake_reply, fake_state = portal_side.begin(begun.request, guess, HOST, encode(bytes(SESSION_BYTES)), fake_entropy)
    kept = begun.answer(fake_reply, DESCRIPTION, key_pair())
    finish = FinishRequest.read(kept.finish_body)
    assert fake_state.judge(finish) is None
    # Its own half toward the portal, with the guess; and the connector's finish handed on as it came.
    fake = connector_side.begin(guess, LOCATION, HOST, fake_entropy)
    reply, state = portal_side.begin(fake.request, open_pin, HOST, new_session_id(entropy), entropy)
    assert state.judge(FinishRequest.read(fake.answer(reply, DESCRIPTION, key_pair()).finish_body)) is None
    assert state.judge(finish) is None


_CALL = proofs.Call("POST", "https://portal.example/v1/vouchers/redeem", "a.b.c")
_KEY = key_pair()


@given(st.integers(0, 600), st.integers(0, 127))
def test_a_proof_that_was_changed_anywhere_is_refused(at: int, sign: int) -> None:
    proof = proofs.make(_KEY, _CALL, jti="0123456789abcdef", at=NOW, nonce="n" * 22)
    place = at % len(proof)
    changed = proof[:place] + chr(sign) + proof[place + 1 :]
    assume(changed != proof)
    assert _refusal(lambda: proofs.check(changed, _CALL, nonces=["n" * 22])) is Code.PROOF_REFUSED


@given(st.integers(0, 700), st.integers(0, 127))
def test_a_token_that_was_changed_anywhere_is_refused(at: int, sign: int) -> None:
    token = AccessToken(Service.WEB_VOUCHERS, frozenset({Scope.STATUS}), "l", "k", _KEY.public.thumbprint, "j" * 32)
    issued = Issuer("portal", _KEY).issue(token, NOW)
    place = at % len(issued)
    changed = issued[:place] + chr(sign) + issued[place + 1 :]
    assume(changed != issued)
    checker = Checker("portal", [_KEY.public])
    found = _refusal(lambda: checker.check(changed, Service.WEB_VOUCHERS, NOW))
    assert found in {Code.PROOF_REFUSED, Code.TOKEN_EXPIRED}


@given(st.text(max_size=300))
def test_whatever_comes_as_a_proof_or_token_is_refused_and_nothing_else(text: str) -> None:
    checker = Checker("portal", [_KEY.public])
    assert _refusal(lambda: proofs.check(text, _CALL, nonces=["n"])) is Code.PROOF_REFUSED
    assert _refusal(lambda: checker.check(text, Service.REPORTS, NOW)) in {Code.PROOF_REFUSED, Code.TOKEN_EXPIRED}


_paths = st.from_regex(r"/[!-~]{0,30}", fullmatch=True)
_requests = st.builds(
    signatures.Signed,
    st.sampled_from(["GET", "POST", "PUT"]),
    _paths,
    st.from_regex(r"[!-~]{0,20}", fullmatch=True),
    st.binary(max_size=60),
    st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True),
)
_session = signatures.SessionKey("s", b"k" * 32)


@given(_requests, _requests)
def test_a_signature_holds_for_one_request_only(one: signatures.Signed, other: signatures.Signed) -> None:
    headers = signatures.sign(_session, one, NOW)
    signatures.check(headers, one, _session, NOW)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    found = _refusal(lambda: signatures.check(headers, other, _session, NOW))
    assert found is (None if one == other else Code.PROOF_REFUSED)


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=100))
def test_whatever_comes_as_a_signature_is_refused(given_input: str, signature: str, digest: str) -> None:
    headers = {"signature-input": given_input, "signature": signature, "content-digest": digest}
    request = signatures.Signed("POST", "/a", "", b"", "k")
    assert _refusal(lambda: signatures.check(headers, request, _session, NOW)) is Code.PROOF_REFUSED


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_types = st.sampled_from("hello heartbeat command_answer unpair welcome command notice bye other".split())


@given(_types, st.dictionaries(st.sampled_from("id state stations body kind code clock".split()), _json, max_size=5))
def test_whatever_comes_as_a_message_is_read_left_alone_or_refused(kind: str, members: dict[str, object]) -> None:
    text = json.dumps({"type": kind} | members)
    for read in (read_from_connector, read_from_portal):
        found = _refusal(partial(read, text))
        assert found in {None, Code.FIELD_INVALID, Code.BODY_INVALID}
    assert kind != "other" or read_from_portal(text) == UnknownMessage("other")


def _tried(act: Callable[[], _T]) -> _T | BridgeError:
    """What an act gives, or how it is refused; any other exception goes on and fails the test."""
    try:
        return act()
    except BridgeError as refusal:
        return refusal


def _refusal(act: Callable[[], object]) -> Code | None:
    """The code that an act is refused with."""
    found = _tried(act)
    return found.code if isinstance(found, BridgeError) else None
