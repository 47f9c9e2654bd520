"""Takes one payment in front of a person: what the terminal does now, what came out, and what Ctrl-C means.

Ctrl-C cannot stop a customer's card. The first one asks the terminal to stop and goes on waiting for the end, which is
still read from the terminal (law 5); the second one gives up waiting, and then the payment is in doubt.
"""

import asyncio
from typing import Final, Protocol, assert_never

from tillbridge.cli.desks import Desk, Order, Unreachable
from tillbridge.cli.errors import bridge_error, complain
from tillbridge.cli.exits import Exit
from tillbridge.connector.api.resources import PaymentResource
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.operation import Stage
from tillbridge.protocols.contract import AbortReply
from tillbridge.runtime.interrupts import on_interrupt

EVIDENCE_SECONDS: Final = 5.0
"""How long a payment in doubt is still watched: a terminal that can be asked what became of it has answered by then."""


class Screen(Protocol):
    """Where the person looks."""

    def show(self, payment: PaymentResource) -> None:
        """What the payment does now."""
        ...

    def say(self, sentence: str) -> None:
        """A sentence that stays."""
        ...


class Cashier:
    """One payment, from the request to its exit code. `payment` is what was last known of it."""

    def __init__(self, desk: Desk, screen: Screen) -> None:
        self._desk = desk
        self._screen = screen
        self._interrupts: asyncio.Queue[None] = asyncio.Queue()
        self._accepted: asyncio.Future[PaymentResource] = asyncio.get_running_loop().create_future()
        self.payment: PaymentResource | None = None

    async def take(self, order: Order) -> Exit:
        """Runs the payment. `BridgeError` where it was refused; whatever happens later is an exit code."""
        try:
            with on_interrupt(lambda: self._interrupts.put_nowait(None)):
                await self._take(order)
        except Exception as error:  # noqa: BLE001  # whatever it is, the payment may be running
            self._explain(error)
        return Exit.IN_DOUBT if self.payment is None else exit_of(self.payment)

    async def _take(self, order: Order) -> None:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._follow(order))
            minding = group.create_task(self._mind(following))
            following.add_done_callback(lambda _: minding.cancel())

    async def _follow(self, order: Order) -> None:
        async for payment in self._desk.pay(order):
            self._note(payment)
        if self.payment is not None and self.payment.stage is Stage.IN_DOUBT:
            self._note(await self._desk.evidence(self.payment.id, EVIDENCE_SECONDS))

    def _note(self, payment: PaymentResource) -> None:
        self.payment = payment
        self._screen.show(payment)
        if not self._accepted.done():
            self._accepted.set_result(payment)

    async def _mind(self, following: "asyncio.Task[None]") -> None:
        await self._interrupts.get()
        self._screen.say("The payment goes on at the terminal: asking it to stop, and waiting for how it ends.")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_to_stop())
            group.create_task(self._give_up(following))

    async def _ask_to_stop(self) -> None:
        payment = await self._accepted
        try:
            reply = await self._desk.abort(payment.id)
        except BridgeError as error:
            self._screen.say(f"It could not be asked: {error}")
            return
        self._screen.say(_words(reply))

    async def _give_up(self, following: "asyncio.Task[None]") -> None:
        await self._interrupts.get()
        following.cancel()
        self._screen.say("Not waiting any longer. It is not known whether the card was charged: look at the terminal.")

    def _explain(self, error: Exception) -> None:
        """Before anything was accepted a refusal is one; after that it only says why nobody here knows more."""
        refusal = bridge_error(error)
        if self.payment is None and refusal is not None:
            raise refusal
        gone = error
        while isinstance(gone, ExceptionGroup):
            gone = gone.exceptions[0]
        why = str(gone) if isinstance(gone, BridgeError | Unreachable) else type(gone).__name__
        complain(f"{why}: nobody here can say what became of the payment")


def _words(reply: AbortReply) -> str:
    match reply:
        case AbortReply.REQUESTED:
            return "The terminal was asked to stop. If the card was quicker, the payment is approved all the same."
        case AbortReply.CANNOT:
            return "This terminal cannot be stopped from here: press its red key. Ctrl-C once more stops waiting."
        case AbortReply.NOT_RUNNING:
            return "The payment is over already."
        case _:
            assert_never(reply)


def exit_of(payment: PaymentResource) -> Exit:
    """The exit code for a payment as it stands; one that still runs is in doubt for whoever stops waiting."""
    match payment.stage:
        case Stage.APPROVED:
            return Exit.APPROVED
        case Stage.DECLINED:
            return Exit.DECLINED
        case Stage.ABORTED:
            return Exit.ABORTED
        case Stage.NOT_STARTED:
            return Exit.NOT_STARTED
        case Stage.ACCEPTED | Stage.SENDING | Stage.IN_DOUBT:
            return Exit.IN_DOUBT
        case _:
            assert_never(payment.stage)
