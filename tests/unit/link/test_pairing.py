"""The steps of a pairing: who learns what, what is refused, and what a step leaves behind."""

import json
from collections.abc import Callable

import pytest
from spake2 import SPAKE2_A  # type: ignore[import-untyped]  # it ships no types

from tests.unit.link.exchange import (
    DESCRIPTION,
    HOST,
    LOCATION,
    PIN,
    SECRET_WORDS,
    chance,
    grant,
    key_pair,
    open_exchange,
)
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.base64url import encode
from tillbridge.link.pairing import connector_side, portal_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.pake import ConnectorPake, portal_finish
from tillbridge.link.pairing.portal_side import Judged, PortalState
from tillbridge.link.pairing.schedule import key_proof
from tillbridge.link.pairing.words import (
    MAX_FINISH,
    MAX_REPLY,
    MAX_START,
    ConnectorFacts,
    FinishReply,
    FinishRequest,
    StartReply,
    StartRequest,
    new_session_id,
    portal_host,
)

_FIELD = 2**255 - 19
_LOW_ORDER = (
    b"\x01" + bytes(31),  # order 1: zero
    b"\xec" + b"\xff" * 30 + b"\x7f",  # order 2
    bytes(32),  # order 4
    bytes(31) + b"\x80",  # order 4
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),  # order 8
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),  # order 8
)
_NO_POINTS = (
    (2).to_bytes(32, "little"),  # no point of the curve has this coordinate
    (_FIELD + 1).to_bytes(32, "little"),  # zero, written with a coordinate beyond the field
    b"\xff" * 32,
)


def _told(share_a: bytes) -> StartRequest:
    return StartRequest(location_number=str(LOCATION), share_a=share_a)


def _begin(request: StartRequest, pin: str = PIN) -> None:
    portal_side.begin(request, pin, HOST, "A" * 22, chance(2).randbytes)


def test_a_pairing_with_the_right_pin_gives_the_connector_its_grant() -> None:
    opened = open_exchange()
    judged = opened.state.judge(FinishRequest.read(opened.kept.finish_body))
    assert judged is not None
    assert judged.key == opened.kept.key.public
    assert judged.facts.model_dump(include={"connector_id", "name", "version", "os"}) == DESCRIPTION.model_dump()
    assert opened.kept.conclude(FinishReply.read(judged.reply(grant()))) == grant()


def test_every_step_can_be_written_down_and_taken_up_elsewhere() -> None:
    opened = open_exchange()
    kept = KeptExchange.load(opened.kept.dump())
    judged = PortalState.load(opened.state.dump()).judge(FinishRequest.read(kept.finish_body))
    assert judged is not None
    assert (
        KeptExchange.load(kept.dump()).conclude(FinishReply.read(Judged.load(judged.dump()).reply(grant()))) == grant()
    )
    assert kept.key.dump() == opened.kept.key.dump()


@pytest.mark.parametrize("load", [KeptExchange.load, PortalState.load, Judged.load])
@pytest.mark.parametrize("dumped", [b"", b"{}", b"[1]", b'{"version": 2}', b"\xff"])
def test_what_was_never_written_down_is_not_taken_up(load: Callable[[bytes], object], dumped: bytes) -> None:
    with pytest.raises(ValueError, match="this is no"):
        load(dumped)


def test_what_is_kept_leads_back_to_no_pin_and_shows_no_secret() -> None:
    opened = open_exchange("936215", "936215")
    judged = opened.state.judge(FinishRequest.read(opened.kept.finish_body))
    assert judged is not None
    kept = [opened.kept.dump(), opened.state.dump(), judged.dump()]
    assert not [one for one in kept if b"936215" in one or b"936215".hex().encode() in one or b"password" in one]
    shown = repr((opened.kept, opened.state, grant()))
    secrets = [opened.kept.key.dump(), opened.kept.seal_b, opened.kept.confirm_b, opened.state.schedule.secret]
    assert not [secret for secret in secrets if repr(secret) in shown or secret.hex() in shown]
    assert grant().master_token not in shown
    assert "e30.e30" not in shown


def test_with_the_wrong_pin_the_portal_says_no_and_opens_nothing() -> None:
    opened = open_exchange(typed="0421")
    assert opened.state.judge(FinishRequest.read(opened.kept.finish_body)) is None


def test_a_start_looks_the_same_whether_a_pin_is_open_or_not() -> None:
    with_pin, without = open_exchange(open_pin=PIN).reply, open_exchange(open_pin="7777").reply
    assert with_pin.model_dump().keys() == without.model_dump().keys()
    assert len(with_pin.body()) == len(without.body())


def test_an_exchange_meets_one_share_only() -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    reply, _ = portal_side.begin(begun.request, PIN, HOST, "A" * 22, chance(2).randbytes)
    begun.meet(reply)
    with pytest.raises(RuntimeError, match="a second PIN"):
        begun.meet(reply)


def test_an_exchange_that_met_a_bad_share_is_over_too() -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    reply, _ = portal_side.begin(begun.request, PIN, HOST, "A" * 22, chance(2).randbytes)
    with pytest.raises(BridgeError):
        begun.meet(reply.model_copy(update={"share_b": b"B" + _LOW_ORDER[0]}))
    with pytest.raises(RuntimeError):
        begun.meet(reply)


@pytest.mark.parametrize("point", [*_LOW_ORDER, *_NO_POINTS], ids=lambda point: point.hex()[:8])
def test_a_share_that_is_no_point_of_the_group_is_refused_on_both_sides(point: bytes) -> None:
    with pytest.raises(BridgeError) as refusal:
        _begin(_told(b"A" + point))
    assert (refusal.value.code, refusal.value.place) == (Code.PAIRING_INPUT, "share_a")
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    with pytest.raises(BridgeError) as unproven:
        begun.meet(StartReply(session_id="A" * 22, share_b=b"B" + point, expires_in=120))
    assert (unproven.value.code, unproven.value.place) == (Code.PORTAL_UNPROVEN, "share_b")


def test_a_point_outside_the_prime_group_is_refused() -> None:
    """An honest share with a point of low order added to it would tell a bit of the secret."""
    from spake2.ed25519_basic import (  # type: ignore[import-untyped]  # noqa: PLC0415  # only here
        bytes_to_unknown_group_element,
    )

    honest = bytes_to_unknown_group_element(ConnectorPake(PIN, b"a", b"b", chance(1).randbytes).share[1:])
    mixed = honest.add(bytes_to_unknown_group_element(_LOW_ORDER[4]))
    with pytest.raises(BridgeError) as refusal:
        _begin(_told(b"A" + mixed.to_bytes()))
    assert refusal.value.code is Code.PAIRING_INPUT


@pytest.mark.parametrize("side", [b"B", b"S", b"a", b"\0"])
def test_a_share_of_the_wrong_side_is_refused(side: bytes) -> None:
    share = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes).request.share_a
    with pytest.raises(BridgeError) as refusal:
        _begin(_told(side + share[1:]))
    assert refusal.value.code is Code.PAIRING_INPUT


def test_a_share_that_is_sent_back_is_refused() -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    mirrored = b"B" + begun.request.share_a[1:]
    with pytest.raises(BridgeError) as refusal:
        begun.meet(StartReply(session_id="A" * 22, share_b=mirrored, expires_in=120))
    assert refusal.value.code is Code.PORTAL_UNPROVEN


@pytest.mark.parametrize(("location", "host"), [(LOCATION, "portal.elsewhere"), (LocationNumber.of(1), HOST)])
def test_another_location_or_host_name_is_like_a_wrong_pin(location: LocationNumber, host: str) -> None:
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    entropy = chance(2).randbytes
    request = begun.request.model_copy(update={"location_number": str(location)})
    reply, state = portal_side.begin(request, PIN, host, new_session_id(entropy), entropy)
    kept = begun.answer(reply, DESCRIPTION, key_pair())
    assert state.judge(FinishRequest.read(kept.finish_body)) is None


def test_the_host_name_is_the_same_in_upper_case() -> None:
    assert portal_host("Portal.EXAMPLE") == HOST


@pytest.mark.parametrize("host", ["", "a/b", "a b", "portal.example:443", "xn--\u00e4", ".example", "a" * 254, "a\n"])
def test_what_is_no_host_name_is_refused(host: str) -> None:
    with pytest.raises(BridgeError) as refusal:
        connector_side.begin(PIN, LOCATION, host, chance(1).randbytes)
    assert (refusal.value.code, refusal.value.place) == (Code.FIELD_INVALID, "host")


@pytest.mark.parametrize("pin", ["", "042", "04200", "0420420", "abcd", "٠٤٢٠", "0420\n", " 042", "+420"])
def test_what_cannot_be_a_pin_is_refused_before_anything_is_sent(pin: str) -> None:
    with pytest.raises(BridgeError) as refusal:
        connector_side.begin(pin, LOCATION, HOST, chance(1).randbytes)
    assert (refusal.value.code, refusal.value.place) == (Code.PAIRING_INPUT, "pin")
    assert not pin or pin not in str(refusal.value)


def test_a_key_that_is_not_the_connectors_own_is_refused() -> None:
    opened = open_exchange()
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    schedule = begun.meet(opened.reply)
    mine, somebodys = key_pair(1), key_pair(2)
    facts = ConnectorFacts(
        **DESCRIPTION.model_dump(), jwk=somebodys.public.jwk, proof=mine.sign(key_proof(schedule.transcript))
    )
    kept = connector_side.keep(schedule, opened.reply.session_id, facts.body(), mine)
    with pytest.raises(BridgeError) as refusal:
        opened.state.judge(FinishRequest.read(kept.finish_body))
    assert (refusal.value.code, refusal.value.place) == (Code.PAIRING_INPUT, "proof")


@pytest.mark.parametrize(("plain", "place"), [(b"{}", "connector_id"), (b"nothing", None), (b"", None), (b"[]", None)])
def test_who_knows_the_pin_and_seals_nonsense_is_told_so(plain: bytes, place: str | None) -> None:
    opened = open_exchange()
    begun = connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes)
    kept = connector_side.keep(begun.meet(opened.reply), opened.reply.session_id, plain, key_pair())
    with pytest.raises(BridgeError) as refusal:
        opened.state.judge(FinishRequest.read(kept.finish_body))
    assert (refusal.value.code, refusal.value.place) == (Code.PAIRING_INPUT, place)


def test_the_portals_proof_is_checked_before_its_answer_is_opened() -> None:
    opened = open_exchange()
    judged = opened.state.judge(FinishRequest.read(opened.kept.finish_body))
    assert judged is not None
    right = FinishReply.read(judged.reply(grant()))
    # What is sealed is right here and would open: the proof alone decides.
    with pytest.raises(BridgeError) as refusal:
        opened.kept.conclude(right.model_copy(update={"confirm_b": bytes(32)}))
    assert refusal.value.code is Code.PORTAL_UNPROVEN


def test_a_proof_made_for_another_finish_proves_nothing() -> None:
    opened, other = open_exchange(seed=1), open_exchange(seed=11)
    judged = other.state.judge(FinishRequest.read(other.kept.finish_body))
    assert judged is not None
    with pytest.raises(BridgeError) as refusal:
        opened.kept.conclude(FinishReply.read(judged.reply(grant())))
    assert refusal.value.code is Code.PORTAL_UNPROVEN


def test_a_proven_portal_that_grants_nonsense_is_not_believed() -> None:
    opened = open_exchange()
    judged = opened.state.judge(FinishRequest.read(opened.kept.finish_body))
    assert judged is not None
    with pytest.raises(BridgeError) as refusal:
        opened.kept.conclude(judged.reply_with(b'{"master_token": "tbm_' + SECRET_WORDS.encode() + b'"}'))
    assert refusal.value.code is Code.PORTAL_UNPROVEN
    assert SECRET_WORDS not in str(refusal.value)


def _start(**changes: object) -> bytes:
    share = encode(connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes).request.share_a)
    return json.dumps({"suite": "TB-PAIR-1", "location_number": str(LOCATION), "share_a": share} | changes).encode()


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (_start(suite="TB-PAIR-2"), Code.SUITE_UNKNOWN, "suite"),
        (_start(suite="TB-PAIR-2", share_c="x"), Code.SUITE_UNKNOWN, "suite"),
        (_start(suite=1), Code.PAIRING_INPUT, "suite"),
        (_start(location_number="10047111"), Code.PAIRING_INPUT, "location_number"),
        (_start(location_number=10047110), Code.PAIRING_INPUT, "location_number"),
        (_start(share_a="QQ"), Code.PAIRING_INPUT, "share_a"),
        (_start(share_a="!" * 44), Code.PAIRING_INPUT, "share_a"),
        (_start(share_a=None), Code.PAIRING_INPUT, "share_a"),
        (_start(pin=PIN), Code.PAIRING_INPUT, "pin"),
        (b"[]", Code.PAIRING_INPUT, None),
        (b"", Code.PAIRING_INPUT, None),
        (b"[" * 1000, Code.PAIRING_INPUT, None),
        (b"\xff\xfe", Code.PAIRING_INPUT, None),
        (b" " * (MAX_START + 1), Code.PAIRING_INPUT, None),
    ],
)
def test_a_wrong_start_is_refused_with_its_place(body: bytes, code: Code, place: str | None) -> None:
    with pytest.raises(BridgeError) as refusal:
        StartRequest.read(body)
    assert (refusal.value.code, refusal.value.place) == (code, place)
    assert PIN not in str(refusal.value)


def test_a_right_start_is_read() -> None:
    assert StartRequest.read(_start()) == connector_side.begin(PIN, LOCATION, HOST, chance(1).randbytes).request


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b" " * (MAX_REPLY + 1), b'{"confirm_b": "AA", "sealed_b": ""}']
)
def test_an_answer_that_no_portal_gives_proves_nothing(body: bytes) -> None:
    for read in (StartReply.read, FinishReply.read):
        with pytest.raises(BridgeError) as refusal:
            read(body)
        assert refusal.value.code is Code.PORTAL_UNPROVEN


@pytest.mark.parametrize("body", [b"", b"{}", b" " * (MAX_FINISH + 1), b'{"confirm_a": 5, "sealed_a": "AA"}'])
def test_a_wrong_finish_is_refused(body: bytes) -> None:
    with pytest.raises(BridgeError) as refusal:
        FinishRequest.read(body)
    assert refusal.value.code is Code.PAIRING_INPUT


def test_side_b_in_one_step_is_that_of_the_package() -> None:
    """The portal's share and secret are those that the package gives to anybody who follows its own two steps."""
    pake = ConnectorPake(PIN, b"a", b"b", chance(1).randbytes)
    share_b, secret = portal_finish(PIN, b"a", b"b", pake.share, chance(2).randbytes)
    plain = SPAKE2_A(PIN.encode(), idA=b"a", idB=b"b", entropy_f=chance(1).randbytes)
    assert plain.start() == pake.share
    assert plain.finish(share_b) == secret == pake.finish(share_b)
