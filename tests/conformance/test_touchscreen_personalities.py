"""Every personality of a touch-screen terminal: nobody knows how real ones behave, so the driver bears all of them."""

import asyncio

import pytest

from tests.support.touchscreen import (
    GONE,
    REFUSED,
    SECRET,
    WIRE_ID,
    Shop,
    about,
    assert_no_lie,
    failing,
    operation,
    profile,
    shop,
    start_of,
    taken,
    void_of,
)
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason
from tillbridge.protocols.contract import HealthState, Unanswered
from tillbridge.protocols.touchscreen.driver import MAX_ATTEMPTS
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.protocols.touchscreen.settings import (
    Busy,
    Confirm,
    Duplicate,
    EarlyResult,
    Lifetime,
    Personality,
    StatusTexts,
    UnknownId,
    WrongSecret,
)
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import ALWAYS, SCENARIOS
from tillbridge.virtual.script import Step

EVERY = {
    "busy": Busy,
    "wrong_secret": WrongSecret,
    "unknown_id": UnknownId,
    "duplicate": Duplicate,
    "confirm": Confirm,
    "early_result": EarlyResult,
    "lifetime": Lifetime,
    "texts": StatusTexts,
}
ONE_EACH = [{what: value.value} for what, values in EVERY.items() for value in values]
TROUBLES = [
    "approve",
    "approve_then_drop",
    "drop_start_answer",
    "drop_confirm_answer",
    "reboot_taken",
    "decline_refused",
]


def test_no_personality_is_forgotten() -> None:
    assert set(EVERY) == set(Personality.model_fields)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("personality", ONE_EACH, ids=str)
def test_every_personality_in_every_trouble(personality: dict[str, str], trouble: str) -> None:
    """Never a double charge, never a lie; whatever is in doubt is found out by asking, where results can be read."""

    async def main() -> None:
        async with shop(delay=4.0, personality=personality) as here:
            await here.terminal.health()
            here.desk.script.set(Step(SCENARIOS[trouble]))
            outcome = await here.sell()
            assert here.network.asked.count("payment") == 1
            assert_no_lie(here.desk, outcome)
            if personality != {"early_result": "refused"}:
                assert not isinstance(outcome, InDoubt)
            else:
                assert isinstance(outcome, InDoubt)
                assert await here.terminal.inquire(operation()) is Unanswered.CANNOT_ASK
            await asyncio.sleep(60.0)
            assert_no_lie(here.desk, outcome)

    run_manual(main())


# ---------------------------------------------------------------- confirm and result


@pytest.mark.parametrize("confirm", [Confirm.OPTIONAL, Confirm.REQUIRED])
def test_a_result_that_has_to_be_confirmed_first_is_a_switch_of_the_profile(confirm: Confirm) -> None:
    async def main() -> None:
        facts = profile(ack={"order": "before_result"})
        personality = {"early_result": "refused", "confirm": confirm.value}
        async with shop(personality=personality, facts=facts) as here:
            outcome = await here.sell()
            assert isinstance(outcome, Approved)
            assert here.network.asked[-3:] == ["confirm", "result", "outcome"]
            await asyncio.sleep(60.0)
            assert_no_lie(here.desk, outcome)

    run_manual(main())


def test_a_doubt_for_want_of_a_confirmation_is_resolved_by_an_edit_of_the_profile() -> None:
    async def main() -> None:
        refusing = {"early_result": "refused"}
        async with shop(personality=refusing) as here:
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.ANSWER_UNREADABLE
            assert "409" in outcome.detail
            facts = profile(ack={"order": "before_result"})
            async with shop(personality=refusing, facts=facts, desk=here.desk) as later:
                resolved = await later.terminal.inquire(operation())
                assert isinstance(resolved, Approved)
                assert_no_lie(later.desk, resolved)

    run_manual(main())


def test_a_sale_that_is_confirmed_in_time_is_kept_and_another_one_is_taken_back() -> None:
    async def main() -> None:
        async with shop(personality={"confirm": "required"}) as here:
            assert isinstance(await here.sell(), Approved)
            await asyncio.sleep(60.0)
            assert here.movements == [("taken", 1250)]
            here.network.deny = failing("confirm", REFUSED, 1000)
            assert isinstance(await here.sell(id="op-2", wire_reference="b" * 32), Approved)
            await asyncio.sleep(60.0)
            assert here.movements == [("taken", 1250), ("taken", 1250), ("reversed", 1250)]
            here.network.deny = lambda _: None
            said = await here.terminal.inquire(operation(id="op-2", wire_reference="b" * 32))
            assert isinstance(said, InDoubt), "what was taken back is not called approved"

    run_manual(main())


def test_a_confirmation_that_is_lost_once_still_comes_in_time() -> None:
    async def main() -> None:
        async with shop(personality={"confirm": "required"}) as here:
            here.network.deny = failing("confirm", REFUSED, 3)
            outcome = await here.sell()
            await asyncio.sleep(60.0)
            assert_no_lie(here.desk, outcome)
            assert taken(here.desk) == 1250

    run_manual(main())


def test_a_confirmation_that_is_never_taken_is_given_up() -> None:
    async def main() -> None:
        async with shop(personality={"confirm": "required"}) as here:
            here.network.deny = failing("confirm", REFUSED, 100)
            assert isinstance(await here.sell(), Approved)
            await asyncio.sleep(60.0)
            await asyncio.sleep(2000.0)
            assert here.network.asked.count("confirm") == 1 + MAX_ATTEMPTS

    run_manual(main())


def test_a_terminal_without_confirmations_is_not_owed_any() -> None:
    async def main() -> None:
        async with shop(personality={"confirm": "absent"}) as here:
            assert isinstance(await here.sell(), Approved)
            assert here.network.asked.count("confirm") == 1
            await here.terminal.health()
            assert here.network.asked.count("confirm") == 1
            assert here.network.asked.count("info") == 1, "a missing path was taken for a missing version"

    run_manual(main())


# ---------------------------------------------------------------- busy and the password


@pytest.mark.parametrize("busy", Busy)
def test_a_busy_terminal_has_not_started(busy: Busy) -> None:
    async def main() -> None:
        async with shop(personality={"busy": busy.value}) as here:
            here.desk.script.set(Step(SCENARIOS["busy"], ALWAYS))
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            reason = NotStartedReason.TERMINAL_BUSY
            if busy is Busy.NOT_STARTED:
                reason = NotStartedReason.TERMINAL_REFUSED_MESSAGE
            assert outcome.reason is reason
            assert not here.desk.ledger.rows

    run_manual(main())


@pytest.mark.parametrize("wrong", WrongSecret)
def test_a_wrong_password_starts_nothing_and_is_named(wrong: WrongSecret) -> None:
    async def main() -> None:
        async with shop(personality={"wrong_secret": wrong.value}, driver={"secret": "11111111"}) as here:
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE
            assert "assword" in outcome.detail
            assert "11111111" not in outcome.detail
            assert not here.desk.ledger.rows
            health = await here.terminal.health()
            wanted = HealthState.READY if wrong is WrongSecret.NOT_STARTED else HealthState.UNKNOWN
            assert health.state is wanted

    run_manual(main())


# ---------------------------------------------------------------- ids


async def _lost_start(here: Shop) -> object:
    here.network.deny = failing("payment", GONE)
    return await here.sell()


@pytest.mark.parametrize("unknown", UnknownId)
def test_an_unknown_id_proves_nothing_while_the_profile_does_not_know_its_look(unknown: UnknownId) -> None:
    async def main() -> None:
        async with shop(personality={"unknown_id": unknown.value}) as here:
            outcome = await _lost_start(here)
            assert isinstance(outcome, InDoubt)
            said = await here.terminal.inquire(operation())
            assert said is (Unanswered.STILL_RUNNING if unknown is UnknownId.TEXT else Unanswered.CANNOT_ASK)

    run_manual(main())


@pytest.mark.parametrize(
    ("unknown", "status"), [(UnknownId.NOT_FOUND, 404), (UnknownId.TEXT, 200), (UnknownId.BAD_REQUEST, 400)]
)
def test_an_unknown_id_counts_twice_apart_where_the_profile_knows_its_look(unknown: UnknownId, status: int) -> None:
    async def main() -> None:
        facts = profile(unknown_id={"statuses": (status,), "texts": ("unknown transaction",)})
        async with shop(personality={"unknown_id": unknown.value}, facts=facts) as here:
            outcome = await _lost_start(here)
            assert isinstance(outcome, NotStarted)
            assert asyncio.get_running_loop().time() >= built_in().timing.grace
            before = asyncio.get_running_loop().time()
            assert await here.terminal.inquire(operation()) is Unanswered.NOT_FOUND
            assert asyncio.get_running_loop().time() - before >= built_in().timing.grace
            assert not here.desk.ledger.rows

    run_manual(main())


def test_an_unknown_id_after_the_start_was_taken_proves_nothing_at_all() -> None:
    async def main() -> None:
        facts = profile(unknown_id={"statuses": (404,), "texts": ()})
        async with shop(facts=facts, delay=4.0) as here:
            await here.terminal.health()
            here.desk.script.set(Step(SCENARIOS["reboot_forgets"]))
            outcome = await here.sell()
            assert isinstance(outcome, InDoubt)
            assert taken(here.desk) == 1250

    run_manual(main())


@pytest.mark.parametrize("duplicate", Duplicate)
def test_what_a_second_start_does(duplicate: Duplicate) -> None:
    """The driver never sends one; this is what would happen to a till that does."""

    async def main() -> None:
        async with shop(personality={"duplicate": duplicate.value}) as here:
            assert isinstance(await here.sell(), Approved)
            status, body = await here.call("payment", start_of())
            await asyncio.sleep(5.0)
            assert taken(here.desk) == (2500 if duplicate is Duplicate.SECOND_CHARGE else 1250)
            assert status == (409 if duplicate is Duplicate.REJECT else 200)
            assert body["isStarted"] is (duplicate is not Duplicate.REJECT)

    run_manual(main())


@pytest.mark.parametrize("duplicate", Duplicate)
@pytest.mark.parametrize("trouble", ["drop_start_answer", "slow_answer", "never_answer", "approve_then_drop"])
def test_nobody_is_charged_twice_by_the_driver(duplicate: Duplicate, trouble: str) -> None:
    async def main() -> None:
        async with shop(personality={"duplicate": duplicate.value}, delay=4.0) as here:
            await here.terminal.health()
            here.desk.script.set(Step(SCENARIOS[trouble]))
            await here.sell()
            await here.terminal.inquire(operation())
            await here.terminal.settle(operation())
            assert taken(here.desk) == 1250
            assert here.network.asked.count("payment") == 1

    run_manual(main())


def test_the_same_id_with_another_amount_is_refused() -> None:
    async def main() -> None:
        async with shop() as here:
            assert isinstance(await here.sell(), Approved)
            status, body = await here.call("payment", start_of(amount=1251))
            assert (status, body["isStarted"]) == (200, False)
            assert taken(here.desk) == 1250

    run_manual(main())


@pytest.mark.parametrize("lifetime", Lifetime)
def test_what_outlives_a_restart_of_the_terminal(lifetime: Lifetime) -> None:
    async def main() -> None:
        personality = {"lifetime": lifetime.value}
        async with shop(personality=personality) as here:
            assert isinstance(await here.sell(), Approved)
            async with shop(personality=personality, desk=here.desk) as later:
                said = await later.terminal.inquire(operation())
                if lifetime is Lifetime.KEPT:
                    assert isinstance(said, Approved)
                else:
                    assert said is Unanswered.CANNOT_ASK

    run_manual(main())


# ---------------------------------------------------------------- where the money goes back


def test_a_void_whose_answer_is_lost_is_asked_about_and_not_started_again() -> None:
    async def main() -> None:
        async with shop() as here:
            assert isinstance(await here.sell(), Approved)
            here.network.lose = failing("reverse", GONE)
            outcome = await here.perform(void_of())
            assert isinstance(outcome, Approved)
            assert here.movements == [("taken", 1250), ("reversed", 1250)]
            assert here.network.asked.count("reverse") == 1

    run_manual(main())


def test_cancel_is_asked_for_under_the_sales_id() -> None:
    async def main() -> None:
        async with shop(delay=60.0) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.sell())
            await asyncio.sleep(5.0)
            await here.terminal.abort("op-1")
            await selling
            assert here.network.bodies("cancel") == [{"secureString": SECRET, "transactionId": WIRE_ID}]
            assert (await here.call("cancel", about("nobody")))[0] == 404

    run_manual(main())
