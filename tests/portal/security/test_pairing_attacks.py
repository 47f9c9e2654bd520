"""Whoever stands between a connector and the assembled portal, guesses, or has stolen something: gets nothing."""

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from tests.portal.browser import Browser, Reply
from tests.portal.pairing.floor import DESCRIPTION, code_of, guess, post
from tests.portal.security.asking import at_once
from tests.portal.security.connectors import Machine, pin_of
from tests.portal.security.town import OWNER, Town, opened
from tests.portal.tokens.till import FORM, Till, number_of, said
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.base64url import decode, encode
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing.words import FinishReply, StartReply
from tillbridge.link.scopes import Service
from tillbridge.portal.links.tables import link
from tillbridge.portal.pairing.tables import pairing_pin
from tillbridge.portal.settings import PortalSettings

MANY: Final = 40
"""Guesses of the normal run; `make soak` tries every PIN there is."""


async def links_at(town: Town, location_id: str) -> int:
    async with town.house.database.reading() as connection:
        counted = select(func.count()).select_from(link).where(link.c.location_id == location_id)
        return int((await connection.execute(counted)).scalar_one())


async def pin_state(town: Town) -> tuple[str, int]:
    async with town.house.database.reading() as connection:
        newest = select(pairing_pin.c.state, pairing_pin.c.tries).order_by(pairing_pin.c.id.desc()).limit(1)
        row = (await connection.execute(newest)).one()
    return row.state, row.tries


@pytest.fixture
async def pin(town: Town) -> str:
    return await pin_of(town, await town.browser(OWNER), town.ids["head"])


@pytest.fixture
async def till(town: Town, pin: str) -> Till:
    """A connector that is paired with the bakery's head office and has made its first contact."""
    machine = Machine(town.app)
    grant = machine.conclude(await machine.retrieve(pin))
    one = Till(town.app, town.house, machine.key, grant.master_token)
    assert (await one.request_token(Service.REPORTS)).status == 200
    return one


# ---------------------------------------------------------------- in the middle


async def test_a_relay_under_another_name_is_found_out(town: Town, pin: str) -> None:
    """The connector was led to another host, which hands everything on: both sides mean another portal."""
    machine = Machine(town.app, host="portal.evil.example")
    refused = await machine.retrieve(pin)
    assert (refused.status, code_of(refused)) == (403, "P101")
    assert await links_at(town, town.ids["head"]) == 0
    assert await pin_state(town) == ("open", 1)


@pytest.mark.parametrize("part", ["suite", "location_number", "share_a"])
async def test_a_start_that_was_changed_on_its_way_pairs_nobody(town: Town, pin: str, part: str) -> None:
    machine = Machine(town.app)
    begun = machine.begun(pin)
    sent = json.loads(begun.request.body())
    other = Machine(town.app, seed=9).begun(pin)
    sent[part] = {
        "suite": "TB-PAIR-0",
        "location_number": LocationNumber.of(1_004_712).digits,
        "share_a": json.loads(other.request.body())["share_a"],
    }[part]
    reply = await post(machine.browser, "/v1/pairing/start", json.dumps(sent).encode())
    if part == "suite":
        assert (reply.status, code_of(reply)) == (400, "P111")
        return
    assert reply.status == 201
    machine.kept = begun.answer(StartReply.read(reply.body), DESCRIPTION, machine.key)
    assert code_of(await machine.finish()) == "P101"
    assert await links_at(town, town.ids["head"]) == 0


@pytest.mark.parametrize("part", ["confirm_a", "sealed_a"])
@pytest.mark.parametrize("at", [0, -1])
async def test_a_finish_that_was_changed_on_its_way_pairs_nobody(town: Town, pin: str, part: str, at: int) -> None:
    machine = Machine(town.app)
    await machine.begin(pin)
    assert machine.kept is not None
    body = _changed(machine.kept.finish_body, part, at)
    assert code_of(await machine.finish(body)) == "P101"
    # The honest one comes after it: its session has its one finish already.
    assert code_of(await machine.finish()) == "P106"
    assert await links_at(town, town.ids["head"]) == 0
    # One try is gone, and the person presses once more.
    assert machine.conclude(await machine.retrieve(pin)).location.number == machine.number.digits


@pytest.mark.parametrize("part", ["confirm_b", "sealed_b"])
@pytest.mark.parametrize("at", [0, -1])
async def test_an_answer_that_was_changed_on_its_way_is_believed_by_no_connector(
    town: Town, pin: str, part: str, at: int
) -> None:
    machine = Machine(town.app)
    reply = await machine.retrieve(pin)
    assert machine.kept is not None
    with pytest.raises(BridgeError) as refused:
        machine.kept.conclude(FinishReply.read(_changed(reply.body, part, at)))
    assert refused.value.code is Code.PORTAL_UNPROVEN
    # Whoever changed it has won nothing: the same finish again brings the right answer.
    again = await machine.finish()
    assert again.body == reply.body
    assert machine.conclude(again).master_token.startswith("tbm_")


def _changed(body: bytes, part: str, at: int) -> bytes:
    """One bit of one part is another one."""
    sent = json.loads(body)
    raw = bytearray(decode(sent[part]))
    raw[at] ^= 1
    return json.dumps(sent | {part: encode(bytes(raw))}).encode()


async def test_two_sessions_that_are_crossed_pair_nobody(town: Town, pin: str) -> None:
    one, other = Machine(town.app, seed=1), Machine(town.app, seed=50, source="192.0.2.2")
    await one.begin(pin)
    await other.begin(pin)
    assert one.kept is not None
    assert other.kept is not None
    assert code_of(await one.finish(other.kept.finish_body)) == "P101"
    assert code_of(await other.finish(one.kept.finish_body)) == "P101"
    assert await links_at(town, town.ids["head"]) == 0
    assert (await pin_state(town))[1] == 2


async def test_who_records_a_pairing_can_play_it_back_and_read_nothing(town: Town, pin: str) -> None:
    machine = Machine(town.app)
    reply = await machine.retrieve(pin)
    assert machine.kept is not None
    path = f"/v1/pairing/sessions/{machine.kept.session_id}/finish"
    played = await post(Browser(town.app, "203.0.113.9"), path, machine.kept.finish_body)
    assert played.body == reply.body
    assert machine.conclude(reply).master_token.encode() not in played.body
    assert await links_at(town, town.ids["head"]) == 1
    till = Till(town.app, town.house, machine.key, machine.conclude(reply).master_token)
    assert (await till.request_token(Service.REPORTS)).status == 200
    town.clock.forward(minutes=11)
    over = await post(Browser(town.app, "203.0.113.9"), path, machine.kept.finish_body)
    assert (over.status, code_of(over)) == (410, "P107")
    assert b"sealed" not in over.body


async def test_a_pin_pairs_one_connector_whoever_else_has_heard_it(town: Town, pin: str) -> None:
    machines = [Machine(town.app, seed=seed, source=f"192.0.2.{seed}") for seed in range(1, 5)]
    for machine in machines:
        assert (await machine.begin(pin)).status == 201
    replies = await at_once(*(machine.finish() for machine in machines))
    assert sorted(reply.status for reply in replies) == [200, 403, 403, 403]
    assert await links_at(town, town.ids["head"]) == 1


@pytest.mark.usefixtures("pin")
async def test_a_session_name_of_nobodys_tells_nothing(town: Town) -> None:
    stranger = Browser(town.app)
    for name in ("A" * 22, "%00" * 22, "../start", "A" * 300, "A"):
        reply = await post(stranger, f"/v1/pairing/sessions/{name}/finish", guess(1))
        assert reply.status in {400, 404, 410}, name
    assert await pin_state(town) == ("open", 0)


# ---------------------------------------------------------------- guessing


async def test_guesses_from_many_addresses_at_once_burn_the_pin(town: Town, pin: str) -> None:
    """However many guess at once, and from wherever: five are looked at, and the right one comes too late."""
    right = int(pin)
    machines = [Machine(town.app, seed=number * 7, source=f"198.51.100.{number}") for number in range(1, MANY // 2)]
    starts = [await one.begin(f"{(right + number) % 10_000:04d}") for number, one in enumerate(machines, 1)]
    going = [one for one, start in zip(machines, starts, strict=True) if start.status == 201]
    replies = await at_once(*(one.finish() for one in going))
    assert {reply.status for reply in replies} == {403}
    assert {_bare(reply) for reply in replies} == {_bare(replies[0])}
    assert (await pin_state(town))[0] == "burned"
    town.clock.forward(minutes=2)
    late = await Machine(town.app, seed=999, source="203.0.113.1").retrieve(pin)
    assert _bare(late) == _bare(replies[0])
    assert await links_at(town, town.ids["head"]) == 0


async def test_guesses_from_one_address_end_after_ten(town: Town, pin: str) -> None:
    statuses = []
    for number in range(14):
        town.clock.forward(seconds=30)
        machine = Machine(town.app, seed=number * 7)
        start = await machine.begin(f"{(int(pin) + 1 + number) % 10_000:04d}")
        reply = await machine.finish() if start.status == 201 else start
        statuses.append(reply.status)
    assert statuses == [403] * 10 + [429] * 4
    assert await links_at(town, town.ids["head"]) == 0


def _bare(reply: Reply) -> tuple[int, str]:
    body = json.loads(reply.body)
    return reply.status, json.dumps({name: value for name, value in body.items() if name != "trace_id"}, sort_keys=True)


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_every_pin_is_tried_and_none_pairs(town: Town, pin: str) -> None:
    """All 10,000, the right one last but not least likely: from addresses that nobody has used before, for hours."""
    looked_at = 0
    for number in range(1, 10_001):
        town.clock.forward(seconds=4)
        digits = f"{(int(pin) + number) % 10_000:04d}"
        machine = Machine(town.app, seed=number, source=f"10.{number >> 8 & 255}.{number & 255}.1")
        start = await machine.begin(digits)
        if start.status == 201:
            assert (await machine.finish()).status in {403, 410}
            looked_at += 1
    assert looked_at > 1000
    assert await links_at(town, town.ids["head"]) == 0
    assert (await pin_state(town))[0] == "burned"


# ---------------------------------------------------------------- stolen things


async def test_a_stolen_token_without_its_key_is_worth_nothing(town: Town, till: Till) -> None:
    thief = till.stolen_by(KeyPair.make(town.house.runtime.chance.randbytes))
    before = await town.rows("audit_entry", "audit_unsealed")
    assert number_of(await thief.request_token(Service.REPORTS)) == (401, "P205")
    token = await till.token(Service.REPORTS)
    thief.nonce = till.nonce
    assert number_of(await thief.call("GET", "/v1/services", token)) == (401, "P205")
    for header in (f"Bearer {token}", f"DPoP {token}", token, f"Basic {token}", f"DPoP {till.master}"):
        reply = await till.ask("GET", "/v1/services", headers={"authorization": header})
        assert reply.status == 401, header
    assert (await town.rows("audit_entry", "audit_unsealed"))["link_credential"] == before["link_credential"]


async def test_a_proof_works_once_for_one_request(till: Till) -> None:
    token = await till.token(Service.REPORTS)
    proof = till.proof("GET", "/v1/services", token)
    given = {"authorization": f"DPoP {token}", "dpop": proof}
    assert (await till.ask("GET", "/v1/services", headers=given)).status == 200
    assert number_of(await till.ask("GET", "/v1/services", headers=given)) == (401, "P205")
    for method, path in (("POST", "/v1/services"), ("GET", "/v1/jwks")):
        other = {"authorization": f"DPoP {token}", "dpop": till.proof(method, path, token)}
        assert (await till.ask("GET", "/v1/services", headers=other)).status == 401, path
    other = {"authorization": f"DPoP {token}", "dpop": till.proof("GET", "/v1/services", "another token")}
    assert number_of(await till.ask("GET", "/v1/services", headers=other)) == (401, "P205")


@pytest.mark.parametrize("kind", ["none", "hmac with the public key", "another key", "embedded"])
async def test_no_token_of_ones_own_making_is_taken(town: Town, till: Till, kind: str) -> None:
    token = await till.token(Service.REPORTS)
    head, claims, _ = token.split(".")
    keys = json.loads((await till.ask("GET", "/v1/jwks")).body)["keys"]
    header: dict[str, Any] = json.loads(decode(head))
    payload = json.loads(decode(claims)) | {"loc": town.ids["cafe"], "scope": "vouchers:load"}
    body = encode(json.dumps(payload).encode())
    mine = KeyPair.make(town.house.runtime.chance.randbytes)
    signers: dict[str, tuple[dict[str, Any], Callable[[bytes], bytes]]] = {
        "none": ({"alg": "none"}, lambda _: b""),
        "hmac with the public key": (
            {"alg": "HS256"},
            lambda said: hmac.digest(decode(keys[0]["x"]), said, hashlib.sha256),
        ),
        "another key": ({}, mine.sign),
        "embedded": ({"jwk": mine.public.jwk.model_dump(mode="json")}, mine.sign),
    }
    changed, signs = signers[kind]
    first = encode(json.dumps(header | changed).encode())
    forged = f"{first}.{body}.{encode(signs(f'{first}.{body}'.encode()))}"
    assert (await till.call("GET", "/v1/services", forged)).status == 401
    assert (await till.call("GET", "/v1/services", f"{head}.{body}.{token.rpartition('.')[2]}")).status == 401


async def test_a_revoked_link_is_dead_at_once_for_every_token_it_had(town: Town, till: Till) -> None:
    owner = await town.browser(OWNER)
    async with town.house.database.reading() as connection:
        link_id = (
            await connection.execute(select(link.c.id).where(link.c.location_id == town.ids["head"]))
        ).scalar_one()
    assert (await town.send(owner, f"/interfaces/links/{link_id}/revoke", reason="stolen")).status == 303
    assert number_of(await till.request_token(Service.REPORTS)) == (401, "P202")


async def test_a_token_request_takes_no_more_than_it_names(till: Till) -> None:
    for other in (
        {"scope": "vouchers:load customers:write"},
        {"resource": "nothing"},
        {"grant_type": "password"},
        {"counter": "-1"},
        {"counter": "9" * 40},
        {"counter": "٣"},
    ):
        fields = {"scope": "", **other}
        reply = await till.request_token(Service.REPORTS, **fields)
        assert 400 <= reply.status < 500, (other, reply.text)
        assert "access_token" not in said(reply)
    till.number += 1
    double = till.form(Service.REPORTS) + b"&refresh_token=tbm_x"
    reply = await till.ask("POST", "/v1/token", double, FORM | {"dpop": till.proof("POST", "/v1/token")})
    assert 400 <= reply.status < 500, reply.text


async def test_what_was_used_at_one_process_is_used_at_every_other(town: Town, till: Till, tmp_path: Path) -> None:
    async with opened(PortalSettings(data=tmp_path), town.ids, seed=99, clock=town.clock) as second:
        token = await till.token(Service.REPORTS)
        given = {"authorization": f"DPoP {token}", "dpop": till.proof("GET", "/v1/services", token)}
        headers = {"accept": "application/json", **given}
        assert (await Browser(second.app).ask("GET", "/v1/services", headers=headers)).status == 200
        assert number_of(await till.ask("GET", "/v1/services", headers=given)) == (401, "P205")
