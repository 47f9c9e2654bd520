"""What people are written about their account, in their own language."""

from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.model import Account
from tillbridge.portal.house import House
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.mail.writing import write

PASSWORD_LINK: Final = "accounts.mail.password_link"  # noqa: S105  # the key of a text
PASSWORD_SET: Final = "accounts.mail.password_set"  # noqa: S105  # the key of a text
FACTOR_ADDED: Final = "accounts.mail.factor_added"
FACTOR_REMOVED: Final = "accounts.mail.factor_removed"
RECOVERY_CODE_USED: Final = "accounts.mail.recovery_code_used"


def letter_to(house: House, account: Account, key: str, asked: Language | None = None, **fields: object) -> Letter:
    """The letter of this key: in the profile's language, else that in which the person asked, else the portal's."""
    language = account.language or asked or house.settings.language or Language.EN
    return write(house.settings, language, key, account.email, account.name, account.tenant_id, **fields)


def link(house: House, path: str) -> str:
    """An address for a letter: of the portal's own setting, never of what a request called it."""
    return f"{house.settings.address.rstrip('/')}{path}"
