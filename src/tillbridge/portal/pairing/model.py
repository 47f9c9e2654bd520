"""PINs, pairing sessions and the limits around them, as values (docs/reference/pairing-protocol.md, section 12)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.link.pairing.words import SESSION_SECONDS

PIN_LASTS: Final = timedelta(hours=24)
"""From when it was made; the portal's clock alone decides, at the moment a finish arrives."""

MOST_TRIES: Final = 5
"""Wrong finishes against one PIN: with four digits one in two thousand PINs falls to them."""

SESSION_LASTS: Final = timedelta(seconds=SESSION_SECONDS)

CONSENT_LASTS: Final = timedelta(minutes=10)
"""So long somebody at the portal may take to compare two codes."""

REPLAY_LASTS: Final = timedelta(hours=24)
"""An answer is repeated so long after the first finish, if nobody acknowledges it."""

REPLAY_AFTER_CONTACT: Final = timedelta(minutes=10)
"""And so long after the connector first used its tokens: then it has surely stored them."""

STUCK_AFTER: Final = timedelta(minutes=3)
"""A PIN whose last try was taken so long ago and never looked at, because a portal died, is burned."""

SUSPICIOUS_BURNS: Final = 2
"""With so many PINs burned within a day, a location's next pairing needs somebody's consent."""

BURNS_COUNT: Final = timedelta(hours=24)

POLL_SECONDS: Final = 5
"""How often a connector asks again while somebody at the portal decides."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` within any `span`, counted for each subject on its own."""

    name: str
    most: int
    span: timedelta

    def key(self, subject: str = "") -> str:
        """Under which it is counted."""
        return f"{self.name}/{subject}" if subject else self.name


STARTS_OF_SOURCE: Final = Limit("start", 10, timedelta(minutes=1))
STARTS_OF_LOCATION: Final = Limit("start-at", 20, timedelta(minutes=1))
FAILURES_OF_SOURCE: Final = Limit("failed", 10, timedelta(hours=24))
FAILURES_OF_PORTAL: Final = Limit("failed-all", 100, timedelta(hours=24))
"""Against open PINs only. One hundred guesses of one in ten thousand: one location in a hundred such days falls."""


class PinState(StrEnum):
    """Only an open PIN takes a finish; the others are facts."""

    OPEN = "open"
    USED = "used"
    BURNED = "burned"
    EXPIRED = "expired"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


class Stage(StrEnum):
    """Where a session stands: `JUDGING` has bound its one finish, `WAITING` waits for somebody's consent."""

    STARTED = "started"
    JUDGING = "judging"
    WAITING = "waiting"
    OVER = "over"


class PairingEvent(StrEnum):
    """What the audit log knows of pairings."""

    PIN_MADE = "pin.made"
    PIN_USED = "pin.used"
    PIN_BURNED = "pin.burned"
    PIN_EXPIRED = "pin.expired"
    PIN_REPLACED = "pin.replaced"
    PIN_WITHDRAWN = "pin.withdrawn"
    FAILED = "pairing.failed"
    REFUSED = "pairing.refused"
    WAITING = "pairing.waiting"
    ACCEPTED = "pairing.accepted"
    DENIED = "pairing.denied"
    UNANSWERED = "pairing.unanswered"
    GUARDED = "pairing.guarded"
    UNGUARDED = "pairing.unguarded"


ENDED_BY: Final = {
    PinState.USED: PairingEvent.PIN_USED,
    PinState.BURNED: PairingEvent.PIN_BURNED,
    PinState.EXPIRED: PairingEvent.PIN_EXPIRED,
    PinState.REPLACED: PairingEvent.PIN_REPLACED,
    PinState.WITHDRAWN: PairingEvent.PIN_WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Creator:
    """Who made a PIN, as that person is told when it burns."""

    id: str
    name: str
    email: str
    language: Language | None


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN without its digits. `tries` are those that were counted, `wrong` those that were judged."""

    id: str
    tenant_id: str
    location_id: str
    state: PinState
    tries: int
    wrong: int
    replaces: bool
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    creator: Creator

    def open_at(self, now: datetime) -> bool:
        """Whether it takes a finish at that moment, tries apart."""
        return self.state is PinState.OPEN and now < self.expires_at

    def state_at(self, now: datetime) -> PinState:
        """Its state at that moment: one whose day is over is expired, also before the sweep has written that down."""
        return PinState.EXPIRED if self.state is PinState.OPEN and now >= self.expires_at else self.state


@dataclass(frozen=True, slots=True)
class SealedPin:
    """An open PIN as it is stored."""

    pin: Pin
    sealed: str


@dataclass(frozen=True, slots=True)
class MadePin:
    """A PIN at the one moment when its digits are known: it is shown to its creator and nowhere else."""

    pin: Pin
    digits: str

    def __repr__(self) -> str:
        return f"MadePin(pin={self.pin.id!r})"


@dataclass(frozen=True, slots=True)
class Session:
    """A pairing session. `pin_id` None: it talks to a PIN that nobody was given, and cannot win.

    `counted` says that its finish took a try of the PIN, `consent` that it came above the portal's limit. `answer` or
    `refusal` is how it ended, for ever. `ends_at` is until when it takes its finish, or somebody's consent.
    """

    id: str
    pin_id: str | None
    location_id: str | None
    source: str
    stage: Stage
    ends_at: datetime
    sealed_state: str
    body_hash: str | None
    finished_at: datetime | None
    counted: bool
    consent: bool
    answer: bytes | None
    refusal: BridgeError | None
    link_id: str | None
    fingerprint: str
    connector_name: str
    connector_version: str


@dataclass(frozen=True, slots=True)
class Guard:
    """Guarded mode since when: after too many wrong finishes each pairing needs somebody's consent."""

    since: datetime
    ended_at: datetime | None

    @property
    def on(self) -> bool:
        """Whether it is on."""
        return self.ended_at is None
