"""Customers and their conversion, as values (docs/explanation/customer-base.md)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import Code

NUMBER_DIGITS: Final = 7

LEGACY_READABLE_DAYS: Final = 90
"""How long 1.0 can still be read after its conversion."""

Licensed = Callable[[AsyncConnection, str, datetime], Awaitable[bool]]
"""Whether a location (by its id) has the licence for the customer base 2.0 at that moment."""


class Event(StrEnum):
    """What the audit log says of customers."""

    CREATED = "customer.created"
    CHANGED = "customer.changed"
    MERGED = "customer.merged"
    ERASED = "customer.erased"
    EXPORTED = "customer.exported"
    LIST_EXPORTED = "customers.exported"
    IMPORTED = "customers.imported"
    BASE_DECLARED = "customer_base.declared"
    BASE_IMPORTED = "customer_base.imported"
    FUNCTIONS_ACCEPTED = "customer_base.functions_accepted"
    DRY_RUN_ASKED = "conversion.dry_run"
    CONVERSION_ASKED = "conversion.started"
    CONVERSION_DONE = "conversion.done"
    CONVERSION_FAILED = "conversion.failed"


class CustomerState(StrEnum):
    """A number is never given away again: what ends a customer leaves the row."""

    LIVE = "live"
    MERGED = "merged"
    ERASED = "erased"


class MovementKind(StrEnum):
    """What moved a balance."""

    CONVERSION = "conversion"
    IMPORT = "import"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Fields:
    """Everything that says who a customer is. `birthday` is YYYY-MM-DD or empty; `legacy` has no other home."""

    name: str = ""
    contact: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    birthday: str = ""
    consent: bool = False
    note: str = ""
    legacy: Mapping[str, str] = field(default_factory=dict)


LONGEST: Final[Mapping[str, int]] = {
    "name": 100,
    "contact": 100,
    "email": 254,
    "phone": 40,
    "address": 300,
    "note": 2000,
}
"""Characters of each field of 2.0: a page, a receipt and a label can show that much."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of 2.0. `balance_minor` is in the minor units of the location's currency."""

    id: str
    tenant_id: str
    location_id: str
    number: str
    balance_minor: int
    points: int
    fields: Fields
    state: CustomerState
    merged_into: str | None
    v1_positions: tuple[int, ...]
    revision: int
    created_at: datetime
    changed_at: datetime
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of a balance and of the points."""

    at: datetime
    kind: MovementKind
    balance_minor: int
    points: int


@dataclass(frozen=True, slots=True)
class OldCustomer:
    """A row of 1.0 as it was imported; `position` is its line in the file."""

    position: int
    number: str
    name: str
    contact: str
    email: str
    phone: str
    balance_minor: int
    points: int
    note: str
    legacy: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Base:
    """A location's 1.0 online. `conversion_id` is the conversion that holds it still."""

    location_id: str
    revision: int
    declared_balance: int | None
    conversion_id: str | None
    readable_until: datetime | None


class Remedy(StrEnum):
    """What a merchant can agree to have mended; without it, the rows concerned block the conversion."""

    RENUMBER = "renumber"
    MERGE = "merge"
    SET_ASIDE = "set_aside"


class Reason(StrEnum):
    """What is the matter with a row of 1.0."""

    NAME_MISSING = "name_missing"
    NUMBER_UNFIT = "number_unfit"
    NUMBER_TAKEN = "number_taken"
    NUMBER_TWICE = "number_twice"
    SAME_TWICE = "same_twice"
    EMAIL_BAD = "email_bad"
    FIELD_LONG = "field_long"
    NUMBER_LONG = "number_long"
    SUM_DIFFERS = "sum_differs"


REMEDIES: Final[Mapping[Reason, Remedy | None]] = {
    Reason.NAME_MISSING: None,
    Reason.NUMBER_UNFIT: Remedy.RENUMBER,
    Reason.NUMBER_TAKEN: Remedy.RENUMBER,
    Reason.NUMBER_TWICE: Remedy.RENUMBER,
    Reason.SAME_TWICE: Remedy.MERGE,
    Reason.EMAIL_BAD: Remedy.SET_ASIDE,
    Reason.FIELD_LONG: Remedy.SET_ASIDE,
    Reason.NUMBER_LONG: None,
    Reason.SUM_DIFFERS: None,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A row with its reason. `place` names the field or the other line; `blocks` until its remedy is agreed to.

    It never holds what a customer's fields say: a report outlives an erasure. `position` 0 is about all rows.
    """

    position: int
    number: str
    reason: Reason
    place: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a dry run found: counts, sums in minor units, and every row that is not carried over just so."""

    rows_read: int
    to_create: int
    merged: int
    renumbered: int
    set_aside: int
    balance_minor: int
    points: int
    declared_balance: int | None
    findings: Sequence[Finding]

    @property
    def blockers(self) -> int:
        """How many findings stand in the way."""
        return sum(finding.blocks for finding in self.findings)


class JobKind(StrEnum):
    """A dry run writes nothing but its report."""

    DRY_RUN = "dry_run"
    CONVERSION = "conversion"


class JobState(StrEnum):
    """Where a job stands; the last two are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Stage(StrEnum):
    """What a job is doing."""

    WAITING = "waiting"
    READING = "reading"
    PREPARING = "preparing"
    WRITING = "writing"
    VERIFYING = "verifying"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Job:
    """A dry run or a conversion. `fault` is the error that ended it; `report` is None until there is one."""

    id: str
    tenant_id: str
    location_id: str
    kind: JobKind
    state: JobState
    stage: Stage
    rows_total: int
    rows_done: int
    remedies: frozenset[Remedy]
    base_revision: int
    source_hash: str
    dry_run_id: str | None
    report: Report | None
    fault: Code | None
    person_id: str
    person_name: str
    made_at: datetime
    ended_at: datetime | None

    @property
    def over(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.state in {JobState.DONE, JobState.FAILED}
