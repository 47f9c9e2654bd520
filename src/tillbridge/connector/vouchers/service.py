"""Whether vouchers can be taken at this moment, said before one is scanned.

Two things decide it: the link with the portal, and what the portal says of its voucher service at this location. Cash
and cards go on in every state. docs/reference/connector-vouchers.md, section 8.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.connector.portal.faults import Cause, Unreachable
from tillbridge.connector.portal.states import LinkState, Standing
from tillbridge.domain.errors import BridgeError, Code


class Readiness(StrEnum):
    """Whether vouchers can be taken, and if not, whose matter that is."""

    NOT_PAIRED = "not_paired"
    OPEN = "open"
    SWITCHED_OFF = "switched_off"
    MAINTENANCE = "maintenance"
    UNREACHABLE = "unreachable"
    UNAUTHORISED = "unauthorised"


@dataclass(frozen=True, slots=True)
class VoucherService:
    """How the service stands. `trouble` is what a till would be refused with; None where it is open.

    `cause` says for `UNREACHABLE` how far the way was open, `until` for `MAINTENANCE` its end in UTC, where known.
    """

    state: Readiness
    since: datetime
    trouble: BridgeError | None = None
    cause: Cause | None = None
    until: datetime | None = None


_UNAUTHORISED: Final = frozenset({LinkState.SUSPENDED, LinkState.REVOKED})
_PAIRING: Final = frozenset({LinkState.NOT_PAIRED, LinkState.EXCHANGING})


def service_of(link: Standing, said: BridgeError | None, since: datetime) -> VoucherService:
    """How the service stands, from the link and from what the service itself `said` last."""
    if link.state in _PAIRING and link.link is None:
        return VoucherService(Readiness.NOT_PAIRED, since, BridgeError(Code.NOT_PAIRED))
    if link.state in _UNAUTHORISED:
        return VoucherService(Readiness.UNAUTHORISED, since, link.trouble or BridgeError(Code.LINK_REVOKED))
    trouble = link.trouble
    if trouble is not None and trouble.code is not Code.MAINTENANCE:
        # Whatever it was that came to nothing, the portal is what did not answer.
        away = trouble if isinstance(trouble, Unreachable) else Unreachable(Cause.PORTAL_DOWN, str(trouble))
        return VoucherService(Readiness.UNREACHABLE, since, away, away.cause)
    stands_in_the_way = trouble or said
    if stands_in_the_way is None:
        return VoucherService(Readiness.OPEN, since)
    if stands_in_the_way.code is Code.MAINTENANCE:
        until = getattr(stands_in_the_way, "until", None)
        return VoucherService(Readiness.MAINTENANCE, since, stands_in_the_way, until=until)
    return VoucherService(Readiness.SWITCHED_OFF, since, stands_in_the_way)
