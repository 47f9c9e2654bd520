"""A request that may have been made twice is put before a person."""

import asyncio

import pytest
from sqlalchemy import select

from tests.portal.thirdparty.till import Till
from tests.portal.vouchers.office import events
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.thirdparty.tables import third_party_repeat
from tillbridge.portal.validity.cases_model import Decision, Receipt
from tillbridge.portal.validity.cases_service import Cases

SAID = {"evidence": "one receipt over 4.00 at 12:00", "reason": "counted with the shop"}


async def repeated(till: Till) -> list[Receipt]:
    return list((await Cases(till.house).seen(till.person, till.floor.system_id)).found.repeated)


async def twice(till: Till) -> tuple[str, Receipt]:
    """A voucher of which the same amount was taken twice, and the case of that."""
    number = await till.floor.voucher(loaded=1_000)
    await till.token(number, 400)
    await till.token(number, 400)
    (one,) = await repeated(till)
    return number, one


@pytest.mark.parametrize(
    ("decision", "balance", "state"),
    [(Decision.REVERSE, 600, OperationState.PUT_BACK), (Decision.DISMISS, 200, OperationState.CONFIRMED)],
)
async def test_a_person_reverses_or_dismisses_it(
    till: Till, decision: Decision, balance: int, state: OperationState
) -> None:
    number, one = await twice(till)
    assert (one.taken, one.state, one.station) == (400, OperationState.CONFIRMED, "Kasse Linde")
    cases = Cases(till.house)
    with pytest.raises(BridgeError) as wrong:
        await cases.decide(till.person, one.operation_id, Decision.PAID, **SAID)
    assert (wrong.value.code, wrong.value.place) == (Code.FIELD_INVALID, "decision")
    await cases.decide(till.person, one.operation_id, decision, **SAID)
    assert (await till.floor.balance(number), await repeated(till)) == (balance, [])
    async with till.house.database.reading() as connection:
        found = await connection.scalar(select(operation.c.state).where(operation.c.id == one.operation_id))
        (row,) = (await connection.execute(select(third_party_repeat))).mappings()
    assert (found, row["decision"], row["evidence"], row["reason"]) == (state, decision, *SAID.values())
    told = [after for event, after in await events(till.house) if event.startswith("voucher_case.")]
    assert told == [{"decision": decision.value, "evidence": SAID["evidence"]}]
    for again in (Decision.REVERSE, Decision.DISMISS):
        with pytest.raises(BridgeError) as caught:
            await cases.decide(till.person, one.operation_id, again, **SAID)
        assert caught.value.code is Code.RECORD_UNKNOWN
    await till.floor.sound()


async def test_a_part_that_the_till_gave_back_is_not_given_twice(till: Till) -> None:
    number, one = await twice(till)
    await till.cancel(number, one.key, amount_in_cents=150)
    assert len(await repeated(till)) == 1
    await Cases(till.house).decide(till.person, one.operation_id, Decision.REVERSE, **SAID)
    assert await till.floor.balance(number) == 600


async def test_what_the_till_cancels_itself_leaves_the_list(till: Till) -> None:
    number, one = await twice(till)
    assert (await till.cancel(number, one.key)).status == 200
    assert await repeated(till) == []


async def test_two_who_decide_at_once_and_the_till_beside_them(till: Till) -> None:
    number, one = await twice(till)

    async def decide(decision: Decision) -> bool:
        try:
            await Cases(till.house).decide(till.person, one.operation_id, decision, **SAID)
        except BridgeError as error:
            if error.code not in {Code.RECORD_CONFLICT, Code.RECORD_UNKNOWN, Code.OVERLOADED}:
                raise
            return False
        return True

    async with asyncio.TaskGroup() as group:
        people = [group.create_task(decide(each)) for each in (Decision.REVERSE, Decision.DISMISS, Decision.REVERSE)]
        group.create_task(till.cancel(number, one.key))
    assert sum(task.result() for task in people) <= 1
    assert await till.floor.balance(number) in {200, 600}
    await till.floor.sound()
