"""What people may ask of a connector, and what is written down of its answers."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from tests.portal.commands.lines import PAYMENT_ID, answer
from tests.portal.links.opening import pair
from tests.portal.links.posting import events
from tests.portal.people import owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.link.message_words import CommandState
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.commands import store
from tillbridge.portal.commands.model import Command, Holder, State
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.rights import Person

TEN = Money(1000, EUR)
ATTEMPT = "5" * 32


async def start(desk: CommandDesk, person: Person, location_id: str, attempt: str = ATTEMPT) -> Command:
    return await desk.start_payment(person, location_id, TEN, "front", "A-17", attempt)


@pytest.fixture
async def given(house: House, desk: CommandDesk, holder: Holder) -> Command:
    """A payment that left for the connector."""
    made = await start(desk, owner(holder.tenant_id), holder.location_id)
    async with house.database.writing() as connection:
        (taken,) = await store.take(connection, [holder.location_id], house.runtime.clock.now())
    assert taken.id == made.id
    return taken


async def row(house: House, one: Command) -> Command:
    async with house.database.reading() as connection:
        found = await store.find(connection, one.id, one.tenant_id)
    assert found is not None
    return found


async def test_a_payment_needs_the_right_at_that_location(desk: CommandDesk, holder: Holder, neighbour: Holder) -> None:
    viewer = somebody(holder.tenant_id, "payments.view")
    elsewhere = somebody(holder.tenant_id, "payments.edit", locations=frozenset({neighbour.location_id}))
    cashier = somebody(holder.tenant_id, "payments.edit", locations=frozenset({holder.location_id}))
    for person, code in ((viewer, Code.RIGHT_MISSING), (elsewhere, Code.RECORD_UNKNOWN)):
        with pytest.raises(BridgeError) as refused:
            await start(desk, person, holder.location_id)
        assert refused.value.code is code
    assert (await start(desk, cashier, holder.location_id)).state is State.QUEUED
    with pytest.raises(BridgeError) as refused:
        await desk.send_configuration(cashier, holder.location_id, {})
    assert refused.value.code is Code.RIGHT_MISSING


async def test_another_merchants_location_has_no_link_to_pay_with(
    house: House, desk: CommandDesk, holder: Holder
) -> None:
    """Pages say 404 before it comes to this; here nothing is made either."""
    stranger = owner(await merchant(house, "Café Nord"))
    with pytest.raises(BridgeError) as refused:
        await start(desk, stranger, holder.location_id)
    assert refused.value.code is Code.NOT_PAIRED


@pytest.mark.parametrize(
    ("act", "code"), [(None, Code.NOT_PAIRED), ("revoke", Code.NOT_PAIRED), ("suspend", Code.LINK_SUSPENDED)]
)
async def test_without_a_link_in_use_nothing_is_made(
    house: House, desk: CommandDesk, links: Links, tenant_id: str, act: str | None, code: Code
) -> None:
    location_id = await shop(house, tenant_id, 1_004_713)
    paired = await pair(house, links, location_id)
    async with house.database.writing() as connection:
        if act is not None:
            await links.acknowledge(connection, await links.link(connection, paired.link_id), PORTAL)
            await getattr(links, act)(connection, paired.link_id, PORTAL, "")
    with pytest.raises(BridgeError) as refused:
        await start(desk, owner(tenant_id), location_id)
    assert refused.value.code is code
    async with house.database.reading() as connection:
        assert await store.waiting(connection) == []


async def test_before_the_conversion_there_are_no_payments(
    house: House, desk: CommandDesk, links: Links, tenant_id: str
) -> None:
    location_id = await shop(house, tenant_id, 1_004_713)
    paired = await pair(house, links, location_id, conversion_due=True)
    async with house.database.writing() as connection:
        await links.acknowledge(connection, await links.link(connection, paired.link_id), PORTAL)
    with pytest.raises(BridgeError) as refused:
        await start(desk, owner(tenant_id), location_id)
    assert refused.value.code is Code.CONVERSION_REQUIRED


async def test_a_form_that_is_sent_twice_is_one_payment(house: House, desk: CommandDesk, holder: Holder) -> None:
    person = owner(holder.tenant_id)
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(start(desk, person, holder.location_id)) for _ in range(4)]
    assert {one.result().id for one in tries} == {ATTEMPT}
    async with house.database.reading() as connection:
        assert len(await store.waiting(connection)) == 1
    with pytest.raises(BridgeError) as refused:
        await desk.start_payment(person, holder.location_id, Money(1001, EUR), "front", "A-17", ATTEMPT)
    assert refused.value.code is Code.RECORD_CONFLICT


async def test_an_id_of_another_merchant_is_refused(house: House, desk: CommandDesk, holder: Holder) -> None:
    other = await merchant(house, "Café Nord")
    location_id = await shop(house, other, 1_004_999)
    links = Links(house)
    paired = await pair(house, links, location_id)
    async with house.database.writing() as connection:
        await links.acknowledge(connection, await links.link(connection, paired.link_id), PORTAL)
    await start(desk, owner(other), location_id)
    with pytest.raises(BridgeError) as refused:
        await start(desk, owner(holder.tenant_id), holder.location_id)
    assert refused.value.code is Code.RECORD_CONFLICT


async def test_step_by_step_to_the_end(house: House, desk: CommandDesk, holder: Holder, given: Command) -> None:
    steps: list[tuple[CommandState, str | None, State]] = [
        (CommandState.ACCEPTED, None, State.ACCEPTED),
        (CommandState.RUNNING, "unknown", State.RUNNING),
        (CommandState.ACCEPTED, None, State.RUNNING),
        (CommandState.RUNNING, "in_doubt", State.RUNNING),
        (CommandState.UNKNOWN, None, State.RUNNING),
        (CommandState.DONE, "approved", State.DONE),
        (CommandState.REFUSED, None, State.DONE),
        (CommandState.RUNNING, "in_doubt", State.DONE),
    ]
    for said, outcome, expected in steps:
        await desk.answered(holder, answer(given.id, said, outcome))
        assert (await row(house, given)).state is expected
    assert (await row(house, given)).result["outcome"] == "approved"


async def test_who_asked_and_how_it_ended_stands_in_the_audit_log(
    house: House, desk: CommandDesk, holder: Holder, given: Command
) -> None:
    await desk.answered(holder, answer(given.id, CommandState.RUNNING, "unknown"))
    await desk.answered(holder, answer(given.id, CommandState.DONE, "approved", code=None))
    await desk.answered(holder, answer(given.id, CommandState.DONE, "approved"))
    told = [one for one in await events(house) if one.startswith("command.")]
    assert told == ["command.payment_asked", "command.payment_ended"]
    async with house.database.reading() as connection:
        rows = await connection.execute(select(audit_entry).where(audit_entry.c.subject == given.id))
        asked, ended = sorted(rows.mappings(), key=lambda one: one["id"])
    assert (asked["tenant_id"], asked["location_id"]) == (holder.tenant_id, holder.location_id)
    after: dict[str, Any] = ended["after"]
    assert (after["state"], after["outcome"], after["payment_id"]) == ("done", "approved", PAYMENT_ID)


async def test_what_a_connector_has_in_hand_runs_and_keeps_what_is_known(
    house: House, desk: CommandDesk, holder: Holder, given: Command
) -> None:
    await desk.resumed(holder, [given.id, "e" * 32])
    assert (await row(house, given)).state is State.RUNNING
    await desk.answered(holder, answer(given.id, CommandState.RUNNING, "in_doubt"))
    await desk.resumed(holder, [given.id])
    assert (await row(house, given)).result["outcome"] == "in_doubt"
    await desk.answered(holder, answer(given.id, CommandState.DONE, "declined"))
    await desk.resumed(holder, [given.id])
    assert (await row(house, given)).state is State.DONE


async def test_a_payment_that_shows_up_after_all_is_believed(
    house: House, desk: CommandDesk, holder: Holder, given: Command
) -> None:
    """Two computers with one key: the one says that it never saw it, the other has charged the card."""
    await desk.answered(holder, answer(given.id, CommandState.UNKNOWN))
    assert (await row(house, given)).state is State.EXPIRED
    await desk.resumed(holder, [given.id])
    assert (await row(house, given)).state is State.EXPIRED
    await desk.answered(holder, answer(given.id, CommandState.DONE, "approved"))
    assert (await row(house, given)).state is State.DONE


async def test_settings_are_written_down_with_who_sent_them(house: House, desk: CommandDesk, holder: Holder) -> None:
    sender = somebody(holder.tenant_id, "interfaces.pos.edit")
    made = await desk.send_configuration(sender, holder.location_id, {"receipt_footer": ["Danke"]})
    async with house.database.writing() as connection:
        await store.take(connection, [holder.location_id], house.runtime.clock.now())
    await desk.answered(holder, answer(made.id, CommandState.DONE, answer={"revision": "abc"}))
    found = await row(house, made)
    assert (found.state, found.result, found.created_by) == (State.DONE, {"revision": "abc"}, sender.actor.name)
    assert [one for one in await events(house) if one.startswith("command.")] == [
        "command.configuration_sent",
        "command.configuration_ended",
    ]
