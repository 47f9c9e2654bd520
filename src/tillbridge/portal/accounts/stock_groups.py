"""The groups that every merchant begins with (docs/reference/portal-rights.md, "Stock groups")."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillbridge.portal.rights import EVERY_RIGHT, Action, Area, Right


class Stock(StrEnum):
    """Which stock group a group is."""

    OWNER = "owner"
    MANAGER = "manager"
    ACCOUNTING = "accounting"
    SHOP_EDITOR = "shop_editor"
    TECHNICIAN = "technician"
    AUDITOR = "auditor"


def _edit(*areas: Area) -> frozenset[Right]:
    return frozenset(Right(area, Action.EDIT) for area in areas)


_NOT_FOR_MANAGERS: Final = frozenset(
    {Area.LICENCES, Area.PEOPLE, Area.SUPPORT, Area.VOUCHER_RISK, Area.VOUCHER_CORRECT, Area.AUDIT}
)

_AUDIT: Final = Right(Area.AUDIT, Action.VIEW)

STOCK_RIGHTS: Final[Mapping[Stock, frozenset[Right]]] = MappingProxyType(
    {
        Stock.OWNER: frozenset(EVERY_RIGHT),
        Stock.MANAGER: _edit(*(area for area in Area if area not in _NOT_FOR_MANAGERS)) | {_AUDIT},
        Stock.ACCOUNTING: _edit(Area.VOUCHER_SETTLEMENT, Area.REPORTS) | {_AUDIT},
        Stock.SHOP_EDITOR: _edit(Area.SHOP_ORDERS, Area.SHOP_SETTINGS, Area.SHOP_LAYOUTS),
        Stock.TECHNICIAN: _edit(Area.POS_INTERFACE, Area.SERVICES),
        Stock.AUDITOR: frozenset(right for right in EVERY_RIGHT if right.action is Action.VIEW),
    }
)
"""What the stock groups begin with. Owners have every right of this version, also of areas that came later."""


def rights_of(stock: Stock | None, names: frozenset[str]) -> frozenset[Right]:
    """The rights of a group of which the database has these names; a name that this version does not know is none."""
    if stock is Stock.OWNER:
        return STOCK_RIGHTS[Stock.OWNER]
    return frozenset(right for name in names if (right := Right.parse(name)) is not None)
