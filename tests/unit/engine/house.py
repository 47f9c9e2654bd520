"""Opens an engine for a test, under manual time, on a real journal in a temporary folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.engine.puppet import Puppet
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import MakeCommitter, open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.runtime.manual import manual_runtime
from tillbridge.runtime.sqlite import InlineCommitter

SETTINGS = EngineSettings(time_zone="UTC", probe_seconds=0)
TEN = Money(1000, EUR)
PAID = Approved(TEN)
MINUTE = 60.0


@asynccontextmanager
async def house(
    folder: Path,
    *puppets: Puppet,
    settings: EngineSettings = SETTINGS,
    make_committer: MakeCommitter = InlineCommitter,
    seed: int = 0,
) -> AsyncIterator[Engine]:
    """An engine with a terminal per puppet, named t1, t2, ..."""
    setups = [TerminalSetup(f"t{number}", "puppet", puppet) for number, puppet in enumerate(puppets, start=1)]
    async with open_engine(folder, setups, settings, manual_runtime(seed), make_committer) as engine:
        yield engine


def ask(amount: Money | None = TEN, **different: Any) -> PaymentRequest:
    """A till's request for a sale, with whatever is `different` about it."""
    usual = PaymentRequest(Kind.SALE, amount, caller="hipay:log", door="door", fingerprint="f")
    return replace(usual, **different)
