"""What a terminal's language cannot say is refused before anything is sent; a mere hint that it lacks is a warning."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.matrix.backs import DRIVERS, Back, back
from tests.matrix.tills import ASKS, NativeTill, Till, till
from tests.matrix.words import NOT_PAID, Ask, Heard
from tillbridge.domain.money import EUR, Money, currency
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.runtime.effects import Runtime

FRANCS = Money(1250, currency("CHF"))
WITHOUT_CURRENCY = {"mypos-xml", "hipay-unattended"}
"""Fronts whose language names no currency: the door's own counts."""

HUGE = Money(100_000_000_000, EUR)
LARGE_WORDS = ("hipay", "native")
"""Fronts in whose language any amount can be written."""

EURO_ONLY = ("concert-v3", "touchscreen", "mypos-xml")
SMALL = ("concert-v2", "touchscreen")
"""Terminal languages whose amounts have too few digits for it."""


@asynccontextmanager
async def bridge(front: str, driver: str, **different: Any) -> AsyncIterator[tuple[Till, Back, Engine]]:
    with tempfile.TemporaryDirectory() as folder:
        async with back(driver, **different) as place:
            setups = [TerminalSetup("counter", driver, place.terminal)]
            settings = EngineSettings(time_zone="UTC", probe_seconds=0)
            async with (
                open_engine(Path(folder), setups, settings, Runtime()) as engine,
                till(front, engine) as at_till,
            ):
                yield at_till, place, engine


@pytest.mark.parametrize("driver", EURO_ONLY)
@pytest.mark.parametrize("front", [front for front in ASKS if front not in WITHOUT_CURRENCY])
async def test_another_currency(front: str, driver: str) -> None:
    different = {"currencies": ["EUR"]} if driver != "mypos-xml" else {}
    async with bridge(front, driver, **different) as (at_till, place, engine):
        told = await at_till.ask(Ask.SALE, None, FRANCS)
        assert told.heard in NOT_PAID
        assert list(place.desk.ledger.rows) == []
        assert engine.payments() == []
        if told.heard is Heard.REFUSED:
            assert told.why == "currency_unsupported"


@pytest.mark.parametrize("driver", SMALL)
@pytest.mark.parametrize("front", LARGE_WORDS)
async def test_more_than_the_language_can_write(front: str, driver: str) -> None:
    async with bridge(front, driver) as (at_till, place, engine):
        told = await at_till.ask(Ask.SALE, None, HUGE)
        assert (told.heard, told.why) == (Heard.REFUSED, "amount_too_large")
        assert list(place.desk.ledger.rows) == []
        assert engine.payments() == []


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_hint_that_is_lacking_is_a_warning(driver: str) -> None:
    async with bridge("native", driver) as (at_till, place, engine):
        assert isinstance(at_till, NativeTill)
        body = {"amount": {"minor": 1250, "currency": "EUR"}, "online": True}
        answer = await at_till.client.post("/v1/payments", body, **{"idempotency-key": "k", "prefer": "wait=5"})
        assert answer.json["stage"] == "approved"
        flag = place.terminal.capabilities.online_flag
        assert answer.json["warnings"] == ([] if flag else ["online_authorization_left_to_terminal"])
        assert len(engine.payments()) == 1
