"""How the link stands, for everybody who shows it: the console, the native interface, the command line.

One board for each connector. Whoever speaks with the portal notes here what came of it; nobody else guesses.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tillbridge.connector.portal.addresses import host_of
from tillbridge.connector.portal.faults import UnderMaintenance
from tillbridge.connector.portal.keystore import KeptLink, Keystore
from tillbridge.connector.portal.sealing import SealKind
from tillbridge.connector.portal.states import (
    Ended,
    Exchange,
    LinkState,
    LinkView,
    Planned,
    ServiceView,
    Standing,
    Unsent,
    Warned,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import master_token
from tillbridge.link.scopes import ServiceState
from tillbridge.runtime.effects import Clock

SKEW_SHOWN: Final = timedelta(seconds=60)
"""A clock that is further off is worth a warning; nothing is refused because of it."""

LATE_UNSENT: Final = timedelta(minutes=5)
"""Something that waits longer to be sent raises an alarm."""

HINT_AHEAD: Final = timedelta(minutes=60)
"""So long before a maintenance the till is told of it."""

_STATES: Final = {
    Code.LINK_REVOKED: LinkState.REVOKED,
    Code.NOT_PAIRED: LinkState.REVOKED,
    Code.LINK_SUSPENDED: LinkState.SUSPENDED,
    Code.CLONE_SUSPECTED: LinkState.SUSPENDED,
    Code.PROOF_REFUSED: LinkState.SUSPENDED,
    Code.PORTAL_REFUSED: LinkState.SUSPENDED,
    Code.MAINTENANCE: LinkState.MAINTENANCE,
    Code.PORTAL_UNREACHABLE: LinkState.PORTAL_UNREACHABLE,
    Code.PORTAL_SILENT: LinkState.PORTAL_UNREACHABLE,
    Code.PORTAL_FAULT: LinkState.PORTAL_UNREACHABLE,
    Code.PORTAL_UNPROVEN: LinkState.PORTAL_UNREACHABLE,
    Code.OVERLOADED: LinkState.PORTAL_UNREACHABLE,
    Code.DATABASE_UNAVAILABLE: LinkState.PORTAL_UNREACHABLE,
}
"""What a failure of the link itself makes of it. Any other refusal is about one request and leaves the link alone."""


class Board:
    """The state of the link. Its methods are called on the event loop."""

    def __init__(self, keystore: Keystore, clock: Clock) -> None:
        self._keystore = keystore
        self._clock = clock
        self._exchange: Exchange | None = None
        self._ended: Ended | None = None
        self._trouble: BridgeError | None = None
        self._last_contact_at: datetime | None = None
        self._skew: timedelta | None = None
        self._unsent = Unsent()
        self._notice = ""
        self._planned: tuple[Planned, ...] = ()
        self._maintenance: UnderMaintenance | None = None
        self._expiry: Mapping[str, datetime] = {}
        self._changed = asyncio.Event()
        self._view_of: tuple[KeptLink, LinkView] | None = None
        link = self._link()
        self._state = self._now_is()
        self._since = clock.now() if link is None or self._state is not LinkState.ACTIVE else link.paired_at

    # ------------------------------------------------------------ what others note here

    def reached(self, server_time: datetime | None = None) -> None:
        """The portal answered for this link. `server_time` is its clock, in UTC, where it said it."""
        now = self._clock.now()
        self._last_contact_at = now
        self._trouble = None
        if server_time is not None:
            self._skew = now - server_time
        self._refresh()

    def heard(self) -> None:
        """The portal gave a sign of life on the connection that stays open."""
        self._last_contact_at = self._clock.now()

    def failed(self, error: BridgeError) -> None:
        """Speaking with the portal for this link came to nothing."""
        if error.code in _STATES:
            self._trouble = error
        self._refresh()

    def exchanging(self, exchange: Exchange) -> None:
        """A pairing has begun, or come further."""
        self._exchange = exchange
        self._refresh()

    def exchange_ended(self, refusal: BridgeError | None) -> None:
        """The pairing is over: with a link, or with the reason why not."""
        if self._exchange is not None:
            self._ended = Ended(self._exchange.id, self._clock.now(), refusal)
        self._exchange = None
        self._refresh()

    def linked(self) -> None:
        """There is a new link: what was wrong with an older one does not matter any more."""
        self._trouble = None
        self._refresh()

    def link_changed(self) -> None:
        """Something about the link that is kept has changed."""
        self._refresh()

    def unpaired(self) -> None:
        """There is no link any more, and nothing of the old one matters."""
        self._trouble, self._ended, self._last_contact_at = None, None, None
        self._planned, self._maintenance = (), None
        self._refresh()

    def waits(self, unsent: Unsent) -> None:
        """What waits to be sent."""
        self._unsent = unsent
        self._refresh()

    def told(self, notice: str) -> None:
        """A sentence of the portal's own for whoever looks at the state; empty for none any more."""
        self._notice = notice
        self._refresh()

    def announced(self, planned: Iterable[Planned], now_on: UnderMaintenance | None) -> None:
        """Which maintenance the portal has announced, and what is on right now."""
        self._planned = tuple(sorted(planned, key=lambda one: one.start))
        self._maintenance = now_on
        self._refresh()

    def tokens(self, expiry: Mapping[str, datetime]) -> None:
        """Until when the access tokens that are held are good, by service."""
        self._expiry = expiry

    # ------------------------------------------------------------ what is shown

    @property
    def exchange(self) -> Exchange | None:
        """The pairing under way, if any."""
        return self._exchange

    @property
    def state(self) -> LinkState:
        """Where the link stands."""
        return self._state

    def standing(self) -> Standing:
        """All of it, at this moment."""
        if self._now_is() is not self._state:
            self._refresh()  # the end of a maintenance came by itself
        return Standing(
            state=self._state,
            since=self._since,
            link=self._view(),
            exchange=self._exchange,
            ended=self._ended,
            trouble=self._matters() or self._keystore.fault,
            last_contact_at=self._last_contact_at,
            skew=self._skew,
            unsent=self._unsent,
            notice=self._notice,
            warnings=self._warnings(),
            planned=self._near(),
        )

    async def change(self) -> None:
        """Returns when something on the board has changed."""
        await self._changed.wait()

    def _warnings(self) -> tuple[Warned, ...]:
        found: list[Warned] = []
        if self._keystore.fault is not None:
            found.append(Warned.KEYSTORE)
        if self._keystore.seal is SealKind.FILE and self._link() is not None:
            found.append(Warned.KEY_IN_A_FILE)
        if self._skew is not None and abs(self._skew) > SKEW_SHOWN:
            found.append(Warned.CLOCK)
        oldest = self._unsent.oldest_at
        if oldest is not None and self._clock.now() - oldest >= LATE_UNSENT:
            found.append(Warned.UNSENT)
        return tuple(found)

    def _near(self) -> tuple[Planned, ...]:
        now = self._clock.now()
        return tuple(one for one in self._planned if one.start - HINT_AHEAD <= now < one.end)

    def _view(self) -> LinkView | None:
        link = self._link()
        if link is None:
            return None
        if self._view_of is None or self._view_of[0] is not link:
            self._view_of = (link, view_of(link))
        view = self._view_of[1]
        # A token that only reports how things stand is held for a service that may be off: it opens nothing there.
        on = {one.service for one in view.services if one.state is ServiceState.ON}
        services = (
            replace(one, expires_at=self._expiry.get(one.service) if one.service in on else None)
            for one in view.services
        )
        return replace(view, services=tuple(services))

    def _link(self) -> KeptLink | None:
        kept = None if self._keystore.fault is not None else self._keystore.kept
        return None if kept is None else kept.link

    def _now_is(self) -> LinkState:
        if self._exchange is not None:
            return LinkState.EXCHANGING
        link = self._link()
        if link is None:
            return LinkState.NOT_PAIRED
        if link.ended:
            return LinkState.REVOKED
        trouble = self._matters()
        return LinkState.ACTIVE if trouble is None else _STATES[trouble.code]

    def _matters(self) -> BridgeError | None:
        """What stands in the way now: a failure, else a maintenance that the portal itself told of."""
        told = self._maintenance
        over = told is None or (told.until is not None and told.until <= self._clock.now())
        return self._trouble or (None if over else told)

    def _refresh(self) -> None:
        state = self._now_is()
        if state is not self._state:
            self._state, self._since = state, self._clock.now()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def view_of(link: KeptLink) -> LinkView:
    """What people may see of a link."""
    return LinkView(
        link_id=link.link_id,
        address=link.address,
        host=host_of(link.address),
        location_number=link.location_number,
        location_name=link.location_name,
        tenant=link.tenant,
        fingerprint=link.credential.pair.public.fingerprint,
        masked_token=master_token.masked(link.credential.master_token),
        paired_at=link.paired_at,
        rotated_at=link.rotated_at,
        services=tuple(ServiceView(one.service, one.state) for one in link.services),
    )
