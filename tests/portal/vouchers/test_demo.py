"""The demonstration has vouchers whose numbers everybody may know."""

from sqlalchemy import select

from tillbridge.domain.voucher_code import right_check_digit
from tillbridge.link.scopes import Service
from tillbridge.portal.demo_access import VOUCHERS
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.house import House
from tillbridge.portal.locations.store import find_by_number
from tillbridge.portal.services import store as services
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.tables import voucher


async def test_the_demonstration_s_vouchers_wait_for_its_till(house: House) -> None:
    access = await demo_data(house)
    assert access.vouchers == VOUCHERS
    assert all(right_check_digit(number) for number, _ in VOUCHERS)
    async with house.database.reading() as connection:
        office = await find_by_number(connection, access.location_number)
        assert office is not None
        system = await systems_store.system_of(connection, office.id)
        assert system is not None
        assert await systems_store.location_country(connection, office.id) == VOUCHERS[0][0][:3]
        assert Service.WEB_VOUCHERS in await services.switched_on(connection, office.id)
        assert len(await systems_store.participants(connection, system.id)) == 5
        rows = (await connection.execute(select(voucher).order_by(voucher.c.id))).mappings().all()
    found = [(row["number"], unseal_pin(house.vault, row["id"], row["pin_sealed"])) for row in rows]
    assert tuple(found) == VOUCHERS
    assert {(row["life"], row["balance"], row["system_id"]) for row in rows} == {("active", 0, system.id)}
