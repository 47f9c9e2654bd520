"""A counter whose console really listens, in a thread with an event loop of its own, for tests that drive a browser."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support.console.counter import KEY, Counter, counter
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.runtime.effects import Runtime
from tillbridge.web.serving import BoundAddress, serve_asgi

T = TypeVar("T")

START_SECONDS = 30.0
PAYMENT_SECONDS = 30.0


class OpenShop:
    """What a browser test needs: the console's URL, and hands to take payments with. Called from the test's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, inside: Counter, port: int) -> None:
        self._loop = loop
        self.counter = inside
        self.url = f"http://localhost:{port}"
        self.entrance = f"{self.url}/?key={KEY}"

    def run(self, job: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the shop's loop and returns its result."""
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(PAYMENT_SECONDS)

    def do(self, action: Callable[[], T]) -> T:
        """Calls a function in the shop's loop."""

        async def act() -> T:
            return action()

        return self.run(act())

    def start(self, minor: int | None, terminal: str, **more: Any) -> Payment:
        """A till asks for a payment; returns once it is accepted."""
        usual = {"caller": "hipay:till-1", "door": "hipay"}
        unit = currency(more.pop("unit", "EUR"))
        money = None if minor is None else Money(minor, unit)
        kind = more.pop("kind", Kind.SALE)
        request = PaymentRequest(kind, money, terminal=terminal, **(usual | more))
        return self.run(self.counter.engine.start(request))

    def pay(self, minor: int | None, terminal: str, **more: Any) -> Payment:
        """A payment from its start to its end."""
        payment = self.start(minor, terminal, **more)
        return self.run(self.counter.engine.wait(payment.id, PAYMENT_SECONDS))

    def present_card(self, terminal: str) -> None:
        """The customer of a terminal that waits for a person presents the card, and enters the PIN."""
        self.do(lambda: self.counter.present_card(terminal))

    def wait(self, payment: Payment) -> Payment:
        """The payment once it is over."""
        over = self.run(self.counter.engine.wait(payment.id, PAYMENT_SECONDS))
        assert not over.running
        return over

    def until_quiet(self) -> None:
        """Waits until no payment runs anywhere."""
        for status in self.run(self.counter.engine.terminals()):
            if status.occupied_by is not None and status.occupied_by.running:
                self.wait(status.occupied_by)

    def settle_all(self) -> None:
        """A person settles whatever is in doubt."""
        for payment in self.counter.engine.in_doubt():
            settling = self.counter.engine.resolve(payment.id, taken=True, by="Ada", reason="slip 17")
            assert isinstance(self.run(settling).outcome, Approved)


@contextmanager
def open_shop(folder: Path, *terminals: str, runtime: Runtime | None = None, **settings: Any) -> Iterator[OpenShop]:
    """A shop with these terminals that serves its console on a port of its own."""
    opened: list[OpenShop] = []
    listening = threading.Event()
    loop = asyncio.new_event_loop()
    leave = asyncio.Event()

    async def live() -> None:
        inside = counter(folder, *terminals, runtime=runtime or Runtime(), **settings)
        async with inside as now_open, asyncio.TaskGroup() as group:

            def on_ready(address: BoundAddress) -> None:
                opened.append(OpenShop(loop, now_open, address.port))
                listening.set()

            serving = group.create_task(serve_asgi(now_open.app, "localhost", 0, on_ready))
            await leave.wait()
            serving.cancel()

    thread = threading.Thread(target=_run, args=(loop, live()), name="shop")
    thread.start()
    try:
        assert listening.wait(START_SECONDS), "the shop did not open"
        yield opened[0]
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(START_SECONDS)
        assert not thread.is_alive(), "the shop did not close"


def _run(loop: asyncio.AbstractEventLoop, job: Coroutine[Any, Any, None]) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(job)
    finally:
        loop.close()
