"""The portal's commands at a real engine: taken once, asked about, and told to their end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.portal.clock import HandClock
from tests.unit.engine.house import ask
from tillbridge.connector.portal.link_book import FILE, Mark
from tillbridge.connector.portal.link_commands import Commander
from tillbridge.connector.portal.link_settings import kept_settings
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.link.message_words import CommandKind, CommandState, Outcome
from tillbridge.link.messages import Command, CommandAnswer
from tillbridge.protocols.contract import Recovery
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.scenarios import Scenario, scenario
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal

ID, OTHER = "1" * 32, "2" * 32
BODY: dict[str, Any] = {"amount_minor": 1250, "currency": "EUR", "terminal": "front", "order_id": "A-17"}
BY_HAND = Scenario("by_hand", "a person presents the card", manual=True)
NO_SKEW = timedelta()


def order(command_id: str = ID, kind: str = CommandKind.PAYMENT, **more: Any) -> Command:
    usual: dict[str, Any] = {"id": command_id, "kind": kind, "body": BODY, "expires_in": 60}
    return Command(**(usual | more))


def question(command_id: str = ID) -> Command:
    return order(command_id, CommandKind.ASK, body={}, expires_in=0)


@dataclass(slots=True)
class Shop:
    """A commander at work. While it is not `connected`, no answer leaves."""

    commander: Commander
    engine: Engine
    terminal: VirtualTerminal
    clock: HandClock
    connected: bool = True
    answers: "asyncio.Queue[CommandAnswer]" = field(default_factory=asyncio.Queue)
    tries: int = 0

    async def say(self, answer: CommandAnswer) -> None:
        self.tries += 1
        if self.connected:
            self.answers.put_nowait(answer)

    async def ask(self, command: Command, skew: timedelta | None = NO_SKEW) -> CommandAnswer:
        self.commander.take(command, skew)
        return await self.answer()

    async def answer(self) -> CommandAnswer:
        async with asyncio.timeout(10):
            return await self.answers.get()

    async def end(self) -> CommandAnswer:
        """The next answer after which nothing more comes of that command."""
        while (answer := await self.answer()).state in {CommandState.ACCEPTED, CommandState.RUNNING}:
            pass
        return answer

    @property
    def taken(self) -> list[int]:
        return [one.minor for one in self.terminal.ledger.rows if one.movement == "taken"]


@asynccontextmanager
async def shop(
    folder: Path,
    terminal: VirtualTerminal | None = None,
    *,
    recovery: Recovery = Recovery.BY_ID,
    payments: bool = True,
    configuration: bool = True,
) -> AsyncIterator[Shop]:
    terminal = terminal or VirtualTerminal("front")
    driver = DirectTerminal(terminal, ScriptedBehaviour(terminal), recovery)
    given = PortalSettings(
        address="https://portal.example",
        location_number="10047110",
        accept_payments=payments,
        accept_configuration=configuration,
    )
    clock = HandClock()
    engine_settings = EngineSettings(time_zone="UTC", probe_seconds=0)
    async with (
        open_engine(folder, [TerminalSetup("front", "virtual", driver)], engine_settings, Runtime()) as engine,
        asyncio.TaskGroup() as group,
    ):
        here = Shop(Commander(engine, given, folder, clock), engine, terminal, clock)
        jobs = [group.create_task(here.commander.work(here.say)), group.create_task(here.commander.follow(here.say))]
        await asyncio.sleep(0)
        yield here
        for job in jobs:
            job.cancel()


async def test_a_payment_is_told_from_its_start_to_its_end_and_forgotten(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(BY_HAND))
    async with shop(tmp_path, terminal) as here:
        running = await here.ask(order())
        assert (running.state, here.commander.book.unfinished) == (CommandState.RUNNING, (ID,))
        assert running.result is not None
        assert running.result.outcome is Outcome.UNKNOWN
        async with asyncio.timeout(10):
            while terminal.screen is not Screen.WAITING_FOR_CARD:
                await asyncio.sleep(0.01)
        terminal.present_card()
        terminal.enter_pin()
        done = await here.end()
        assert done.result is not None
        assert (done.state, done.result.outcome, here.taken) == (CommandState.DONE, Outcome.APPROVED, [1250])
        await here.ask(question(OTHER))
        # It was sent, and nobody has said that it arrived.
        assert here.commander.book.unfinished == (ID,)
        await here.commander.noted(ID)
        assert here.commander.book.mark(ID) is None


async def test_the_same_command_again_is_the_same_payment(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        here.commander.take(order(), NO_SKEW)
        first = await here.end()
        # Also when it comes so late that a new one would be refused.
        here.commander.take(order(expires_in=0), NO_SKEW)
        again = await here.end()
        assert first.result is not None
        assert again.result is not None
        assert (again.state, again.result.payment_id) == (CommandState.DONE, first.result.payment_id)
        assert here.taken == [1250]


async def test_a_command_that_it_was_asked_about_first_is_never_taken(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        assert (await here.ask(question())).state is CommandState.UNKNOWN
        late = await here.ask(order())
        assert (late.state, late.code, here.taken) == (CommandState.REFUSED, Code.COMMAND_EXPIRED, [])
    async with shop(tmp_path) as here:
        assert (await here.ask(order())).state is CommandState.REFUSED
        assert (await here.ask(question())).state is CommandState.UNKNOWN
        assert here.taken == []


async def test_the_refusal_is_on_the_disk_before_it_is_said(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        (tmp_path / FILE).mkdir()
        here.commander.take(question(), NO_SKEW)
        # Nothing may be said as long as it cannot be written down; the portal asks again.
        assert (await here.ask(order(OTHER, "weather"))).code == "command_unknown"
        assert (here.answers.empty(), here.commander.book.mark(ID)) == (True, None)
        (tmp_path / FILE).rmdir()
        assert (await here.ask(question())).state is CommandState.UNKNOWN
        assert here.commander.book.mark(ID) is Mark.CALLED_OFF


@pytest.mark.parametrize(
    ("sent", "skew", "waits", "taken"),
    [
        (0, 0, 0, True),
        (-59, 0, 0, True),
        (-66, 0, 0, False),
        # This computer's clock is an hour ahead, or behind, and that is known.
        (-3600, 3600, 0, True),
        (-3600, 0, 0, False),
        (3600, -3600, 0, True),
        (3500, -3600, 0, False),
        (0, 0, 59, True),
        (0, 0, 60, False),
    ],
)
async def test_a_command_is_taken_only_while_it_is_fresh(
    tmp_path: Path, sent: float, skew: float, waits: float, *, taken: bool
) -> None:
    """By the portal's clock for the time on its way and in a sleeping computer, by this one's for the time in line."""
    async with shop(tmp_path) as here:
        at = here.clock.now() + timedelta(seconds=sent)
        here.commander.take(order(sent_at=at), timedelta(seconds=skew))
        here.clock.forward(seconds=waits)
        answer = await here.end()
        assert (answer.state is CommandState.DONE) is taken
        assert here.taken == ([1250] if taken else [])


async def test_an_older_portal_that_sends_no_time_is_believed(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        here.commander.take(order(), None)
        assert (await here.end()).state is CommandState.DONE
        assert (await here.ask(order(OTHER, expires_in=0))).code == Code.COMMAND_EXPIRED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**BODY, "amount_minor": 0}, Code.FIELD_INVALID),
        ({**BODY, "amount_minor": "1250"}, Code.FIELD_INVALID),
        ({**BODY, "amount_minor": 12.5}, Code.FIELD_INVALID),
        ({**BODY, "currency": "XXZ"}, None),
        ({**BODY, "terminal": "cellar"}, Code.TERMINAL_UNKNOWN),
        ({}, Code.FIELD_INVALID),
    ],
)
async def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    tmp_path: Path, body: dict[str, Any], code: Code | None
) -> None:
    async with shop(tmp_path) as here:
        answer = await here.ask(order(body=body))
        assert answer.state is CommandState.REFUSED
        assert code is None or answer.code == code
        assert (here.commander.book.unfinished, here.taken) == ((), [])


async def test_consent_is_the_merchants(tmp_path: Path) -> None:
    async with shop(tmp_path, payments=False, configuration=False) as here:
        assert (await here.ask(order())).code == "payments_not_accepted"
        pushed = order(OTHER, CommandKind.CONFIGURATION, body={"settings": {"receipt_footer": ["x"]}})
        assert (await here.ask(pushed)).code == "configuration_not_accepted"
        assert (here.taken, kept_settings(tmp_path)) == ([], None)


async def test_in_doubt_is_not_an_end(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    terminal.script.set(Step(scenario("approve_then_drop")))
    async with shop(tmp_path, terminal, recovery=Recovery.NONE) as here:
        here.commander.take(order(), NO_SKEW)
        while (answer := await here.answer()).result is None or answer.result.outcome is not Outcome.IN_DOUBT:
            assert answer.state is CommandState.RUNNING
        assert answer.state is CommandState.RUNNING
        assert here.commander.book.unfinished == (ID,)
        await here.engine.resolve(answer.result.payment_id, taken=False, by="Olga", reason="the slip says so")
        done = await here.end()
        assert done.result is not None
        assert (done.state, done.result.outcome is Outcome.IN_DOUBT) == (CommandState.DONE, False)


async def test_an_end_that_could_not_be_told_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    terminal = VirtualTerminal("front")
    async with shop(tmp_path, terminal) as here:
        here.connected = False
        here.commander.take(order(), NO_SKEW)
        async with asyncio.timeout(10):
            while here.tries < 2:
                await asyncio.sleep(0.01)
    async with shop(tmp_path, terminal) as here:
        assert here.commander.book.unfinished == (ID,)
        done = await here.ask(question())
        assert done.result is not None
        assert (done.state, done.result.outcome, here.taken) == (CommandState.DONE, Outcome.APPROVED, [1250])
        await here.commander.noted(ID)
        assert not here.commander.book.unfinished


async def test_marked_as_taken_and_not_in_the_journal_was_not_started(tmp_path: Path) -> None:
    """The power went between the mark and the payment."""
    async with shop(tmp_path) as here:
        await here.commander.book.put(ID, Mark.TAKEN)
        assert (await here.ask(question())).state is CommandState.UNKNOWN
        assert (await here.ask(order())).state is CommandState.REFUSED
        assert (here.commander.book.unfinished, here.taken) == ((), [])


async def test_a_journal_that_cannot_say_it_now_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(tmp_path) as here:

        async def away(*_: object) -> None:
            raise BridgeError(Code.CONNECTOR_STOPPING)

        with monkeypatch.context() as broken:
            broken.setattr(here.engine, "find_key", away)
            here.commander.take(question(), NO_SKEW)
            assert (await here.ask(order(OTHER, "weather"))).code == "command_unknown"
        assert (here.answers.empty(), here.commander.book.mark(ID)) == (True, None)


async def test_with_an_unreadable_book_nothing_is_taken_and_nothing_is_denied(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    async with shop(tmp_path) as here:
        assert (await here.ask(order())).code == Code.FOLDER_UNUSABLE
        here.commander.take(question(OTHER), NO_SKEW)
        assert (await here.ask(order("3" * 32, "weather"))).state is CommandState.REFUSED
        assert (here.answers.empty(), here.taken) == (True, [])


async def test_settings_are_kept_with_their_command_and_remembered(tmp_path: Path) -> None:
    def push(command_id: str, footer: str) -> Command:
        return order(command_id, CommandKind.CONFIGURATION, body={"settings": {"receipt_footer": [footer]}})

    async with shop(tmp_path) as here:
        first = await here.ask(push(ID, "one"))
        assert first.answer is not None
        assert first.state is CommandState.DONE
        # The answer is lost, and asked for again after a restart.
    async with shop(tmp_path) as here:
        assert await here.ask(question()) == first
        await here.ask(push(OTHER, "two"))
        replaced = await here.ask(question())
        assert (replaced.state, replaced.answer) == (CommandState.DONE, {})
        assert (await here.ask(push("3" * 32, "\x07"))).code == Code.FIELD_INVALID
        kept = kept_settings(tmp_path)
        assert kept is not None
        assert (kept.command, kept.settings.receipt_footer) == (OTHER, ("two",))


async def test_a_newer_portals_wish_is_refused_and_a_credential_is_exchanged_on_request(tmp_path: Path) -> None:
    asked: list[bool] = []
    async with shop(tmp_path) as here:
        here.commander.rotate = lambda: asked.append(True)
        assert (await here.ask(order(kind="weather"))).code == "command_unknown"
        assert (await here.ask(order(OTHER, CommandKind.ROTATE, body={}))).state is CommandState.DONE
    assert asked == [True]


async def test_more_than_can_wait_is_left_out_and_asked_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.link_commands.MOST_WAITING", 3)
    async with shop(tmp_path) as here:
        for number in range(10):
            here.commander.take(order(f"{number:032x}", "weather"), NO_SKEW)
        answers = [await here.answer() for _ in range(3)]
        assert [one.id for one in answers] == [f"{number:032x}" for number in range(3)]
        assert (await here.ask(question())).id == ID


async def test_other_peoples_payments_are_none_of_the_portals_business(tmp_path: Path) -> None:
    async with shop(tmp_path) as here:
        started = await here.engine.start(ask(caller="hipay:log", key=f"portal:{ID}"))
        await here.engine.wait(started.id, 10)
        assert (await here.ask(question())).state is CommandState.UNKNOWN
        assert here.answers.empty()
