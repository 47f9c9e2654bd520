"""Types of vouchers: what a till has a button for (docs/reference/voucher-printing.md, section 5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.vouchers.systems_model import VoucherSystem

LONGEST_NAME: Final = 40
"""Characters of a name: more stand on no till's button."""

LONGEST_DESIGN: Final = 64
LAST_POSITION: Final = 999
MOST_TYPES: Final = 100
"""Types of one system; a till shows a dozen."""


@dataclass(frozen=True, slots=True)
class TypeDraft:
    """What is said of a type. `price` None: an amount within the system's limits is asked for when it is sold."""

    names: Mapping[Language, str]
    price: int | None
    active: bool = True
    position: int = 0
    design: str = ""

    def check(self, system: VoucherSystem) -> None:
        """`BridgeError(FIELD_INVALID)` names what is wrong: `names`, `price`, `position` or `design`."""
        if not self.names or not all(_fits(name, LONGEST_NAME) and name for name in self.names.values()):
            raise BridgeError(Code.FIELD_INVALID, f"a name has 1 to {LONGEST_NAME} characters", place="names")
        if self.price is not None and not system.load_min <= self.price <= system.load_max:
            raise BridgeError(Code.FIELD_INVALID, "the price is outside the limits of a load", place="price")
        if not 0 <= self.position <= LAST_POSITION:
            raise BridgeError(Code.FIELD_INVALID, f"a place is 0 to {LAST_POSITION}", place="position")
        if not _fits(self.design, LONGEST_DESIGN):
            raise BridgeError(Code.FIELD_INVALID, f"a design has {LONGEST_DESIGN} characters", place="design")


@dataclass(frozen=True, slots=True)
class VoucherType:
    """A type as it is stored."""

    id: str
    system_id: str
    draft: TypeDraft = field(repr=False)

    def name(self, language: Language) -> str:
        """Its name in this language, or in the first that it has one in."""
        names = self.draft.names
        return names.get(language) or next(names[each] for each in Language if each in names)

    def sellable(self, system: VoucherSystem) -> bool:
        """Whether a till can sell it now: the limits may have become narrower than its price."""
        price = self.draft.price
        return self.draft.active and (price is None or system.load_min <= price <= system.load_max)


def _fits(text: str, most: int) -> bool:
    return len(text) <= most and text.isprintable()
