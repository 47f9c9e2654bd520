"""A counter under manual time: minutes of a customer's hesitation take no time, and a run repeats exactly."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.console.counter import Counter, counter
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sqlite import InlineCommitter


def at_counter(folder: Path, scene: Callable[[Counter], Awaitable[None]], *names: str, **different: Any) -> None:
    """Plays a scene at a counter with these terminals (one called "front" unless told otherwise)."""

    async def main() -> None:
        usual = {"make_committer": InlineCommitter} | different
        async with counter(folder, *(names or ("front",)), runtime=manual_runtime(), **usual) as inside:
            await scene(inside)

    run_manual(main())


def sale(minor: object = 1250, unit: str = "EUR", **more: Any) -> dict[str, Any]:
    """The body of a request for a payment."""
    return {"amount": {"minor": minor, "currency": unit}, **more}


async def settled_loop() -> None:
    """Lets everything that is ready run, without letting time pass."""
    for _ in range(20):
        await asyncio.sleep(0)
