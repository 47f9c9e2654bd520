"""The life of a PIN at the portal: who may make one, what ends it, and who is told."""

from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from tests.portal.clock import HandClock
from tests.portal.pairing.floor import Connector, Floor, floor_of, try_guess
from tests.portal.people import somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.mail.tables import letter
from tillbridge.portal.pairing import pins_store
from tillbridge.portal.pairing.model import MOST_TRIES, PinState
from tillbridge.portal.pairing.tables import pairing_pin, pairing_session
from tillbridge.portal.pairing.wanted import Precondition

EDIT = "interfaces.pos.edit"
VIEW = "interfaces.pos.view"


async def _refusal(floor: Floor, *, accept: bool = False, replace_link: bool = False) -> Code | None:
    try:
        await floor.pairing.pins.make(floor.person, floor.location_id, replace=replace_link, accept=accept)
    except BridgeError as refusal:
        return refusal.code
    return None


async def _count(floor: Floor) -> int:
    async with floor.house.database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(pairing_pin))).scalar_one())


async def test_it_needs_the_right_and_a_fresh_proof(floor: Floor, clock: HandClock) -> None:
    """A01, A02: rights are those of this very moment."""
    elsewhere = await shop(floor.house, floor.tenant_id, 1004712, client_number=2, kind="branch")
    people = {
        Code.RIGHT_MISSING: somebody(floor.tenant_id, VIEW),
        Code.STEP_UP_NEEDED: somebody(floor.tenant_id, EDIT),
        Code.RECORD_UNKNOWN: somebody(floor.tenant_id, EDIT, locations=frozenset({elsewhere})),
    }
    for code, person in people.items():
        floor.keeper.person = person
        if code is not Code.STEP_UP_NEEDED:
            floor.step_up()
        assert await _refusal(floor) is code
    foreign = somebody(await merchant(floor.house, "Another"), EDIT)
    floor.keeper.person = replace(foreign, stepped_up_at=clock.now())
    assert await _refusal(floor) is Code.RECORD_UNKNOWN
    assert await _count(floor) == 0
    floor.keeper.person = replace(somebody(floor.tenant_id, EDIT), stepped_up_at=clock.now())
    assert await _refusal(floor) is None


async def test_its_digits_stand_nowhere(floor: Floor) -> None:
    digits = await floor.make_pin()
    async with floor.house.database.reading() as connection:
        sealed = (await connection.execute(select(pairing_pin.c.sealed_pin))).scalar_one()
        noted = (await connection.execute(select(audit_entry))).all()
    assert len(digits) == 4
    assert sealed
    assert digits not in sealed
    assert all(f'"{digits}"' not in str(list(row)) for row in noted)
    made = await floor.pairing.pins.make(floor.step_up(), floor.location_id, replace=False, accept=False)
    assert made.digits not in repr(made)
    await floor.pairing.pins.withdraw(floor.person, floor.location_id)
    async with floor.house.database.reading() as connection:
        assert set((await connection.execute(select(pairing_pin.c.sealed_pin))).scalars()) == {""}


async def test_a_merchant_may_want_six_digits(house: House) -> None:
    tenant_id = await merchant(house, pin_digits=6)
    floor = floor_of(house, tenant_id, await shop(house, tenant_id, 1004711))
    digits = await floor.make_pin()
    assert len(digits) == 6
    connector = Connector(floor)
    connector.conclude(await connector.retrieve(digits))


def test_every_pin_is_as_likely_as_the_others(floor: Floor) -> None:
    """With leading zeros; chi-squared over the first digit and over the last one, 9 degrees of freedom, p = 0.001."""
    drawn = [floor.pairing.pins.drawn(4) for _ in range(20000)]
    assert {len(pin) for pin in drawn} == {4}
    for place in (0, 3):
        seen = Counter(pin[place] for pin in drawn)
        assert sum((seen[str(digit)] - 2000) ** 2 / 2000 for digit in range(10)) < 27.9
    assert len(set(drawn)) > 8500


async def test_an_existing_link_is_replaced_only_if_that_was_said(floor: Floor, clock: HandClock) -> None:
    first = Connector(floor)
    link_id = first.conclude(await first.retrieve(await floor.make_pin())).link_id
    assert await _refusal(floor) is None, "nobody has used that link yet"
    async with floor.house.database.writing() as connection:
        link = await floor.pairing.links.link(connection, link_id, lock=True)
        await floor.pairing.links.acknowledge(connection, link, floor.person.actor)
    assert await _refusal(floor) is Code.LINK_EXISTS
    clock.forward(minutes=1)
    second = Connector(floor, seed=20)
    grant = second.conclude(await second.retrieve(await floor.make_pin(replace_link=True)))
    async with floor.house.database.writing() as connection:
        in_use = await floor.pairing.links.link_of(connection, floor.location_id)
        assert in_use is not None
        assert in_use.id == link_id, "the old one goes on until the new one is used"
        fresh = await floor.pairing.links.link(connection, grant.link_id, lock=True)
        await floor.pairing.links.acknowledge(connection, fresh, floor.person.actor)
    async with floor.house.database.reading() as connection:
        in_use = await floor.pairing.links.link_of(connection, floor.location_id)
    assert in_use is not None
    assert in_use.id == grant.link_id


async def test_the_customer_data_may_stand_in_the_way(floor: Floor) -> None:
    floor.step_up()
    floor.conditions.now = Precondition(refusal=BridgeError(Code.CONVERSION_LICENCE))
    assert await _refusal(floor) is Code.CONVERSION_LICENCE
    floor.conditions.now = Precondition(conversion_due=True, functions=("customers.function.offline_edit",))
    assert await _refusal(floor) is Code.CONVERSION_REQUIRED
    assert await _count(floor) == 0
    assert await _refusal(floor, accept=True) is None
    assert floor.conditions.accepted_by == [floor.person.id]


async def test_a_withdrawn_one_is_over(floor: Floor, connector: Connector) -> None:
    await connector.begin(await floor.make_pin())
    await floor.pairing.pins.withdraw(floor.person, floor.location_id)
    assert (await connector.finish()).status == 403
    assert (await floor.pin()).state is PinState.WITHDRAWN
    with pytest.raises(BridgeError) as caught:
        await floor.pairing.pins.withdraw(floor.person, floor.location_id)
    assert caught.value.code is Code.RECORD_CONFLICT


async def test_its_maker_is_told_when_it_burns(floor: Floor) -> None:
    await floor.make_pin()
    for number in range(MOST_TRIES):
        await try_guess(floor, await floor.pin(), number, f"192.0.2.{number}")
    async with floor.house.database.reading() as connection:
        rows = (await connection.execute(select(letter.c.recipient, letter.c.subject))).all()
    assert [tuple(row) for row in rows] == [("olga@shop.example", "PIN for Am Markt blocked")]
    assert (await floor.events())[-1] == "pin.burned"


async def test_all_six_states_are_kept_as_facts(floor: Floor, clock: HandClock) -> None:
    connector = Connector(floor)
    await floor.make_pin()
    await floor.make_pin()
    await floor.pairing.pins.withdraw(floor.person, floor.location_id)
    await floor.make_pin()
    clock.forward(hours=24)
    await floor.pairing.sweep()
    await floor.make_pin()
    for number in range(MOST_TRIES):
        await try_guess(floor, await floor.pin(), number, f"192.0.2.{number}")
    connector.conclude(await connector.retrieve(await floor.make_pin()))
    kept = [event for event in await floor.events() if event.startswith("pin.")]
    assert Counter(kept) == Counter(
        ["pin.made"] * 5 + ["pin.replaced", "pin.withdrawn", "pin.expired", "pin.burned", "pin.used"]
    )


async def test_tries_that_a_dead_portal_took_do_not_keep_a_pin_open(floor: Floor, clock: HandClock) -> None:
    """The portal dies each time between taking the try and judging it."""
    await floor.make_pin()
    pin = await floor.pin()
    async with floor.house.database.writing() as connection:
        taken = [await pins_store.count_try(connection, pin.id, clock.now()) for _ in range(MOST_TRIES + 1)]
    assert taken == [True] * MOST_TRIES + [False]
    await floor.pairing.sweep()
    assert (await floor.pin()).state is PinState.OPEN, "they may be looked at this very moment"
    clock.forward(minutes=3)
    await floor.pairing.sweep()
    assert (await floor.pin()).state is PinState.BURNED


async def test_the_sweep_erases_what_ran_out(floor: Floor, connector: Connector, clock: HandClock) -> None:
    await connector.begin(await floor.make_pin())
    clock.forward(seconds=121)
    await floor.pairing.sweep()
    async with floor.house.database.reading() as connection:
        assert (await connection.execute(select(pairing_session.c.id))).all() == []
