"""What the desk works with: who asks, the vouchers, and the actions of tills (docs/reference/vouchers.md)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.link.voucher_messages import Load, Operation, OperationState, Redeem, VoucherState
from tillbridge.portal.vouchers.guessing import PinGuard
from tillbridge.portal.vouchers.systems_model import Life, Scheme, VoucherSystem


@dataclass(frozen=True, slots=True)
class Counter:
    """Where somebody asks: the location, its merchant and its link. `language` is that of a refusal's sentence."""

    location_id: str
    tenant_id: str
    link_id: str
    language: Language = Language.EN


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a load or a redemption as it goes out; `replayed`: it was given before."""

    status: int
    body: bytes = field(repr=False)
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A location as the desk sees it: its country as three digits, and the voucher system that it takes part in."""

    location_id: str
    country: str
    system: VoucherSystem | None


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher as it stands. `expired_on` is the day on which its credit was written off, where that is its end."""

    id: str
    system_id: str
    number: str = field(repr=False)
    pin_sealed: bytes | None = field(repr=False)
    country: str
    scheme: Scheme
    life: Life
    blocked: bool
    balance: int
    seq: int
    written_off: bool
    loaded_once: bool
    guard: PinGuard
    last_activity: datetime | None = None
    expired_on: str | None = None

    @property
    def state(self) -> VoucherState:
        """What it is shown as: the first that fits."""
        by_rank = (
            (self.life is Life.RETIRED, VoucherState.RETIRED),
            (self.blocked, VoucherState.BLOCKED),
            (self.life is Life.PRODUCED, VoucherState.PRODUCED),
            (self.written_off, VoucherState.EXPIRED),
            (self.balance > 0, VoucherState.LOADED),
            (self.loaded_once, VoucherState.EMPTIED),
        )
        return next((state for fits, state in by_rank if fits), VoucherState.ACTIVATED)


class OperationKind(StrEnum):
    """What a key was first used for; `UNKNOWN` where its action was taken back before it came."""

    REDEEM = "redeem"
    LOAD = "load"
    UNKNOWN = "unknown"


class Undo(StrEnum):
    """What may be done to an action by its key."""

    CONFIRM = "confirm"
    PUT_BACK = "put_back"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class KeptOperation:
    """An action as it is stored, for ever. `body_mac` is a keyed digest of what was asked, `answer` what was said."""

    id: str
    location_id: str
    key: str
    kind: OperationKind
    body_mac: bytes | None = field(repr=False)
    state: OperationState
    voucher_id: str | None
    taken: int
    transaction_ref: str
    status: int | None
    answer: bytes | None = field(repr=False)
    created_at: datetime
    closed_at: datetime | None = None
    contested_at: datetime | None = None

    @property
    def scope(self) -> tuple[str, str]:
        """What makes it one: its location and its key."""
        return self.location_id, self.key


@dataclass(frozen=True, slots=True)
class Redeeming:
    """A till wants to be paid with a voucher. `mac` is the keyed digest of what it sent."""

    at: Counter
    key: str
    asked: Redeem = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Loading:
    """A till wants to put money on a voucher."""

    at: Counter
    key: str
    asked: Load = field(repr=False)
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Undoing:
    """A till says what is to become of an earlier action."""

    at: Counter
    key: str
    how: Undo


Wish = Redeeming | Loading | Undoing
"""What the desk decides, one after the other in the order in which they came."""

Reply = Answered | Operation | BridgeError
"""What comes of a wish: an answer that is kept, how an action stands, or a refusal that is not kept."""


def scope_of(wish: Wish) -> tuple[str, str]:
    """Its location and its key."""
    return wish.at.location_id, wish.key
