"""What is on refuses, what is merely planned does not; and everything ends."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.maintenance.test_windows import at, plan
from tests.portal.people import OWNER_ID, owner, somebody
from tests.portal.shops import merchant
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.messages import Window as ToldWindow
from tillbridge.portal.app import open_house
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.maintenance import store
from tillbridge.portal.maintenance.defaults import found_defaults
from tillbridge.portal.maintenance.model import OVERDUE_SECONDS, Component, Mode
from tillbridge.portal.maintenance.refusing import Maintained, refuse_if_maintained
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.rights import Person
from tillbridge.portal.settings import PortalSettings
from tillbridge.runtime.effects import Runtime

STAFF = Person(OWNER_ID, "Stefan Staff", "staff@portal.example", None, None, operator=True)
ZONE = "Europe/Berlin"


async def on(
    house: House, person: Person, component: Component = Component.PORTAL, until: datetime | None = None
) -> None:
    async with house.database.writing() as connection:
        await Maintenance(house).switch_on(connection, person, component, until=until, reason="New servers", zone=ZONE)


async def now(house: House, tenant_id: str | None = None, component: Component = Component.PORTAL) -> Mode | None:
    async with house.database.reading() as connection:
        return await Maintenance(house).now(connection, tenant_id, component, house.runtime.clock.now())


async def planned(house: House, person: Person, *, auto_switch: bool) -> str:
    """A window from 12:30 to 14:30 UTC of the day on which the clock stands."""
    async with house.database.writing() as connection:
        wanted = plan("2026-03-14T13:30", "", auto_switch=auto_switch)
        return (await Maintenance(house).make_window(connection, person, wanted)).id


async def refusal(house: House, tenant_id: str | None, component: Component) -> Maintained | None:
    async with house.database.reading() as connection:
        try:
            await refuse_if_maintained(house, connection, tenant_id, component)
        except Maintained as error:
            return error
    return None


async def test_a_window_alone_refuses_nothing(house: House, clock: HandClock) -> None:
    await planned(house, STAFF, auto_switch=False)
    clock.forward(hours=1)
    await Maintenance(house).follow_windows()
    assert await refusal(house, None, Component.PORTAL) is None


async def test_while_it_is_on_requests_are_refused_with_reason_and_end(house: House, clock: HandClock) -> None:
    until = clock.now() + timedelta(minutes=90, microseconds=1)
    await on(house, STAFF, until=until)
    error = await refusal(house, None, Component.PORTAL)
    assert error is not None
    assert (error.code, error.entry.number, error.entry.status) == (Code.MAINTENANCE, "X903", 503)
    assert error.retry_after == 5401
    assert error.members == {"until": until.isoformat(), "reason": "New servers", "component": "portal"}


async def test_an_overrun_names_no_end_and_asks_for_five_minutes(house: House, clock: HandClock) -> None:
    await on(house, STAFF, until=clock.now() + timedelta(minutes=10))
    clock.forward(minutes=10)
    error = await refusal(house, None, Component.PORTAL)
    assert error is not None
    assert (error.retry_after, error.members["until"]) == (OVERDUE_SECONDS, None)


async def test_the_whole_portal_covers_every_component_but_not_the_reverse(house: House) -> None:
    tenant_id, other = await merchant(house), await merchant(house, "Other")
    await on(house, owner(tenant_id), Component.VOUCHERS)
    assert await refusal(house, tenant_id, Component.VOUCHERS) is not None
    assert await refusal(house, tenant_id, Component.PORTAL) is None
    assert await refusal(house, tenant_id, Component.SHOP) is None
    assert await refusal(house, other, Component.VOUCHERS) is None
    await on(house, STAFF)
    for component in Component:
        assert await refusal(house, other, component) is not None


async def test_of_several_the_longest_is_told(house: House, clock: HandClock) -> None:
    tenant_id = await merchant(house)
    await on(house, STAFF, until=clock.now() + timedelta(hours=1))
    await on(house, owner(tenant_id), Component.VOUCHERS, until=clock.now() + timedelta(hours=2))
    mode = await now(house, tenant_id, Component.VOUCHERS)
    assert mode is not None
    assert mode.until == clock.now() + timedelta(hours=2)
    clock.forward(hours=1)  # the portal's is overdue now: nobody knows its end
    mode = await now(house, tenant_id, Component.VOUCHERS)
    assert mode is not None
    assert mode.component is Component.PORTAL


async def test_by_hand_on_and_off_is_written_down(house: House) -> None:
    await on(house, STAFF)
    async with house.database.writing() as connection:
        assert await Maintenance(house).switch_off(connection, STAFF, Component.PORTAL)
        assert not await Maintenance(house).switch_off(connection, STAFF, Component.PORTAL)
    assert await now(house) is None
    assert await _events(house) == ["maintenance.mode_on", "maintenance.mode_off"]


async def test_a_window_switches_on_and_off_by_itself(house: House, clock: HandClock) -> None:
    await planned(house, STAFF, auto_switch=True)
    maintenance = Maintenance(house)
    clock.forward(minutes=30, microseconds=-1)
    await maintenance.follow_windows()
    assert await now(house) is None
    clock.forward(microseconds=1)
    await maintenance.follow_windows()
    mode = await now(house)
    assert mode is not None
    assert mode.until == at("2026-03-14T14:30")
    clock.forward(hours=2)
    # Over at once, before any process has written that down.
    assert await now(house) is None
    await maintenance.follow_windows()
    await maintenance.follow_windows()
    assert await _events(house) == ["maintenance.window_made", "maintenance.mode_on", "maintenance.mode_off"]


async def test_several_processes_switch_once(settings: PortalSettings, runtime: Runtime, clock: HandClock) -> None:
    async with open_house(settings, runtime) as one, open_house(settings, runtime) as other:
        await planned(one, STAFF, auto_switch=True)
        for step in (30, 120):
            clock.forward(minutes=step)
            async with asyncio.TaskGroup() as group:
                for house in (one, other, one, other):
                    group.create_task(Maintenance(house).follow_windows())
        assert await _events(one) == ["maintenance.window_made", "maintenance.mode_on", "maintenance.mode_off"]


async def test_what_a_person_takes_over_outlasts_the_window(house: House, clock: HandClock) -> None:
    await planned(house, STAFF, auto_switch=True)
    clock.forward(hours=1)
    await Maintenance(house).follow_windows()
    await on(house, STAFF, until=at("2026-03-14T15:00"))
    clock.forward(hours=2)
    await Maintenance(house).follow_windows()
    mode = await now(house)
    assert mode is not None
    assert mode.told_until(clock.now()) is None


@pytest.mark.parametrize("by_hand_before", [True, False])
async def test_what_a_person_turned_off_stays_off(house: House, clock: HandClock, *, by_hand_before: bool) -> None:
    await planned(house, STAFF, auto_switch=True)
    if by_hand_before:
        await on(house, STAFF)
    clock.forward(hours=1)
    await Maintenance(house).follow_windows()
    assert await now(house) is not None
    async with house.database.writing() as connection:
        assert await Maintenance(house).switch_off(connection, STAFF, Component.PORTAL)
    clock.forward(minutes=1)
    await Maintenance(house).follow_windows()
    assert await now(house) is None


async def test_two_persons_at_once_leave_one_mode(settings: PortalSettings, runtime: Runtime) -> None:
    async with open_house(settings, runtime) as one, open_house(settings, runtime) as other:
        async with asyncio.TaskGroup() as group:
            for house in (one, other):
                group.create_task(on(house, STAFF))
        async with one.database.reading() as connection:
            assert len(await store.open_modes(connection, None)) == 1
        assert sorted(await _events(one)) == ["maintenance.mode_changed", "maintenance.mode_on"]


async def test_only_the_operators_staff_edits_what_is_everybodys(house: House) -> None:
    tenant_id, other = await merchant(house), await merchant(house, "Other")
    maintenance = Maintenance(house)
    everybodys = await planned(house, STAFF, auto_switch=False)
    own = await planned(house, owner(tenant_id), auto_switch=False)
    for person, window_id in ((owner(tenant_id), everybodys), (owner(other), own), (STAFF, own)):
        with pytest.raises(BridgeError) as caught:
            async with house.database.writing() as connection:
                await maintenance.remove_window(connection, person, window_id)
        assert caught.value.code is Code.RECORD_UNKNOWN
    with pytest.raises(BridgeError) as caught:
        await planned(house, somebody(tenant_id, "maintenance.view"), auto_switch=False)
    assert (caught.value.code, caught.value.place) == (Code.RIGHT_MISSING, "maintenance.edit")
    async with house.database.reading() as connection:
        assert [one.id for one in await store.windows(connection, other)] == [everybodys]
        assert {one.id for one in await store.windows(connection, tenant_id)} == {everybodys, own}


async def test_the_usual_windows_are_founded_once(house: House) -> None:
    for expected in (3, 0):
        async with house.database.writing() as connection:
            assert await found_defaults(house, connection) == expected
    async with house.database.writing() as connection:
        await Maintenance(house).remove_window(connection, STAFF, f"{1:032x}")
        assert await found_defaults(house, connection) == 0
        assert len(await store.windows(connection, None)) == 2


async def test_connectors_are_told_ahead(house: House, clock: HandClock) -> None:
    tenant_id = await merchant(house)
    async with house.database.writing() as connection:
        await found_defaults(house, connection)
        maintenance, moment = Maintenance(house), clock.now()
        ahead = await maintenance.ahead(connection, tenant_id, moment)
        assert await maintenance.told(connection, tenant_id, moment) is None
    assert [(one.component, one.start) for one in ahead] == [
        ("shop", at("2026-03-18T03:00")),
        ("portal", at("2026-04-01T01:00")),
        ("vouchers", at("2026-04-01T01:00")),
        ("shop", at("2026-04-15T02:00")),
    ]
    assert all(isinstance(one, ToldWindow) for one in ahead)
    await on(house, STAFF, until=datetime(2026, 3, 14, 13, tzinfo=UTC))
    async with house.database.reading() as connection:
        told = await Maintenance(house).told(connection, tenant_id, clock.now())
    assert told is not None
    assert (told.until, told.reason) == (datetime(2026, 3, 14, 13, tzinfo=UTC), "New servers")


async def test_a_wrong_switch_changes_nothing(house: House, clock: HandClock) -> None:
    for minutes, reason, zone, place in (
        (0, "x", ZONE, "until"),
        (60 * 24 * 31, "x", ZONE, "until"),
        (5, "", ZONE, "reason"),
        (5, "x", "Moon", "zone"),
    ):
        until = clock.now() + timedelta(minutes=minutes)
        async with house.database.writing() as connection:
            with pytest.raises(BridgeError) as caught:
                await Maintenance(house).switch_on(
                    connection, STAFF, Component.SHOP, until=until, reason=reason, zone=zone
                )
        assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, place)
    assert await now(house, component=Component.SHOP) is None


async def _events(house: House) -> list[str]:
    async with house.database.reading() as connection:
        return list((await connection.execute(select(audit_entry.c.event).order_by(audit_entry.c.id))).scalars())
