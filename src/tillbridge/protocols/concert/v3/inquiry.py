"""What a Concert V3 terminal can be asked besides payments, and what its answers prove.

Which terminal runs which service is not published, so each is believed only once it has answered
(protocols/concert/README-V3.md, section 4). No question here carries an amount: even a terminal that misread the
action could not start a payment.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Final

from tillbridge.domain.operation import Operation
from tillbridge.domain.outcome import Approved, InDoubt, Outcome
from tillbridge.protocols.concert.tlv import Fields, encode
from tillbridge.protocols.concert.v3.dialogue import Settled
from tillbridge.protocols.concert.v3.judgement import Asked, judge, settled
from tillbridge.protocols.concert.v3.lines import Call, Heard, Line
from tillbridge.protocols.concert.v3.messages import PAYING, Action, Answer, Detail, Request, Status, parse_answer
from tillbridge.protocols.concert.v3.settings import DriverSettings
from tillbridge.protocols.contract import Health, HealthState, Recovery, Unanswered
from tillbridge.protocols.unheard import Lost, NotSent

LINE_END: Final = b"\r\n"

_OVER: Final = frozenset(
    {
        Detail.PHONE_CALL,
        Detail.REFUSED,
        Detail.FORBIDDEN,
        Detail.ABANDONED,
        Detail.INPUT_TIMEOUT,
        Detail.OPERATOR_ABANDON,
        Detail.CURRENCY_UNSUPPORTED,
    }
)
"""Details by which a status says that a payment is over and took nothing. "Not completed" may mean that it still runs,
"unknown" that the terminal cannot say, and the rest that something was wrong with the question."""


class Service(StrEnum):
    """What is known of one service of the connected terminal."""

    UNTRIED = "untried"
    PROVEN = "proven"
    UNPROVEN = "unproven"  # it answered, but with nothing that could be held against the operation
    MISSING = "missing"  # the terminal said that it does not know the action


def request_bytes(request: Request, settings: DriverSettings) -> bytes:
    """The bytes of a request, with the line end that some terminals want."""
    return encode(request.elements()) + (LINE_END if settings.trailing_crlf else b"")


class Inquirer:
    """Asks one terminal for signs of life, for the status of an operation, and for its last ticket."""

    def __init__(self, line: Line, settings: DriverSettings) -> None:
        self._line = line
        self._settings = settings
        self._ping = Service.UNTRIED
        self._status = Service.UNTRIED
        self._duplicate = Service.UNTRIED
        self._reprinted_for: str | None = None
        self._provable: tuple[Operation, Asked] | None = None

    @property
    def recovery(self) -> Recovery:
        """The recovery class, as far as this terminal has proven it."""
        if self._status is Service.PROVEN:
            return Recovery.BY_ID
        return Recovery.LAST_RESULT if self._duplicate is Service.PROVEN else Recovery.NONE

    def learned(self, operation: Operation, asked: Asked) -> None:
        """An operation was just approved: its status can show what this terminal's status request is worth."""
        if self._status is Service.UNTRIED and asked.reference is not None and self._settings.ask_after_doubt:
            self._provable = (operation, asked)

    # ------------------------------------------------------------ signs of life

    async def health(self) -> Health:
        """A ping; where it succeeds and an approved operation is at hand, once also that operation's status."""
        health = await self._identify()
        if health.state is HealthState.READY and self._ping is Service.PROVEN and self._provable is not None:
            operation, asked = self._provable
            self._provable = None
            await self._ask_status(operation, asked)
        return health

    async def _identify(self) -> Health:
        call = self._call(Action.IDENTIFY, lambda fields: "AE" in fields)
        ended = await self._line.ask(replace(call, stray=_is_of_a_payment))
        match ended:
            case NotSent(detail=detail):
                return Health(HealthState.UNREACHABLE, detail)
            case Lost(detail=detail):
                return Health(HealthState.SILENT, detail)
            case Heard(fields=fields):
                return self._identified(parse_answer(fields))

    def _identified(self, answer: Answer) -> Health:
        if _unknown_action(answer):
            self._ping = Service.MISSING
            return Health(HealthState.READY, "it answers, and does not know the identification request")
        self._ping = Service.PROVEN
        if answer.status == Status.DONE:
            return Health(HealthState.READY, f"version {answer.version or 'unknown'}")
        return Health(HealthState.BUSY, "it answers, and says that it cannot work now")

    # ------------------------------------------------------------ after a doubt

    async def inquire(self, operation: Operation, asked: Asked) -> Outcome | Unanswered:
        """The status of an operation; from a terminal without one, what its last ticket says.

        The latter is evidence for a person and closes nothing: `recovery` is then `LAST_RESULT`.
        """
        if not self._settings.ask_after_doubt or self._ping is Service.MISSING:
            return Unanswered.CANNOT_ASK
        if self._ping is Service.UNTRIED:
            await self._identify()
        if self._ping is not Service.PROVEN:
            return Unanswered.CANNOT_ASK
        if asked.reference is not None and self._status is not Service.MISSING:
            said = await self._ask_status(operation, asked)
            if self._status is Service.PROVEN or said is not Unanswered.CANNOT_ASK:
                return said
        return await self._ask_duplicate(operation, asked)

    async def _ask_status(self, operation: Operation, asked: Asked) -> Outcome | Unanswered:
        ended = await self._line.ask(self._call(Action.STATUS, settled, operation.register, asked.reference))
        if not isinstance(ended, Heard):
            return Unanswered.CANNOT_ASK
        answer = parse_answer(ended.fields)
        if _unknown_action(answer):
            self._status = Service.MISSING
            return Unanswered.CANNOT_ASK
        if answer.reference != asked.reference:
            self._note_unproven()
            return Unanswered.CANNOT_ASK
        return self._status_says(asked, answer, ended.fields)

    def _status_says(self, asked: Asked, answer: Answer, fields: Fields) -> Outcome | Unanswered:
        if answer.status == Status.TAKEN:
            self._status = Service.PROVEN
            return Unanswered.STILL_RUNNING
        if _names_the_money(answer, asked):
            outcome = judge(_answerable(asked, Action.STATUS), fields)
            if not isinstance(outcome, InDoubt) and _is_last_word(outcome, answer):
                self._status = Service.PROVEN
                return outcome
        if self._status is Service.PROVEN and "CB" not in fields and _says(answer, Detail.SELECTION_ERROR):
            return Unanswered.NOT_FOUND
        self._note_unproven()
        return Unanswered.CANNOT_ASK

    def _note_unproven(self) -> None:
        if self._status is not Service.PROVEN:
            self._status = Service.UNPROVEN

    async def _ask_duplicate(self, operation: Operation, asked: Asked) -> Outcome | Unanswered:
        """Asked once for each operation: a terminal may print on it."""
        if self._duplicate is Service.MISSING or self._reprinted_for == operation.id:
            return Unanswered.CANNOT_ASK
        ended = await self._line.ask(self._call(Action.DUPLICATE, settled, operation.register))
        if not isinstance(ended, Heard):
            return Unanswered.CANNOT_ASK
        self._reprinted_for = operation.id
        answer = parse_answer(ended.fields)
        if _unknown_action(answer):
            self._duplicate = Service.MISSING
            return Unanswered.CANNOT_ASK
        if answer.status != Status.DONE or answer.minor is None:
            return Unanswered.CANNOT_ASK
        self._duplicate = Service.PROVEN
        outcome = judge(_answerable(asked, Action.DUPLICATE), ended.fields)
        return outcome if isinstance(outcome, Approved) else Unanswered.CANNOT_ASK

    # ------------------------------------------------------------ the request

    def _call(self, action: Action, whole: Settled, register: str = "01", reference: str | None = None) -> Call:
        request = Request(
            action=action,
            version=self._settings.version,
            protocol_id=self._settings.protocol_id,
            register=register,
            reference=reference,
        )
        return Call(request_bytes(request, self._settings), whole, self._settings.service_timeout)


def _is_of_a_payment(fields: Fields) -> bool:
    """Whether what came instead of a sign of life is the answer to an earlier payment."""
    return fields.get("CD") in PAYING


def _answerable(asked: Asked, action: Action) -> Asked:
    """It is not known whether such an answer names the service or the payment that it tells of: either will do."""
    return replace(asked, actions=asked.actions | {action})


def _unknown_action(answer: Answer) -> bool:
    return _says(answer, Detail.ACTION_UNKNOWN)


def _says(answer: Answer, detail: Detail) -> bool:
    """Whether the answer is "not done" for this reason."""
    return answer.status == Status.NOT_DONE and answer.detail is not None and answer.detail.code == detail


def _names_the_money(answer: Answer, asked: Asked) -> bool:
    """Whether the answer speaks of the payment and not of the status request: only the former has its amount."""
    if answer.minor is None or answer.currency != asked.amount.currency.numeric:
        return False
    return answer.minor == asked.amount.minor or (asked.partial_allowed and 0 < answer.minor < asked.amount.minor)


def _is_last_word(outcome: Outcome, answer: Answer) -> bool:
    """Whether the status is about how the payment ended, and not about how the status request did.

    "Done" alone may mean that the latter was done: something in the answer has to come from a payment.
    """
    if isinstance(outcome, Approved):
        return any((answer.authorization, answer.application, answer.masked_pan, answer.aid))
    return answer.detail is not None and answer.detail.code in _OVER
