"""The services that hang on a location's link, and how one stands (docs/reference/portal-services.md, section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service, ServiceState
from tillbridge.portal.licences.model import Product
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.maintenance.model import Component, Mode


class Need(StrEnum):
    """What a service may need, in the order in which it is asked for."""

    PAIRING = "pairing"
    LICENCE = "licence"
    CUSTOMER_BASE_2 = "customer_base_2"
    SWITCH = "switch"


class Fixer(StrEnum):
    """Who can help where a service does not work, as texts call them (`services.who.…`)."""

    PAIRING = "pairing"
    LICENCES = "licences"
    CUSTOMERS = "customers"
    SWITCHES = "switches"
    TIME = "time"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Registered:
    """A service as it is registered. `built` False: planned, and never on."""

    service: Service
    needs: frozenset[Need]
    product: Product
    scopes: frozenset[Scope]
    component: Component
    built: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a location at the moment of a decision.

    `link` None: it never had one. `modes` is the maintenance that is really on, by what it keeps from working.
    """

    link: LinkState | None
    licences: frozenset[Product]
    customer_base: CustomerBase
    switched_on: frozenset[Service]
    modes: Mapping[Component, Mode]


@dataclass(frozen=True, slots=True)
class ServiceStanding:
    """How a service stands at a location: the first thing that is missing, or that it is on.

    `code` is what a request gets, `fixer` who can help; `mode` is the maintenance that is on.
    """

    service: Service
    state: ServiceState
    code: Code | None = None
    fixer: Fixer | None = None
    scopes: frozenset[Scope] = frozenset()
    switched_on: bool = False
    mode: Mode | None = None

    def refuse(self, now: datetime) -> None:
        """Nothing if it is on; else `BridgeError` with its code, the service as its place."""
        if self.code is None:
            return
        detail = f"{self.service}: {self.state}"
        retry_after = None if self.mode is None else self.mode.retry_after(now)
        raise BridgeError(self.code, detail, place=self.service.value, retry_after=retry_after)


_EVERYTHING: Final = frozenset({Need.PAIRING, Need.LICENCE, Need.SWITCH})


def _planned(service: Service, product: Product, component: Component, *scopes: Scope) -> Registered:
    return Registered(service, _EVERYTHING, product, frozenset(scopes), component, built=False)


REGISTERED: Final = (
    Registered(
        Service.WEB_VOUCHERS,
        _EVERYTHING,
        Product.WEB_VOUCHERS,
        frozenset({Scope.VOUCHERS_READ, Scope.VOUCHERS_LOAD, Scope.VOUCHERS_REDEEM, Scope.VOUCHERS_CANCEL}),
        Component.VOUCHERS,
        built=True,
    ),
    Registered(
        Service.THIRD_PARTY_VOUCHERS,
        # A till of another maker asks with a key, and its shop may have no connector of ours at all.
        frozenset({Need.LICENCE, Need.SWITCH}),
        Product.THIRD_PARTY_VOUCHERS,
        frozenset({Scope.VOUCHERS_READ, Scope.VOUCHERS_REDEEM}),
        Component.VOUCHERS,
        built=True,
    ),
    _planned(Service.VOUCHER_SHOP, Product.VOUCHER_SHOP, Component.SHOP, Scope.VOUCHERS_LOAD),
    Registered(
        Service.CUSTOMER_BASE,
        _EVERYTHING | {Need.CUSTOMER_BASE_2},
        Product.CUSTOMER_BASE_2,
        frozenset({Scope.CUSTOMERS_READ, Scope.CUSTOMERS_WRITE}),
        Component.PORTAL,
        built=True,
    ),
    _planned(Service.DIGITAL_RECEIPTS, Product.DIGITAL_RECEIPTS, Component.PORTAL, Scope.RECEIPTS_WRITE),
    _planned(Service.REPORTS, Product.REPORTS, Component.PORTAL, Scope.REPORTS_PUSH),
    _planned(Service.ONLINE_ORDERS, Product.ONLINE_ORDERS, Component.SHOP, Scope.ORDERS_PULL),
    _planned(Service.ACCOUNTING_EXPORT, Product.ACCOUNTING_EXPORT, Component.PORTAL, Scope.REPORTS_PUSH),
)
"""Every service, in the order in which pages and connectors show them."""
