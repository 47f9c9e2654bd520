"""Merchants and their locations, as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.rights import Area


class LocationKind(StrEnum):
    """Where a location stands in its company. A merchant with one shop has one head office and nothing else."""

    HEAD_OFFICE = "head_office"
    BRANCH = "branch"
    FRANCHISE = "franchise"


class CustomerBase(StrEnum):
    """Where a location's customer data live (docs/explanation/customer-base.md)."""

    NONE = "none"
    V1_OFFLINE = "v1_offline"
    V1_ONLINE = "v1_online"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A merchant. `pin_digits` is 4 or 6; `confirm_pairing` lets each pairing wait for somebody at the portal."""

    id: str
    name: str
    pin_digits: int
    confirm_pairing: bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where a location is. `country` is ISO 3166-1 alpha-2."""

    street: str
    postal_code: str
    city: str
    country: str


@dataclass(frozen=True, slots=True)
class Location:
    """A shop.

    `client_number` is 1 for the head office and counts from 2 for branches; `currency` is ISO 4217, `time_zone` IANA.
    `restricted` are the areas that an independent franchisee does not show to the franchisor.
    """

    id: str
    tenant_id: str
    number: LocationNumber
    client_number: int
    parent_id: str | None
    kind: LocationKind
    name: str
    address: Address
    currency: str
    time_zone: str
    restricted: frozenset[str]
    customer_base: CustomerBase
    closed_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it still takes part in anything."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is said of a location when it is made or changed: checked, see `locations.forms`.

    `independent` marks a franchisee; `restricted` is empty for anybody else. A head office cannot be a franchisee.
    """

    name: str
    address: Address
    currency: str
    time_zone: str
    independent: bool = False
    restricted: frozenset[Area] = frozenset()


@dataclass(frozen=True, slots=True)
class Wish:
    """Which part of a list is asked for: `text` in name, town, number or client number; `page` counts from 1."""

    text: str = ""
    page: int = 1
    with_closed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list; `total` counts what the whole list has, `pages` is at least 1."""

    locations: tuple[Location, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owned a location from when until when; `until` None: still."""

    tenant_id: str
    tenant_name: str
    client_number: int
    since: datetime
    until: datetime | None


class MoveState(StrEnum):
    """Where the move of a location to another merchant stands."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Move:
    """A location that one merchant offers to another; it changes hands when both have confirmed."""

    id: str
    location_id: str
    location_number: str
    location_name: str
    from_tenant_id: str
    from_tenant: str
    to_tenant_id: str
    to_tenant: str
    state: MoveState
    offered_at: datetime
