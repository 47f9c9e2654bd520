"""A shop's counter for tests of the console and the native interface: an engine over virtual terminals."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.console.asgi_client import Client
from tillbridge import __version__
from tillbridge.connector.console.app import console_app
from tillbridge.connector.console.site import Premises, Reference
from tillbridge.connector.doors import Doors
from tillbridge.connector.features import Features, open_features
from tillbridge.connector.host import Host
from tillbridge.connector.keybook import KeyBook
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.connector.settings import Configured, ConsoleSettings
from tillbridge.connector.tracing.tracing import WireTracing
from tillbridge.connector.wiretest.session import WireTester, open_tester
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import MakeCommitter, open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import Recovery
from tillbridge.runtime.data_folder import DataFolder
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import CommittingThread
from tillbridge.upstream.settings import UpstreamSettings
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.driver import DirectTerminal
from tillbridge.virtual.scenarios import Scenario
from tillbridge.virtual.script import Step
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.asgi import App
from tillbridge.web.webhooks.addresses import WebhookSettings

KEY: Final = "k3y-of-the-connector-for-tests"
SETTINGS: Final = EngineSettings(time_zone="Europe/Paris", probe_seconds=0)
CONSOLE: Final = ConsoleSettings()
BY_HAND: Final = Scenario("by_hand", "a person presents the card", manual=True)


@dataclass(frozen=True)
class Around:
    """What a counter has besides its virtual terminals: others in `setups`, doors, and the lines of its terminals."""

    terminals: tuple[Configured, ...] = ()
    doors: Doors = field(default_factory=Doors)
    references: tuple[Reference, ...] = ()
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    receipts: ReceiptSettings = field(default_factory=ReceiptSettings)
    setups: tuple[TerminalSetup, ...] = ()
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)


NOTHING: Final = Around()


@dataclass(frozen=True)
class Counter:
    """`terminals` are the drivers by name; their `desk` and `behaviour` are what a customer and a bad line do."""

    engine: Engine
    app: App
    terminals: Mapping[str, DirectTerminal]
    runtime: Runtime
    told: list[str]
    tester: WireTester
    features: Features

    def till(self) -> Client:
        """A program with the right key."""
        return Client(self.app, {"authorization": f"Bearer {KEY}"})

    def browser(self, language: str = "en") -> Client:
        """A browser in which nobody is signed in."""
        return Client(self.app, {"accept": "text/html", "accept-language": language})

    async def person(self, language: str = "en") -> Client:
        """A browser in which somebody is signed in."""
        browser = self.browser(language)
        answer = await browser.submit("/sign-in", key=KEY)
        assert answer.status == 303, answer.text
        return browser

    def hold(self, name: str) -> None:
        """The next payment there waits for a person with a card."""
        self.terminals[name].desk.script.set(Step(BY_HAND))

    def present_card(self, name: str) -> None:
        """The customer of a terminal that waits for a person presents the card, and enters the PIN."""
        self.terminals[name].desk.present_card()
        self.terminals[name].desk.enter_pin()


def direct(name: str, runtime: Runtime, recovery: Recovery = Recovery.NONE, **more: Any) -> DirectTerminal:
    """A virtual terminal whose customer takes no time. In doubt stays until a person looks, unless told otherwise."""
    desk = VirtualTerminal(name, runtime, delay=more.pop("delay", 0.0))
    return DirectTerminal(desk, ScriptedBehaviour(desk), recovery, **more)


@asynccontextmanager
async def counter(
    folder: Path,
    *names: str,
    runtime: Runtime,
    make_committer: MakeCommitter = CommittingThread,
    settings: EngineSettings = SETTINGS,
    console: ConsoleSettings = CONSOLE,
    recovery: Recovery = Recovery.NONE,
    around: Around = NOTHING,
    **terminal: Any,
) -> AsyncIterator[Counter]:
    """An open counter with a terminal of each name."""
    terminals = {name: direct(name, runtime, recovery, **terminal) for name in names}
    setups = [TerminalSetup(name, "virtual", terminal) for name, terminal in terminals.items()] + [*around.setups]
    async with (
        open_engine(folder, setups, settings, runtime, make_committer) as engine,
        open_tester(folder, around.terminals, engine, runtime, make_committer) as tester,
        open_features(
            around.webhooks, around.receipts, engine, folder, runtime, __version__, upstream=around.upstream
        ) as features,
    ):
        told: list[str] = []
        tracing = WireTracing(folder, [Configured(name, "virtual", CONSOLE) for name in names], runtime)
        app = console_app(
            engine,
            Host(engine, told.append),
            key=KEY,
            settings=console,
            runtime=runtime,
            premises=Premises(around.doors, tester, features, lambda: around.references, tracing),
            named_keys=KeyBook(DataFolder(folder)),
        )
        yield Counter(engine, app, terminals, runtime, told, tester, features)
