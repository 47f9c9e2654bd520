"""Where a touch-screen terminal is, which version it speaks, and whether it is still the same one."""

import asyncio

import pytest

from tests.support.touchscreen import (
    GONE,
    REFUSED,
    Shop,
    failing,
    lone_door,
    operation,
    shop,
    taken,
)
from tillbridge.domain.outcome import (
    Approved,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
)
from tillbridge.protocols.contract import HealthState
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

# ---------------------------------------------------------------- versions and signs of life


@pytest.mark.parametrize(
    ("versions", "probes", "base"),
    [
        (["v5", "v2"], 2, "v5"),
        (["v2"], 4, "v2"),
        (["paya"], 5, "paya"),
        (["v6"], 1, "v6"),
    ],
)
def test_the_highest_version_is_found_once(versions: list[str], probes: int, base: str) -> None:
    async def main() -> None:
        async with shop(door={"versions": versions}) as here:
            assert isinstance(await here.sell(), Approved)
            assert isinstance(await here.sell(id="op-2", wire_reference="b" * 32), Approved)
            assert here.network.asked.count("info") == probes
            assert f"version {base}" in (await here.terminal.health()).detail

    run_manual(main())


def test_a_version_that_goes_away_starts_nothing_and_the_next_sale_finds_another() -> None:
    async def main() -> None:
        async with shop() as here, shop(door={"versions": ["v4"]}, desk=here.desk) as other:
            assert isinstance(await here.sell(), Approved)
            here.network.apps["terminal"] = other.door.app
            outcome = await here.sell(id="op-2", wire_reference="b" * 32)
            assert isinstance(outcome, NotStarted)
            assert isinstance(await here.sell(id="op-3", wire_reference="c" * 32), Approved)
            assert taken(here.desk) == 2500

    run_manual(main())


def test_a_doubt_is_cleared_up_under_the_terminals_new_version() -> None:
    async def main() -> None:
        async with shop(delay=4.0) as here:
            here.network.deny = failing("status", REFUSED, 1000)
            assert isinstance(await here.sell(), InDoubt)
            here.network.deny = lambda _: None
            here.network.apps["terminal"] = lone_door(here.desk, versions=["v5"]).app
            assert isinstance(await here.terminal.inquire(operation()), Approved)

    run_manual(main())


def test_no_version_at_all() -> None:
    async def main() -> None:
        async with shop() as here:
            here.network.apps["terminal"] = lone_nothing
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert outcome.reason is NotStartedReason.TERMINAL_REFUSED_MESSAGE
            assert here.network.asked == ["sending", *["info"] * 5, "outcome"]

    run_manual(main())


async def lone_nothing(scope: object, receive: object, send: object) -> None:  # noqa: ARG001 - ASGI
    body = b"Endpoint not supported."
    await send({"type": "http.response.start", "status": 404, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": body})  # type: ignore[operator]


def test_health() -> None:
    async def main() -> None:
        async with shop(delay=10.0) as here, asyncio.TaskGroup() as group:
            healthy = await here.terminal.health()
            assert (healthy.state, healthy.detail) == (HealthState.READY, "version v6, host: ready")
            selling = group.create_task(here.sell())
            await asyncio.sleep(1.0)
            assert (await here.terminal.health()).state is HealthState.BUSY
            await selling
            here.network.apps.clear()
            assert (await here.terminal.health()).state is HealthState.UNREACHABLE

    run_manual(main())


def test_a_closed_terminal_leaves_a_doubt_behind() -> None:
    async def main() -> None:
        async with shop(delay=60.0) as here, asyncio.TaskGroup() as group:
            selling = group.create_task(here.sell())
            await asyncio.sleep(5.0)
            await here.terminal.close()
            outcome = await selling
            assert isinstance(outcome, InDoubt)
            assert outcome.reason is DoubtReason.CONNECTOR_STOPPED
            assert [late async for late in here.terminal.late()] == []

    run_manual(main())


# ---------------------------------------------------------------- a terminal that has moved


def elsewhere(here: Shop, host: str, terminal_id: str, desk: VirtualTerminal | None = None) -> None:
    """The terminal with this number answers under this name."""
    door = lone_door(desk or here.desk, terminal_id=terminal_id)
    here.network.apps[host] = door.app


FINDING = {"terminal_id": "TB000001", "search": ["10.0.0.0/29"]}


def test_a_terminal_that_has_moved_is_found_where_it_proves_to_be_the_same() -> None:
    async def main() -> None:
        async with shop(driver=FINDING) as here:
            assert isinstance(await here.sell(), Approved)
            here.network.apps.clear()
            elsewhere(here, "10.0.0.4", "OTHER")
            elsewhere(here, "10.0.0.5", "TB000001")
            assert isinstance(await here.sell(id="op-2", wire_reference="b" * 32), Approved)
            assert isinstance(await here.sell(id="op-3", wire_reference="c" * 32), Approved)
            assert here.movements == [("taken", 1250)] * 3
            assert "found at 10.0.0.5:33350" in (await here.terminal.health()).detail

    run_manual(main())


def test_a_new_connector_finds_a_terminal_that_has_moved_before_its_first_sale() -> None:
    async def main() -> None:
        async with shop(driver=FINDING) as here:
            here.network.apps.clear()
            elsewhere(here, "10.0.0.5", "TB000001")
            assert isinstance(await here.sell(), Approved)

    run_manual(main())


def test_another_terminal_under_the_known_address_is_not_used() -> None:
    async def main() -> None:
        other = VirtualTerminal(runtime=manual_runtime())
        async with shop(driver=FINDING) as here:
            elsewhere(here, "terminal", "OTHER", other)
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert "another terminal answers" in outcome.detail
            assert not other.ledger.rows
            elsewhere(here, "10.0.0.6", "TB000001")
            assert isinstance(await here.sell(id="op-2", wire_reference="b" * 32), Approved)
            assert taken(here.desk) == 1250

    run_manual(main())


def test_two_that_claim_to_be_it_are_left_to_a_person() -> None:
    async def main() -> None:
        async with shop(driver=FINDING) as here:
            here.network.apps.clear()
            elsewhere(here, "10.0.0.4", "TB000001")
            elsewhere(here, "10.0.0.5", "TB000001")
            outcome = await here.sell()
            assert isinstance(outcome, NotStarted)
            assert "10.0.0.4" in outcome.detail

    run_manual(main())


def test_without_a_proof_a_person_is_only_told_where_one_was_found() -> None:
    async def main() -> None:
        async with shop(driver={"search": ["10.0.0.0/29", "till-terminal.local"]}) as here:
            here.network.apps.clear()
            elsewhere(here, "till-terminal.local", "TB000001")
            health = await here.terminal.health()
            assert health.state is HealthState.UNREACHABLE
            assert "a terminal answers at till-terminal.local:33350" in health.detail
            assert isinstance(await here.sell(), NotStarted)
            assert not here.desk.ledger.rows

    run_manual(main())


def test_a_terminal_is_never_searched_for_while_it_works() -> None:
    async def main() -> None:
        async with shop(driver=FINDING, delay=4.0) as here:
            elsewhere(here, "10.0.0.5", "TB000001")
            await here.terminal.health()
            here.network.trace.clear()
            here.network.deny = failing("status", GONE, 1000)
            assert isinstance(await here.sell(), InDoubt)
            assert "info" not in here.network.asked

    run_manual(main())


@pytest.mark.parametrize("name", ["status", "result"])
def test_a_hiccup_of_the_network_does_not_cost_a_running_sale(name: str) -> None:
    async def main() -> None:
        async with shop(driver=FINDING, delay=4.0) as here:
            await here.terminal.health()
            here.network.trace.clear()
            here.network.deny = failing(name, REFUSED, 3)
            assert isinstance(await here.sell(), Approved)
            assert "info" not in here.network.asked
            assert isinstance(await here.sell(id="op-2", wire_reference="b" * 32), Approved)
            assert here.network.asked.count("info") == 1, "after that it had to prove itself once"

    run_manual(main())
