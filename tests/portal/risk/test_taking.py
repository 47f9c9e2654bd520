"""What a till took without a connection: the portal takes what is there, and the rest is the location's loss."""

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from tests.portal.people import owner
from tests.portal.vouchers.conftest import floor as floor  # noqa: PLC0414  # the fixture of this file
from tests.portal.vouchers.floor import PIN, Floor, redeem
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import number_of
from tillbridge.link.offline_messages import GivenBack, OfflineTake, OfflineTaken
from tillbridge.link.offline_pins import seal
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.voucher_messages import Lookup, OperationState
from tillbridge.portal.licences.model import Product
from tillbridge.portal.links.service import Links
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.risk import store
from tillbridge.portal.risk.model import RiskLimits
from tillbridge.portal.risk.service import Risks
from tillbridge.portal.risk.tables import voucher_offline
from tillbridge.portal.risk.taking import OfflineDesk
from tillbridge.portal.services.model import Registered
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.vouchers.model import Answered
from tillbridge.portal.vouchers.tables import voucher_location

ALWAYS_ON = Registered(
    Service.WEB_VOUCHERS, frozenset(), Product.WEB_VOUCHERS, frozenset(Scope), Component.VOUCHERS, built=True
)
KEY = "offline-action-0001"
NOBODYS = number_of("276", "9999999999")


def desk(floor: Floor) -> OfflineDesk:
    return OfflineDesk(floor.house, Registry(Links(floor.house), Maintenance(floor.house), [ALWAYS_ON]))


async def allow(floor: Floor, limit: int = 2000) -> None:
    person = owner(floor.here.tenant_id, stepped_up_at=floor.house.runtime.clock.now())
    limits = RiskLimits(limit, 5 * limit, 10 * limit)
    await Risks(floor.house).set_limits(person, floor.system_id, floor.here.location_id, limits)


async def taken(
    floor: Floor, number: str, amount: int, key: str = KEY, *, pin: str = PIN, sealed_for: str | None = None
) -> OfflineTaken:
    """Sends it twice, as whoever hears no answer does."""
    asked = await wish(floor, number, amount, pin=pin, sealed_for=sealed_for or key)
    first, again = [await desk(floor).take(floor.here, key, asked) for _ in range(2)]
    assert (first.body, first.replayed, again.replayed) == (again.body, False, True)
    return OfflineTaken.model_validate_json(first.body)


async def wish(floor: Floor, number: str, amount: int, *, pin: str = PIN, sealed_for: str = KEY) -> OfflineTake:
    terms = await desk(floor).terms(floor.here.location_id)
    clock, chance = floor.house.runtime.clock, floor.house.runtime.chance
    return OfflineTake(
        offline=True,
        number=number,
        currency="EUR",
        amount=amount,
        transaction_ref="receipt-1",
        station="till-2",
        accepted_at=clock.now() - timedelta(hours=3),
        key_id=terms.key_id,
        pin_sealed=seal(terms.public_key, sealed_for, pin, chance.randbytes(32)),
    )


async def losses(floor: Floor) -> list[tuple[str, int, str]]:
    async with floor.house.database.reading() as connection:
        found = await store.lines(connection, {floor.here.location_id})
        account = (await store.accounts(connection, {floor.here.location_id})).get(floor.here.location_id)
    assert sum(one.loss for one in found) == (account.loss if account else 0)
    return [(one.kind.value, one.loss, one.reason) for one in reversed(found)]


async def test_nothing_is_taken_unless_the_office_says_so(floor: Floor) -> None:
    terms = await desk(floor).terms(floor.here.location_id)
    assert (terms.per_voucher, terms.per_day, terms.open_total, terms.key_id) == (0, 0, 0, "")
    await allow(floor)
    terms = await desk(floor).terms(floor.here.location_id)
    assert (terms.per_voucher, terms.per_day, terms.open_total) == (2000, 10_000, 20_000)
    assert (terms.currency, terms.country, terms.time_zone) == ("EUR", "276", "Europe/Berlin")
    assert (await desk(floor).terms(floor.there.location_id)).per_voucher == 0


async def test_what_is_there_is_taken_and_settled_as_ever(floor: Floor) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=5000, at=floor.there)
    found = await taken(floor, number, 2000)
    assert (found.state, found.taken, found.loss, found.balance) == (OperationState.INTERIM, 2000, 0, 3000)
    assert await floor.claims(number) == {("A", "B"): 2000}
    assert (await floor.desk.confirm(floor.here, KEY)).state is OperationState.CONFIRMED
    assert await losses(floor) == [("taken", 0, "")]
    await floor.sound()


async def test_what_is_missing_is_a_loss_and_claimed_from_nobody(floor: Floor) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=1500, at=floor.there)
    found = await taken(floor, number, 2000)
    assert (found.taken, found.loss, found.balance, found.code) == (1500, 500, 0, "voucher_funds")
    assert await floor.claims(number) == {("A", "B"): 1500}
    assert await losses(floor) == [("taken", 500, "voucher_funds")]
    await floor.sound()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"blocked": True}, "voucher_blocked"),
        ({"life": "produced"}, "voucher_not_activated"),
        ({"country": "040"}, "voucher_country"),
        ({"pin_blocked": True}, "voucher_pin_blocked"),
    ],
)
async def test_a_voucher_that_is_no_good_is_a_loss_and_stays_as_it_is(
    floor: Floor, change: dict[str, object], reason: str
) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=5000)
    await floor.change(number, **change)
    found = await taken(floor, number, 2000)
    assert (found.state, found.taken, found.loss, found.code) == (OperationState.REFUSED, 0, 2000, reason)
    assert await floor.balance(number) == 5000
    await floor.sound()


async def test_a_wrong_pin_is_a_loss_and_counts_once_as_a_guess(floor: Floor) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=5000)
    assert (await taken(floor, number, 2000, pin="9999")).code == "voucher_pin_wrong"
    assert ((await floor.row(number))["pin_misses"], await floor.balance(number)) == (1, 5000)
    other = await taken(floor, number, 2000, "offline-action-0002", sealed_for="offline-action-0009")
    assert other.code == "voucher_pin_wrong", "a PIN that was sealed for another action opens nothing"
    assert (await taken(floor, number, 2000, "offline-action-0003")).taken == 2000
    assert (await floor.row(number))["pin_misses"] == 0


async def test_a_number_of_nobody_and_a_location_that_left_are_losses(floor: Floor) -> None:
    await allow(floor)
    assert (await taken(floor, NOBODYS, 2000)).loss == 2000
    number = await floor.voucher(loaded=5000)
    asked = await wish(floor, number, 2000, sealed_for="offline-action-0002")
    async with floor.house.database.writing() as connection:
        await connection.execute(delete(voucher_location))
    left = json.loads((await desk(floor).take(floor.here, "offline-action-0002", asked)).body)
    assert (left["loss"], left["code"]) == (2000, "voucher_not_participating")
    assert await floor.balance(number) == 5000


async def test_while_no_pin_is_judged_nothing_is_decided(floor: Floor) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=5000)
    await floor.change(number, pin_locked_until=floor.house.runtime.clock.now() + timedelta(minutes=5), pin_misses=5)
    asked = await wish(floor, number, 2000)
    with pytest.raises(BridgeError) as error:
        await desk(floor).take(floor.here, KEY, asked)
    assert (error.value.code, await losses(floor)) == (Code.VOUCHER_PIN_LOCKED, [])


async def test_a_cancelled_receipt_gives_all_of_it_back(floor: Floor) -> None:
    await allow(floor)
    number, work = await floor.voucher(loaded=1500), desk(floor)
    await taken(floor, number, 2000)
    with pytest.raises(BridgeError) as error:
        await work.given_back(floor.here, GivenBack(key=KEY))
    assert error.value.code is Code.RECORD_CONFLICT
    await floor.desk.put_back(floor.here, KEY)
    for _ in range(2):
        assert (await work.given_back(floor.here, GivenBack(key=KEY))).loss == 0
    assert await floor.balance(number) == 1500
    assert await losses(floor) == [("taken", 500, "voucher_funds"), ("given_back", -500, "voucher_funds")]
    await taken(floor, NOBODYS, 700, "offline-action-0002")
    await work.given_back(floor.here, GivenBack(key="offline-action-0002"))
    assert sum(loss for _, loss, _ in await losses(floor)) == 0
    with pytest.raises(BridgeError) as error:
        await work.given_back(floor.there, GivenBack(key=KEY))
    assert error.value.code is Code.RECORD_UNKNOWN, "another location's keys are not its own"
    await floor.sound()


async def test_a_put_back_that_came_first_and_another_body(floor: Floor) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=5000)
    await floor.desk.put_back(floor.here, KEY)
    with pytest.raises(BridgeError) as error:
        await desk(floor).take(floor.here, KEY, await wish(floor, number, 2000))
    assert error.value.code is Code.VOUCHER_VOIDED
    await taken(floor, number, 2000, "offline-action-0002")
    with pytest.raises(BridgeError) as error:
        await desk(floor).take(floor.here, "offline-action-0002", await wish(floor, number, 1999))
    assert error.value.code is Code.VOUCHER_KEY_BODY
    assert await floor.balance(number) == 3000


async def test_two_tills_and_the_desk_at_once_take_no_more_than_is_there(floor: Floor) -> None:
    await allow(floor)
    number, work = await floor.voucher(loaded=5000), desk(floor)
    wishes = [await wish(floor, number, 2000, sealed_for=f"offline-action-{one:04d}") for one in range(4)]
    async with asyncio.TaskGroup() as group:
        offline = [
            group.create_task(work.take(floor.here, f"offline-action-{one:04d}", asked))
            for one, asked in enumerate(wishes)
        ]
        online = [group.create_task(floor.redeem(number, 700, key=f"online-action-{one:05d}")) for one in range(4)]
    found = [OfflineTaken.model_validate_json(one.result().body) for one in offline]
    spent = sum(json.loads(one.result().body).get("taken", 0) for one in online)
    assert sum(one.taken for one in found) + spent == 5000
    assert sum(one.loss for one in found) == sum(loss for _, loss, _ in await losses(floor))
    assert await floor.balance(number) == 0
    await floor.sound()


async def test_the_account_is_only_ever_appended_to(floor: Floor) -> None:
    await allow(floor)
    await taken(floor, NOBODYS, 700)
    for statement in (update(voucher_offline).values(loss=0, asked=1), delete(voucher_offline)):
        with pytest.raises((DBAPIError, BridgeError)):
            async with floor.house.database.writing() as connection:
                await connection.execute(statement)
    assert await losses(floor) == [("taken", 700, "voucher_unknown")]


async def test_a_code_of_another_merchant_is_refused_for_ever_under_its_key(floor: Floor) -> None:
    person = owner(floor.here.tenant_id, stepped_up_at=floor.house.runtime.clock.now())
    number = await floor.voucher(loaded=5000)
    refused = await floor.redeem(number, 100, key=KEY, merchant="4711")
    assert (refused.status, json.loads(refused.body)["code"]) == (409, "voucher_other_merchant")
    with pytest.raises(BridgeError) as error:
        await floor.desk.lookup(floor.here, Lookup(number=number, currency="EUR", merchant="4711"))
    assert error.value.code is Code.VOUCHER_OTHER_MERCHANT
    await Risks(floor.house).add_number(person, floor.system_id, " 4711 ")
    assert (await floor.redeem(number, 100, key=KEY, merchant="4711")).body == refused.body
    assert (await floor.redeem(number, 100, merchant="4711")).status == 200
    assert (await floor.desk.lookup(floor.here, Lookup(number=number, currency="EUR", merchant="4711"))).balance == 4900
    await Risks(floor.house).remove_number(person, floor.system_id, "4711")
    again: Answered = await floor.desk.redeem(floor.here, "another-action-1", redeem(number, 1, merchant="4711"))
    assert again.status == 409


async def test_no_pin_in_what_is_kept(floor: Floor) -> None:
    await allow(floor)
    number = await floor.voucher(loaded=5000)
    asked = await wish(floor, number, 2000)
    assert PIN not in asked.pin_sealed
    assert "pin_sealed" not in repr(asked)
    async with floor.house.database.reading() as connection:
        key = await store.key_of(connection, floor.system_id)
        kept = (await connection.execute(select(voucher_offline))).mappings().all()
    assert key is not None
    assert not any(str(value) == PIN for row in kept for value in row.values())
