"""The lasting connection of a connector with a real portal: what flows over it, and how it ends."""

import asyncio
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import pytest

from tests.integration.portal_house import Portal, real_portal
from tests.integration.portal_till import (
    OVER,
    ask_to_pay,
    connected,
    connector,
    equipment,
    in_a_hurry,
    link_of,
    pair,
    reaches,
    row,
    settings,
    soon,
    taken,
    until,
)
from tests.portal.people import owner
from tillbridge.connector.portal.link_settings import kept_settings
from tillbridge.connector.portal.states import LinkState
from tillbridge.domain.errors import Code
from tillbridge.link.message_words import CommandKind
from tillbridge.portal.commands import store
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import State
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.links.model import LinkState as PortalState
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.protocols.contract import Recovery
from tillbridge.virtual.scenarios import scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

__all__ = ["in_a_hurry"]


async def test_a_heartbeat_arrives_with_all_that_it_says(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        await connected(portal)
        link, found = await link_of(portal), await equipment(portal)
        assert found is not None
        assert [one.name for one in found.stations] == ["front"]
        assert (link.connector.version, link.figures.unsent_count) == ("1.4.0", 0)
        assert abs(link.figures.clock_skew_seconds or 0) <= 1
        assert till.desk.standing().last_contact_at is not None


@pytest.mark.parametrize(
    ("script", "outcome"), [("approve", "approved"), ("decline_failed", "declined"), ("customer_cancels", "aborted")]
)
async def test_a_payment_that_the_office_starts(tmp_path: Path, script: str, outcome: str) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(scenario(script)))
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        made = await ask_to_pay(portal)
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], done.result["amount_minor"]) == (outcome, 1250)
        assert taken(terminal) == ([1250] if outcome == "approved" else [])
        payment = await till.engine.find_key("portal", f"portal:{made}")
        assert (payment.door, payment.order_id, payment.id) == ("portal", "A-17", done.result["payment_id"])

        async def forgotten() -> bool:
            return not (tmp_path / "till" / "portal-commands.json").read_text().count(made)

        await soon(forgotten)


async def test_in_doubt_is_told_as_such_and_resolved_by_a_person(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(scenario("approve_then_drop")))
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal, Recovery.NONE) as till,
    ):
        await pair(till, portal)
        made = await ask_to_pay(portal)

        async def in_doubt() -> bool:
            return (await row(portal, made)).result.get("outcome") == "in_doubt"

        await soon(in_doubt)
        assert (await row(portal, made)).state is State.RUNNING
        payment_id = str((await row(portal, made)).result["payment_id"])
        await till.engine.resolve(payment_id, taken=True, by="Olga", reason="the slip says so")
        done = await reaches(portal, made, State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])


async def test_without_the_merchants_consent_nothing_is_started(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal, accept_payments=False), terminal) as till,
    ):
        await pair(till, portal)
        refused = await reaches(portal, await ask_to_pay(portal), State.REFUSED)
        assert (refused.code, taken(terminal), terminal.current) == ("payments_not_accepted", [], None)


async def test_settings_reach_the_shop_and_count_from_its_next_start(tmp_path: Path) -> None:
    terminal, folder = VirtualTerminal("front"), tmp_path / "till"
    async with real_portal(tmp_path / "portal") as portal:
        given = settings(portal, accept_configuration=True)
        desk, person = CommandDesk(portal.house, Hub(portal.house)), owner(portal.tenant_id)
        async with connector(folder, given, terminal) as till:
            await pair(till, portal)
            await connected(portal)
            made = await desk.send_configuration(person, portal.location_id, {"receipt_footer": ["Danke"]})
            done = await reaches(portal, made.id, State.DONE)
            wrong = await desk.send_configuration(person, portal.location_id, {"terminals": []})
            assert (await reaches(portal, wrong.id, State.REFUSED)).code == Code.FIELD_INVALID
            kept, found = kept_settings(folder), await equipment(portal)
            assert kept is not None
            assert found is not None
            assert (kept.settings.receipt_footer, found.configuration_revision) == (("Danke",), "")
        async with connector(folder, given, terminal):

            async def in_force() -> bool:
                now = await equipment(portal)
                return now is not None and now.configuration_revision == done.result["revision"]

            await soon(in_force)
        async with connector(folder, settings(portal), terminal):
            made = await desk.send_configuration(person, portal.location_id, {"receipt_footer": ["Bis bald"]})
            refused = await reaches(portal, made.id, State.REFUSED)
            assert refused.code == "configuration_not_accepted"
            kept = kept_settings(folder)
            assert kept is not None
            assert kept.settings.receipt_footer == ("Danke",)


async def test_maintenance_reaches_an_open_connection_and_ends_there(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        await connected(portal)
        maintenance, person = Maintenance(portal.house), owner(portal.tenant_id)
        end = portal.house.runtime.clock.now() + timedelta(hours=1)
        async with portal.house.database.writing() as connection:
            await maintenance.switch_on(connection, person, Component.PORTAL, until=end, reason="update", zone="UTC")
        standing = await until(till, lambda now: now.state is LinkState.MAINTENANCE)
        assert standing.until is not None
        assert abs(standing.until - end) < timedelta(minutes=2)
        async with portal.house.database.writing() as connection:
            await maintenance.switch_off(connection, person, Component.PORTAL)
        await until(till, lambda now: now.state is LinkState.ACTIVE)


async def test_a_revocation_reaches_the_open_connection_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.portal.commands.hub.POLL_SECONDS", 1.0)
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        await connected(portal)
        await portal.revoke()
        async with asyncio.timeout(2.5):
            standing = await until(till, lambda now: now.state is LinkState.REVOKED)
        assert standing.trouble is not None
        assert standing.trouble.entry.number == "P202"


async def test_a_pause_is_shown_and_its_end_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.portal.commands.hub.AGAIN_SECONDS", 0)
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        await connected(portal)
        await portal.suspend()
        standing = await until(till, lambda now: now.state is LinkState.SUSPENDED)
        assert standing.trouble is not None
        assert standing.trouble.entry.number == "P203"
        await portal.resume()
        await until(till, lambda now: now.state is LinkState.ACTIVE)
        done = await reaches(portal, await ask_to_pay(portal), State.DONE)
        assert (done.result["outcome"], taken(terminal)) == ("approved", [1250])


async def test_the_till_ends_the_link_and_the_portal_is_told(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with (
        real_portal(tmp_path / "portal") as portal,
        connector(tmp_path / "till", settings(portal), terminal) as till,
    ):
        await pair(till, portal)
        await connected(portal)
        assert await till.desk.unpair("Olga: new computer")
        assert till.desk.standing().state is LinkState.NOT_PAIRED
        assert await portal.state() is PortalState.REVOKED
        await pair(till, portal)
        await connected(portal)
        assert (await reaches(portal, await ask_to_pay(portal), State.DONE)).result["outcome"] == "approved"


async def test_two_connectors_with_one_key_take_turns_and_take_no_payment_twice(tmp_path: Path) -> None:
    """A copied disk: the newest connection counts, and a command goes to one of them."""
    first, second = VirtualTerminal("front"), VirtualTerminal("front")
    async with real_portal(tmp_path / "portal") as portal:
        async with connector(tmp_path / "till", settings(portal), first) as till:
            await pair(till, portal)
            await connected(portal)
        copytree(tmp_path / "till", tmp_path / "copy")
        async with (
            connector(tmp_path / "till", settings(portal), first),
            connector(tmp_path / "copy", settings(portal), second),
        ):
            for _ in range(3):
                made = await ask_to_pay(portal)
                end = await reaches(portal, made, *OVER)
                assert end.state in {State.DONE, State.EXPIRED}

            async def agreed() -> bool:
                # The one that has charged a card says so, also where the other never saw the command.
                return len(taken(first) + taken(second)) == await _done(portal)

            await soon(agreed)


async def _done(portal: Portal) -> int:
    async with portal.house.database.reading() as connection:
        found = await store.latest(connection, portal.location_id, CommandKind.PAYMENT)
    return sum(one.state is State.DONE for one in found)
