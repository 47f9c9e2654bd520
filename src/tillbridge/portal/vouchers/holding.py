"""Nothing is booked on vouchers whose balances may be yesterday's (docs/reference/voucher-sealing.md, section 4).

Neither at tills nor in the office: what is corrected, blocked or written off by an old balance is wrong twice.
"""

from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.vouchers.systems_model import VoucherSystem

RECOVERING: Final = "the portal was restored from a backup and hears from the tills what they had been answered"

RECOVERING_SECONDS: Final = 60
"""What a till is told to wait; the first that asks after the end is served."""


def require_going(system: VoucherSystem) -> None:
    """Nothing, unless the system is in recovery: then `BridgeError(MAINTENANCE)` without an end."""
    if system.recovering_since is not None:
        said = {"until": None, "reason": RECOVERING, "component": "vouchers"}
        raise BridgeError(Code.MAINTENANCE, RECOVERING, retry_after=RECOVERING_SECONDS, members=said)


def is_recovering(error: BridgeError) -> bool:
    """Whether that is why something was refused."""
    return error.code is Code.MAINTENANCE and error.detail == RECOVERING
