"""What a refusal means for an action: that nothing was booked, or that nobody knows.

docs/reference/connector-vouchers.md, section 4. The doubt goes one way: what cannot be told for sure is not known.
"""

from http import HTTPStatus
from typing import Final

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.voucher_entries import VOUCHER_ENTRIES

MAYBE: Final = frozenset(
    {
        Code.PORTAL_FAULT,
        Code.PORTAL_SILENT,
        Code.INTERNAL,
        Code.DATABASE_UNAVAILABLE,
        Code.VOUCHER_RUNNING,
    }
)
"""After these it may have been booked, or may yet be: the same request under the same key says so."""

_INPUT: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})

LEGACY: Final = frozenset(
    {
        Code.PORTAL_UNREACHABLE,
        Code.SWITCHED_OFF,
        Code.PORTAL_REFUSED,
        Code.NOT_PAIRED,
        Code.LINK_REVOKED,
        Code.LINK_SUSPENDED,
        Code.PROOF_REFUSED,
    }
)
"""Refusals for which older tills know one number alone."""

LEGACY_CODE: Final = "007"
LEGACY_TEXT: Final = "007 - Partner authentication failed"


def nothing_booked(error: BridgeError, *, in_doubt: bool) -> bool:
    """Whether nothing was booked under the key of the request that was refused so.

    `in_doubt`: an earlier request under the same key got no answer. The portal looks at the link before it looks at
    the key, so a refusal about the link or the way says nothing of that earlier one.
    """
    if error.code in MAYBE:
        return False
    if not in_doubt:
        return True
    return error.code in VOUCHER_ENTRIES or error.entry.status in _INPUT


def kept_by_nobody(error: BridgeError) -> bool:
    """Whether the same key may be sent anew: the portal keeps no answer of this kind, because it did nothing."""
    here = error.code is Code.VOUCHER_OFFLINE_LIMIT  # said on this side, and nothing was sent
    return here or error.entry.passing or error.code not in VOUCHER_ENTRIES
