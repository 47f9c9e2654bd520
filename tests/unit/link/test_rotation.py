"""The exchange of a credential as bytes: nobody but its connector reads the answer, and no bit of it can be changed."""

import random

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portal.clock import HandClock
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import master_token
from tillbridge.link.keys import KeyPair
from tillbridge.link.rotation import MAX_BODY, RotationGrant, RotationRequest, answer, ask, conclude

CHANCE = random.Random(7)
OLD, NEW, OTHER = (KeyPair.make(CHANCE.randbytes) for _ in range(3))
EPHEMERAL, STRANGER = (X25519PrivateKey.from_private_bytes(CHANCE.randbytes(32)) for _ in range(2))
REQUEST = ask("1" * 32, "2" * 32, OLD, NEW, EPHEMERAL)
GRANT = RotationGrant(
    link_id="1" * 32,
    master_token=master_token.new(CHANCE.randbytes),
    fingerprint=NEW.public.fingerprint,
    server_time=HandClock().now(),
)
REPLY = answer(REQUEST, GRANT, CHANCE.randbytes).body()


def read_proven(body: bytes) -> RotationRequest:
    """The request in a body, as the portal takes it."""
    request = RotationRequest.read(body)
    if not request.proven_by(OLD.public):
        raise BridgeError(Code.PROOF_REFUSED)
    return request


def test_the_connector_reads_what_the_portal_granted() -> None:
    assert REQUEST.proven_by(OLD.public)
    assert RotationRequest.read(REQUEST.body()) == REQUEST
    assert conclude(REPLY, REQUEST, EPHEMERAL) == GRANT
    assert GRANT.master_token.encode() not in REPLY
    assert GRANT.master_token not in repr(GRANT)


def test_nobody_else_reads_it_and_it_answers_no_other_request() -> None:
    other = ask("1" * 32, "3" * 32, OLD, NEW, EPHEMERAL)
    for request, ephemeral in ((REQUEST, STRANGER), (other, EPHEMERAL)):
        with pytest.raises(BridgeError) as caught:
            conclude(REPLY, request, ephemeral)
        assert caught.value.code is Code.PORTAL_UNPROVEN


@settings(deadline=None)
@given(st.integers(0, len(REPLY) * 8 - 1))
def test_a_changed_bit_of_the_answer_is_found(bit: int) -> None:
    changed = bytearray(REPLY)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BridgeError) as caught:
        conclude(bytes(changed), REQUEST, EPHEMERAL)
    assert caught.value.code is Code.PORTAL_UNPROVEN


@settings(deadline=None)
@given(st.integers(0, len(REQUEST.body()) * 8 - 1))
def test_a_changed_bit_of_the_request_is_found(bit: int) -> None:
    changed = bytearray(REQUEST.body())
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BridgeError) as caught:
        read_proven(bytes(changed))
    assert caught.value.code in {Code.FIELD_INVALID, Code.PROOF_REFUSED}


def test_both_keys_have_to_want_it() -> None:
    assert not REQUEST.proven_by(OTHER.public)
    foreign = ask("1" * 32, "2" * 32, OTHER, NEW, EPHEMERAL)
    assert not foreign.proven_by(OLD.public)
    mixed = REQUEST.model_copy(update={"signed_by_new": REQUEST.signed_by_old})
    assert not mixed.proven_by(OLD.public)


def test_a_share_that_anybody_could_finish_is_refused() -> None:
    weak = REQUEST.model_copy(update={"ephemeral": bytes(32)})
    with pytest.raises(BridgeError) as caught:
        answer(weak, GRANT, CHANCE.randbytes)
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, "ephemeral")
    zero = REPLY.replace(REPLY.partition(b'"share":"')[2][:43], b"A" * 43)
    with pytest.raises(BridgeError):
        conclude(zero, REQUEST, EPHEMERAL)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"suite":"TB-ROTATE-2"}', b" " * (MAX_BODY + 1)])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BridgeError) as caught:
        RotationRequest.read(body)
    assert caught.value.code in {Code.FIELD_INVALID, Code.BODY_TOO_LARGE}


def test_what_is_no_answer_is_refused() -> None:
    for body in (b"", b"{}", b"x" * (MAX_BODY + 1)):
        with pytest.raises(BridgeError) as caught:
            conclude(body, REQUEST, EPHEMERAL)
        assert caught.value.code is Code.PORTAL_UNPROVEN
