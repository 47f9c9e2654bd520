"""Pairings that wait for a person: because the merchant wants it so, because PINs burned, because somebody guesses."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.portal.browser import Reply
from tests.portal.clock import HandClock
from tests.portal.pairing.floor import STAFF, Connector, Floor, code_of, try_guess
from tests.portal.people import somebody
from tests.portal.shops import shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.mail.tables import letter
from tillbridge.portal.pairing import sessions_store
from tillbridge.portal.pairing.model import FAILURES_OF_PORTAL, FAILURES_OF_SOURCE, PinState, Session
from tillbridge.portal.pairing.wanted import Precondition
from tillbridge.portal.rights import Person


async def _waiting(floor: Floor) -> Session:
    async with floor.house.database.reading() as connection:
        found = await sessions_store.waiting_at(connection, floor.location_id, floor.house.runtime.clock.now())
    assert found is not None
    return found


async def _asked(floor: Floor, connector: Connector) -> Reply:
    """A right PIN, where consent is needed."""
    await floor.ask_consent_always()
    return await connector.retrieve(await floor.make_pin())


async def test_a_person_compares_and_accepts(floor: Floor, connector: Connector) -> None:
    reply = await _asked(floor, connector)
    assert (reply.status, code_of(reply), reply.headers["retry-after"]) == (202, "P104", "5")
    assert connector.kept is not None
    session = await _waiting(floor)
    assert session.fingerprint == connector.kept.key.public.fingerprint
    assert session.fingerprint in json.loads(reply.body)["detail"]
    assert (await connector.finish()).body == reply.body
    assert ((await floor.pin()).state, await floor.links()) == (PinState.USED, 0)
    async with floor.house.database.reading() as connection:
        assert await floor.pairing.links.state(connection, floor.location_id) is LinkState.WAITING_CONFIRM
    await floor.pairing.consent.accept(floor.step_up(), floor.location_id, session.id)
    accepted = await connector.finish()
    connector.conclude(accepted)
    assert (await connector.finish()).body == accepted.body
    assert await floor.links() == 1


async def test_a_person_refuses(floor: Floor, connector: Connector) -> None:
    await _asked(floor, connector)
    await floor.pairing.consent.deny(floor.step_up(), floor.location_id, (await _waiting(floor)).id)
    assert code_of(await connector.finish()) == "P105"
    assert code_of(await connector.finish()) == "P105"
    assert await floor.links() == 0


async def test_nobody_decides_for_ten_minutes(floor: Floor, connector: Connector, clock: HandClock) -> None:
    await _asked(floor, connector)
    session = await _waiting(floor)
    clock.forward(minutes=10)
    assert code_of(await connector.finish()) == "P107"
    with pytest.raises(BridgeError) as caught:
        await floor.pairing.consent.accept(floor.step_up(), floor.location_id, session.id)
    assert caught.value.code is Code.RECORD_CONFLICT
    await floor.pairing.sweep()
    assert (await floor.events())[-1] == "pairing.unanswered"
    assert code_of(await connector.finish()) == "P107"


async def test_only_who_may_decides(floor: Floor, connector: Connector) -> None:
    await _asked(floor, connector)
    session = await _waiting(floor)
    other = await shop(floor.house, floor.tenant_id, 1004712, client_number=2, kind="branch")
    consent, owner = floor.pairing.consent, floor.person
    viewer = somebody(floor.tenant_id, "interfaces.pos.view")
    cases = [
        (viewer, floor.location_id, session.id, Code.RIGHT_MISSING),
        (replace(owner, stepped_up_at=None), floor.location_id, session.id, Code.STEP_UP_NEEDED),
        (owner, other, session.id, Code.RECORD_UNKNOWN),
        (owner, floor.location_id, "A" * 22, Code.RECORD_UNKNOWN),
    ]
    for person, location_id, session_id, code in cases:
        for decide in (consent.accept, consent.deny):
            with pytest.raises(BridgeError) as caught:
                await decide(person, location_id, session_id)
            assert caught.value.code is code
    assert code_of(await connector.finish()) == "P104"


async def test_of_accept_and_deny_at_once_one_counts(floor: Floor, connector: Connector) -> None:
    await _asked(floor, connector)
    session, person = await _waiting(floor), floor.step_up()

    async def decide(answer: Callable[[Person, str, str], Awaitable[None]]) -> Code | None:
        try:
            await answer(person, floor.location_id, session.id)
        except BridgeError as refusal:
            return refusal.code
        return None

    async with asyncio.TaskGroup() as group:
        accepted = group.create_task(decide(floor.pairing.consent.accept))
        denied = group.create_task(decide(floor.pairing.consent.deny))
    assert {accepted.result(), denied.result()} == {None, Code.RECORD_CONFLICT}
    assert code_of(await connector.finish()) == ("P105" if accepted.result() else "")


async def test_the_customer_data_are_asked_again_when_somebody_accepts(floor: Floor, connector: Connector) -> None:
    await _asked(floor, connector)
    floor.conditions.now = Precondition(refusal=BridgeError(Code.CONVERSION_LICENCE))
    session = await _waiting(floor)
    with pytest.raises(BridgeError) as caught:
        await floor.pairing.consent.accept(floor.step_up(), floor.location_id, session.id)
    assert caught.value.code is Code.CONVERSION_LICENCE
    assert code_of(await connector.finish()) == "P104", "it goes on waiting"


async def test_a_new_pin_ends_who_waits(floor: Floor, connector: Connector) -> None:
    await _asked(floor, connector)
    await floor.make_pin()
    assert code_of(await connector.finish()) == "P105"


async def test_two_burned_pins_in_a_day_need_consent(floor: Floor, clock: HandClock) -> None:
    for turn in range(2):
        await floor.make_pin()
        for number in range(5):
            await try_guess(floor, await floor.pin(), turn * 5 + number, f"192.0.2.{turn * 5 + number}")
    assert code_of(await Connector(floor).retrieve(await floor.make_pin())) == "P104"
    clock.forward(hours=24)
    later = Connector(floor, seed=9)
    later.conclude(await later.retrieve(await floor.make_pin()))


async def test_a_hundred_failures_guard_the_portal(floor: Floor, clock: HandClock) -> None:
    """A29. The alarm comes once; only the operator's staff end it, and then the count begins anew."""
    await floor.failures(FAILURES_OF_PORTAL, "", FAILURES_OF_PORTAL.most - 10)
    for turn in range(2):
        await floor.make_pin()
        pin = await floor.pin()
        assert "pairing.guarded" not in await floor.events()
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(try_guess(floor, pin, turn * 5 + number, f"198.51.{turn}.{number}"))
    assert "pairing.guarded" in await floor.events()
    assert await _told_staff(floor) == 1
    clock.forward(hours=48)
    connector = Connector(floor)
    assert code_of(await connector.retrieve(await floor.make_pin())) == "P104", "it does not end by itself"
    with pytest.raises(BridgeError) as caught:
        await floor.pairing.guarding.end(floor.step_up())
    assert caught.value.code is Code.RIGHT_MISSING
    await floor.pairing.guarding.end(replace(floor.step_up(), operator=True))
    free = Connector(floor, seed=7)
    free.conclude(await free.retrieve(await floor.make_pin()))
    assert (await floor.events()).count("pairing.guarded") == 1
    assert await _told_staff(floor) == 1


async def test_a_right_finish_is_no_failure(floor: Floor) -> None:
    """With nine of ten failures from this address, and all but one of the portal's, it is paired again and again."""
    await floor.failures(FAILURES_OF_SOURCE, "192.0.2.1", FAILURES_OF_SOURCE.most - 1)
    await floor.failures(FAILURES_OF_PORTAL, "", FAILURES_OF_PORTAL.most - 1)
    for seed in range(3):
        connector = Connector(floor, seed=seed * 10)
        connector.conclude(await connector.retrieve(await floor.make_pin()))
    assert "pairing.guarded" not in await floor.events()


async def _told_staff(floor: Floor) -> int:
    async with floor.house.database.reading() as connection:
        rows = (await connection.execute(select(letter.c.recipient))).scalars().all()
    return list(rows).count(STAFF.email)
