"""From the pairing to the end of a link."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError

from tests.portal.clock import HandClock
from tests.portal.links.opening import Paired, pair
from tests.portal.links.posting import Box, events, letters
from tests.portal.shops import merchant, shop
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.feature import Job
from tillbridge.portal.house import House
from tillbridge.portal.links import store
from tillbridge.portal.links.contact import Contacts, Heard, Report, Use
from tillbridge.portal.links.feature import feature
from tillbridge.portal.links.model import Figures, Link, LinkState, PinPhase, Recipient
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.tables import link as link_table
from tillbridge.portal.links.tables import link_credential
from tillbridge.portal.locations.tables import location


async def use(house: House, contacts: Contacts, paired: Paired, number: int = 1, skew: int = 0) -> Heard:
    """A token request as the token endpoint has it once the proof was checked."""
    async with house.database.writing() as connection:
        presented = await contacts.find(connection, paired.token)
        assert presented is not None
        return await contacts.use(connection, presented, Use(number, skew, "192.0.2.1"))


async def find(house: House, links: Links, link_id: str) -> Link:
    async with house.database.reading() as connection:
        return await links.link(connection, link_id)


async def state(house: House, links: Links, location_id: str) -> LinkState:
    async with house.database.reading() as connection:
        return await links.state(connection, location_id)


async def test_a_new_link_waits_and_its_first_contact_makes_it_active(
    house: House, links: Links, contacts: Contacts, location_id: str
) -> None:
    assert await state(house, links, location_id) is LinkState.NOT_PAIRED
    paired = await pair(house, links, location_id)
    assert await state(house, links, location_id) is LinkState.WAITING_FIRST_CONTACT
    heard = await use(house, contacts, paired, skew=-90)
    assert heard.refusal is None
    link = await find(house, links, paired.link_id)
    assert (link.state, link.first_contact_at, link.figures.clock_skew_seconds) == (
        LinkState.ACTIVE,
        house.runtime.clock.now(),
        -90,
    )
    assert link.figures.clock_is_off
    assert await events(house) == ["link.opened", "link.first_contact"]
    [(recipient, subject, text)] = await letters(house)
    assert (recipient, subject) == ("olga@shop.example", "Am Markt is connected to the portal")
    assert link.credential.fingerprint in text
    assert "10047110" in text


async def test_only_the_hash_of_the_master_token_is_stored(house: House, links: Links, location_id: str) -> None:
    paired = await pair(house, links, location_id)
    link = await find(house, links, paired.link_id)
    assert link.credential.masked == f"tbm_••••{paired.token[-4:]}"
    assert paired.token not in repr(paired.opened)
    async with house.database.reading() as connection:
        entries = (await connection.execute(select(audit_entry))).all()
        for table in (link_table, link_credential):
            rows = (await connection.execute(select(table))).all()
            assert paired.token not in repr(rows)
    assert paired.token not in repr(entries)


async def test_an_older_link_works_until_the_new_one_is_used(
    house: House, links: Links, contacts: Contacts, location_id: str
) -> None:
    old = await pair(house, links, location_id, computer="ALT")
    await use(house, contacts, old)
    new = await pair(house, links, location_id, computer="NEU")
    assert new.opened.replaces is not None
    assert new.opened.replaces.id == old.link_id
    assert (await use(house, contacts, old, 2)).refusal is None
    assert await state(house, links, location_id) is LinkState.ACTIVE

    assert (await use(house, contacts, new)).refusal is None
    assert (await find(house, links, old.link_id)).state is LinkState.REPLACED
    refusal = (await use(house, contacts, old, 3)).refusal
    assert refusal is not None
    assert refusal.code is Code.LINK_REVOKED
    assert (await events(house))[-2:] == ["link.replaced", "link.first_contact"]


async def test_a_link_that_is_never_used_is_given_up_after_a_day_and_the_older_one_stays(
    house: House, links: Links, contacts: Contacts, clock: HandClock, location_id: str
) -> None:
    old = await pair(house, links, location_id)
    await use(house, contacts, old)
    new = await pair(house, links, location_id)
    clock.forward(hours=23, minutes=59, seconds=59)
    async with house.database.writing() as connection:
        assert await links.abandon_overdue(connection) == 0
    clock.forward(seconds=1)
    async with house.database.writing() as connection:
        assert await links.abandon_overdue(connection) == 1
        assert await links.abandon_overdue(connection) == 0
    assert (await find(house, links, new.link_id)).state is LinkState.ABANDONED
    assert (await find(house, links, old.link_id)).state is LinkState.ACTIVE


async def test_a_first_contact_after_a_day_comes_too_late_even_before_anybody_looked(
    house: House, links: Links, contacts: Contacts, clock: HandClock, location_id: str
) -> None:
    paired = await pair(house, links, location_id)
    clock.forward(hours=24)
    refusal = (await use(house, contacts, paired)).refusal
    assert refusal is not None
    assert refusal.code is Code.LINK_REVOKED
    assert (await find(house, links, paired.link_id)).state is LinkState.ABANDONED


async def test_pairing_again_before_the_first_contact_gives_the_waiting_link_up(
    house: House, links: Links, contacts: Contacts, location_id: str
) -> None:
    first = await pair(house, links, location_id)
    second = await pair(house, links, location_id)
    assert (await find(house, links, first.link_id)).state is LinkState.ABANDONED
    assert (await use(house, contacts, second)).refusal is None


async def test_the_database_itself_keeps_a_second_link_out(
    house: House, links: Links, contacts: Contacts, location_id: str
) -> None:
    old = await pair(house, links, location_id)
    await use(house, contacts, old)
    new = await pair(house, links, location_id)
    with pytest.raises(IntegrityError):
        async with house.database.writing() as connection:
            await store.change(connection, new.link_id, state=LinkState.ACTIVE)


async def test_two_first_contacts_at_once_leave_one_link_in_use(
    house: House, links: Links, contacts: Contacts, location_id: str
) -> None:
    old = await pair(house, links, location_id)
    await use(house, contacts, old)
    new = await pair(house, links, location_id)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(use(house, contacts, one, number)) for number, one in ((2, old), (1, new), (2, new))]
    assert [task.result().refusal for task in tasks[1:]] == [None, None]
    assert (await find(house, links, old.link_id)).state is LinkState.REPLACED
    assert (await find(house, links, new.link_id)).state is LinkState.ACTIVE
    assert (await events(house)).count("link.first_contact") == 2


async def test_pause_and_resume(house: House, links: Links, contacts: Contacts, location_id: str) -> None:
    paired = await pair(house, links, location_id)
    async with house.database.writing() as connection:
        with pytest.raises(BridgeError) as caught:
            await links.suspend(connection, paired.link_id, PORTAL)
    assert caught.value.code is Code.RECORD_CONFLICT
    await use(house, contacts, paired)
    async with house.database.writing() as connection:
        suspended = await links.suspend(connection, paired.link_id, PORTAL, "stocktaking")
    assert (suspended.state, suspended.reason) == (LinkState.SUSPENDED, "stocktaking")
    async with house.database.writing() as connection:
        with pytest.raises(BridgeError):
            await links.suspend(connection, paired.link_id, PORTAL)
        assert (await links.resume(connection, paired.link_id, PORTAL)).state is LinkState.ACTIVE
        with pytest.raises(BridgeError):
            await links.resume(connection, paired.link_id, PORTAL)


@pytest.mark.parametrize("before", ["waiting", "active", "suspended", "converting"])
async def test_a_link_ends_from_any_state(
    house: House, links: Links, contacts: Contacts, location_id: str, before: str
) -> None:
    paired = await pair(house, links, location_id, conversion_due=before == "converting")
    if before != "waiting":
        await use(house, contacts, paired)
    async with house.database.writing() as connection:
        if before == "suspended":
            await links.suspend(connection, paired.link_id, PORTAL)
        assert (await links.revoke(connection, paired.link_id, PORTAL, "sold")).state is LinkState.REVOKED
        with pytest.raises(BridgeError) as caught:
            await links.revoke(connection, paired.link_id, PORTAL)
    assert caught.value.code is Code.RECORD_CONFLICT
    refusal = (await use(house, contacts, paired, 2)).refusal
    assert refusal is not None
    assert refusal.code is Code.LINK_REVOKED
    assert await state(house, links, location_id) is LinkState.REVOKED


async def test_a_link_with_old_customer_data_converts_first(
    house: House, links: Links, contacts: Contacts, location_id: str
) -> None:
    paired = await pair(house, links, location_id, conversion_due=True)
    assert (await use(house, contacts, paired)).link.state is LinkState.CONVERTING
    for step in (LinkState.CONVERSION_FAILED, LinkState.CONVERTING):
        async with house.database.writing() as connection:
            await links.note_conversion(connection, location_id, step, PORTAL)
        assert await state(house, links, location_id) is step
    async with house.database.writing() as connection:
        await links.suspend(connection, paired.link_id, PORTAL)
        assert (await links.resume(connection, paired.link_id, PORTAL)).state is LinkState.CONVERTING
        await links.suspend(connection, paired.link_id, PORTAL)
        await links.note_conversion(connection, location_id, LinkState.ACTIVE, PORTAL)
        assert (await links.resume(connection, paired.link_id, PORTAL)).state is LinkState.ACTIVE


async def test_a_closed_location_has_no_link_and_a_moved_one_pauses_at_its_new_owner(
    house: House, links: Links, contacts: Contacts, tenant_id: str, location_id: str
) -> None:
    other = await shop(house, tenant_id, 1_004_712, client_number=2, kind="branch")
    buyer = await merchant(house, "Café")
    moved = await pair(house, links, location_id)
    await use(house, contacts, moved)
    waiting = await pair(house, links, location_id)
    closed = await pair(house, links, other)
    async with house.database.writing() as connection:
        await connection.execute(update(location).where(location.c.id == location_id).values(tenant_id=buyer))
        await links.location_moved(connection, location_id, PORTAL)
        await links.location_closed(connection, other, PORTAL)
    link = await find(house, links, moved.link_id)
    assert (link.state, link.tenant_id) == (LinkState.SUSPENDED, buyer)
    assert (await find(house, links, waiting.link_id)).state is LinkState.REVOKED
    assert (await find(house, links, closed.link_id)).state is LinkState.REVOKED
    async with house.database.reading() as connection:
        assert set(await links.states_of(connection, buyer)) == {location_id}


async def test_a_link_is_silent_after_half_an_hour_and_a_report_wakes_it(
    house: House, links: Links, contacts: Contacts, clock: HandClock, location_id: str
) -> None:
    paired = await pair(house, links, location_id)
    await use(house, contacts, paired)
    clock.forward(minutes=29, seconds=59)
    assert await state(house, links, location_id) is LinkState.ACTIVE
    clock.forward(seconds=1)
    assert await state(house, links, location_id) is LinkState.SILENT
    async with house.database.writing() as connection:
        await contacts.report(connection, [Report(paired.link_id, "1.0.1", Figures(61, 3, 300, 1))])
    link = await find(house, links, paired.link_id)
    assert (link.connector.version, link.figures) == ("1.0.1", Figures(61, 3, 300, 1))
    assert link.figures.unsent_is_late
    assert await state(house, links, location_id) is LinkState.ACTIVE


async def test_all_states_of_a_merchant_take_one_query_and_show_the_link_that_counts(
    house: House, links: Links, contacts: Contacts, tenant_id: str, location_id: str
) -> None:
    never = await shop(house, tenant_id, 1_004_712, client_number=2, kind="branch")
    ended = await shop(house, tenant_id, 1_004_713, client_number=3, kind="branch")
    foreign = await shop(house, await merchant(house, "Café"), 1_004_714)
    for place in (location_id, foreign):
        await use(house, contacts, await pair(house, links, place))
    # A later link that waits does not hide the one in use.
    await pair(house, links, location_id)
    gone = await pair(house, links, ended)
    async with house.database.writing() as connection:
        await links.revoke(connection, gone.link_id, PORTAL)
    statements: list[str] = []
    async with house.database.reading() as connection:
        engine = connection.sync_connection
        assert engine is not None

        @event.listens_for(engine, "before_cursor_execute")
        def _note(_a: object, _b: object, statement: str, *_: object) -> None:
            statements.extend([] if statement == "BEGIN" else [statement])

        found = await links.states_of(connection, tenant_id)
    assert len(statements) == 1
    assert {name: one.state for name, one in found.items()} == {
        location_id: LinkState.ACTIVE,
        ended: LinkState.REVOKED,
    }
    assert never not in found


class _Pins:
    """A location with an open PIN, and one that waits for consent."""

    def __init__(self, phases: dict[str, PinPhase]) -> None:
        self.phases = phases

    async def of_location(self, connection: object, location_id: str) -> PinPhase | None:  # noqa: ARG002  # as `PinPhases` has it
        return self.phases.get(location_id)

    async def of_tenant(self, connection: object, tenant_id: str) -> dict[str, PinPhase]:  # noqa: ARG002  # as `PinPhases` has it
        return self.phases


async def test_pairing_shows_where_no_link_is_in_use(
    house: House, links: Links, contacts: Contacts, tenant_id: str, location_id: str
) -> None:
    other = await shop(house, tenant_id, 1_004_712, client_number=2, kind="branch")
    until = house.runtime.clock.now() + timedelta(hours=24)
    open_pin, waiting = (PinPhase(one, until, 2) for one in (LinkState.PIN_OPEN, LinkState.WAITING_CONFIRM))
    seen = Links(house, pins=_Pins({location_id: open_pin, other: waiting}))
    await use(house, contacts, await pair(house, links, location_id))
    async with house.database.reading() as connection:
        found = await seen.states_of(connection, tenant_id)
        assert found[location_id].state is LinkState.ACTIVE
        assert found[location_id].pin == open_pin
        assert found[other].state is LinkState.WAITING_CONFIRM
        assert await seen.state_of(connection, other) == found[other]


SUBJECTS = {
    Language.DE: "Am Markt: die Verbindung ist beendet",
    Language.FR: "Am Markt\N{NO-BREAK SPACE}: la connexion est terminée",
    Language.CS: "Am Markt: propojení je ukončeno",
    None: "Am Markt: the connection has ended",
}


async def test_owners_are_written_to_in_their_language(house: House, links: Links, box: Box, location_id: str) -> None:
    box.people[:] = [Recipient("someone@shop.example", language) for language in SUBJECTS]
    paired = await pair(house, links, location_id)
    async with house.database.writing() as connection:
        await links.revoke(connection, paired.link_id, PORTAL)
    assert [told for _, told, _ in await letters(house)] == list(SUBJECTS.values())


async def test_the_job_gives_up_what_nobody_used(
    house: House, links: Links, clock: HandClock, location_id: str
) -> None:
    await pair(house, links, location_id)
    clock.forward(hours=24)
    [job] = feature(links).jobs
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(keep_on(job))
        while await state(house, links, location_id) is not LinkState.ABANDONED:
            await asyncio.sleep(0)
        running.cancel()


async def keep_on(job: Job) -> None:
    await job()
