"""What the forms about people say, and how their faults are shown."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.grants import EVERYTHING, Grant, Scope
from tillbridge.portal.accounts.model import PersonState, clean_email, clean_name
from tillbridge.portal.accounts.people_model import Group, Invitee, Membership
from tillbridge.portal.accounts.people_store import Search
from tillbridge.portal.accounts.support_service import Opening
from tillbridge.portal.rights import EVERY_RIGHT, Action, Area, Right
from tillbridge.portal.storage.columns import ID_LENGTH
from tillbridge.web.language import Catalogue

LONGEST_SEARCH: Final = 100
LAST_OFFSET: Final = 1_000_000
TICK: Final = "on"

_SHOWN: Final = frozenset(
    {Code.FIELD_INVALID, Code.RECORD_CONFLICT, Code.RECORD_UNKNOWN, Code.RIGHT_MISSING, Code.OVERLOADED, Code.SLOW_DOWN}
)

_RULES: Final = frozenset({"too_short", "too_long", "too_common", "too_personal"})
"""What `passwords.check_rules` says in its detail."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A coloured word: `tone` is good, bad, alert, running or calm."""

    tone: str
    text: str


def wrong_of(t: Catalogue, error: BridgeError) -> Mapping[str, str]:
    """A refusal as the form shows it, by field ("" for the form as a whole); what is no fault of the form is raised."""
    if error.code not in _SHOWN:
        raise error
    if error.detail in _RULES:
        return {error.place or "": t(f"accounts.wrong.{error.detail}")}
    keys = (f"people.wrong.{error.code.value}.{error.place}", f"people.wrong.{error.place}")
    key = next((one for one in keys if t.has(one)), f"people.wrong.{error.code.value}")
    return {error.place or "": t(key)}


def filled(form: Mapping[str, str]) -> Mapping[str, str]:
    """A form for its template: fields that were not sent are empty."""
    return defaultdict(str, form)


def read_search(query: Mapping[str, str]) -> Search:
    """Which people an address asks for; what cannot be read is left out, as nothing depends on it."""
    text = "".join(sign for sign in query.get("q", "")[:LONGEST_SEARCH] if sign.isprintable()).strip()
    state = query.get("state", "")
    return Search(text, PersonState(state) if state in set(PersonState) else None, read_offset(query))


def read_offset(query: Mapping[str, str]) -> int:
    """The first row of a list that an address asks for."""
    text = query.get("from", "")
    return min(int(text), LAST_OFFSET) if text.isascii() and text.isdigit() and len(text) < ID_LENGTH else 0


def read_invitee(form: Mapping[str, str], prefix: str = "") -> Invitee:
    """Whom to invite. `BridgeError(FIELD_INVALID)` names the field."""
    language = form.get("language", "")
    if language not in set(Language):
        raise BridgeError(Code.FIELD_INVALID, "this language is not spoken here", place="language")
    email, name = f"{prefix}email", f"{prefix}name"
    return Invitee(clean_email(form.get(email, ""), email), clean_name(form.get(name, ""), name), Language(language))


def read_grant(form: Mapping[str, str]) -> Grant:
    """Where rights are to hold. `BridgeError(FIELD_INVALID)` names the field."""
    scope, place = form.get("scope", ""), form.get("location", "")
    if scope == Scope.TENANT:
        return EVERYTHING
    if scope not in set(Scope):
        raise BridgeError(Code.FIELD_INVALID, "a scope is missing", place="scope")
    if len(place) != ID_LENGTH:
        raise BridgeError(Code.FIELD_INVALID, "a location is missing", place="location")
    return Grant(Scope(scope), place)


def read_opening(form: Mapping[str, str]) -> Opening:
    """What support access to open. `BridgeError(FIELD_INVALID)` names the field."""
    hours = form.get("hours", "")
    if not (hours.isascii() and hours.isdigit() and len(hours) < len("1000")):
        raise BridgeError(Code.FIELD_INVALID, "whole hours", place="hours")
    return Opening(read_grant(form), int(hours), form.get("reason", ""))


def read_rights(form: Mapping[str, str], *, kept: frozenset[Right], givable: frozenset[Right]) -> frozenset[Right]:
    """The rights that were ticked. Boxes that the reader could not tick were not sent and stay as they are."""
    return frozenset(
        right for right in EVERY_RIGHT if (form.get(f"right.{right}") == TICK if right in givable else right in kept)
    )


def group_name(t: Catalogue, group: Group) -> str:
    """What a group is called in the reader's language."""
    return t(f"people.stock.{group.stock}") if group.stock else group.name


def grant_text(t: Catalogue, membership: Membership) -> str:
    """Where a membership's rights hold."""
    if membership.grant == EVERYTHING:
        return t("people.scope.tenant")
    place = membership.place or t("people.scope.gone")
    return t(f"people.scope.{membership.grant.scope}.at", place=place)


def state_badge(t: Catalogue, state: PersonState) -> Badge:
    """Where an account stands, in one word."""
    tone = {PersonState.ACTIVE: "good", PersonState.INVITED: "running", PersonState.DISABLED: "calm"}[state]
    return Badge(tone, t(f"people.state.{state}"))


def areas() -> list[tuple[Area, bool]]:
    """Every area, and whether there is anything to edit in it."""
    return [(area, Right(area, Action.EDIT) in EVERY_RIGHT) for area in Area]
