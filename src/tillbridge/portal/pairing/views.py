"""What the Interfaces pages show, ready to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.portal.house import House
from tillbridge.portal.links.model import IN_USE, Link, LinkState, Standing
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.views import Badge, badge
from tillbridge.portal.links.views import facts as facts_of
from tillbridge.portal.locations.model import Location
from tillbridge.portal.pairing import pins_store, sessions_store
from tillbridge.portal.pairing.model import MOST_TRIES, Pin, PinState, Session
from tillbridge.portal.pairing.wanted import Precondition, Preconditions
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.words import Moment, Words

SHOWN_PINS: Final = 5
"""Earlier PINs on the page of a location: enough to see why the last one was refused."""


@dataclass(frozen=True, slots=True)
class Row:
    """One location in the list."""

    id: str
    name: str
    town: str
    number: str
    badge: Badge
    pairing: Badge | None
    last_contact: Moment | None


@dataclass(frozen=True, slots=True)
class PinLine:
    """An earlier PIN, and what became of it."""

    state: str
    made_at: Moment
    ended_at: Moment | None
    by: str
    tries: str


@dataclass(frozen=True, slots=True)
class OpenPin:
    """The open PIN, without its digits. `seconds` are left of its day."""

    until: Moment
    seconds: int
    tries: str


@dataclass(frozen=True, slots=True)
class WaitingView:
    """A connector that waits for consent."""

    session_id: str
    fingerprint: str
    name: str
    version: str
    until: Moment


@dataclass(frozen=True, slots=True)
class Function:
    """What does not work any more once the customer data are converted, and what there is instead."""

    name: str
    instead: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows of the pairing of one location at one moment."""

    place: Location
    standing: Standing
    link: Link | None
    pins: Sequence[Pin]
    waiting: Session | None
    condition: Precondition
    now: datetime

    @property
    def mark(self) -> str:
        """Says whether a page shows what is the case now: it changes with everything that such a page shows."""
        open_pin = self.open_pin
        parts = (self.shown, open_pin.id if open_pin else "", str(open_pin.tries if open_pin else 0))
        return "/".join((*parts, self.waiting.id if self.waiting else "", self.standing.link_id or ""))

    @property
    def shown(self) -> LinkState:
        """What matters most to somebody who pairs: the pairing, and else the link."""
        return self.standing.pin.state if self.standing.pin else self.standing.state

    @property
    def open_pin(self) -> Pin | None:
        """The open PIN, if there is one."""
        return next((pin for pin in self.pins if pin.open_at(self.now)), None)


async def read_facts(
    house: House, connection: AsyncConnection, links: Links, preconditions: Preconditions, place: Location
) -> Facts:
    """All of it for one location."""
    now = house.runtime.clock.now()
    return Facts(
        place=place,
        standing=await links.state_of(connection, place.id),
        link=await links.link_of(connection, place.id),
        pins=await pins_store.newest(connection, place.id, SHOWN_PINS + 1),
        waiting=await sessions_store.waiting_at(connection, place.id, now),
        condition=await preconditions.check(connection, place, now),
        now=now,
    )


def view_of(facts: Facts, words: Words, person: Person) -> Mapping[str, object]:
    """The page of one location."""
    t, place = words.t, facts.place
    refusal = facts.condition.refusal
    return {
        "place": place,
        "number": str(place.number),
        "state": facts.shown,
        "mark": facts.mark,
        "badge_of_link": badge(words, facts.standing.state),
        "pairing": badge(words, facts.standing.pin.state) if facts.standing.pin else None,
        "link_id": facts.link.id if facts.link else None,
        "facts": facts_of(words, facts.link) if facts.link else None,
        "last_contact": _moment(words, facts.standing.last_contact_at),
        "replaceable": facts.link is not None and facts.link.state in IN_USE,
        "open_pin": _open_pin(facts, words),
        "waiting": _waiting(facts.waiting, words),
        "earlier": [_line(pin, words, facts.now) for pin in facts.pins if not pin.open_at(facts.now)][:SHOWN_PINS],
        "refusal": None if refusal is None else refusal_text(refusal.code, t.language),
        "functions": [_function(words, key) for key in facts.condition.functions],
        "conversion_due": facts.condition.conversion_due,
        "may_edit": place.open and person.may(Area.POS_INTERFACE, Action.EDIT, place.id),
    }


def row_of(place: Location, standing: Standing | None, words: Words) -> Row:
    """One line of the list."""
    known = standing or Standing(LinkState.NOT_PAIRED)
    pairing = badge(words, known.pin.state) if known.pin and known.pin.state is not known.state else None
    return Row(
        place.id,
        place.name,
        place.address.city,
        str(place.number),
        badge(words, known.state),
        pairing,
        _moment(words, known.last_contact_at),
    )


def _moment(words: Words, at: datetime | None) -> Moment | None:
    return None if at is None else words.moment(at)


def _open_pin(facts: Facts, words: Words) -> OpenPin | None:
    pin = facts.open_pin
    if pin is None:
        return None
    seconds = int((pin.expires_at - facts.now).total_seconds())
    return OpenPin(words.moment(pin.expires_at), seconds, f"{pin.tries}/{MOST_TRIES}")


def _waiting(session: Session | None, words: Words) -> WaitingView | None:
    if session is None:
        return None
    return WaitingView(
        session.id,
        session.fingerprint,
        session.connector_name,
        session.connector_version,
        words.moment(session.ends_at),
    )


def _function(words: Words, key: str) -> Function:
    instead = f"{key}.instead"
    return Function(words.t(key), words.t(instead) if words.t.has(instead) else "")


def _line(pin: Pin, words: Words, now: datetime) -> PinLine:
    state = pin.state_at(now)
    ended_at = pin.expires_at if state is PinState.EXPIRED else pin.ended_at
    return PinLine(
        words.t(f"interfaces.pin.{state}"),
        words.moment(pin.created_at),
        _moment(words, ended_at),
        pin.creator.name,
        f"{pin.wrong}/{MOST_TRIES}",
    )
