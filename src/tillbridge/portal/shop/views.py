"""Orders as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tillbridge.portal.locations.views import Badge, day_and_clock
from tillbridge.portal.shop.model import Case, Order, OrderState
from tillbridge.web.words import Words

_TONES: Final = {
    OrderState.CART: "calm",
    OrderState.PLACED: "running",
    OrderState.PAYMENT_PENDING: "running",
    OrderState.PAID: "running",
    OrderState.ISSUED: "good",
    OrderState.DELIVERED: "good",
    OrderState.FAILED: "calm",
    OrderState.EXPIRED: "calm",
    OrderState.REFUNDED: "calm",
}


@dataclass(frozen=True, slots=True)
class Row:
    """An order in a list."""

    id: str
    number: str
    placed: str
    amount: str
    state: Badge
    case: Badge | None


def order_rows(words: Words, orders: Sequence[Order]) -> list[Row]:
    """Orders as a list shows them."""
    return [
        Row(one.id, one.number, day_and_clock(words, one.created_at), words.amount(one.money), *badges(words, one))
        for one in orders
    ]


def badges(words: Words, one: Order) -> tuple[Badge, Badge | None]:
    """An order's state, and why somebody has to look at it."""
    state = Badge(_TONES[one.state], words.t(f"shop.state.{one.state}"))
    case = None if one.open_case is Case.NONE else Badge("alert", words.t(f"shop.case.{one.open_case}"))
    return state, case
