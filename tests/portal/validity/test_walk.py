"""A run, its way back, tills and kills in any order: what must hold whatever happens, walked at random with a seed."""

import random
from collections import Counter
from contextlib import suppress

import pytest

from tests.portal.validity.yearly import Killed, Yearly, killed
from tillbridge.domain.errors import BridgeError
from tillbridge.portal.validity import due_store, store
from tillbridge.portal.validity.model import Outcome, RunState
from tillbridge.portal.vouchers.clerk import Clerk

PLACES = (
    (due_store, "next_due"),
    (due_store, "with_interim"),
    (Clerk, "write"),
    (store, "add_written"),
    (store, "change_run"),
)
"""Where a batch may be killed."""


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 30))])
async def test_each_voucher_is_written_off_and_given_back_at_most_once(yearly: Yearly, seed: int) -> None:
    chance, floor = random.Random(seed), yearly.floor
    numbers = [await floor.voucher(loaded=1_000) for _ in range(6)]
    await floor.redeem(numbers[0], 100, key="an-open-receipt-1")
    await yearly.to_the_date()
    for at in range(24):
        match chance.randrange(6):
            case 0 | 1:
                await yearly.runner().step()
            case 2:
                where, name = chance.choice(PLACES)
                with pytest.MonkeyPatch.context() as patched, suppress(Killed):
                    patched.setattr(where, name, killed)
                    await yearly.runner().step()
            case 3:
                await floor.redeem(chance.choice(numbers), 50, key=f"a-walked-receipt-{at:03d}")
            case 4:
                await floor.desk.put_back(floor.here, f"a-walked-receipt-{chance.randrange(at + 1):03d}")
            case _:
                run = next((one for one in await yearly.runs() if one.on == "2029-12-31"), None)
                if run is not None and run.vouchers and not chance.randrange(3):
                    with suppress(BridgeError):
                        await yearly.validity.take_back(yearly.chief(), run.id, "walked")
    await yearly.finish()
    run = (await yearly.runs())[0]
    assert run.state in {RunState.DONE, RunState.REVERSED}
    found = await yearly.found(run)
    assert run.vouchers == sum(outcome is Outcome.WRITTEN_OFF for outcome, _, _ in found.values())
    for number in numbers:
        kinds = Counter(kind for kind, _ in await yearly.entries(number))
        gone = number in found and found[number][0] is Outcome.WRITTEN_OFF
        assert kinds["write_off"] == gone
        assert kinds["write_off_reversal"] == (gone and run.state is RunState.REVERSED)
    await floor.sound()
