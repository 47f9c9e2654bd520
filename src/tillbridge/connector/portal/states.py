"""What can be said of the link: values that the console, the native interface and the command line show.

Nothing here is a secret, and nothing here loads what only a paired connector needs.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tillbridge.connector.portal.faults import UnderMaintenance
from tillbridge.domain.errors import BridgeError
from tillbridge.link.scopes import ServiceState


class LinkState(StrEnum):
    """Where the link stands, as this side sees it."""

    NOT_PAIRED = "not_paired"
    EXCHANGING = "exchanging"
    ACTIVE = "active"
    PORTAL_UNREACHABLE = "portal_unreachable"
    MAINTENANCE = "maintenance"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Step(StrEnum):
    """How far an exchange has come. `REPEATING`: its finish got no answer yet and is sent again."""

    STARTING = "starting"
    FINISHING = "finishing"
    WAITING_CONFIRM = "waiting_confirm"
    REPEATING = "repeating"
    STORING = "storing"


class Warned(StrEnum):
    """What a person should know although everything works."""

    KEY_IN_A_FILE = "key_in_a_file"
    CLOCK = "clock"
    UNSENT = "unsent"
    KEYSTORE = "keystore"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A pairing under way. `fingerprint` is what two people compare while the office has to confirm it.

    `trouble` is why the last try got no answer.
    """

    id: str
    step: Step
    started_at: datetime
    fingerprint: str | None = None
    trouble: BridgeError | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last pairing of this process ended; `refusal` None says that it led to a link."""

    id: str
    at: datetime
    refusal: BridgeError | None = None


@dataclass(frozen=True, slots=True)
class Unsent:
    """What waits to be sent to the portal, and since when; `put_backs` are those of vouchers that are still open."""

    count: int = 0
    oldest_at: datetime | None = None
    put_backs: int = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """A maintenance of the portal that was announced, `start` to `end` in UTC."""

    component: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service as the portal last described it; `expires_at` is the end of the access token that is held for it."""

    service: str
    state: ServiceState
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LinkView:
    """The link as people may see it: `fingerprint` of its key, and the master token but for its last four masked."""

    link_id: str
    address: str
    host: str
    location_number: str
    location_name: str
    tenant: str
    fingerprint: str
    masked_token: str
    paired_at: datetime
    rotated_at: datetime
    services: tuple[ServiceView, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How the link stands at one moment. `skew` is this computer's clock less the portal's.

    `trouble` is what the portal or the way to it last refused, while that is what matters; `until` is the end of a
    maintenance. `planned` are those that are near or under way, soonest first. `notice` is a sentence of the portal's
    own, such as a maintenance that is near; empty for none.
    """

    state: LinkState
    since: datetime
    link: LinkView | None
    exchange: Exchange | None
    ended: Ended | None
    trouble: BridgeError | None
    last_contact_at: datetime | None
    skew: timedelta | None
    unsent: Unsent
    notice: str
    warnings: tuple[Warned, ...]
    planned: tuple[Planned, ...] = ()

    @property
    def until(self) -> datetime | None:
        """The end of the maintenance, if one is known."""
        return self.trouble.until if isinstance(self.trouble, UnderMaintenance) else None


def further(exchange: Exchange, step: Step, *, trouble: BridgeError | None = None) -> Exchange:
    """The exchange, one step on."""
    return replace(exchange, step=step, trouble=trouble)
