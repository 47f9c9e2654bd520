"""A wire of another maker is another profile: both sides follow it, in places, spellings and paths."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.touchscreen import Journal as Log
from tests.support.touchscreen import (
    Network,
    door_settings,
    driver_settings,
    operation,
    taken,
    void_of,
)
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, NotStarted
from tillbridge.protocols.touchscreen import profile as module
from tillbridge.protocols.touchscreen.door import TouchScreenDoor
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.profile import profile_of
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal

TEXT = (Path(module.__file__).parent / "profiles" / "gsa.toml").read_text()
EDITS: dict[str, list[tuple[str, str]]] = {
    "header": [('placement = "body"', 'placement = "header"'), ('field = "secureString"', 'field = "X-Api-Key"')],
    "basic": [('placement = "body"', 'placement = "basic"'), ('field = "secureString"', 'field = "till"')],
    "none": [('placement = "body"', 'placement = "none"')],
    "decimal": [('style = "minor_number"', 'style = "decimal_text"')],
    "alpha": [('style = "number"', 'style = "alpha"')],
    "numeric_text": [('style = "number"', 'style = "numeric_text"')],
    "plain-id": [('style = "uuid"', 'style = "plain"')],
    "flat": [('path = "payment"\nenvelope = "nested"', 'path = "payment"\nenvelope = "flat"')],
    "reversal": [('path = "reverse"', 'path = "reversal"')],
    "no-confirm": [('order = "after_result"', 'order = "none"')],
    "names": [
        ('["responseCode"]', '["rc"]'),
        ('["isStarted"]', '["accepted"]'),
        ('ended = ["Finished"]', 'ended = ["DONE"]'),
    ],
    "one-base": [('  "/api/switchio/pay/v6",\n', '  "/pos/v1",\n')],
}


@pytest.mark.parametrize("edit", EDITS)
def test_both_sides_follow_the_profile(tmp_path: Path, edit: str) -> None:
    async def main() -> None:
        text = TEXT
        for before, after in EDITS[edit]:
            assert before in text
            text = text.replace(before, after)
        file = tmp_path / "other.toml"
        file.write_text(text)
        facts, desk, network = profile_of(file), VirtualTerminal(runtime=manual_runtime(), delay=4.0), Network()
        network.apps["terminal"] = TouchScreenDoor(door_settings(), facts, desk, manual_runtime()).app
        terminal = TouchScreenTerminal(driver_settings(), facts, network)
        assert isinstance(await terminal.perform(operation(), Log(network.trace)), Approved)
        assert taken(desk) == 1250
        assert isinstance(await terminal.perform(void_of(), Log(network.trace)), Approved)
        assert desk.ledger.balance("EUR") == 0
        assert ("confirm" in network.asked) is (edit != "no-confirm")
        assert ("reversal" in network.asked) is (edit == "reversal")

    run_manual(main())


@pytest.mark.parametrize("edit", ["header", "basic"])
@pytest.mark.parametrize("secret", ["wrong", "27924505"])
def test_a_password_outside_the_body_is_checked(tmp_path: Path, edit: str, secret: str) -> None:
    async def main() -> None:
        text = TEXT
        for before, after in EDITS[edit]:
            text = text.replace(before, after)
        (tmp_path / "other.toml").write_text(text)
        facts, desk, network = profile_of(tmp_path / "other.toml"), VirtualTerminal(runtime=manual_runtime()), Network()
        network.apps["terminal"] = TouchScreenDoor(door_settings(), facts, desk, manual_runtime()).app
        terminal = TouchScreenTerminal(driver_settings(secret=secret), facts, network)
        outcome = await terminal.perform(operation(), Log())
        assert isinstance(outcome, Approved if secret == "27924505" else NotStarted)
        bodies: list[Any] = network.bodies("payment")
        assert "27924505" not in str(bodies)

    run_manual(main())


def test_an_operation_whose_path_becomes_known_can_be_asked_for(tmp_path: Path) -> None:
    async def main() -> None:
        text = TEXT.replace(
            "[operations.authorization]\nenabled = false", '[operations.authorization]\npath = "preauth"'
        )
        (tmp_path / "other.toml").write_text(text)
        facts, desk, network = profile_of(tmp_path / "other.toml"), VirtualTerminal(runtime=manual_runtime()), Network()
        network.apps["terminal"] = TouchScreenDoor(door_settings(), facts, desk, manual_runtime()).app
        terminal = TouchScreenTerminal(driver_settings(), facts, network)
        assert Kind.AUTHORIZATION in terminal.capabilities.kinds
        assert isinstance(await terminal.perform(operation(kind=Kind.AUTHORIZATION), Log()), Approved)
        assert desk.ledger.held("EUR") == 1250

    run_manual(main())
