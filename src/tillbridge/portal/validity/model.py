"""Validity by inactivity, as values (docs/reference/voucher-validity.md). Amounts are minor units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.validity.dates import Rule

PER_PAGE: Final = 100
"""Vouchers on one page of a list."""

LONGEST_TEXT: Final = 500
"""Letters of a reason or of evidence."""


class ValidityEvent(StrEnum):
    """What the audit log says of write-offs."""

    ON = "voucher_validity.on"
    CHANGED = "voucher_validity.changed"
    OFF = "voucher_validity.off"
    ANNOUNCED = "voucher_validity.announced"
    BEGUN = "voucher_write_off.begun"
    FINISHED = "voucher_write_off.finished"
    TAKEN_BACK = "voucher_write_off.taken_back"
    GIVEN_BACK = "voucher_write_off.given_back"
    ONE_TAKEN_BACK = "voucher_write_off.one_taken_back"


class RunState(StrEnum):
    """Where a yearly run stands. From writing or done it can be taken back, once."""

    WRITING = "writing"
    DONE = "done"
    REVERSING = "reversing"
    REVERSED = "reversed"


class Outcome(StrEnum):
    """What a run found of a voucher that was due. `FAULT`: its books do not add up, and it was left alone."""

    WRITTEN_OFF = "written_off"
    BLOCKED = "blocked"
    INTERIM = "interim"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Setting:
    """The rule of a voucher system and since when it holds."""

    system_id: str
    rule: Rule
    since: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A yearly run: `on` is its date ("2029-12-31"), `position` the last voucher that was looked at.

    `vouchers` and `money` are what it wrote off, `skipped` how many that were due it left alone.
    """

    id: str
    system_id: str
    on: str
    years: int
    cut: datetime
    state: RunState
    position: str
    vouchers: int
    money: int
    skipped: int
    begun_at: datetime
    done_at: datetime | None = None
    reversed_by: str = ""
    reason: str = ""
    reversed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a run did with one voucher."""

    voucher_id: str
    outcome: Outcome
    amount: int
    entry_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many vouchers, and what is on them."""

    vouchers: int = 0
    money: int = 0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is due on a date as things stand, by what would become of it."""

    of: Mapping[Outcome, Tally] = field(default_factory=dict)

    @property
    def due(self) -> Tally:
        """What would be written off."""
        return self.of.get(Outcome.WRITTEN_OFF, Tally())

    @property
    def left_alone(self) -> Tally:
        """What is due and would be skipped."""
        rest = [one for outcome, one in self.of.items() if outcome is not Outcome.WRITTEN_OFF]
        return Tally(sum(one.vouchers for one in rest), sum(one.money for one in rest))


@dataclass(frozen=True, slots=True)
class Share:
    """Whose credit it is: the location that loaded it. `back` is what of it was given back."""

    location: str
    money: int
    back: int = 0


@dataclass(frozen=True, slots=True)
class DueVoucher:
    """A voucher on the list of what is due, or of what a run did. `number` is masked when it is shown."""

    voucher_id: str
    number: str = field(repr=False)
    outcome: Outcome
    amount: int
    last_activity: datetime | None
    back: bool = False
    retired: bool = False


def said_text(text: str, place: str) -> str:
    """A reason or evidence as it is kept. `BridgeError(FIELD_INVALID)` with the place for none, or a bad one."""
    said = text.replace("\r\n", "\n").strip()
    if not said or len(said) > LONGEST_TEXT or not said.replace("\n", "").isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"it has 1 to {LONGEST_TEXT} characters", place=place)
    return said
