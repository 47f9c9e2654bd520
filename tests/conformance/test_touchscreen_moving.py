"""A touch-screen terminal with another address that proves nothing: seen, shown, and used once a person says so."""

import asyncio

from tests.support.touchscreen import REFUSED, Shop, failing, lone_door, shop, taken
from tillbridge.domain.outcome import Approved, NotStarted
from tillbridge.protocols.contract import HealthState
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

SEARCH = {"search": ["10.0.0.0/29"]}
THERE = "10.0.0.5:33350"


def elsewhere(
    here: Shop, host: str = "10.0.0.5", number: str = "TB000001", desk: VirtualTerminal | None = None
) -> None:
    here.network.apps[host] = lone_door(desk or here.desk, terminal_id=number).app


async def sell_again(here: Shop, number: int) -> object:
    return await here.sell(id=f"op-{number}", wire_reference=f"{number:032x}")


def test_a_terminal_that_moves_between_two_sales_is_seen_and_used_when_a_person_says_so() -> None:
    async def main() -> None:
        async with shop(driver=SEARCH) as here:
            assert here.terminal.address == "terminal:33350"
            assert isinstance(await here.sell(), Approved)
            here.network.apps.clear()
            elsewhere(here)
            outcome = await sell_again(here, 2)
            assert isinstance(outcome, NotStarted)
            assert THERE in outcome.detail
            assert here.terminal.candidates() == [THERE]
            assert taken(here.desk) == 1250
            here.terminal.move(THERE)
            assert (here.terminal.address, here.terminal.candidates()) == (THERE, [])
            assert isinstance(await sell_again(here, 3), Approved)
            assert taken(here.desk) == 2500
            assert (await here.terminal.health()).state is HealthState.READY

    run_manual(main())


def test_what_was_seen_is_forgotten_when_the_terminal_is_back() -> None:
    async def main() -> None:
        async with shop(driver=SEARCH) as here:
            app = here.network.apps.pop("terminal")
            elsewhere(here)
            assert (await here.terminal.health()).state is HealthState.UNREACHABLE
            assert here.terminal.candidates() == [THERE]
            here.network.apps["terminal"] = app
            assert isinstance(await here.sell(), Approved)
            assert here.terminal.candidates() == []

    run_manual(main())


def test_a_terminal_that_names_another_number_is_no_candidate_and_no_person_can_make_it_one() -> None:
    async def main() -> None:
        other = VirtualTerminal(runtime=manual_runtime())
        async with shop(driver=SEARCH | {"terminal_id": "TB000001"}) as here:
            here.network.apps.clear()
            elsewhere(here, number="OTHER", desk=other)
            health = await here.terminal.health()
            assert (health.state, here.terminal.candidates()) == (HealthState.UNREACHABLE, [])
            assert THERE not in health.detail
            here.terminal.move(THERE)
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert "another terminal answers" in outcome.detail
            assert not other.ledger.rows

    run_manual(main())


def test_of_two_that_claim_the_same_number_a_person_chooses() -> None:
    async def main() -> None:
        wrong = VirtualTerminal(runtime=manual_runtime())
        async with shop(driver=SEARCH | {"terminal_id": "TB000001"}) as here:
            here.network.apps.clear()
            elsewhere(here, "10.0.0.4", desk=wrong)
            elsewhere(here)
            assert isinstance(await here.sell(), NotStarted)
            assert here.terminal.candidates() == ["10.0.0.4:33350", THERE]
            here.terminal.move(THERE)
            assert isinstance(await sell_again(here, 2), Approved)
            assert (taken(here.desk), taken(wrong)) == (1250, 0)

    run_manual(main())


def test_a_start_that_did_not_leave_is_sent_once_where_the_terminal_is_back_at_once() -> None:
    async def main() -> None:
        async with shop(driver=SEARCH) as here:
            await here.terminal.health()
            here.network.deny = failing("sale", REFUSED)
            assert isinstance(await here.sell(), Approved)
            assert here.movements == [("taken", 1250)]

    run_manual(main())


def test_another_terminal_that_got_the_address_overnight_is_noticed_before_money_moves() -> None:
    async def main() -> None:
        other = VirtualTerminal(runtime=manual_runtime())
        async with shop(driver=SEARCH | {"terminal_id": "TB000001"}) as here:
            assert isinstance(await here.sell(), Approved)
            assert isinstance(await sell_again(here, 2), Approved)
            assert here.network.asked.count("info") == 1, "one proof is enough for a rush of customers"
            await asyncio.sleep(8 * 3600)
            elsewhere(here, "terminal", number="TB000002", desk=other)
            elsewhere(here)
            assert isinstance(await sell_again(here, 3), Approved)
            assert here.terminal.address == THERE
            assert (taken(here.desk), taken(other)) == (3 * 1250, 0)

    run_manual(main())
