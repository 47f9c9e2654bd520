"""What a door does with what tills ask, over any desk (README, section 7).

Everything before `desk.start` refuses. From there on money may move: whatever goes wrong is then answered as unknown,
and a status says "finished" only once the outcome is known, or once nobody can expect a till to wait any longer.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, InDoubt
from tillbridge.protocols.contract import (
    HealthState,
    Payment,
    PaymentDesk,
    PaymentRequest,
    TerminalStatus,
    Unsigned,
)
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen import answers
from tillbridge.protocols.touchscreen.messages import is_ended
from tillbridge.protocols.touchscreen.profile import STARTS, Op, Profile
from tillbridge.protocols.touchscreen.requests import StartAsked
from tillbridge.protocols.touchscreen.settings import (
    Busy,
    Confirm,
    DoorSettings,
    Duplicate,
    EarlyResult,
    Lifetime,
    StatusTexts,
    UnknownId,
)
from tillbridge.runtime.effects import Runtime

NAME: Final = "touchscreen"
"""The door's name, in entry points, in `PaymentRequest.door` and before the till's in `PaymentRequest.caller`."""

MAX_REMEMBERED: Final = 10_000
"""Ids whose confirmation is remembered: more than a door sees between two restarts; the desk keeps the payments."""

_KINDS: Final = {op: kind for kind, op in STARTS.items()}
_BUSY: Final = {Busy.NOT_STARTED: 200, Busy.CONFLICT: 409, Busy.LOCKED: 423}
_UNKNOWN: Final = {UnknownId.NOT_FOUND: 404, UnknownId.TEXT: 200, UnknownId.BAD_REQUEST: 400}
_OCCUPIED: Final = frozenset({Code.TERMINAL_BUSY, Code.TERMINAL_LOCKED})
_OFFLINE: Final = frozenset({HealthState.UNREACHABLE, HealthState.SILENT})
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ _-"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, the payment that it is about, and whether it tells how that payment ended."""

    status: int
    body: JsonObject
    payment_id: str | None = None
    final: bool = False


@dataclass(slots=True)
class Known:
    """What the door remembers of ids: those that were started here, confirmed, and taken back by a simulator."""

    started: OrderedDict[str, int] = field(default_factory=OrderedDict)
    confirmed: OrderedDict[str, None] = field(default_factory=OrderedDict)
    taken_back: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def start(self, id_: str) -> int:
        """Notes a start; how often it was started by now."""
        self.started[id_] = self.started.get(id_, 0) + 1
        while len(self.started) > MAX_REMEMBERED:
            self.started.popitem(last=False)
        return self.started[id_]

    def confirm(self, id_: str) -> None:
        """Notes a confirmation."""
        _note(self.confirmed, id_)

    def take_back(self, id_: str) -> None:
        """Notes that a simulator has given the money back, because nobody confirmed."""
        _note(self.taken_back, id_)


def _note(ids: OrderedDict[str, None], id_: str) -> None:
    ids[id_] = None
    while len(ids) > MAX_REMEMBERED:
        ids.popitem(last=False)


class Counter:
    """The operations of one till over a desk. `begun` is told each operation that a till has started."""

    def __init__(
        self,
        settings: DoorSettings,
        profile: Profile,
        desk: PaymentDesk,
        runtime: Runtime,
        forgets: Callable[[Payment], bool] = lambda _: False,
    ) -> None:
        self.caller = f"{NAME}:{settings.name}"
        self.known = Known()
        self.begun: Callable[[str, Payment], Awaitable[None]] | None = None
        self._settings = settings
        self._personality = settings.personality
        self._profile = profile
        self._desk = desk
        self._runtime = runtime
        self._forgets = forgets

    # ------------------------------------------------------------ starting

    async def start(self, asked: StartAsked) -> Reply:
        """Starts an operation, or says why not. The same id is the same operation, for ever."""
        try:
            request = await self._request(asked)
            earlier = await self._earlier(asked.id)
            if earlier is not None and self._personality.duplicate is Duplicate.REJECT:
                return Reply(409, self._started(asked.id, answers.DUPLICATE, yes=False), earlier.id)
            payment = await self._desk.start(request)
        except BridgeError as error:
            return self._refused(asked.id, error)
        self.known.start(asked.id)
        if self.begun is not None:
            await self.begun(asked.id, payment)
        return Reply(200, self._started(asked.id, self._text(payment), yes=True), payment.id)

    async def _earlier(self, id_: str) -> Payment | None:
        try:
            return await self._desk.find_key(self.caller, id_)
        except BridgeError as error:
            if error.code is not Code.PAYMENT_UNKNOWN:
                raise
            return None

    async def _request(self, asked: StartAsked) -> PaymentRequest:
        parent = None if asked.parent_id is None else await self._desk.find_key(self.caller, asked.parent_id)
        kind = _KINDS[asked.op]
        amount = asked.amount
        if amount is None and kind is Kind.VOID and parent is not None and isinstance(parent.outcome, Approved):
            amount = parent.outcome.amount
        return PaymentRequest(
            kind=kind,
            amount=amount,
            caller=self.caller,
            door=NAME,
            terminal=self._settings.terminal,
            order_id=asked.invoice,
            key=self._key(asked.id),
            fingerprint=asked.fingerprint(),
            parent=None if parent is None else parent.id,
            # The till compares signatures: the result tells it to, and it reverses what it does not accept.
            unsigned=Unsigned(accept=True, seconds=0),
            notes={"transaction_id": asked.id},
        )

    def _key(self, id_: str) -> str:
        """The till's id; a simulator that charges twice takes each repeat for a new operation."""
        times = self.known.started.get(id_, 0)
        twice = self._personality.duplicate is Duplicate.SECOND_CHARGE and times > 0
        return f"{id_}#{times + 1}" if twice else id_

    def _refused(self, id_: str, error: BridgeError) -> Reply:
        if error.code in _OCCUPIED:
            return Reply(_BUSY[self._personality.busy], self._started(id_, answers.BUSY, yes=False))
        if error.code is Code.INTERNAL:
            # The one refusal that does not promise that nothing was started.
            raise error
        return Reply(200, self._started(id_, answers.refusal(error), yes=False))

    def _started(self, id_: str, text: str, *, yes: bool) -> JsonObject:
        return answers.started(id_, text, self._profile, yes=yes)

    # ------------------------------------------------------------ asking

    async def status(self, id_: str) -> Reply:
        """Where an operation stands."""
        payment = await self._find(id_)
        if payment is None:
            return self._unknown(id_)
        return Reply(200, answers.said(self._text(payment), id_, self._profile), payment.id)

    async def result(self, id_: str) -> Reply:
        """How an operation ended."""
        payment = await self._find(id_)
        if payment is None:
            return self._unknown(id_)
        if not self._over(payment):
            return Reply(409, answers.said(answers.NOT_OVER, id_, self._profile), payment.id)
        early = self._personality.early_result is EarlyResult.REFUSED and id_ not in self.known.confirmed
        if early:
            return Reply(409, answers.said(answers.UNCONFIRMED, id_, self._profile), payment.id)
        closed = payment.closed_at or self._runtime.clock.now()
        body = answers.result(payment, id_, closed.isoformat(timespec="seconds"), self._profile)
        if id_ in self.known.taken_back:
            body[self._profile.result.reversed[0]] = True
        return Reply(200, body, payment.id, not isinstance(payment.outcome, InDoubt))

    async def confirm(self, id_: str, *, value: bool) -> Reply:
        """The till has the result. False changes nothing: what it does at real terminals is unknown."""
        payment = await self._find(id_)
        if payment is None:
            return self._unknown(id_)
        if not self._over(payment):
            return Reply(409, answers.said(answers.NOT_OVER, id_, self._profile), payment.id)
        taken = value and id_ not in self.known.taken_back
        if taken:
            self.known.confirm(id_)
        body: JsonObject = {self._profile.answer.id[0]: id_, self._profile.answer.confirmed[0]: taken}
        return Reply(200, body, payment.id)

    async def cancel(self, id_: str) -> Reply:
        """The till wants it to stop; what comes of that is read from status and result (law 5)."""
        payment = await self._find(id_)
        if payment is None:
            return self._unknown(id_)
        await self._desk.abort(payment.id)
        now = await self._desk.inquire(payment.id)
        return Reply(200, answers.said(self._text(now), id_, self._profile), payment.id)

    async def terminal(self, *, offline: bool) -> Reply:
        """How the terminal is. The names of its identity are guesses of the profile."""
        names, identity = self._profile.answer, self._profile.identity
        status = self._chosen(await self._desk.terminals())
        online = not offline and status is not None and status.health.state not in _OFFLINE
        now = self._runtime.clock.now().isoformat(timespec="seconds")
        text = "offline" if status is None or offline else status.health.state.value
        body: JsonObject = {
            names.time[0]: now,
            names.online[0]: int(online),
            names.online_text[0]: text,
            identity.terminal_id[0]: self._settings.terminal_id,
        }
        return Reply(200, body)

    def identify(self, base: str) -> JsonObject:
        """What `info` says under this base."""
        identity = self._profile.identity
        return {
            identity.name[0]: "tillbridge",
            identity.version[0]: self._profile.version_of(base),
            identity.terminal_id[0]: self._settings.terminal_id,
        }

    async def told(self, payment_id: str, reached: bool) -> None:
        """Notes at the desk whether the till was still there to hear the result."""
        await self._desk.delivered(payment_id, self.caller, reached)

    def speaking_of_paper(self, body: JsonObject) -> JsonObject:
        """A status of a terminal that has run out of paper, until the operation is over."""
        name = self._profile.answer.status[0]
        return body if is_ended(str(body.get(name)), self._profile) else body | {name: answers.PAPER_OUT}

    # ------------------------------------------------------------ what stands where

    async def _find(self, id_: str) -> Payment | None:
        if self._personality.lifetime is Lifetime.LOST_ON_RESTART and id_ not in self.known.started:
            return None
        payment = await self._earlier(id_)
        return None if payment is None or (not payment.running and self._forgets(payment)) else payment

    def _over(self, payment: Payment) -> bool:
        """Whether a till may be told that it is over: the outcome is known, or its patience with a doubt has ended."""
        if payment.running or payment.outcome is None:
            return False
        if not isinstance(payment.outcome, InDoubt):
            return True
        waited = self._runtime.clock.now() - payment.accepted_at
        return waited >= timedelta(seconds=self._settings.patience)

    def _text(self, payment: Payment) -> str:
        if self._over(payment):
            return self._profile.states.ended[0]
        if not payment.running:
            return answers.UNCLEAR
        if self._personality.texts is StatusTexts.RANDOM:
            return self._any_text()
        return answers.progress_text(payment, self._profile)

    def _any_text(self) -> str:
        chance = self._runtime.chance
        text = "".join(chance.choice(_LETTERS) for _ in range(chance.randint(1, 30)))
        return answers.RUNNING if is_ended(text, self._profile) else text

    def _unknown(self, id_: str) -> Reply:
        status = _UNKNOWN[self._personality.unknown_id]
        return Reply(status, answers.said(answers.UNKNOWN_ID, id_, self._profile))

    def _chosen(self, statuses: Sequence[TerminalStatus]) -> TerminalStatus | None:
        wanted = self._settings.terminal
        return next((one for one in statuses if wanted in (None, one.name)), None)


def confirmable(personality_confirm: Confirm, op: Op) -> bool:
    """Whether this door has that operation at all."""
    return op is not Op.CONFIRM or personality_confirm is not Confirm.ABSENT
