"""Voucher systems: making and changing them, who takes part, and vouchers across borders."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.portal.people import somebody
from tests.portal.shops import merchant, shop
from tests.portal.vouchers.office import DRAFT, chief, events, place_of, system
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, EUR
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.locations.countries import COUNTRIES
from tillbridge.portal.locations.service import Locations
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.country_digits import LETTERS, NUMERIC
from tillbridge.portal.vouchers.systems_model import Candidate, Hindrance, Limits, VoucherSystem
from tillbridge.portal.vouchers.systems_service import Systems


def test_every_country_has_its_own_three_digits() -> None:
    assert set(NUMERIC) == COUNTRIES
    assert all(len(digits) == 3 and digits.isascii() and digits.isdigit() for digits in NUMERIC.values())
    assert len(set(NUMERIC.values())) == len(NUMERIC) == len(LETTERS)
    assert (NUMERIC["DE"], NUMERIC["AT"], NUMERIC["CH"], NUMERIC["BE"]) == ("276", "040", "756", "056")


def test_usual_limits_are_in_the_currency_s_smallest_unit() -> None:
    assert Limits.usual(EUR) == Limits(100, 300_000, 300_000)
    assert Limits.usual(BY_CODE["JPY"]) == Limits(1, 3_000, 3_000)
    assert Limits.usual(BY_CODE["KWD"]) == Limits(1_000, 3_000_000, 3_000_000)


async def of(house: House, location_id: str) -> VoucherSystem | None:
    async with house.database.reading() as connection:
        return await systems_store.system_of(connection, location_id)


async def refused(house: House, person: Person, system_id: str, location_id: str) -> tuple[Code, str | None]:
    with pytest.raises(BridgeError) as caught:
        await Systems(house).join(person, system_id, location_id)
    return caught.value.code, caught.value.place


async def test_making_and_changing_one(house: House) -> None:
    person, systems = chief(house, await merchant(house)), Systems(house)
    assert await systems.all(person) == ()
    made = await systems.create(person, replace(DRAFT, name="  Sommer  "))
    assert (made.name, made.currency, made.cross_country, made.codes_a_month) == ("Sommer", "EUR", False, 6_000)
    assert made.limits == Limits(100, 300_000, 300_000)
    changed = await systems.change(person, made.id, "Sommer 2", Limits(500, 10_000, 20_000))
    assert (await systems.seen(person, made.id)).system == changed
    assert (changed.name, changed.limits, changed.currency) == ("Sommer 2", Limits(500, 10_000, 20_000), "EUR")
    assert await systems.change(person, made.id, "Sommer 2", Limits(500, 10_000, 20_000)) == changed
    assert [listed.system for listed in await systems.all(person)] == [changed]
    told = await events(house)
    assert [name for name, _ in told] == ["voucher_system.created", "voucher_system.changed"]
    assert told[1][1] == {"name": "Sommer 2", "load_min": 500, "load_max": 10_000, "balance_max": 20_000}


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"name": " "}, Code.FIELD_INVALID, "name"),
        ({"name": "x" * 101}, Code.FIELD_INVALID, "name"),
        ({"currency": "XXX"}, Code.CURRENCY_UNKNOWN, "currency"),
        ({"time_zone": "Mars/Olympus"}, Code.FIELD_INVALID, "time_zone"),
        ({"limits": Limits(0, 1, 1)}, Code.FIELD_INVALID, "limits"),
        ({"limits": Limits(10, 9, 20)}, Code.FIELD_INVALID, "limits"),
        ({"limits": Limits(1, 21, 20)}, Code.FIELD_INVALID, "limits"),
        ({"limits": Limits(1, 1, 10**12 + 1)}, Code.FIELD_INVALID, "limits"),
    ],
)
async def test_what_a_system_cannot_be(house: House, change: dict[str, object], code: Code, place: str) -> None:
    person = chief(house, await merchant(house))
    with pytest.raises(BridgeError) as caught:
        await Systems(house).create(person, replace(DRAFT, **change))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.place) == (code, place)
    assert await events(house) == []


async def test_taking_part(house: House) -> None:
    person, made, (first, second) = await system(house, "DE", "AT")
    async with house.database.reading() as connection:
        assert await systems_store.location_country(connection, first) == "276"
        assert await systems_store.location_country(connection, second) == "040"
        with pytest.raises(BridgeError):
            await systems_store.location_country(connection, "0" * 32)
    assert await of(house, first) == made
    assert await of(house, "0" * 32) is None
    assert [one.name for one in (await Systems(house).seen(person, made.id)).participants] == ["Laden 1", "Laden 2"]
    await Systems(house).leave(person, made.id, first)
    assert await of(house, first) is None
    with pytest.raises(BridgeError) as caught:
        await Systems(house).leave(person, made.id, first)
    assert caught.value.code is Code.RECORD_CONFLICT
    await Systems(house).join(person, made.id, first)
    assert [name.rpartition(".")[2] for name, _ in await events(house)] == [
        *("created", "location_joined", "location_joined", "location_left", "location_joined"),
    ]


async def test_who_cannot_take_part(house: House) -> None:
    person, made, (first,) = await system(house, "DE")
    swiss = await place_of(house, person.home, 11, country="CH", currency="CHF")
    unlicensed = await shop(house, person.home, 12, client_number=12, kind="branch", name="Ohne")
    free = await place_of(house, person.home, 13)
    foreign = await place_of(house, await merchant(house, "Café"), 14)
    other = await Systems(house).create(person, DRAFT)
    assert await refused(house, person, made.id, swiss) == (Code.VOUCHER_CURRENCY, "location")
    assert await refused(house, person, made.id, unlicensed) == (Code.LICENCE_MISSING, "location")
    assert await refused(house, person, made.id, foreign) == (Code.RECORD_UNKNOWN, None)
    assert await refused(house, person, other.id, first) == (Code.RECORD_CONFLICT, None)
    assert await Systems(house).candidates(person, other.id) == [
        Candidate(first, "Laden 1", Hindrance.OTHER_SYSTEM),
        Candidate(swiss, "Laden 11", Hindrance.CURRENCY),
        Candidate(free, "Laden 13", None),
        Candidate(unlicensed, "Ohne", Hindrance.LICENCE),
    ]
    assert first not in {one.location_id for one in await Systems(house).candidates(person, made.id)}
    await Locations(house).close(person, free, "")
    assert await refused(house, person, made.id, free) == (Code.RECORD_CONFLICT, None)


async def test_a_location_that_ends_takes_part_no_more(house: House) -> None:
    person, made, (first, second) = await system(house, "DE", "DE")
    systems = Systems(house)
    await Locations(house, closed=[systems.location_gone]).close(person, second, "")
    assert await of(house, second) is None
    assert await of(house, first) == made
    assert (await events(house))[-1][0] == "voucher_system.location_left"
    before = await events(house)
    async with house.database.writing() as connection:
        await systems.location_gone(connection, second, PORTAL)
    assert await events(house) == before


async def test_across_borders(house: House) -> None:
    person, made, (first, _) = await system(house, "DE", "AT")
    systems = Systems(house)
    with pytest.raises(BridgeError) as caught:
        await systems.cross_country(person, made.id, on=True)
    assert (caught.value.code, caught.value.place) == (Code.FIELD_INVALID, "accepted")
    await systems.cross_country(person, made.id, on=True, accepted=True)
    await systems.cross_country(person, made.id, on=True, accepted=True)
    assert (await systems.seen(person, made.id)).system.cross_country
    assert (await events(house))[-1] == (
        "voucher_system.cross_country_on",
        {"cross_country": True, "notice_accepted": True},
    )
    await systems.cross_country(person, made.id, on=False)
    assert not (await systems.seen(person, made.id)).system.cross_country
    async with house.database.writing() as connection:
        await connection.execute(update(location).where(location.c.id == first).values(currency="CHF"))
    with pytest.raises(BridgeError) as caught:
        await systems.cross_country(person, made.id, on=True, accepted=True)
    assert caught.value.code is Code.VOUCHER_CURRENCY


async def test_who_may_do_it(house: House) -> None:
    chief_person, made, (first, second) = await system(house, "DE", "DE")
    systems, tenant_id = Systems(house), chief_person.home
    third = await place_of(house, tenant_id, 3)
    stranger = chief(house, await merchant(house, "Café"))
    reader = somebody(tenant_id, "vouchers.codes.view")
    near = somebody(tenant_id, "vouchers.settings.edit", locations=frozenset({first}))
    far = somebody(tenant_id, "vouchers.settings.edit", locations=frozenset({third}))
    nobody = somebody(tenant_id, "customers.edit")
    for person, expected in ((reader, None), (near, None), (far, Code.RECORD_UNKNOWN), (stranger, Code.RECORD_UNKNOWN)):
        assert await _code(systems.seen(person, made.id)) is expected
        assert await _code(systems.change(person, made.id, "x", made.limits)) is (expected or Code.RIGHT_MISSING)
        assert await _code(systems.cross_country(person, made.id, on=True)) is (expected or Code.RIGHT_MISSING)
        assert await _code(systems.leave(person, made.id, second)) is (expected or Code.RIGHT_MISSING)
    assert await _code(systems.seen(nobody, made.id)) is Code.RIGHT_MISSING
    assert await _code(systems.all(nobody)) is Code.RIGHT_MISSING
    assert await _code(systems.create(reader, DRAFT)) is Code.RIGHT_MISSING
    assert await systems.all(far) == await systems.all(stranger) == ()
    assert len(await systems.all(near)) == 1


async def _code(awaited: object) -> Code | None:
    try:
        await awaited  # type: ignore[misc]
    except BridgeError as error:
        return error.code
    return None
