"""A pairing over HTTP, from the press of a button to the stored tokens."""

import asyncio
import json
import random

import pytest
from sqlalchemy import select, update

from tests.portal.clock import HandClock
from tests.portal.pairing.floor import DESCRIPTION, HOST, NUMBER, Connector, Floor, code_of, guess, post, replica
from tests.portal.shops import shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.base64url import decode, encode
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side, portal_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.schedule import key_proof
from tillbridge.link.pairing.words import ConnectorFacts, FinishReply, FinishRequest, StartReply, new_session_id
from tillbridge.portal.links.tables import link
from tillbridge.portal.pairing.model import PinState
from tillbridge.portal.pairing.wanted import Precondition
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.schema import metadata

OTHER = LocationNumber.of(1004712)


async def test_the_right_pin_opens_one_link(floor: Floor, connector: Connector) -> None:
    reply = await connector.retrieve(await floor.make_pin())
    grant = connector.conclude(reply)
    assert grant.location.number == NUMBER.digits
    assert grant.tenant == "Bäckerei Sommer"
    assert grant.server_time == floor.house.runtime.clock.now()
    assert (await floor.pin()).state is PinState.USED
    assert await floor.links() == 1
    assert await floor.events() == ["pin.made", "pin.used", "link.opened"]
    assert reply.headers["cache-control"] == "no-store"


async def test_a_pin_lives_for_a_day_and_not_a_second_longer(
    floor: Floor, connector: Connector, clock: HandClock
) -> None:
    """A04. The clock is looked at when the finish arrives, whatever it was at the start."""
    pin = await floor.make_pin()
    clock.forward(hours=23, minutes=59, seconds=59)
    await connector.begin(pin)
    clock.forward(seconds=1)
    assert code_of(await connector.finish()) == "P101"
    assert await floor.links() == 0
    second = await floor.make_pin()
    clock.forward(hours=23, minutes=59, seconds=59)
    assert code_of(await connector.retrieve(second)) == ""


@pytest.mark.parametrize(("wrong", "end"), [(4, ""), (5, "P101")])
async def test_five_wrong_tries_burn_a_pin(floor: Floor, wrong: int, end: str) -> None:
    """A05."""
    pin = await floor.make_pin()
    slip = f"{(int(pin) + 1) % 10000:04d}"
    for number in range(wrong):
        assert code_of(await Connector(floor, seed=number).retrieve(slip)) == "P101"
    assert code_of(await Connector(floor, seed=9).retrieve(pin)) == end
    stored = await floor.pin()
    assert stored.state is (PinState.BURNED if end else PinState.USED)
    assert stored.wrong == wrong
    assert await floor.links() == (0 if end else 1)


async def test_a_new_pin_ends_the_old_one_in_a_running_session_too(floor: Floor, connector: Connector) -> None:
    """A07."""
    await connector.begin(await floor.make_pin())
    fresh = await floor.make_pin()
    assert code_of(await connector.finish()) == "P101"
    assert (await floor.pin()).tries == 0
    assert code_of(await Connector(floor, seed=5).retrieve(fresh)) == ""


async def test_a_pin_is_good_for_its_own_location_alone(floor: Floor, connector: Connector) -> None:
    """A08."""
    other = await shop(floor.house, floor.tenant_id, 1004712, client_number=2, kind="branch", name="Bahnhof")
    pin = await floor.make_pin()
    await floor.make_pin(other)
    assert code_of(await connector.retrieve(pin, OTHER)) == "P101"
    assert (await floor.pin()).tries == 0
    assert (await floor.pin(other)).wrong == 1


async def test_nobody_can_tell_what_was_wrong(floor: Floor) -> None:
    """A09: an unknown location, no PIN, a burned PIN and a wrong one are answered with the same bytes."""
    await shop(floor.house, floor.tenant_id, 1004712, client_number=2, kind="branch", name="without a PIN")
    pin = await floor.make_pin()
    slip = f"{(int(pin) + 1) % 10000:04d}"
    said = [await Connector(floor, seed=1).retrieve(slip)]
    said.append(await Connector(floor, seed=2).retrieve(pin, OTHER))
    said.append(await Connector(floor, seed=3).retrieve(pin, LocationNumber.of(7777777)))
    for seed in range(4, 8):
        await Connector(floor, seed=seed).retrieve(slip)
    assert (await floor.pin()).state is PinState.BURNED
    said.append(await Connector(floor, seed=8).retrieve(pin))
    assert {(one.status, one.body) for one in said} == {(403, said[0].body)}
    assert {frozenset(one.headers.items()) for one in said} == {frozenset(said[0].headers.items())}


async def test_a_lost_reply_is_given_again_by_another_process(
    floor: Floor, connector: Connector, settings: PortalSettings
) -> None:
    """A11, A12: both sides have died in between; the connector has only what it stored."""
    first = await connector.retrieve(await floor.make_pin())
    assert connector.kept is not None
    connector.kept = KeptExchange.load(connector.kept.dump())
    async with replica(floor, settings) as restarted:
        connector.floor = restarted
        again = await connector.finish()
        assert (again.status, again.body) == (first.status, first.body)
        assert await restarted.links() == 1
    assert connector.conclude(again).link_id == connector.conclude(first).link_id


async def test_a_fault_before_the_end_costs_no_second_try(floor: Floor, connector: Connector) -> None:
    """The try was taken, then the portal died while it decided: the same finish goes on from there."""

    async def die() -> None:
        raise BridgeError(Code.DATABASE_UNAVAILABLE)

    pin = await floor.make_pin()
    floor.conditions.before = die
    assert (await connector.retrieve(pin)).status == 503
    assert (await floor.pin()).tries == 1
    assert await floor.links() == 0
    floor.conditions.before = None
    connector.conclude(await connector.finish())
    assert ((await floor.pin()).state, (await floor.pin()).tries) == (PinState.USED, 0)


async def test_another_body_on_a_finished_session_is_a_conflict(floor: Floor, connector: Connector) -> None:
    """A13."""
    await connector.retrieve(await floor.make_pin())
    assert connector.kept is not None
    path = f"/v1/pairing/sessions/{connector.kept.session_id}/finish"
    assert code_of(await post(floor.browser(), path, guess(1))) == "P106"
    assert code_of(await post(floor.browser(), path, connector.kept.finish_body + b" ")) == "P106"
    assert code_of(await connector.finish()) == ""


async def test_a_reply_is_repeated_for_ten_minutes_after_the_first_contact(
    floor: Floor, connector: Connector, clock: HandClock
) -> None:
    """A14."""
    first = await connector.retrieve(await floor.make_pin())
    clock.forward(hours=1)
    async with floor.house.database.writing() as connection:
        await connection.execute(update(link).values(first_contact_at=clock.now()))
    clock.forward(minutes=9, seconds=59)
    assert (await connector.finish()).body == first.body
    clock.forward(seconds=1)
    late = await connector.finish()
    assert code_of(late) == "P107"
    assert json.loads(first.body)["sealed_b"] not in late.text


async def test_without_a_contact_it_is_repeated_for_a_day(floor: Floor, connector: Connector, clock: HandClock) -> None:
    first = await connector.retrieve(await floor.make_pin())
    clock.forward(hours=23, minutes=59, seconds=59)
    await floor.pairing.sweep()
    assert (await connector.finish()).body == first.body
    clock.forward(seconds=1)
    assert code_of(await connector.finish()) == "P107"
    clock.forward(minutes=2)
    await floor.pairing.sweep()
    assert code_of(await connector.finish()) == "P107"


async def test_a_session_takes_its_finish_for_two_minutes(floor: Floor, connector: Connector, clock: HandClock) -> None:
    pin = await floor.make_pin()
    await connector.begin(pin)
    clock.forward(seconds=120)
    assert code_of(await connector.finish()) == "P107"
    await floor.pairing.sweep()
    assert code_of(await connector.finish()) == "P107"
    assert (await floor.pin()).tries == 0, "an abandoned session costs nothing"
    assert code_of(await connector.retrieve(pin)) == ""


async def test_a_wrong_finish_is_refused_again_and_not_counted_again(floor: Floor, connector: Connector) -> None:
    pin = await floor.make_pin()
    first = await connector.retrieve(f"{(int(pin) + 1) % 10000:04d}")
    again = await connector.finish()
    assert (again.status, again.body) == (first.status, first.body)
    assert (await floor.pin()).wrong == 1


async def test_a_missing_licence_leaves_the_pin_open(floor: Floor, connector: Connector) -> None:
    """A25."""
    pin = await floor.make_pin()
    floor.conditions.now = Precondition(refusal=BridgeError(Code.CONVERSION_LICENCE), conversion_due=True)
    assert code_of(await connector.retrieve(pin)) == "C402"
    assert ((await floor.pin()).state, (await floor.pin()).tries) == (PinState.OPEN, 0)
    floor.conditions.now = Precondition(conversion_due=True)
    assert code_of(await Connector(floor, seed=4).retrieve(pin)) == ""
    assert await floor.links() == 1


async def test_functions_that_nobody_accepted_leave_the_pin_open(floor: Floor, connector: Connector) -> None:
    pin = await floor.make_pin()
    floor.conditions.now = Precondition(functions=("customers.function.offline_edit",))
    assert code_of(await connector.retrieve(pin)) == "C401"
    assert (await floor.pin()).state is PinState.OPEN


async def test_a_closed_location_takes_nobody(floor: Floor, connector: Connector) -> None:
    pin = await floor.make_pin()
    await connector.begin(pin)
    async with floor.house.database.writing() as connection:
        await floor.pairing.pins.location_closed(connection, floor.location_id, floor.person.actor)
    assert code_of(await connector.finish()) == "P101"
    assert (await floor.pin()).state is PinState.WITHDRAWN


async def test_what_cannot_be_read_costs_no_try(floor: Floor, connector: Connector) -> None:
    browser, start = floor.browser(), "/v1/pairing/start"
    fine = {"suite": "TB-PAIR-1", "location_number": NUMBER.digits, "share_a": encode(b"A" + bytes(32))}
    said = {
        "zero share": fine,
        "no point": fine | {"share_a": encode(b"A" + b"\xff" * 32)},
        "other side": fine | {"share_a": encode(b"B" + bytes(32))},
        "check digit": fine | {"location_number": "10047111"},
        "more members": fine | {"pin": "0420"},
        "older": fine | {"suite": "TB-PAIR-0"},
    }
    codes = {name: code_of(await post(browser, start, json.dumps(body).encode())) for name, body in said.items()}
    assert codes == dict.fromkeys(said, "P102") | {"older": "P111"}
    for body in (b"", b"[]", b"\xff", b"{" * 900, b" " * 2000):
        assert code_of(await post(browser, start, body)) == "P102"
    await connector.begin(await floor.make_pin())
    assert connector.kept is not None
    path = f"/v1/pairing/sessions/{connector.kept.session_id}/finish"
    for body in (b"", b"{}", b'{"confirm_a":"AA","sealed_a":"AA"}', b" " * 9000):
        assert code_of(await post(browser, path, body)) == "P102"
    assert (await floor.pin()).tries == 0
    assert code_of(await connector.finish()) == ""


async def test_sessions_that_never_were_are_over(floor: Floor) -> None:
    for name in ("A" * 22, "x", "%27%20or%201=1", "A" * 5000):
        assert code_of(await post(floor.browser(), f"/v1/pairing/sessions/{name}/finish", guess(1))) == "P107"


async def test_an_exchange_is_bound_to_a_name_of_the_portals_own(floor: Floor, connector: Connector) -> None:
    pin = await floor.make_pin()
    connector.host = "portal.example"
    assert code_of(await connector.retrieve(pin)) == "P101", "the portal took its name from its settings"
    browser = floor.browser()
    body = b'{"suite":"TB-PAIR-1"}'
    reply = await browser.ask("POST", "/v1/pairing/start", body, {"host": "evil.example", "accept": "*/*"})
    assert reply.status == 403


async def test_a_man_in_the_middle_learns_nothing_and_wins_nothing(floor: Floor) -> None:
    """He answers both sides himself: one guess at each, and then they are used up."""
    pin = await floor.make_pin()
    slip, chance = f"{(int(pin) + 1) % 10000:04d}", random.Random(3)
    at_till = connector_side.begin(pin, NUMBER, HOST, chance.randbytes)
    reply, his = portal_side.begin(at_till.request, slip, HOST, new_session_id(chance.randbytes), chance.randbytes)
    key = KeyPair.make(chance.randbytes)
    kept = at_till.answer(reply, DESCRIPTION, key)
    assert his.judge(FinishRequest.read(kept.finish_body)) is None
    assert DESCRIPTION.name.encode() not in kept.finish_body
    with pytest.raises(BridgeError) as caught:
        kept.conclude(FinishReply(confirm_b=chance.randbytes(32), sealed_b=chance.randbytes(400)))
    assert caught.value.code is Code.PORTAL_UNPROVEN
    assert code_of(await Connector(floor, source="198.51.100.7", seed=40).retrieve(slip)) == "P101"
    assert await floor.links() == 0


@pytest.mark.parametrize("member", ["confirm_a", "sealed_a"])
async def test_a_relay_that_changes_anything_is_refused(floor: Floor, connector: Connector, member: str) -> None:
    await connector.begin(await floor.make_pin())
    assert connector.kept is not None
    changed = json.loads(connector.kept.finish_body)
    whole = bytearray(decode(changed[member]))
    whole[7] ^= 1
    changed[member] = encode(bytes(whole))
    path = f"/v1/pairing/sessions/{connector.kept.session_id}/finish"
    assert code_of(await post(floor.browser("198.51.100.7"), path, json.dumps(changed).encode())) == "P101"
    assert code_of(await connector.finish()) == "P106", "the session is spent"
    assert await floor.links() == 0


async def test_a_relay_that_changes_nothing_reads_nothing(floor: Floor, connector: Connector) -> None:
    reply = await connector.retrieve(await floor.make_pin())
    grant = connector.conclude(reply)
    assert connector.kept is not None
    for seen in (connector.kept.finish_body, reply.body):
        sealed = b"".join(decode(text) for text in json.loads(seen).values())
        for secret in (grant.master_token, grant.tenant, DESCRIPTION.name, encode(connector.kept.key.public.raw)):
            assert secret.encode() not in seen + sealed


@pytest.mark.parametrize("lost", ["start", "start reply", "finish", "finish reply"])
async def test_whichever_message_is_lost_it_ends_with_one_pairing(floor: Floor, lost: str) -> None:
    """A16. A lost start needs another press of the person; a lost finish is sent again by itself."""
    pin = await floor.make_pin()
    connector = Connector(floor)
    if lost in {"start", "start reply"}:
        if lost == "start reply":
            await Connector(floor, seed=20).begin(pin)
        connector = Connector(floor, seed=30)
        await connector.begin(pin)
    else:
        await connector.begin(pin)
        if lost == "finish reply":
            await connector.finish()
    connector.conclude(await connector.finish())
    assert ((await floor.pin()).state, (await floor.pin()).tries, await floor.links()) == (PinState.USED, 0, 1)


@pytest.mark.parametrize("doubled", ["start", "finish"])
async def test_whichever_message_is_doubled_it_ends_with_one_pairing(floor: Floor, doubled: str) -> None:
    """A16. The first of two starts is never finished; two equal finishes at once get the same bytes."""
    pin = await floor.make_pin()
    connector = Connector(floor)
    for _ in range(2 if doubled == "start" else 1):
        await connector.begin(pin)
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(connector.finish()) for _ in range(2)]
    first, second = (task.result() for task in both)
    assert (first.status, first.body) == (second.status, second.body)
    connector.conclude(first)
    assert ((await floor.pin()).state, (await floor.pin()).tries, await floor.links()) == (PinState.USED, 0, 1)


async def test_nothing_secret_is_left_in_the_database(floor: Floor, connector: Connector) -> None:
    """A22, this feature's part."""
    pin = await floor.make_pin()
    token = connector.conclude(await connector.retrieve(pin)).master_token
    dump = await _dump(floor)
    assert token not in dump
    assert f'"{pin}"' not in dump
    assert json.dumps((await floor.pin()).state) in dump


async def test_a_key_that_is_not_the_connectors_own_is_refused_and_costs_no_try(floor: Floor) -> None:
    """Whoever knows the PIN can seal, but not sign for somebody else's key."""
    pin, chance = await floor.make_pin(), random.Random(8)
    begun = connector_side.begin(pin, NUMBER, HOST, chance.randbytes)
    reply = StartReply.read((await post(floor.browser(), "/v1/pairing/start", begun.request.body())).body)
    schedule = begun.meet(reply)
    own, anothers = KeyPair.make(chance.randbytes), KeyPair.make(chance.randbytes)
    facts = ConnectorFacts(
        **DESCRIPTION.model_dump(), jwk=anothers.public.jwk, proof=own.sign(key_proof(schedule.transcript))
    )
    body = connector_side.keep(schedule, reply.session_id, facts.body(), own).finish_body
    refused = await post(floor.browser(), f"/v1/pairing/sessions/{reply.session_id}/finish", body)
    assert (code_of(refused), json.loads(refused.body)["place"]) == ("P102", "proof")
    again = await post(floor.browser(), f"/v1/pairing/sessions/{reply.session_id}/finish", body)
    assert again.body == refused.body
    assert ((await floor.pin()).state, (await floor.pin()).tries) == (PinState.OPEN, 0)


async def _dump(floor: Floor) -> str:
    """Every value of every row of the database."""
    found: list[object] = []
    async with floor.house.database.reading() as connection:
        for table in metadata.sorted_tables:
            found += [list(row) for row in await connection.execute(select(table))]
    return json.dumps(found, default=str)
