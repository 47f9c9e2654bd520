"""What an open link costs the portal: memory of each, and processor time of a heartbeat.

One process of the portal holds the links, with its database (SQLite) and its shared jobs at work; every heartbeat is
checked, gathered and written. The contender is a bare server of the library websockets with the same number of
connections, which takes the same texts and does nothing with them. Both are programs of their own, take turns, and
exchange pings as they usually do.

`make bench` opens 1,000 links. `python -m benchmarks.portal_links --links 5000` opens as many as one portal is meant
for; it needs `ulimit -n 6000` or more.
"""

import argparse
import asyncio
import json
import resource
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.bridge import free_port
from benchmarks.figures import Bench, Figure, print_table
from benchmarks.programs import Program, own, program
from tillbridge.link.message_words import StationHealth
from tillbridge.link.messages import Heartbeat, Hello, Station
from tillbridge.portal.commands.hub import FLUSH_SECONDS
from tillbridge.runtime.effects import Runtime

LINKS: Final = 1000
BEATS: Final = 2
"""Heartbeats of each link; what is gathered is written after each."""

AT_ONCE: Final = 100
"""Connections that are opened at the same time."""

MOST_KILOBYTES: Final = 100.0
MOST_MICROSECONDS: Final = 1000.0
"""At one heartbeat a minute, 5,000 links then take 8 % of a processor and half a gigabyte."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of each open connection, and seconds of processor time of each heartbeat."""

    memory: float
    time: float


def _texts() -> tuple[str, str]:
    """A hello and a heartbeat of a shop with two terminals."""
    stations = tuple(Station(name=f"till-{number}", health=StationHealth.READY, busy=False) for number in (1, 2))
    hello = Hello(protocol=1, oldest=1, version="1.4.0", connector_id="c" * 32, stations=stations)
    beat = Heartbeat(version="1.4.0", stations=stations, clock=Runtime().clock.now())
    return hello.model_dump_json(), beat.model_dump_json()


async def _open(stack: AsyncExitStack, port: int, number: int, *, welcomed: bool) -> ClientConnection:
    line = await stack.enter_async_context(
        connect(f"ws://127.0.0.1:{port}/v1/link", additional_headers={"x-link": str(number)}, compression=None)
    )
    await line.send(_texts()[0])
    if welcomed and json.loads(await line.recv())["type"] != "welcome":
        raise RuntimeError("the portal of the benchmark did not welcome a link")
    return line


def _figures(server: Program) -> tuple[float, float, int]:
    memory, time, lines = server.ask("figures").split()
    return float(memory), float(time), int(lines)


async def _cost(server: Program, port: int, links: int, *, welcomed: bool) -> Cost:
    before, *_ = await asyncio.to_thread(_figures, server)
    async with AsyncExitStack() as stack:
        lines: list[ClientConnection] = []
        for first in range(0, links, AT_ONCE):
            async with asyncio.TaskGroup() as group:
                opened = [
                    group.create_task(_open(stack, port, number, welcomed=welcomed))
                    for number in range(first, min(first + AT_ONCE, links))
                ]
            lines += [one.result() for one in opened]
        after, begin, taken = 0.0, 0.0, 0
        while taken < links:
            # Each is welcomed first and then written down: what that costs belongs to no heartbeat.
            await asyncio.sleep(1)
            after, begin, taken = await asyncio.to_thread(_figures, server)
        for _ in range(BEATS):
            beat = _texts()[1]
            for line in lines:
                await line.send(beat)
            await asyncio.sleep(FLUSH_SECONDS + 1)
        _, end, _ = await asyncio.to_thread(_figures, server)
    return Cost((after - before) / links, (end - begin) / (BEATS * links))


def _measured(folder: Path, links: int) -> tuple[Cost, Cost]:
    """The cost at the portal, and at the bare server."""
    _allow(links)
    port = free_port()
    with program(own("link_server", "portal", str(port), folder, str(links))) as server:
        server.hear_until("ready")
        ours = asyncio.run(_cost(server, port, links, welcomed=True))
    port = free_port()
    with program(own("link_server", "bare", str(port))) as server:
        server.hear_until("ready")
        return ours, asyncio.run(_cost(server, port, links, welcomed=False))


def _allow(links: int) -> None:
    """As many open files as are needed; the programs that are started inherit it."""
    needed = links + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RuntimeError(f"{links} links need {needed} open files, and this system allows {hard}: see `ulimit -n`")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _shown(ours: Cost, bare: Cost, links: int) -> Iterator[Figure]:
    memory, time = (ours.memory / 1000, bare.memory / 1000), (ours.time * 1e6, bare.time * 1e6)
    yield Figure(
        "portal_links",
        f"memory of an open link of the portal, with {links:,} of them",
        memory[0],
        "kB",
        MOST_KILOBYTES,
        f"{memory[0] * links / 1000:.0f} MB in all",
    )
    yield Figure(
        "portal_links",
        "the same, over a connection of a bare WebSocket server",
        memory[0] / memory[1],
        "x",
        None,
        f"{memory[0]:.1f} kB over {memory[1]:.1f} kB",
    )
    yield Figure(
        "portal_links",
        "processor time of a heartbeat at the portal, written to the database",
        time[0],
        "us",
        MOST_MICROSECONDS,
        f"at one a minute, {links:,} links take {time[0] * links / 60e6:.1%} of a processor",
    )
    yield Figure(
        "portal_links",
        "the same, over a message that a bare WebSocket server takes and drops",
        time[0] / time[1],
        "x",
        None,
        f"{time[0]:.0f} us over {time[1]:.0f} us",
    )


def measure(bench: Bench, links: int | None = None) -> Iterator[Figure]:
    """See the module."""
    chosen = links or bench.choose(LINKS, 50)
    yield from _shown(*_measured(bench.folder, chosen), chosen)


def main() -> None:
    """Measures this alone, with as many links as are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal_links", description="What open links cost.")
    parser.add_argument("--links", type=int, default=LINKS, help=f"open links ({LINKS} unless told otherwise)")
    with tempfile.TemporaryDirectory() as folder:
        print_table(list(measure(Bench(quick=False, folder=Path(folder), peer=None), parser.parse_args().links)))


if __name__ == "__main__":
    main()
