"""The ledger's words as values (docs/reference/vouchers.md, section 4). Amounts are integers of the minor unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class EntryKind(StrEnum):
    """What an entry is. The sign of its amount follows from it, but for an adjustment."""

    LOAD = "load"
    LOAD_REVERSAL = "load_reversal"
    REDEEM = "redeem"
    PUT_BACK = "put_back"
    WRITE_OFF = "write_off"
    WRITE_OFF_REVERSAL = "write_off_reversal"
    REISSUE_OUT = "reissue_out"
    REISSUE_IN = "reissue_in"
    ADJUST = "adjust"


REVERSED_BY: Final[Mapping[EntryKind, EntryKind]] = {
    EntryKind.LOAD: EntryKind.LOAD_REVERSAL,
    EntryKind.REDEEM: EntryKind.PUT_BACK,
    EntryKind.WRITE_OFF: EntryKind.WRITE_OFF_REVERSAL,
}
"""Which kind takes back which. No other kind is taken back: it is set right by an adjustment."""


@dataclass(frozen=True, slots=True)
class Lot:
    """Credit of one load; `remaining` is what is left of it. `location_id` is whose credit it is.

    The oldest goes first: by `loaded_at`, and by `seq`, that of the entry which made it, where moments are equal.
    """

    id: str
    voucher_id: str
    entry_id: str
    location_id: str | None
    loaded_at: datetime
    seq: int
    amount: int
    remaining: int

    @property
    def age(self) -> tuple[datetime, int, str]:
        """What lots are put in order by, the oldest first."""
        return self.loaded_at, self.seq, self.id


@dataclass(frozen=True, slots=True)
class Allocation:
    """What an entry took from a lot; negative where it gave back."""

    entry_id: str
    lot_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class Occasion:
    """Where, when and why something is booked. `business_day` is the date in the zone of the voucher system.

    `operation_id` is the action of a till that it is the effect of.
    """

    location_id: str | None
    business_day: str
    booked_at: datetime
    station: str = ""
    operator: str = ""
    transaction_ref: str = ""
    operation_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a voucher's ledger. `reverses` is the entry that it takes back, in whole or in part."""

    id: str
    voucher_id: str
    seq: int
    kind: EntryKind
    amount: int
    balance_after: int
    reverses: str | None
    at: Occasion


@dataclass(frozen=True, slots=True)
class Account:
    """A voucher as the ledger sees it. `lots` are at least those with something left, the oldest first."""

    voucher_id: str
    balance: int
    seq: int
    lots: tuple[Lot, ...]

    def lot(self, lot_id: str) -> Lot:
        """The lot with this id. `KeyError` if it was not read."""
        for one in self.lots:
            if one.id == lot_id:
                return one
        raise KeyError(lot_id)


@dataclass(frozen=True, slots=True)
class Original:
    """An entry that may be taken back. `net` is what it still holds from each lot, after all that was given back.

    For a load, whose money came from no lot, `net` names the lot that it made, with what was not reversed of it.
    """

    entry: Entry
    net: Mapping[str, int]

    @property
    def left(self) -> int:
        """How much of it can still be taken back."""
        return sum(self.net.values())


@dataclass(frozen=True, slots=True)
class Posting:
    """What one entry writes, and the voucher after it.

    `made` are the lots that it makes: one for a load, for a voucher that takes over from another as many as that had.
    `follows` is the entry of that other voucher which gave it away.
    """

    entry: Entry
    allocations: tuple[Allocation, ...]
    made: tuple[Lot, ...]
    account: Account
    follows: Entry | None = None
