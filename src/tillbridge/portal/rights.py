"""Who may do what: rights per area, each with a reach over locations (docs/reference/portal-rights.md).

An unknown right means no. Rights are read anew for each request; nothing keeps them longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Actor, ActorKind


class Area(StrEnum):
    """What rights are about."""

    POS_INTERFACE = "interfaces.pos"
    PARTNERS = "interfaces.partners"
    SERVICES = "services"
    PAYMENTS = "payments"
    LOCATIONS = "locations"
    LICENCES = "licences"
    PEOPLE = "people"
    SUPPORT = "support"
    CUSTOMERS = "customers"
    VOUCHER_CODES = "vouchers.codes"
    VOUCHER_STATE = "vouchers.state"
    VOUCHER_SETTINGS = "vouchers.settings"
    VOUCHER_SETTLEMENT = "vouchers.settlement"
    VOUCHER_CORRECT = "vouchers.correct"
    VOUCHER_PIN = "vouchers.pin"
    VOUCHER_RISK = "vouchers.risk"
    SHOP_ORDERS = "shop.orders"
    SHOP_SETTINGS = "shop.settings"
    SHOP_LAYOUTS = "shop.layouts"
    REPORTS = "reports"
    MAINTENANCE = "maintenance"
    AUDIT = "audit"


class Action(StrEnum):
    """Edit is to change and includes view; view is to read all of the area."""

    VIEW = "view"
    EDIT = "edit"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """An action in an area, written "locations.edit"."""

    area: Area
    action: Action

    def __str__(self) -> str:
        return f"{self.area}.{self.action}"

    @classmethod
    def parse(cls, text: str) -> "Right | None":
        """The right of this name; None where there is none, which means no."""
        area, _, action = text.rpartition(".")
        if area not in set(Area) or action not in set(Action) or (area == Area.AUDIT and action == Action.EDIT):
            return None
        return cls(Area(area), Action(action))


EVERY_RIGHT: Final = tuple(
    Right(area, action) for area in Area for action in Action if (area, action) != (Area.AUDIT, Action.EDIT)
)

RESTRICTABLE: Final = frozenset({Area.REPORTS, Area.CUSTOMERS, Area.PEOPLE})
"""What an independent franchisee may keep from the franchisor."""

STEP_UP_LASTS: Final = timedelta(minutes=5)
"""How long a fresh passkey or one-time password counts for what needs one."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which locations a right holds for: all of the merchant's, or those of these ids."""

    everywhere: bool = False
    locations: frozenset[str] = frozenset()

    def covers(self, location_id: str | None) -> bool:
        """Whether it holds there; None asks for something that is about the merchant as a whole."""
        return self.everywhere or (location_id is not None and location_id in self.locations)

    def __or__(self, other: "Reach") -> "Reach":
        return Reach(self.everywhere or other.everywhere, self.locations | other.locations)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, with what that person may do at this very moment.

    `tenant_id` is the merchant that is worked on; None for staff of the portal's operator who help nobody right now.
    `operator` marks that staff; `on_behalf_of` names the merchant while they help. `stepped_up_at` is the last fresh
    proof of who it is. `reaches` already has taken out what franchisees keep to themselves.
    """

    id: str
    name: str
    email: str
    language: Language | None
    tenant_id: str | None
    reaches: Mapping[Right, Reach] = field(default_factory=dict)
    operator: bool = False
    on_behalf_of: str = ""
    stepped_up_at: datetime | None = None
    source: str = ""

    def reach(self, area: Area, action: Action) -> Reach:
        """Where this person may do that: nowhere is an empty reach."""
        found = self.reaches.get(Right(area, action), Reach())
        if action is Action.VIEW:
            return found | self.reaches.get(Right(area, Action.EDIT), Reach())
        return found

    def may(self, area: Area, action: Action, location_id: str | None = None) -> bool:
        """Whether this person may do that there (None: for the merchant as a whole)."""
        return self.reach(area, action).covers(location_id)

    def may_somewhere(self, area: Area, action: Action = Action.VIEW) -> bool:
        """Whether there is any place where this person may do that: for menus."""
        return self.reach(area, action) != Reach()

    def require(self, area: Area, action: Action, location_id: str | None = None) -> None:
        """`BridgeError` if not: RECORD_UNKNOWN for a location that this person may not even see, else RIGHT_MISSING."""
        if self.may(area, action, location_id):
            return
        if location_id is not None and not any(reach.covers(location_id) for reach in self.reaches.values()):
            raise BridgeError(Code.RECORD_UNKNOWN)
        right = str(Right(area, action))
        raise BridgeError(Code.RIGHT_MISSING, f"this needs the right {right}", place=right)

    def require_step_up(self, now: datetime) -> None:
        """Nothing, or `BridgeError(STEP_UP_NEEDED)` when the last fresh proof is missing or too old."""
        if self.stepped_up_at is None or now - self.stepped_up_at > STEP_UP_LASTS:
            raise BridgeError(Code.STEP_UP_NEEDED)

    @property
    def home(self) -> str:
        """The merchant that is worked on. `BridgeError(RIGHT_MISSING)` where there is none."""
        if self.tenant_id is None:
            raise BridgeError(Code.RIGHT_MISSING, "no merchant is chosen")
        return self.tenant_id

    @property
    def actor(self) -> Actor:
        """This person, for the audit log."""
        return Actor(ActorKind.PERSON, self.id, f"{self.name} <{self.email}>", self.source, self.on_behalf_of)
