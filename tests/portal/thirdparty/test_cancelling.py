"""A till of another maker gives redemptions back."""

import asyncio
from contextlib import suppress

from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.corrections.office import open_office
from tests.portal.thirdparty.till import Till, refused, said
from tests.portal.vouchers.floor import PIN
from tillbridge.domain.errors import BridgeError
from tillbridge.link.scopes import Scope
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.corrections.model import Kind
from tillbridge.portal.thirdparty.tables import third_party_cancel
from tillbridge.portal.validity.tables import voucher_late_put_back


async def given(till: Till) -> list[int]:
    async with till.house.database.reading() as connection:
        statement = select(third_party_cancel.c.given).order_by(third_party_cancel.c.id)
        return list(await connection.scalars(statement))


async def state(till: Till, token: str) -> OperationState:
    return (await till.floor.desk.state(till.floor.here, token)).state


async def test_all_of_it_goes_back_and_a_second_time_nothing(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 700)
    reply = await till.cancel(number, token)
    assert (reply.status, said(reply)) == (200, {"code": number, "balance_in_cents": 1_000, "message": ""})
    assert await state(till, token) is OperationState.PUT_BACK
    # Without an amount it says what is wanted, and that is so already.
    assert said(await till.cancel(f"{number}{PIN}", token))["balance_in_cents"] == 1_000
    over = await till.cancel(number, token, amount_in_cents=1)
    assert (refused(over), said(over)["left_in_cents"]) == ((409, "V306"), 0)
    assert await till.floor.balance(number) == 1_000
    # It was confirmed for want of a second step, and not because a receipt was closed.
    async with till.house.database.reading() as connection:
        assert not (await connection.execute(select(voucher_late_put_back))).all()
    await till.floor.sound()


async def test_parts_add_up_and_go_to_the_newest_credit_first(till: Till, clock: HandClock) -> None:
    number = await till.floor.voucher(loaded=3_000)
    clock.forward(days=1)
    await till.floor.load(number, 2_000, at=till.floor.there)
    token = await till.token(number, 4_000)
    assert said(await till.cancel(number, token, amount_in_cents=1_500))["balance_in_cents"] == 2_500
    assert await till.floor.lots(number) == [("A", 500), ("B", 2_000)]
    assert await state(till, token) is OperationState.CONFIRMED
    assert refused(await till.cancel(number, token, amount_in_cents=2_501)) == (409, "V306")
    assert said(await till.cancel(number, token, amount_in_cents=2_000))["balance_in_cents"] == 4_500
    assert said(await till.cancel(number, token))["balance_in_cents"] == 5_000
    assert (await given(till), await state(till, token)) == ([1_500, 2_000, 500], OperationState.PUT_BACK)
    assert await till.floor.lots(number) == [("A", 3_000), ("B", 2_000)]
    assert await till.floor.claims(number) == {}
    await till.floor.sound()


async def test_the_same_reference_gives_back_once(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 700)
    first = await till.cancel(number, token, amount_in_cents=200, reference_number="c-1")
    again = await till.cancel(number, token, amount_in_cents=200, reference_number="c-1")
    assert (again.body, again.headers["idempotent-replay"]) == (first.body, "true")
    assert "idempotent-replay" not in first.headers
    # Another amount is another wish; so is the same amount under another reference, or under none.
    await till.cancel(number, token, amount_in_cents=100, reference_number="c-1")
    await till.cancel(number, token, amount_in_cents=200, reference_number="c-2")
    await till.cancel(number, token, amount_in_cents=50)
    await till.cancel(number, token, amount_in_cents=50)
    assert await given(till) == [200, 100, 200, 50, 50]
    rest = await till.cancel(number, token, reference_number="c-3")
    await till.token(number, 10)
    # The answer is the one that was given then, whatever has become of the balance.
    assert (await till.cancel(number, token, reference_number="c-3")).body == rest.body
    assert said(rest)["balance_in_cents"] == 1_000


async def test_a_token_belongs_to_its_voucher_and_its_location(till: Till) -> None:
    number, other, there = (
        await till.floor.voucher(loaded=1_000),
        await till.floor.voucher(loaded=1_000),
        await till.open_there(),
    )
    token = await till.token(number, 700)
    assert refused(await till.cancel(other, token))[0] == 404
    assert refused(await till.cancel(number, token, key=there))[0] == 404
    assert refused(await till.cancel(number, "tpr-" + "a" * 32))[0] == 404
    assert refused(await till.cancel(number, ""))[0] == 400
    assert refused(await till.ask("POST", f"/vouchers/{number}/cancel", {"amount_in_cents": 1}))[0] == 400
    misspelt = {"redeem_token": token, "amount_in_cent": 1}
    assert refused(await till.ask("POST", f"/vouchers/{number}/cancel", misspelt))[0] == 400
    assert refused(await till.cancel(number, token, amount_in_cents="1")) == (400, "V304")
    # What a connector redeemed is no business of this form, even for who knows its key.
    key = till.floor.key()
    await till.floor.redeem(other, 100, key=key)
    assert refused(await till.cancel(other, key))[0] == 404
    assert [await till.floor.balance(one) for one in (number, other)] == [300, 900]
    cancels = await till.make_key(Scope.VOUCHERS_CANCEL)
    assert (await till.cancel(number, token, key=cancels)).status == 200


async def test_nothing_keeps_money_from_going_back(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 700)
    await till.floor.change(number, blocked=True)
    await till.switch(on=False)
    await till.floor.system(load_min=1, load_max=1, balance_max=1)
    assert said(await till.cancel(number, token))["balance_in_cents"] == 1_000


async def test_what_goes_back_to_a_replaced_voucher_goes_to_the_new_one(till: Till) -> None:
    first, second = await till.floor.vouchers(2)
    await till.floor.load(first, 1_000)
    token = await till.token(first, 700)
    office = await open_office(till.floor)
    await office.correct(first, Kind.REISSUE, target=second)
    assert said(await till.cancel(first, token, amount_in_cents=200))["balance_in_cents"] == 0
    assert said(await till.cancel(first, token))["balance_in_cents"] == 0
    assert [await till.floor.balance(one) for one in (first, second)] == [0, 1_000]
    facts = said(await till.balance(second))
    assert (facts["total_amount_in_cents"], facts["balance_in_cents"]) == (1_000, 1_000)
    await till.floor.sound()


async def test_many_cancel_at_once_and_no_cent_goes_back_twice(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 700)

    async def desk() -> None:
        # It may be told to come again, while the others hold the same rows.
        with suppress(BridgeError):
            await till.floor.desk.put_back(till.floor.here, token)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(till.cancel(number, token, amount_in_cents=150)) for _ in range(6)]
        same = [
            group.create_task(till.cancel(number, token, amount_in_cents=100, reference_number="c-1")) for _ in range(4)
        ]
        group.create_task(desk())
    for one in (*asked, *same):
        assert one.result().status == 200 or refused(one.result())[1] in {"V306", "V502"}
    assert await till.floor.balance(number) == 1_000
    await till.floor.sound()
