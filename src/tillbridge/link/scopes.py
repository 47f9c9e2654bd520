"""What a token allows, and the services that hang on the link (docs/reference/pairing-protocol.md, section 7)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

OLD_KEY: Final = "credential"
"""The `place` of a refusal that is about a credential which was exchanged for a newer one: the link itself goes on."""


class Scope(StrEnum):
    """One permission of an access token."""

    STATUS = "status"
    VOUCHERS_READ = "vouchers:read"
    VOUCHERS_LOAD = "vouchers:load"
    VOUCHERS_REDEEM = "vouchers:redeem"
    VOUCHERS_CANCEL = "vouchers:cancel"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    ORDERS_PULL = "orders:pull"
    RECEIPTS_WRITE = "receipts:write"
    REPORTS_PUSH = "reports:push"
    CONVERSION = "conversion"


MONEY: Final = frozenset({Scope.VOUCHERS_LOAD, Scope.VOUCHERS_REDEEM, Scope.VOUCHERS_CANCEL})
"""Scopes that move money: the portal reads the state of the link for each call, so that a revocation acts at once."""

_NAMES: Final = frozenset(scope.value for scope in Scope)

WHILE_CONVERTING: Final = frozenset({Scope.STATUS, Scope.CONVERSION, Scope.VOUCHERS_CANCEL})
"""All that a link may do while its customer base is being converted: nothing stops money going back on a voucher."""


class Service(StrEnum):
    """What a location can switch on once it is paired."""

    WEB_VOUCHERS = "web_vouchers"
    THIRD_PARTY_VOUCHERS = "third_party_vouchers"
    VOUCHER_SHOP = "voucher_shop"
    CUSTOMER_BASE = "customer_base"
    DIGITAL_RECEIPTS = "digital_receipts"
    REPORTS = "reports"
    ONLINE_ORDERS = "online_orders"
    ACCOUNTING_EXPORT = "accounting_export"


class ServiceState(StrEnum):
    """How a service stands at a location; `NOT_AVAILABLE` is registered and not built."""

    ON = "on"
    NEEDS_PAIRING = "needs_pairing"
    SUSPENDED = "suspended"
    NEEDS_LICENCE = "needs_licence"
    NEEDS_CONVERSION = "needs_conversion"
    OFF = "off"
    MAINTENANCE = "maintenance"
    DOWN = "down"
    NOT_AVAILABLE = "not_available"


def write_scopes(scopes: Iterable[Scope]) -> str:
    """Scopes as a token and a token request carry them: in the order of their names, a blank between."""
    return " ".join(sorted(scopes))


def read_scopes(text: str) -> frozenset[Scope]:
    """The scopes that a request asks for; `ValueError` if one of them does not exist, or none is named."""
    return frozenset(Scope(name) for name in text.split(" "))


def known_scopes(text: str) -> frozenset[Scope]:
    """The scopes in a token that are known here: a newer replica may have put in more, and those open nothing here."""
    return frozenset(Scope(name) for name in text.split(" ") if name in _NAMES)
