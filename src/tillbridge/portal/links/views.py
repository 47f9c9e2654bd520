"""A link as pages show it: read only, with nothing that could be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.portal.links.model import Link, LinkState
from tillbridge.web.words import Moment, Words

TONES: Final[Mapping[LinkState, str]] = {
    LinkState.NOT_PAIRED: "calm",
    LinkState.PIN_OPEN: "running",
    LinkState.WAITING_CONFIRM: "running",
    LinkState.WAITING_FIRST_CONTACT: "running",
    LinkState.CONVERTING: "running",
    LinkState.CONVERSION_FAILED: "bad",
    LinkState.ACTIVE: "good",
    LinkState.SILENT: "alert",
    LinkState.SUSPENDED: "alert",
    LinkState.REVOKED: "calm",
    LinkState.REPLACED: "calm",
    LinkState.ABANDONED: "calm",
}


class LinkAction(StrEnum):
    """What a person may do with a link."""

    SUSPEND = "suspend"
    RESUME = "resume"
    ROTATE = "rotate"
    CLEAR = "clear"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Badge:
    """A coloured word."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the table: its label, and a text, a moment or a code; `alert` for what somebody should look at."""

    label: str
    text: str = ""
    moment: Moment | None = None
    code: bool = False
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the partial `links/facts.html` shows."""

    badge: Badge
    since: Moment
    reason: str
    clone: str
    rows: tuple[Fact, ...]


def badge(words: Words, state: LinkState) -> Badge:
    """A state in one word."""
    return Badge(TONES[state], words.t(f"links.state.{state}"))


def facts(words: Words, link: Link) -> Facts:
    """A link for the partial `links/facts.html`."""
    t, figures = words.t, link.figures
    rows = [
        Fact(t("links.fact.computer"), f"{link.connector.name} ({link.connector.os})"),
        Fact(t("links.fact.version"), link.connector.version),
        Fact(t("links.fact.fingerprint"), link.credential.fingerprint, code=True),
        Fact(t("links.fact.token"), link.credential.masked, code=True),
        Fact(t("links.fact.token_since"), moment=words.moment(link.credential.made_at)),
        _moment(words, "first_contact", link.first_contact_at),
        _moment(words, "last_contact", link.last_contact_at),
    ]
    if figures.clock_skew_seconds is not None:
        rows.append(Fact(t("links.fact.clock"), _clock(words, figures.clock_skew_seconds), alert=figures.clock_is_off))
    rows.append(Fact(t("links.fact.unsent"), _unsent(words, link), alert=figures.unsent_is_late))
    rows.append(Fact(t("links.fact.put_backs"), words.count(figures.open_put_backs)))
    clone = "" if link.clone_suspected_at is None else t("links.clone", at=words.moment(link.clone_suspected_at).text)
    shown = badge(words, link.shown(words.now))
    return Facts(shown, words.moment(link.state_since), link.reason, clone, tuple(rows))


def actions(link: Link) -> tuple[LinkAction, ...]:
    """What may be done with a link as it is."""
    if link.ended:
        return ()
    found = []
    if link.state is LinkState.SUSPENDED:
        found.append(LinkAction.RESUME)
    elif link.state is not LinkState.WAITING_FIRST_CONTACT:
        found += [LinkAction.ROTATE, LinkAction.SUSPEND]
        if link.clone_suspected_at is not None:
            found.insert(0, LinkAction.CLEAR)
    return (*found, LinkAction.REVOKE)


def _moment(words: Words, name: str, at: datetime | None) -> Fact:
    label = words.t(f"links.fact.{name}")
    return Fact(label, words.t("links.never")) if at is None else Fact(label, moment=words.moment(at))


def _clock(words: Words, seconds: int) -> str:
    if seconds == 0:
        return words.t("links.clock.same")
    return words.t("links.clock.ahead" if seconds > 0 else "links.clock.behind", span=_span(words, abs(seconds)))


def _unsent(words: Words, link: Link) -> str:
    figures = link.figures
    if figures.oldest_unsent_seconds is None:
        return words.count(figures.unsent_count)
    age = _span(words, figures.oldest_unsent_seconds)
    return words.t("links.unsent.oldest", count=words.count(figures.unsent_count), span=age)


def _span(words: Words, seconds: int) -> str:
    """A span in its largest unit that fits, rounded down."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return words.t(f"links.span.{unit}", count=words.count(seconds // length))
    return words.t("links.span.seconds", count=words.count(seconds))
