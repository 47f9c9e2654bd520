"""`tillbridge simulate voucher-provider`: what it does."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from tillbridge.cli.errors import WrongWord
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.interrupts import on_interrupt
from tillbridge.runtime.logging import Level, set_up_logging
from tillbridge.virtual.voucher_provider.app import Sandbox, serve
from tillbridge.virtual.voucher_provider.books import Books, read_card
from tillbridge.virtual.voucher_provider.faults import Faults, read_switch
from tillbridge.web.listening import BoundAddress

HOST: Final = "localhost"
"""This computer alone: everybody who reaches the page may switch faults."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    port: int
    sandbox: Sandbox

    @classmethod
    def of(  # each is an option of the command line
        cls,
        port: int,
        cards: Iterable[str],
        key: str,
        faults: Iterable[str],
        *,
        takes_back: bool,
        remembers: bool,
    ) -> Self:
        """The options as values; `WrongWord` for the first that makes no sense."""
        if not key:
            raise WrongWord(Code.SETTINGS_INVALID, "a key has at least one character", place="--key")
        try:
            books = Books([read_card(text) for text in cards], takes_back=takes_back, remembers=remembers)
            switches = Faults(*(read_switch(text) for text in faults))
        except BridgeError as error:
            raise WrongWord(Code.SETTINGS_INVALID, error.detail, place=error.place) from None
        return cls(port, Sandbox(books, key, switches))


async def play(wish: Wish) -> None:
    """Plays the provider until Ctrl-C."""
    set_up_logging(level=Level.WARNING, readable=True)
    stop = asyncio.Event()
    with on_interrupt(stop.set):
        async with asyncio.TaskGroup() as group:

            def ready(address: BoundAddress) -> None:
                sys.stdout.write("\n".join([*told(wish.sandbox, address), "Ctrl-C stops it.", ""]))
                sys.stdout.flush()

            serving = group.create_task(serve(wish.sandbox, HOST, wish.port, ready))
            await stop.wait()
            serving.cancel()
    sys.stdout.write("Stopped.\n")


def told(one: Sandbox, address: BoundAddress) -> Iterator[str]:
    """What runs where, and the key that everybody may know: it guards nothing."""
    yield "voucher provider sandbox: no money is moved"
    yield f"  its page is at     http://{address}/"
    yield f"  base_url           http://{address}"
    yield f"  key                {one.key}"
    for card in one.books.cards.values():
        yield f"  card               {card.number}  {card.balance} cents  {f'PIN {card.pin}' if card.pin else 'no PIN'}"
    for switch in one.faults.on:
        yield f"  switched on        {switch.asked}.{switch.fault}"
