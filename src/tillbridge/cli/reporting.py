"""`tillbridge upstream`: what it does, by asking the running connector."""

import sys
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillbridge.cli.exits import Exit
from tillbridge.cli.link_asking import Asker, connector_at
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.connector.api.upstream_resources import (
    ReceiverResource,
    ReportResource,
    ReportsResource,
    UpstreamResource,
)
from tillbridge.upstream.reports.records import MessageState
from tillbridge.upstream.reports.runner import ReceiverState

PAGE: Final = 200

_FINE: Final = (ReceiverState.READY, ReceiverState.OFF)


def print_receivers(place: Where, *, as_json: bool) -> Exit:
    """Prints how every receiver stands; failed where one of them needs somebody."""

    async def ask() -> UpstreamResource:
        async with connector_at(place) as asker:
            return await asker.ask("GET", "upstream", UpstreamResource)

    found = run(ask())
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        Console(highlight=False).print(
            _receivers(found.receivers) if found.receivers else "Nobody is told of payments."
        )
    well = all(one.state in _FINE and not one.dead for one in found.receivers)
    return Exit.APPROVED if well else Exit.FAILED


def print_dead(place: Where, receiver: str, limit: int) -> None:
    """Prints what a receiver did not accept."""

    async def ask() -> ReportsResource:
        async with connector_at(place) as asker:
            return await asker.ask("GET", _messages(receiver, limit), ReportsResource)

    found = run(ask()).messages
    table = Table(box=None, pad_edge=False)
    for name in ("id", "payment", "since", "tries", "why"):
        table.add_column(name, overflow="fold")
    for one in found:
        at = (one.done_at or one.made_at).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(*map(Text, (str(one.id), one.payment_id, at, str(one.attempts), one.said or "")))
    Console(highlight=False).print(table if found else f"{receiver} has accepted everything.")


def replay_some(place: Where, receiver: str, numbers: list[int] | None) -> None:
    """Sends these again, or all that are dead where none are named, and prints each."""

    async def send() -> int:
        async with connector_at(place) as asker:
            chosen = numbers if numbers is not None else await _all_dead(asker, receiver)
            for number in chosen:
                path = f"upstream/{quote(receiver, safe='')}/messages/{number}/replay"
                told = await asker.ask("POST", path, ReportResource)
                sys.stdout.write(f"{told.id}  {told.payment_id}  {told.state}\n")
            return len(chosen)

    if run(send()) == 0:
        sys.stdout.write(f"{receiver} has accepted everything.\n")


async def _all_dead(asker: Asker, receiver: str) -> list[int]:
    """The numbers of all of them, oldest first."""
    found: list[int] = []
    while True:
        page = await asker.ask("GET", _messages(receiver, PAGE, found[-1] if found else None), ReportsResource)
        found += [one.id for one in page.messages]
        if page.next is None:
            return found[::-1]


def _messages(receiver: str, limit: int, before: int | None = None) -> str:
    older = "" if before is None else f"&before={before}"
    return f"upstream/{quote(receiver, safe='')}/messages?state={MessageState.DEAD}&limit={limit}{older}"


def _receivers(receivers: tuple[ReceiverResource, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("receiver", "kind", "state", "waiting", "oldest", "dead"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold")
    for one in receivers:
        seconds = one.oldest_age_seconds
        age = "" if seconds is None else str(timedelta(seconds=int(seconds)))
        cells = (one.name, one.kind, one.state.value, str(one.waiting), age, str(one.dead), one.why or "")
        table.add_row(*map(Text, cells))
    return table
