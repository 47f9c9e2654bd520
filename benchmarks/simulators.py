"""The shipped simulators of one or more wires, many of them in one program: each a door over a virtual terminal.

`python -m benchmarks.simulators DELAY WIRE...` starts one terminal for each wire named (one of them may be named often)
whose customers take DELAY seconds. It prints their ports as JSON and serves until its input ends.
"""

import asyncio
import json
import sys
from typing import Any, Final

from tillbridge.protocols import registry
from tillbridge.protocols.contract import Door
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.terminal import VirtualTerminal

QUIET_SECONDS: Final = 0.05
"""After which a simulated Concert V3 terminal takes a request for whole: the least that it can be set to."""


def _line(wire: str) -> dict[str, Any]:
    """A simulator's settings: it listens on a port that the system chooses."""
    address: dict[str, Any] = {"host": "127.0.0.1", "port": 0}
    match wire:
        case "concert-v2":
            return {"tcp": address}
        case "concert-v3":
            return {**address, "quiet_time": QUIET_SECONDS}
        case "mypos-xml":
            return {**address, "currency": "EUR"}
        case _:
            return address


def _door(place: int, wire: str, delay: float) -> Door:
    maker = registry.door(wire)
    terminal = VirtualTerminal(f"{wire}-{place}", Runtime(), delay=delay)
    settings = maker.settings.model_validate(_line(wire))
    return maker.open(settings, terminal, Runtime(), behaviour=ScriptedBehaviour(terminal))


async def _serve(delay: float, wires: list[str]) -> None:
    doors = [_door(place, wire, delay) for place, wire in enumerate(wires)]
    ready = [asyncio.Event() for _ in doors]
    async with asyncio.TaskGroup() as group:
        serving = [group.create_task(door.serve(event.set)) for door, event in zip(doors, ready, strict=True)]
        for event in ready:
            await event.wait()
        print(json.dumps([int(door.address.rsplit(":", 1)[1]) for door in doors]), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for one in serving:
            one.cancel()


if __name__ == "__main__":
    set_up_logging(level=Level.WARNING, console=sys.stderr)
    asyncio.run(_serve(float(sys.argv[1]), sys.argv[2:]))
