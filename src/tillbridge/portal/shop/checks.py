"""What may be written into a shop, a design and a refund by a merchant's people."""

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import LONGEST_REASON
from tillbridge.portal.shop.model import (
    LONGEST_LEGAL,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_VALUES,
    Design,
    Shop,
    Texts,
    is_slug,
    range_of,
    said,
)
from tillbridge.portal.vouchers.systems_model import VoucherSystem


def check_shop(one: Shop) -> None:
    """`BridgeError(FIELD_INVALID)` names what is wrong."""
    if not is_slug(one.slug):
        raise BridgeError(Code.FIELD_INVALID, "3 to 40 letters, digits and hyphens", place="slug")
    if not 0 < len(one.name) <= LONGEST_NAME or not one.name.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name has 1 to {LONGEST_NAME} characters", place="name")
    for place, texts, most in (
        ("welcome", one.welcome, LONGEST_TEXT),
        ("terms", one.terms, LONGEST_LEGAL),
        ("withdrawal", one.withdrawal, LONGEST_LEGAL),
        ("imprint", one.imprint, LONGEST_LEGAL),
    ):
        _check_texts(place, texts, most)


def check_design(one: Design, system: VoucherSystem) -> None:
    """`BridgeError`: FIELD_INVALID, SHOP_RANGE name what is wrong."""
    layout, most = one.layout, range_of(system)
    if not said(layout.names, "de"):
        raise BridgeError(Code.FIELD_INVALID, "a design has a name", place="names")
    _check_texts("names", layout.names, LONGEST_NAME)
    _check_texts("texts", layout.texts, LONGEST_TEXT)
    if one.stock is not None and one.stock < 0:
        raise BridgeError(Code.FIELD_INVALID, "a number that is left", place="stock")
    if layout.free is not None:
        if layout.free.least > layout.free.most:
            raise BridgeError(Code.FIELD_INVALID, "the smallest amount first", place="free_min")
        most.require(layout.free.least, "free_min")
        most.require(layout.free.most, "free_max")
        return
    if not 0 < len(layout.fixed) <= MOST_VALUES or len(set(layout.fixed)) != len(layout.fixed):
        raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_VALUES} values", place="fixed")
    for value in layout.fixed:
        most.require(value, "fixed")


def _check_texts(place: str, texts: Texts, most: int) -> None:
    for text in texts.values():
        if len(text) > most or not text.replace("\n", "").isprintable():
            raise BridgeError(Code.FIELD_INVALID, f"a text has at most {most} characters", place=place)


def reason_of(text: str) -> str:
    """The reason as it is kept. `BridgeError(FIELD_INVALID)` for none."""
    reason = text.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.replace("\n", "").replace("\r", "").isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a reason has 1 to {LONGEST_REASON} characters", place="reason")
    return reason
