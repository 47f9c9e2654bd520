"""The test vector of suite TB-PAIR-1 (docs/reference/pairing-protocol.md, section 5), byte for byte."""

import random
from typing import Final

from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side, portal_side
from tillbridge.link.pairing.schedule import (
    Identities,
    Label,
    Schedule,
    confirmation_a,
    confirmation_b,
    seal,
    transcript_hash,
    unseal,
)
from tillbridge.link.pairing.words import ConnectorFacts, FinishReply, FinishRequest, StartReply, StartRequest

PIN: Final = "0420"
LOCATION: Final = LocationNumber.parse("10047110", place="vector")
HOST: Final = "portal.example"
SESSION_ID: Final = "AAECAwQFBgcICQoLDA0ODw"
PLAIN: Final = b"{}"

SHARE_A: Final = bytes.fromhex("416cd35d2fe4ef1cb7d77f6df7c0aac3d3f3f94601f768d6ed5762021aa1f856d3")
SHARE_B: Final = bytes.fromhex("4282c504d05ae51262e351816ca9e20b8f6df1f48fa2d88983ec17e363c117d648")
SECRET: Final = bytes.fromhex("dd97df4f52e944714e17899a25b7fb88dc1cf8d5c3586aeba00d193077ec6db4")
TRANSCRIPT: Final = bytes.fromhex("b0e5afc76c066dc0bd82bf28217af58fcbfbe2e4abedc472b6cb98e8a66070e8")
SEALED_A: Final = bytes.fromhex("8f1a9f66a5a4c19e1f9d49956cbdd692a2c2")
SEALED_B: Final = bytes.fromhex("91250049515222f932aae6491249639aff3d")
CONFIRM_A: Final = bytes.fromhex("44662b08ff3041be5c6c0f084087956378b447692c33fd5330d1219bc3189af4")
CONFIRM_B: Final = bytes.fromhex("15aefe48582177b25b055f18236fe799f28c25aa81f6c7b756f1998eecd4efb2")

# The bodies as they travel, written out: what another program would have to send and to read.
START_REQUEST: Final = (
    b'{"suite":"TB-PAIR-1","location_number":"10047110","share_a":"QWzTXS_k7xy3139t98Cqw9Pz-UYB92jW7VdiAhqh-FbT"}'
)
START_REPLY: Final = (
    b'{"session_id":"AAECAwQFBgcICQoLDA0ODw","share_b":"QoLFBNBa5RJi41GBbKniC49t8fSPotiJg-wX42PBF9ZI","expires_in":120}'
)
FINISH_REQUEST: Final = (
    b'{"confirm_a":"RGYrCP8wQb5cbA8IQIeVY3i0R2ksM_1TMNEhm8MYmvQ","sealed_a":"jxqfZqWkwZ4fnUmVbL3WkqLC"}'
)
FINISH_REPLY: Final = (
    b'{"confirm_b":"Fa7-SFghd7JbBV8YI2_nmfKMJaqB9se3VvGZjuzU77I","sealed_b":"kSUASVFSIvkyquZJEkljmv89"}'
)


def _ones(count: int) -> bytes:
    return b"\x01" * count


def _twos(count: int) -> bytes:
    return b"\x02" * count


def _schedule() -> Schedule:
    identities = Identities.of(LOCATION, HOST)
    return Schedule(SECRET, transcript_hash(identities, SHARE_A, SHARE_B, SESSION_ID))


def test_the_keys_of_the_vector() -> None:
    schedule = _schedule()
    assert schedule.transcript == TRANSCRIPT
    assert seal(schedule.key(Label.SEAL_A), TRANSCRIPT, PLAIN) == SEALED_A
    assert seal(schedule.key(Label.SEAL_B), TRANSCRIPT, PLAIN) == SEALED_B
    assert confirmation_a(schedule.key(Label.CONFIRM_A), TRANSCRIPT, SEALED_A) == CONFIRM_A
    assert confirmation_b(schedule.key(Label.CONFIRM_B), TRANSCRIPT, CONFIRM_A, SEALED_B) == CONFIRM_B
    assert unseal(schedule.key(Label.SEAL_A), TRANSCRIPT, SEALED_A) == PLAIN


def test_both_sides_come_to_the_vector_from_their_chance() -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, _ones)
    assert begun.request.body() == START_REQUEST
    reply, state = portal_side.begin(StartRequest.read(START_REQUEST), PIN, HOST, SESSION_ID, _twos)
    assert reply.body() == START_REPLY
    assert (begun.request.share_a, reply.share_b) == (SHARE_A, SHARE_B)
    assert begun.meet(StartReply.read(START_REPLY)) == state.schedule == Schedule(SECRET, TRANSCRIPT)


def test_the_connector_writes_the_finish_of_the_vector() -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, _ones)
    key = KeyPair.make(random.Random(1).randbytes)
    kept = connector_side.keep(begun.meet(StartReply.read(START_REPLY)), SESSION_ID, PLAIN, key)
    assert kept.finish_body == FINISH_REQUEST
    assert FinishRequest.read(FINISH_REQUEST) == FinishRequest(confirm_a=CONFIRM_A, sealed_a=SEALED_A)


def test_the_portal_answers_it_with_the_reply_of_the_vector() -> None:
    schedule = _schedule()
    key = KeyPair.make(random.Random(1).randbytes)
    facts = ConnectorFacts(
        connector_id="0" * 32, name="till", version="1", os="any", jwk=key.public.jwk, proof=key.sign(b"")
    )
    judged = portal_side.Judged(facts, CONFIRM_A, TRANSCRIPT, schedule.key(Label.SEAL_B), schedule.key(Label.CONFIRM_B))
    assert judged.reply_with(PLAIN).body() == FINISH_REPLY
    assert FinishReply.read(FINISH_REPLY) == FinishReply(confirm_b=CONFIRM_B, sealed_b=SEALED_B)
