"""What a sandbox is started with."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import PaymentDesk
from tillbridge.psp.hipay.sandbox.notices import Digest, Style
from tillbridge.psp.hipay.sandbox.statuses import CREDITS, Status
from tillbridge.web.webhooks.addresses import AddressRefused, WebhookSettings, check_url

PORT: Final = 8580
TERMINAL_SECONDS: Final = 2.0
LONGEST_TERMINAL_SECONDS: Final = 3600.0

REACHABLE: Final = WebhookSettings(allow_http_to_loopback=True)
"""Where notifications may go: to this computer, or to the internet over TLS."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TerminalAnswer(StrEnum):
    """What becomes of an order that the gateway gives to a terminal; `wait` leaves it to a person."""

    APPROVE = "approve"
    REFUSE = "refuse"
    EXPIRE = "expire"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Target:
    """Where notifications go, and how they are written and signed. `url` None: nobody is told."""

    url: str | None = None
    style: Style = Style.FORM
    digest: Digest = Digest.SHA256

    def __post_init__(self) -> None:
        if self.url is None:
            return
        try:
            check_url(self.url, REACHABLE)
        except AddressRefused as refusal:
            raise BridgeError(Code.WEBHOOK_REFUSED, str(refusal), place="url") from None


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What the sandbox allows and plays.

    `allowed` are the networks that may use the gateway, empty for every caller. `releases` is the folder of installer
    archives and updates. `terminal` answers orders of the active mode after `terminal_seconds`. `desk` is the terminal
    that the cloud's interfaces reach; None for a shop whose terminal is off.
    """

    target: Target = Target()
    credit_status: Status = Status.CREDITED_CARD
    allowed: tuple[Network, ...] = ()
    releases: Path | None = None
    terminal: TerminalAnswer = TerminalAnswer.APPROVE
    terminal_seconds: float = TERMINAL_SECONDS
    desk: PaymentDesk | None = None

    def __post_init__(self) -> None:
        if self.credit_status not in CREDITS:
            known = ", ".join(str(int(status)) for status in sorted(CREDITS))
            raise BridgeError(Code.FIELD_INVALID, f"it must be one of {known}", place="credit_status")
        if not 0 <= self.terminal_seconds <= LONGEST_TERMINAL_SECONDS:
            raise BridgeError(
                Code.FIELD_INVALID, f"it goes from 0 to {LONGEST_TERMINAL_SECONDS:g}", place="terminal_seconds"
            )

    def admits(self, host: str) -> bool:
        """Whether a caller of this address may use the gateway."""
        if not self.allowed:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self.allowed)
