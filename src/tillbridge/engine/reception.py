"""Decides what a request means: a repeat of an earlier payment, a refusal, or a new operation on a lane.

Nothing here awaits, so that between looking and taking the lane no other request comes in between.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Operation, Parent, Stage
from tillbridge.engine import parents, rules
from tillbridge.engine.books import Books
from tillbridge.engine.journal.journal import Acceptance
from tillbridge.engine.lane import Lane
from tillbridge.engine.live import Live
from tillbridge.engine.rules import EngineSettings, OrderIdsRepeat
from tillbridge.protocols.contract import Payment, PaymentRequest

RECENT_LIMIT: Final = 256
"""How many ended payments are kept in memory, so that a till that asks at once is answered without the disk."""


@dataclass(slots=True)
class Reception:
    """`lanes` by terminal name; `running` and `recent` are the payments that memory knows better than the disk.

    `heard` is for each door the payment that its till heard of last: the note of it rides along with a later commit,
    and until then the next customer's sale of the same price would look like a repeat.
    """

    books: Books
    settings: EngineSettings
    lanes: Mapping[str, Lane]
    running: dict[str, Live] = field(default_factory=dict)
    recent: OrderedDict[str, Live] = field(default_factory=OrderedDict)
    heard: dict[str, str] = field(default_factory=dict)

    def repeated(self, request: PaymentRequest) -> Payment | None:
        """The earlier payment that this request repeats, by its key, else by its order, else by an undelivered one.

        `BridgeError` KEY_CONFLICT, ORDER_CONFLICT or DOOR_HELD where the request must not go on.
        """
        if request.key is not None:
            return self._same_key(request, request.key)
        if request.order_id is not None:
            return self._same_order(request, request.order_id)
        return self._undelivered(request) if request.keyless else None

    def lane(self, request: PaymentRequest) -> Lane:
        """The lane of the terminal that the request names, its parent was taken on, a rule gives, or the only one."""
        name = request.terminal or self._of_parent(request) or self._by_rule(request)
        if name is None and len(self.lanes) == 1:
            return next(iter(self.lanes.values()))
        lane = self.lanes.get(name or "")
        if lane is None:
            known = ", ".join(sorted(self.lanes)) or "none"
            said = "no terminal is named and no rule gives one" if name is None else f"{name!r} is not one"
            raise BridgeError(Code.TERMINAL_UNKNOWN, f"{said}; there are: {known}", place="terminal")
        return lane

    def _of_parent(self, request: PaymentRequest) -> str | None:
        if request.parent is None:
            return None
        parent = parents.named(request.parent, self)
        return parent.terminal if parent.terminal in self.lanes else None

    def _by_rule(self, request: PaymentRequest) -> str | None:
        return next((route.terminal for route in self.settings.routes if route.fits(request)), None)

    def accept(
        self, request: PaymentRequest, lane: Lane, warnings: tuple[str, ...], parent: Parent | None = None
    ) -> Live:
        """Takes the lane for a new payment and puts it on its way to the disk."""
        now = self.books.runtime.clock.now()
        payment = _new_payment(request, lane.name, warnings, self.books)
        acceptance = Acceptance(
            payment, self.settings.business_day(now), request.fingerprint, request.partial_allowed, request.keyless
        )
        accepted = self.books.journal.accept(acceptance)
        # A failed acceptance shows when its intent is flushed: `sending` then finds no row and nothing is sent.
        accepted.add_done_callback(lambda done: done.exception())
        unsigned = request.unsigned or self.settings.unsigned
        live = Live(payment, _operation(payment, request, parent), acceptance, unsigned)
        self.running[payment.id] = live
        lane.occupy(live)
        self.books.feed.publish(payment)
        return live

    def recalled(self, payment: Payment, wire_reference: str) -> Live:
        """A payment that was sent before a restart, as its driver has to see it to ask what became of it."""
        operation = Operation(
            payment.id,
            payment.kind,
            payment.amount,
            wire_reference,
            payment.register,
            payment.online,
            parent=parents.link_of(payment, self),
        )
        return Live(payment, operation, Acceptance(payment, "", "", partial_allowed=False, keyless=False))

    def ended(self, live: Live) -> None:
        """The payment no longer runs."""
        self.running.pop(live.payment.id, None)
        self.recent[live.payment.id] = live
        if len(self.recent) > RECENT_LIMIT:
            self.recent.popitem(last=False)

    def remembered(self, payment_id: str) -> Live | None:
        """The payment as memory knows it: running, in doubt, or ended a moment ago."""
        found = self.running.get(payment_id) or self.recent.get(payment_id)
        return found or next((live for live in self._doubts() if live.payment.id == payment_id), None)

    def latest(self, stored: Payment) -> Payment:
        """What memory knows of a payment that was read from the disk, else what the disk says."""
        live = self.remembered(stored.id)
        return stored if live is None else live.payment

    def known(self, payment_id: str) -> Payment | None:
        """See `parents.History.known`."""
        live = self.remembered(payment_id)
        return self.books.reading.payment(payment_id) if live is None else live.payment

    def children(self, payment_id: str) -> Iterator[Payment]:
        """See `parents.History.children`. What was accepted a moment ago is in memory and may not be on disk yet."""
        stored = {child.id: child for child in self.books.reading.children(payment_id)}
        lives = (live.payment for live in (*self.running.values(), *self.recent.values()))
        stored.update({payment.id: payment for payment in lives if payment.parent == payment_id})
        return iter(stored.values())

    def like(self, request: PaymentRequest, terminal: str, reach: timedelta) -> list[Payment]:
        """See `parents.History.like`."""
        return self.books.reading.like(request, terminal, self.books.runtime.clock.now() - reach)

    def by_key(self, caller: str, key: str) -> Payment | None:
        """The payment that this caller's key stands for."""
        for live in self.running.values():
            if (live.payment.caller, live.payment.key) == (caller, key):
                return live.payment
        stored = self.books.reading.by_key(caller, key)
        return None if stored is None else self.latest(stored[1])

    def _doubts(self) -> Iterator[Live]:
        return (lane.doubt for lane in self.lanes.values() if lane.doubt is not None)

    def _same_key(self, request: PaymentRequest, key: str) -> Payment | None:
        for live in self.running.values():
            if (live.payment.caller, live.payment.key) == (request.caller, key):
                rules.check_key(request.fingerprint, live.acceptance.fingerprint, live.payment)
                return live.payment
        stored = self.books.reading.by_key(request.caller, key)
        if stored is None:
            return None
        rules.check_key(request.fingerprint, stored[0], stored[1])
        return self.latest(stored[1])

    def _same_order(self, request: PaymentRequest, order_id: str) -> Payment | None:
        wanted = (request.caller, request.kind, order_id)
        for live in self.running.values():
            payment = live.payment
            if (payment.caller, payment.kind, payment.order_id) == wanted and rules.repeats_order(request, payment):
                return payment
        daily = self.settings.order_ids_repeat is OrderIdsRepeat.DAILY
        day = self.settings.business_day(self.books.runtime.clock.now()) if daily else None
        stored = self.books.reading.by_order(*wanted, day)
        if stored is None:
            return None
        earlier = self.latest(stored)
        return earlier if rules.repeats_order(request, earlier) else None

    def _undelivered(self, request: PaymentRequest) -> Payment | None:
        held = self.books.reading.undelivered(request.door)
        if held is None or self.heard.get(request.door) == held.id:
            return None
        if rules.repeats_undelivered(request, held, self.books.runtime.clock.now()):
            return held
        raise BridgeError(Code.DOOR_HELD, "the till has not heard of an approved payment", payment_id=held.id)


def _new_payment(request: PaymentRequest, terminal: str, warnings: tuple[str, ...], books: Books) -> Payment:
    return Payment(
        id=books.runtime.ids.new(),
        kind=request.kind,
        stage=Stage.ACCEPTED,
        amount=request.amount,
        terminal=terminal,
        caller=request.caller,
        door=request.door,
        register=request.register,
        accepted_at=books.runtime.clock.now(),
        order_id=request.order_id,
        key=request.key,
        online=request.online,
        parent=request.parent,
        warnings=warnings,
        notes=request.notes,
    )


def _operation(payment: Payment, request: PaymentRequest, parent: Parent | None) -> Operation:
    return Operation(
        id=payment.id,
        kind=payment.kind,
        amount=payment.amount,
        wire_reference=payment.id,
        register=payment.register,
        online=payment.online,
        partial_allowed=request.partial_allowed,
        parent=parent,
    )
