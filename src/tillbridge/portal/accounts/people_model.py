"""People, groups and memberships as their pages and services speak of them."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.grants import Grant
from tillbridge.portal.accounts.model import PersonState
from tillbridge.portal.accounts.rights_tables import GROUP_NAME_LENGTH
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.rights import Action, Right

INVITATION_LIFE: Final = timedelta(days=7)
"""How long an invitation can be accepted: over a holiday week, and no longer."""

INVITE_AGAIN_AFTER: Final = timedelta(minutes=1)
"""Between two letters to one person: a second press of the button fills nobody's mailbox."""


class PeopleEvent(StrEnum):
    """What the audit log keeps about people, groups and support access."""

    INVITED = "people.invited"
    INVITED_AGAIN = "people.invited_again"
    JOINED = "people.joined"
    MEMBERSHIP_ADDED = "people.membership_added"
    MEMBERSHIP_REMOVED = "people.membership_removed"
    DISABLED = "people.disabled"
    ENABLED = "people.enabled"
    REMOVED = "people.removed"
    GROUP_MADE = "people.group_made"
    GROUP_CHANGED = "people.group_changed"
    GROUP_REMOVED = "people.group_removed"
    SUPPORT_OPENED = "support.opened"
    SUPPORT_CLOSED = "support.closed"
    SUPPORT_ENTERED = "support.entered"
    SUPPORT_LEFT = "support.left"
    MERCHANT_MADE = "merchant.made"


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its rights. `name` is empty for a stock group, which pages name in the reader's language.

    `strange` are names of rights in the database that this version does not know: they give nothing and are kept.
    """

    id: str
    tenant_id: str
    name: str
    stock: Stock | None
    rights: frozenset[Right]
    strange: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """What the audit log calls it."""
        return self.name or (self.stock.value if self.stock else "")


@dataclass(frozen=True, slots=True)
class Membership:
    """That a person is in a group, and where its rights hold. `place` is the location's name, if there is one."""

    id: str
    person_id: str
    group: Group
    grant: Grant
    place: str | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person of a merchant, as others of that merchant see it."""

    id: str
    tenant_id: str
    email: str
    name: str
    language: Language | None
    state: PersonState
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Invitee:
    """Whom to invite. `language` is that of the letter, and what the pages begin with."""

    email: str
    name: str
    language: Language


def clean_group_name(text: str, place: str = "name") -> str:
    """A group's name as it is stored. `BridgeError(FIELD_INVALID)` if it is empty, too long or not printable."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > GROUP_NAME_LENGTH or not name.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name of 1 to {GROUP_NAME_LENGTH} printable characters", place=place)
    return name


def tidy_rights(rights: frozenset[Right]) -> frozenset[Right]:
    """The rights without what follows from others: whoever may edit may view."""
    return frozenset(
        right for right in rights if right.action is Action.EDIT or Right(right.area, Action.EDIT) not in rights
    )
