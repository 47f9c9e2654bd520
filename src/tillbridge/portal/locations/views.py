"""Locations as pages show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations.linked import TONES, group_of
from tillbridge.portal.locations.model import Found, Wish
from tillbridge.web.language import Catalogue
from tillbridge.web.words import Words


@dataclass(frozen=True, slots=True)
class Badge:
    """A coloured word: `tone` is good, bad, alert, running or calm."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Paging:
    """Where a list stands: `before` and `after` are the addresses of its neighbours, "" where there is none."""

    page: int
    pages: int
    before: str
    after: str


def link_badge(t: Catalogue, state: LinkState | None) -> Badge:
    """A link's state in one word."""
    group = group_of(state)
    return Badge(TONES[group], t(f"locations.link.{group}"))


def paging(path: str, wish: Wish, found: Found, extra: Mapping[str, str] | None = None) -> Paging:
    """The neighbours of a page of a list, with the same search."""

    def at(page: int) -> str:
        asked = {"q": wish.text, "closed": "on" if wish.with_closed else "", "page": str(page), **(extra or {})}
        return f"{path}?{urlencode({name: value for name, value in asked.items() if value})}"

    return Paging(
        found.page,
        found.pages,
        at(found.page - 1) if found.page > 1 else "",
        at(found.page + 1) if found.page < found.pages else "",
    )


def day(words: Words, at: datetime | date) -> str:
    """A day as people write it; of a moment, the day in the reader's or the location's zone."""
    local = at.astimezone(words.zone) if isinstance(at, datetime) else at
    return local.strftime(words.t("format.date"))


def day_and_clock(words: Words, at: datetime) -> str:
    """A moment that somebody plans by: the day, the hour and the minute, in the reader's or the location's zone."""
    return f"{day(words, at)} {at.astimezone(words.zone):%H:%M}"


def done(request: Request, t: Catalogue, prefix: str) -> str:
    """The sentence that an action left in the address ("" if none that is known)."""
    key = f"{prefix}.done.{request.query_params.get('done', '')}"
    return t(key) if t.has(key) else ""


def wrong_field(error: BridgeError, keys: Mapping[str, str]) -> dict[str, str]:
    """The key of the text for the field that an error names; the error itself if the form has no such field."""
    place = error.place or ""
    if place not in keys:
        raise error
    return {place: keys[place]}
