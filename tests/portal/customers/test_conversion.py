"""The guarded conversion: nothing missing, nothing half done."""

from dataclasses import asdict

import pytest
from sqlalchemy import update

from tests.portal.clock import HandClock
from tests.portal.customers import bases
from tests.portal.people import owner, somebody
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.customers.converting import LEASE, Converter
from tillbridge.portal.customers.model import Job, JobState, OldCustomer, Reason, Remedy
from tillbridge.portal.customers.service import Customers
from tillbridge.portal.customers.tables import customer_v1
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase


@pytest.fixture
async def tenant(house: House) -> str:
    return await merchant(house)


@pytest.fixture
async def place(house: House, tenant: str) -> str:
    return await shop(house, tenant, 1, customer_base="v1_online")


async def test_nothing_is_missing_against_the_source_and_old_numbers_are_found(
    house: House, tenant: str, place: str
) -> None:
    await _convert_and_compare(house, tenant, place, 600)


@pytest.mark.soak
async def test_ten_thousand_customers_lose_nothing(house: House, tenant: str, place: str) -> None:
    await _convert_and_compare(house, tenant, place, 10_000)


async def _convert_and_compare(house: House, tenant: str, place: str, count: int) -> None:
    rows = bases.odd_rows(count, seed=27)
    await bases.v1(house, place, rows, sum(row.balance_minor for row in rows))
    before = await bases.v1_hash(house, place)
    job = await bases.converted(house, bases.chief(house, tenant), place)
    assert (job.state, job.fault) == (JobState.DONE, None)
    assert await bases.state(house, place) is CustomerBase.V2
    assert await bases.v1_hash(house, place) == before
    found = await bases.everybody(house, tenant)
    assert sum(one.balance_minor for one in found) == sum(row.balance_minor for row in rows)
    assert sum(one.points for one in found) == sum(row.points for row in rows)
    by_line = {line: one for one in found for line in one.v1_positions}
    assert sorted(by_line) == [row.position for row in rows]
    for row in rows:
        one = by_line[row.position]
        assert row.number == one.number or row.number in one.aliases
        said = _said(one.fields)
        assert _carried(row) <= said, (row, one)
    await _numbers_are_found(house, tenant, rows[:: max(1, count // 50)])


def _said(fields: object) -> set[str]:
    parts = asdict(fields)  # type: ignore[call-overload]  # a dataclass
    return {*parts.pop("legacy").values(), *(text for text in parts.values() if isinstance(text, str))}


def _carried(row: OldCustomer) -> set[str]:
    return {text for text in (row.name, row.email, row.phone, row.note, *row.legacy.values()) if text}


async def _numbers_are_found(house: House, tenant: str, rows: list[OldCustomer]) -> None:
    for row in rows:
        hits = await Customers(house).search(owner(tenant), row.number)
        assert any(row.position in one.v1_positions for one in hits), row


async def test_a_dry_run_writes_nothing_and_names_each_row(house: House, tenant: str, place: str) -> None:
    rows = [
        bases.row(2),
        bases.row(3, name="  "),
        bases.row(4, email="nobody"),
        bases.row(5, number="123456789"),
        bases.row(6, number="2000002"),
        bases.row(7, number="2000002", name="CUSTOMER 2"),
        bases.row(8, note="x" * 2001),
        bases.row(9, number="1" * 41),
    ]
    await bases.v1(house, place, rows, 1)
    job = await bases.reported(house, owner(tenant), place, ())
    assert job.report is not None
    assert [(one.position, one.reason, one.place) for one in job.report.findings] == [
        (3, Reason.NAME_MISSING, "name"),
        (4, Reason.EMAIL_BAD, "email"),
        (5, Reason.NUMBER_UNFIT, "number"),
        (6, Reason.NUMBER_TWICE, "2"),
        (7, Reason.SAME_TWICE, "2"),
        (8, Reason.FIELD_LONG, "note"),
        (9, Reason.NUMBER_UNFIT, "number"),
        (9, Reason.NUMBER_LONG, "number"),
        (0, Reason.SUM_DIFFERS, "balance"),
    ]
    assert job.report.blockers == 9
    mended = await bases.reported(house, owner(tenant), place)
    assert mended.report is not None
    assert {one.reason for one in mended.report.findings if one.blocks} == {
        Reason.NAME_MISSING,
        Reason.NUMBER_LONG,
        Reason.SUM_DIFFERS,
    }
    assert (mended.report.rows_read, mended.report.to_create, mended.report.merged) == (8, 7, 1)
    assert mended.source_hash == job.source_hash
    assert await bases.traces(house) == 0


async def test_blockers_a_changed_source_a_missing_licence_and_a_second_start_are_refused(
    house: House, tenant: str, place: str
) -> None:
    person, conversions = bases.chief(house, tenant), Conversions(house, bases.licensed)
    await bases.v1(house, place, [bases.row(2, number="12")])
    async with house.database.writing() as connection:
        await conversions.accept_functions(connection, place, person)
    blocked = await bases.reported(house, person, place, ())
    await _refused(conversions.convert(person, place, blocked.id), Code.CONVERSION_BLOCKED)
    fine = await bases.reported(house, person, place)
    await _refused(Conversions(house, bases.unlicensed).convert(person, place, fine.id), Code.CONVERSION_LICENCE)
    await _refused(conversions.convert(owner(tenant), place, fine.id), Code.STEP_UP_NEEDED)
    await _refused(conversions.convert(somebody(tenant, "customers.view"), place, fine.id), Code.RIGHT_MISSING)
    await bases.v1(house, place, [bases.row(2, number="13")])
    await _refused(conversions.convert(person, place, fine.id), Code.CONVERSION_CHANGED)
    again = await bases.reported(house, person, place)
    await conversions.convert(person, place, again.id)
    await _refused(conversions.convert(person, place, again.id), Code.CONVERSION_RUNNING)
    await _refused(conversions.dry_run(person, place, frozenset()), Code.CONVERSION_RUNNING)


async def test_a_source_that_was_changed_behind_our_back_is_not_converted(
    house: House, tenant: str, place: str
) -> None:
    await bases.v1(house, place, [bases.row(2), bases.row(3)])
    asked = await bases.asked_to_convert(house, bases.chief(house, tenant), place)
    async with house.database.writing() as connection:
        await connection.execute(update(customer_v1).where(customer_v1.c.position == 3).values(balance_minor=1))
    await Converter(house).step()
    job = await bases.job(house, asked.id)
    assert (job.state, job.fault) == (JobState.FAILED, Code.CONVERSION_CHANGED)
    assert await bases.writable(house, place)
    assert await bases.traces(house) == 0


async def test_functions_must_be_accepted_before_a_conversion(house: House, tenant: str, place: str) -> None:
    person, conversions = bases.chief(house, tenant), Conversions(house, bases.licensed)
    await bases.v1(house, place, [bases.row(2)])
    report = await bases.reported(house, person, place)
    await _refused(conversions.convert(person, place, report.id), Code.RECORD_CONFLICT)


async def test_a_worker_that_died_is_known_by_its_lease_and_may_commit_nothing(
    house: House, clock: HandClock, tenant: str, place: str
) -> None:
    await bases.v1(house, place, [bases.row(2)])
    person = bases.chief(house, tenant)
    asked = await bases.asked_to_convert(house, person, place)
    dead, alive = _Dying(house), Converter(house)
    with pytest.raises(KeyboardInterrupt):
        await dead.step()
    await alive.step()
    assert (await bases.job(house, asked.id)).state is JobState.RUNNING
    clock.forward(seconds=LEASE.total_seconds() + 1)
    await alive.step()
    failed = await bases.job(house, asked.id)
    assert (failed.state, failed.fault) == (JobState.FAILED, Code.CONVERSION_FAILED)
    assert await bases.writable(house, place)
    again = await bases.converted(house, bases.chief(house, tenant), place)
    assert again.state is JobState.DONE


class _Dying(Converter):
    """A worker whose process ends in the middle: nothing of its own clears up."""

    async def _do(self, job: Job) -> None:
        raise KeyboardInterrupt(job.id)


async def test_two_locations_of_one_merchant_never_get_the_same_number(house: House, tenant: str, place: str) -> None:
    other = await shop(house, tenant, 2, client_number=2, kind="branch", customer_base="v1_online")
    rows = [bases.row(2, number="1000001"), bases.row(3, number="99"), bases.row(4, number="98")]
    for one in (place, other):
        await bases.v1(house, one, rows)
        assert (await bases.converted(house, bases.chief(house, tenant), one)).state is JobState.DONE
    found = await bases.everybody(house, tenant)
    assert len({one.number for one in found}) == len(found) == 6
    assert sorted(one.location_id for one in found if "1000001" in (one.number, *one.aliases)) == sorted((place, other))


async def test_1_0_stays_readable_for_ninety_days(house: House, clock: HandClock, tenant: str, place: str) -> None:
    await bases.v1(house, place, [bases.row(2)])
    before = await bases.v1_hash(house, place)
    await bases.converted(house, bases.chief(house, tenant), place)
    clock.forward(days=89, hours=23)
    await Converter(house).step()
    assert await bases.v1_hash(house, place) == before
    clock.forward(hours=1)
    await Converter(house).step()
    assert await bases.v1_hash(house, place) != before


@pytest.mark.parametrize("base", ["none", "v1_offline", "v2"])
async def test_who_needs_no_conversion_may_be_paired(house: House, tenant: str, base: str) -> None:
    location_id = await shop(house, tenant, 5, client_number=5, kind="branch", customer_base=base)
    async with house.database.reading() as connection:
        asked = Conversions(house, bases.unlicensed)
        verdict = await asked.pairing_precondition(connection, location_id, house.runtime.clock.now())
    assert verdict.may_pair
    assert not verdict.conversion_needed
    await _refused(asked.dry_run(owner(tenant), location_id, frozenset(Remedy)), Code.RECORD_CONFLICT)
    assert await bases.state(house, location_id) == base


async def test_1_0_online_needs_the_licence_then_pairs_and_must_convert(house: House, tenant: str, place: str) -> None:
    without, allotted = Conversions(house, bases.unlicensed), Conversions(house, bases.licensed)
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        verdict = await without.pairing_precondition(connection, place, now)
        assert verdict.refusal is Code.CONVERSION_LICENCE
        with pytest.raises(BridgeError):
            verdict.require()
        verdict = await allotted.pairing_precondition(connection, place, now)
        assert (verdict.may_pair, verdict.conversion_needed, verdict.acceptance_needed) == (True, True, True)
        await allotted.accept_functions(connection, place, owner(tenant))
        await allotted.accept_functions(connection, place, owner(tenant))
        assert not (await allotted.pairing_precondition(connection, place, now)).acceptance_needed


async def _refused(asked: object, code: Code) -> None:
    with pytest.raises(BridgeError) as caught:
        await asked  # type: ignore[misc]  # what a test hands in is a coroutine
    assert caught.value.code is code


async def test_two_thousand_customers_of_which_some_are_broken(house: House, tenant: str, place: str) -> None:
    await _broken_rows_are_named_and_block(house, tenant, place, 2_000)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_customers_of_which_some_are_broken(house: House, tenant: str, place: str) -> None:
    await _broken_rows_are_named_and_block(house, tenant, place, 100_000)


async def _broken_rows_are_named_and_block(house: House, tenant: str, place: str, count: int) -> None:
    rows = [bases.row(line, name="") if line % 401 == 0 else bases.row(line) for line in range(2, count + 2)]
    await bases.v1(house, place, rows)
    before, person = await bases.v1_hash(house, place), bases.chief(house, tenant)
    report = await bases.reported(house, person, place)
    assert report.report is not None
    broken = [one.position for one in report.report.findings if one.blocks]
    assert broken == [row.position for row in rows if not row.name]
    await _refused(
        Conversions(house, bases.licensed).dry_run(somebody(tenant), place, frozenset()), Code.RECORD_UNKNOWN
    )
    async with house.database.writing() as connection:
        await Conversions(house, bases.licensed).accept_functions(connection, place, person)
    await _refused(Conversions(house, bases.licensed).convert(person, place, report.id), Code.CONVERSION_BLOCKED)
    assert (await bases.v1_hash(house, place), await bases.traces(house)) == (before, 0)
    assert await bases.writable(house, place)
    await bases.v1(house, place, [row for row in rows if row.name])
    assert (await bases.converted(house, bases.chief(house, tenant), place)).state is JobState.DONE
    assert len(await bases.everybody(house, tenant)) == count - len(broken)
