"""People, their sessions and second factors, as values."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from email_validator import EmailNotValidError, validate_email

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.tables import NAME_LENGTH
from tillbridge.portal.audit.log import Actor, ActorKind
from tillbridge.portal.storage.columns import ID_LENGTH

IDLE: Final = timedelta(hours=12)
"""A session that nobody used for so long is over: a shop's day, and nobody finds it open the next morning."""

LIFE: Final = timedelta(days=30)
"""A session is over after that, however it is used."""

SEEN_EVERY: Final = timedelta(minutes=1)
"""How often it is written down that a session is used: not with each page."""

LONGEST_EMAIL: Final = 190
"""Characters of an address that is taken: longer ones are allowed by RFC 5321 and used by nobody, and the audit log
keeps no more."""

LINK_LIFE: Final = timedelta(minutes=60)
"""How long a link for a new password can be used."""

FIRST_LINK_LIFE: Final = timedelta(hours=24)
"""How long the link can be used with which the operator's first person chooses a password."""


LONGEST_ACTOR: Final = 200
"""Characters of an actor's name that the audit log keeps."""


class PersonState(StrEnum):
    """Where a person stands."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


class FactorKind(StrEnum):
    """What proves who somebody is besides a password."""

    TOTP = "totp"
    PASSKEY = "passkey"


class AccountEvent(StrEnum):
    """What the audit log keeps about accounts."""

    ADMIN_MADE = "account.admin_made"
    SIGNED_IN = "account.signed_in"
    LOCKED = "account.locked"
    SIGNED_OUT = "account.signed_out"
    SESSIONS_ENDED = "account.sessions_ended"
    STEPPED_UP = "account.stepped_up"
    RESET_ASKED = "account.reset_asked"
    PASSWORD_SET = "account.password_set"  # noqa: S105  # the name of an event
    FACTOR_ADDED = "account.factor_added"
    FACTOR_REMOVED = "account.factor_removed"
    RECOVERY_CODES_MADE = "account.recovery_codes_made"
    RECOVERY_CODE_USED = "account.recovery_code_used"
    PROFILE_CHANGED = "account.profile_changed"


@dataclass(frozen=True, slots=True)
class Account:
    """A person as it is stored. `tenant_id` None: staff of the operator. `password_hash` None: not accepted yet."""

    id: str
    tenant_id: str | None
    email: str
    name: str
    language: Language | None
    password_hash: str | None
    state: PersonState
    operator: bool

    def actor(self, source: str) -> Actor:
        """This person, for the audit log, before there is a session."""
        return Actor(ActorKind.PERSON, self.id, f"{self.name} <{self.email}>"[:LONGEST_ACTOR], source)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody signed in. `id` is the hash of its secret, `handle` what lists name it by."""

    id: str
    handle: str
    person_id: str
    created_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    source: str
    agent: str
    awaits_factor: bool
    stepped_up_at: datetime | None
    recovered_at: datetime | None
    helping_tenant_id: str | None

    def over(self, now: datetime) -> bool:
        """Whether it counts no more."""
        return now >= self.ends_at or now - self.last_seen_at >= IDLE


@dataclass(frozen=True, slots=True)
class Factor:
    """A second factor. Of a one-time password generator `sealed_secret` and `last_step`, of a passkey the rest."""

    id: str
    person_id: str
    kind: FactorKind
    name: str
    created_at: datetime
    confirmed_at: datetime | None
    last_used_at: datetime | None
    sealed_secret: str | None
    last_step: int | None
    credential_id: str | None
    public_key: str | None
    sign_count: int | None
    rp_id: str | None


def clean_email(text: str, place: str = "email") -> str:
    """An e-mail address as it is stored, in lower case. `BridgeError(FIELD_INVALID)` if it is none."""
    wrong = BridgeError(Code.FIELD_INVALID, "this is no e-mail address", place=place)
    if len(text) > LONGEST_EMAIL:
        raise wrong
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise wrong from None
    return same_email(found.normalized)


def same_email(text: str) -> str:
    """An address in the form in which two spellings of it compare equal; "" for what can be none."""
    stored = unicodedata.normalize("NFC", text.strip()).lower()
    return stored if stored.isprintable() and len(stored) <= LONGEST_EMAIL else ""


def clean_name(text: str, place: str = "name") -> str:
    """A person's name as it is stored. `BridgeError(FIELD_INVALID)` if it is empty, too long or not printable."""
    plain = "".join(" " if unicodedata.category(one) == "Zs" else one for one in unicodedata.normalize("NFC", text))
    name = " ".join(plain.split())
    if not name or len(name) > NAME_LENGTH or not plain.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name of 1 to {NAME_LENGTH} printable characters", place=place)
    return name


def clean_language(text: str, place: str = "language") -> Language | None:
    """A language that a form named; None for "as the browser says". `BridgeError(FIELD_INVALID)` for any other."""
    if not text:
        return None
    if text not in set(Language):
        raise BridgeError(Code.FIELD_INVALID, "this language is not spoken here", place=place)
    return Language(text)


def is_id(text: str) -> bool:
    """Whether an address may name a row at all: PostgreSQL takes no text with a zero byte, not even to look for."""
    return len(text) == ID_LENGTH and text.isascii() and text.isalnum()
