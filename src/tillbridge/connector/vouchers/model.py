"""What the voucher desk speaks of: actions with vouchers, and how each of them stands.

docs/reference/connector-vouchers.md, section 2. Amounts are integers of minor units, moments are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.domain.voucher_code import masked

SILENCE: Final = timedelta(hours=6)
"""A payment whose receipt nobody closed or cancelled for so long is a case for a person."""

LATE: Final = timedelta(minutes=5)
"""What waits longer than this to reach the portal raises an alarm."""


class Kind(StrEnum):
    """What an action does with a voucher. `NOTHING`: it was taken back before it came, so it never happens."""

    REDEEM = "redeem"
    LOAD = "load"
    NOTHING = "nothing"


class State(StrEnum):
    """How an action stands. `INTENT` and `SENT` are written before the first byte leaves."""

    INTENT = "intent"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    CONFIRM_QUEUED = "confirm_queued"
    CONFIRMED = "confirmed"
    PUTBACK_QUEUED = "putback_queued"
    PUTBACK_DONE = "putback_done"
    REVERSE_QUEUED = "reverse_queued"
    REVERSED = "reversed"
    REFUSED = "refused"
    VOIDED = "voided"


RUNNING: Final = frozenset({State.INTENT, State.SENT, State.UNKNOWN})
"""Nobody knows yet whether the portal has booked it."""

QUEUED: Final = frozenset({State.CONFIRM_QUEUED, State.PUTBACK_QUEUED, State.REVERSE_QUEUED})
"""It is decided, and the portal has to hear of it."""

GOING_BACK: Final = frozenset({State.PUTBACK_QUEUED, State.REVERSE_QUEUED})
WORKING: Final = RUNNING | QUEUED
"""What the desk goes on with by itself, also after a restart."""

ENDED: Final = frozenset(State) - WORKING - {State.DONE}

MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.INTENT: frozenset({State.REFUSED}),
    State.SENT: frozenset({State.INTENT}),
    State.UNKNOWN: frozenset({State.INTENT, State.SENT}),
    State.DONE: RUNNING | {State.REVERSE_QUEUED},
    State.REFUSED: RUNNING,
    State.CONFIRM_QUEUED: frozenset({State.DONE}),
    State.CONFIRMED: frozenset({State.CONFIRM_QUEUED}),
    State.PUTBACK_QUEUED: RUNNING | {State.DONE, State.CONFIRM_QUEUED, State.CONFIRMED},
    State.PUTBACK_DONE: frozenset({State.PUTBACK_QUEUED, State.CONFIRM_QUEUED}),
    State.REVERSE_QUEUED: RUNNING | {State.DONE},
    State.REVERSED: frozenset({State.REVERSE_QUEUED}),
    State.VOIDED: GOING_BACK | {State.REFUSED},
}
"""From where each state is reached. `REFUSED` is left only where nothing had been done and the portal kept nothing."""


class Case(StrEnum):
    """Why a person has to look at an action.

    `SILENT`: its receipt was neither closed nor cancelled. `PUT_BACK_ELSEWHERE`: the receipt says paid, and the money
    is back on the voucher. `NOT_BOOKED`: the portal does not know what it answered before. `SPENT`: a load could not be
    reversed. `OTHER_PORTAL`: it belongs to another link than the one that there is now, or to a provider that is not in
    the settings any more. `PROVIDER_UNKNOWN`: nobody knows whether another maker's provider has booked it.
    `PROVIDER_BACK`: such a provider did not take it back as it was asked to.
    """

    SILENT = "silent"
    PUT_BACK_ELSEWHERE = "put_back_elsewhere"
    NOT_BOOKED = "not_booked"
    SPENT = "spent"
    OTHER_PORTAL = "other_portal"
    PROVIDER_UNKNOWN = "provider_unknown"
    PROVIDER_BACK = "provider_back"


class Offline(StrEnum):
    """A payment that may be taken, or was taken, without a connection. `WANTED`: the till would have it so.

    `OPEN`: it was taken, and the portal has to hear of it. `TOLD`: the portal knows of it.
    """

    WANTED = "wanted"
    OPEN = "open"
    TOLD = "told"


class Decision(StrEnum):
    """What a person may decide about an open case. `NOTED`: it was looked after elsewhere, and is no case any more.

    `BOOKED` and `NOT_BOOKED` say what a provider of another maker has done that gave no answer to be believed.
    """

    CONFIRM = "confirm"
    PUT_BACK = "put_back"
    NOTED = "noted"
    BOOKED = "booked"
    NOT_BOOKED = "not_booked"


@dataclass(frozen=True, slots=True)
class Claim:
    """The part of an action that a provider of another maker has in it: what is claimed from it.

    `prefix` and `name` are the provider's; `reverse` and `idempotent` what its profile promised when it was asked.
    `asked` is what it was asked to take, `before` and `after` its balances around that, `looked_at` when the second
    was seen or an answer came. `token` is what it takes back a redemption by. `said` is an answer that was not
    believed, in few words.
    """

    prefix: str
    name: str
    reverse: bool
    idempotent: bool
    asked: int | None = None
    before: int | None = None
    after: int | None = None
    looked_at: datetime | None = None
    token: str = field(default="", repr=False)
    said: str = ""

    @property
    def reversible(self) -> bool:
        """Whether the provider can be asked to take it back."""
        return self.reverse and bool(self.token)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a till asks for under one key. `amount` is what is loaded, or the most that is taken.

    `exact` takes all of it or nothing; `offline`: it may be taken without a connection; `merchant` is the number of a
    merchant where the code names one. Neither the voucher's number nor the PIN is in its text.
    """

    kind: Kind
    number: str = field(repr=False)
    pin: str | None = field(repr=False)
    amount: int
    currency: str
    receipt: str
    exact: bool = False
    station: str = ""
    operator: str = ""
    merchant: str = ""
    offline: bool = False
    provider: str = ""
    """The prefix of another maker's provider whose voucher it is; empty for our own."""


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the journal. `receipt` is the till's receipt, `taken` what was booked, `balance` what was left then.

    `refusal` is why nothing was booked, with the figures that the refusal carried. `portal` names the link it went
    through. `case` is a case that was found and not settled; `silent` ones are found by the clock alone.
    `set_aside`: it belongs to another portal, a person has looked after it, and nothing more is done. `offline`: it may
    be taken, or was taken, without a connection; `loss` is what the portal could not take of it then.
    """

    key: str
    kind: Kind
    state: State
    number: str = field(repr=False)
    amount: int
    currency: str
    exact: bool
    receipt: str
    receipt_open: bool
    station: str
    operator: str
    portal: str
    begun_at: datetime
    changed_at: datetime
    queued_at: datetime | None = None
    taken: int | None = None
    balance: int | None = None
    refusal: BridgeError | None = None
    case: Case | None = None
    has_pin: bool = False
    merchant: str = ""
    set_aside: bool = False
    offline: Offline | None = None
    offline_at: datetime | None = None
    loss: int | None = None
    claim: Claim | None = None
    """What another maker's provider has to do with it; None for a voucher of our own."""

    @property
    def with_person(self) -> bool:
        """Whether nothing more is done at its provider until a person has decided."""
        return self.claim is not None and self.case in {Case.PROVIDER_UNKNOWN, Case.PROVIDER_BACK}

    @property
    def works(self) -> bool:
        """Whether the desk has to go on with it by itself."""
        return (self.state in WORKING or self.untold) and not self.set_aside

    @property
    def untold(self) -> bool:
        """Whether it was taken without a connection, and the portal has not heard of it yet."""
        return self.offline is Offline.OPEN

    @property
    def masked(self) -> str:
        """The number as anybody may see it."""
        if self.claim is not None:
            # It may be short, and without a PIN it is as good as money.
            return f"…{self.number[-4:]}"
        return masked(self.number) if self.number else ""

    @property
    def money_moved(self) -> MoneyMoved:
        """Whether the voucher's balance is another one because of this action."""
        match self.state:
            case State.DONE | State.CONFIRM_QUEUED | State.CONFIRMED:
                return MoneyMoved.YES
            case State.REFUSED | State.VOIDED | State.PUTBACK_DONE | State.REVERSED:
                return MoneyMoved.NO
            case _:
                return MoneyMoved.UNKNOWN

    def late(self, now: datetime) -> bool:
        """Whether it waits for the portal for so long that somebody should know."""
        waits = self.state in QUEUED and not self.set_aside
        return waits and self.queued_at is not None and now - self.queued_at >= LATE

    def open_case(self, now: datetime) -> Case | None:
        """Why a person has to look at it; None for no reason."""
        if self.case is not None:
            return self.case
        silent = self.kind is Kind.REDEEM and self.state is State.DONE and self.receipt_open
        return Case.SILENT if silent and now - self.changed_at >= SILENCE else None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an action's history, which is never changed."""

    at: datetime
    state: State
    words: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that is not over, oldest first. `waiting` is what the portal has to hear of yet."""

    open: tuple[Action, ...] = ()
    cases: tuple[Action, ...] = ()
    waiting: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """An action as it stands now, because of line `seq` of the histories; None for what stands in none.

    `at` is when that was. `case` is why a person has to look at it, if so.
    """

    action: Action
    case: Case | None
    seq: int | None
    at: datetime


class Elsewhere(Exception):
    """The action does not stand any more where this move begins: somebody else was first. Nothing was written."""


def conflict() -> BridgeError:
    """The key stands for something else."""
    return BridgeError(Code.VOUCHER_KEY_BODY, "the key was used before with another body", place="Idempotency-Key")
