"""Links to an order's page, and the signed keys of buyers' forms.

A link's secret is 256 bits, made from the order's id and the link's serial with a key that is not in the database. So
the same form always leads to the same page, while the database keeps nothing but a hash.
"""

import hmac
import random
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.secrets import to_text
from tillbridge.portal.vault import Vault

_LINK: Final = "shop-order-link"
_FORM: Final = "shop-form"
_KEY_BYTES: Final = 16
_LONGEST: Final = 160


def link_secret(vault: Vault, order_id: str, serial: int) -> str:
    """What stands in the link."""
    return to_text(vault.mac(_LINK, f"{order_id}/{serial}".encode()))


def new_form_token(vault: Vault, chance: random.Random, page: str) -> str:
    """A new key with its signature, for one form of this page."""
    return signed(vault, chance.randbytes(_KEY_BYTES).hex(), page)


def signed(vault: Vault, key: str, page: str) -> str:
    """The key with the signature that binds it to a page of ours."""
    message = f"{page}\n{key}".encode()
    return f"{key}.{to_text(vault.mac(_FORM, message))}"


def form_key(vault: Vault, token: str, page: str) -> str:
    """The key of a form. `BridgeError(ORIGIN_NOT_ALLOWED)` for one that we did not make for this page."""
    key = token.partition(".")[0]
    expected = signed(vault, key, page)
    if len(token) > _LONGEST or not hmac.compare_digest(token.encode(), expected.encode()):
        raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not come from this page; load it again")
    return key
