"""Links: what ties the connector of a location to the portal (docs/reference/portal-tokens.md)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.link.keys import PublicKey

SILENT_AFTER: Final = timedelta(minutes=30)
"""A connector reports each minute: after thirty of them the shop should know that it does not."""

FIRST_CONTACT_WITHIN: Final = timedelta(hours=24)
"""A new link that is never used is given up after a day; the older one was never touched."""

OLD_CREDENTIAL_LASTS: Final = timedelta(hours=24)
"""While a credential is exchanged the old one works until the new one is used, at most so long."""

CREDENTIAL_AGE: Final = timedelta(days=90)
"""After so long a connector is told to exchange its credential."""

SKEW_SHOWN: Final = 60
"""Seconds by which a till's clock may differ before both sides say so."""

LATE_UNSENT: Final = 300
"""Seconds that something may wait to be sent before both sides raise an alarm."""


class LinkState(StrEnum):
    """Where the link of a location stands. The first three and `SILENT` are shown and never stored."""

    NOT_PAIRED = "not_paired"
    PIN_OPEN = "pin_open"
    WAITING_CONFIRM = "waiting_confirm"
    WAITING_FIRST_CONTACT = "waiting_first_contact"
    CONVERTING = "converting"
    CONVERSION_FAILED = "conversion_failed"
    ACTIVE = "active"
    SILENT = "silent"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    REPLACED = "replaced"
    ABANDONED = "abandoned"


IN_USE: Final = frozenset(
    {LinkState.ACTIVE, LinkState.SUSPENDED, LinkState.CONVERTING, LinkState.CONVERSION_FAILED},
)
"""A location has at most one such link."""

ENDED: Final = frozenset({LinkState.REVOKED, LinkState.REPLACED, LinkState.ABANDONED})
"""Nothing brings such a link back."""

STORED: Final = IN_USE | ENDED | {LinkState.WAITING_FIRST_CONTACT}


class CredentialStanding(StrEnum):
    """A link's credential: a key with a master token. `WAITING` was made by an exchange and has not been used yet."""

    WAITING = "waiting"
    CURRENT = "current"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Credential:
    """A key with its master token, of which only the hash and the last four characters are known here.

    `ends_at` is when it stops although its successor has not been used yet; None while there is no successor.
    """

    id: str
    standing: CredentialStanding
    key: PublicKey
    thumbprint: str
    master_last4: str
    made_at: datetime
    first_used_at: datetime | None
    ends_at: datetime | None

    @property
    def fingerprint(self) -> str:
        """What people compare on both screens."""
        return self.key.fingerprint

    @property
    def masked(self) -> str:
        """The master token as both screens show it."""
        return f"tbm_••••{self.master_last4}"

    def lives(self, now: datetime) -> bool:
        """Whether it may still be used."""
        return self.standing is not CredentialStanding.ENDED and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True)
class Connector:
    """What a connector says of itself: its id, the name of its computer, its version and its system."""

    id: str
    name: str
    version: str
    os: str


@dataclass(frozen=True, slots=True)
class Figures:
    """How a connector was when it last reported.

    `clock_skew_seconds` is its clock less the portal's; `oldest_unsent_seconds` is None while nothing waits.
    """

    clock_skew_seconds: int | None = None
    unsent_count: int = 0
    oldest_unsent_seconds: int | None = None
    open_put_backs: int = 0

    @property
    def clock_is_off(self) -> bool:
        """Whether the difference of the clocks is worth a warning."""
        return abs(self.clock_skew_seconds or 0) > SKEW_SHOWN

    @property
    def unsent_is_late(self) -> bool:
        """Whether something has waited too long to be sent."""
        return (self.oldest_unsent_seconds or 0) >= LATE_UNSENT


@dataclass(frozen=True, slots=True)
class Link:
    """A link with its current credential.

    `conversion_due`: the customer data must be converted before it may do anything else. `counter` is the number of
    its last token request; `counter_left` that of a run of numbers which it fell back from at `counter_fell_at`.
    """

    id: str
    location_id: str
    tenant_id: str
    state: LinkState
    conversion_due: bool
    connector: Connector
    credential: Credential
    figures: Figures
    created_at: datetime
    first_contact_at: datetime | None
    last_contact_at: datetime | None
    state_since: datetime
    ended_at: datetime | None
    reason: str
    rotation_asked_at: datetime | None
    clone_suspected_at: datetime | None
    counter: int | None
    counter_left: int | None
    counter_fell_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        return self.state in ENDED

    def shown(self, now: datetime) -> LinkState:
        """The state as people read it."""
        return shown_state(self.state, self.last_contact_at, now)

    def overdue(self, now: datetime) -> bool:
        """Whether its first contact did not come in time."""
        return self.state is LinkState.WAITING_FIRST_CONTACT and now - self.created_at >= FIRST_CONTACT_WITHIN

    def rotation_due(self, now: datetime) -> bool:
        """Whether its connector should exchange the credential: somebody asked for it, or it is old."""
        return self.rotation_asked_at is not None or now - self.credential.made_at >= CREDENTIAL_AGE


def shown_state(state: LinkState, last_contact_at: datetime | None, now: datetime) -> LinkState:
    """`SILENT` for an active link that nobody has heard of for a while, else the state itself."""
    silent = last_contact_at is None or now - last_contact_at >= SILENT_AFTER
    return LinkState.SILENT if state is LinkState.ACTIVE and silent else state


@dataclass(frozen=True, slots=True)
class PinPhase:
    """What pairing says of a location: `PIN_OPEN` or `WAITING_CONFIRM`, until when, after how many wrong tries."""

    state: LinkState
    until: datetime
    tries: int


class PinPhases(Protocol):
    """Knows which locations are about to be paired."""

    async def of_location(self, connection: AsyncConnection, location_id: str) -> PinPhase | None:
        """The phase of one location; None if nobody is pairing it."""
        ...

    async def of_tenant(self, connection: AsyncConnection, tenant_id: str) -> Mapping[str, PinPhase]:
        """The phases of all locations of a merchant that have one, by location id, in one query."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How a location stands to the portal, as people read it.

    Without a link in use the pairing decides; with one, `pin` says besides that it is about to be replaced.
    """

    state: LinkState
    link_id: str | None = None
    since: datetime | None = None
    last_contact_at: datetime | None = None
    clone_suspected: bool = False
    pin: PinPhase | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A new link. `master_token` is known at this moment only; `replaces` is the link that it will end when used."""

    link: Link
    master_token: str = field(repr=False)
    replaces: Link | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is written to when a link changes; `language` None: the portal's own."""

    email: str
    language: Language | None


Owners = Callable[[AsyncConnection, str], Awaitable[Sequence[Recipient]]]
"""Who is told about changes of a merchant's links, by its id."""


class LinkEvent(StrEnum):
    """What the audit log knows of links."""

    OPENED = "link.opened"
    FIRST_CONTACT = "link.first_contact"
    REPLACED = "link.replaced"
    ABANDONED = "link.abandoned"
    SUSPENDED = "link.suspended"
    RESUMED = "link.resumed"
    REVOKED = "link.revoked"
    UNPAIRED = "link.unpaired"
    CONVERSION = "link.conversion"
    ROTATION_ASKED = "link.rotation_asked"
    ROTATION_MADE = "link.rotation_made"
    ROTATED = "link.rotated"
    CLONE_SUSPECTED = "link.clone_suspected"
    CLONE_CLEARED = "link.clone_cleared"
    CLONE_CHOICE = "link.clone_choice"
