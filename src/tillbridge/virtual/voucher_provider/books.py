"""The cards of a provider that is not there, and what was taken from them. Amounts are in minor units."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

LONGEST_NUMBER: Final = 32
MOST_KEPT: Final = 200
"""Bookings that the page shows."""


@dataclass(slots=True)
class Card:
    """One card. `loaded` is all that was ever put on it. An empty PIN: it needs none."""

    number: str
    balance: int
    pin: str = field(default="", repr=False)
    loaded: int = 0


@dataclass(slots=True)
class Redemption:
    """What was taken under one token, and how much of it went back."""

    token: str
    number: str
    amount: int
    back: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """A line of the page: what happened to which card."""

    number: str
    amount: int
    balance: int


class Refused(Exception):
    """What is not done, with the status and the sentence for the cashier."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


Answer = dict[str, object]


class Books:
    """All cards. `takes_back` and `remembers` are what the provider promises: to cancel, and to know a reference again.

    `remembers` keeps the answer to a `reference_number` and gives the same again.
    """

    def __init__(self, cards: Iterable[Card], *, takes_back: bool = True, remembers: bool = True) -> None:
        self.cards = {card.number: card for card in cards}
        for card in self.cards.values():
            card.loaded = card.loaded or card.balance
        self.takes_back = takes_back
        self.remembers = remembers
        self.redemptions: dict[str, Redemption] = {}
        self.bookings: list[Booking] = []
        self._answers: dict[tuple[str, str], Answer | Refused] = {}
        self._next = count(1)

    def balance(self, number: str) -> Answer:
        """What is on a card. `Refused` for one that is not known."""
        card = self._card(number)
        why = "" if card.balance else "This card is empty."
        return {
            "code": number,
            "is_redeemable": not why,
            "balance_in_cents": card.balance,
            "total_amount_in_cents": card.loaded,
            "message": why,
        }

    def redeem(self, number: str, asked: Mapping[str, object], more: int = 0) -> Answer:
        """Takes the amount, and `more` where the switch wants the wrong one taken. `Refused`."""
        return self._once("redeem", asked, lambda: self._redeem(number, asked, more))

    def cancel(self, number: str, asked: Mapping[str, object]) -> Answer:
        """Gives back what was taken under a token, all of the rest unless it says how much. `Refused`."""
        return self._once("cancel", asked, lambda: self._cancel(number, asked))

    def _once(self, what: str, asked: Mapping[str, object], do: Callable[[], Answer]) -> Answer:
        reference = asked.get("reference_number")
        if not self.remembers or not isinstance(reference, str) or not reference:
            return do()
        kept = self._answers.get((what, reference))
        if kept is None:
            try:
                kept = do()
            except Refused as refusal:
                kept = refusal
            self._answers[what, reference] = kept
        if isinstance(kept, Refused):
            raise kept
        return kept

    def _redeem(self, number: str, asked: Mapping[str, object], more: int) -> Answer:
        card, amount = self._card(number), _amount(asked)
        if card.pin and asked.get("pin") != card.pin:
            raise Refused(HTTPStatus.CONFLICT, "The PIN is wrong." if "pin" in asked else "Please enter the PIN.")
        if amount > card.balance:
            raise Refused(HTTPStatus.CONFLICT, f"Only {card.balance} cents are left.")
        taken = min(amount + more, card.balance)
        token = f"token-{next(self._next):06d}"
        self.redemptions[token] = Redemption(token, number, taken)
        self._book(card, -taken)
        return {"code": number, "balance_in_cents": card.balance, "redeem_token": token, "message": ""}

    def _cancel(self, number: str, asked: Mapping[str, object]) -> Answer:
        if not self.takes_back:
            raise Refused(HTTPStatus.CONFLICT, "Redemptions are final.")
        card, found = self._card(number), self.redemptions.get(str(asked.get("redeem_token")))
        if found is None or found.number != number:
            raise Refused(HTTPStatus.NOT_FOUND, "This redemption is not known.")
        left = found.amount - found.back
        amount = _amount(asked) if "amount_in_cents" in asked else left
        if not 0 < amount <= left:
            raise Refused(HTTPStatus.CONFLICT, "More than was taken.")
        found.back += amount
        self._book(card, amount)
        return {"code": number, "balance_in_cents": card.balance, "message": ""}

    def _book(self, card: Card, amount: int) -> None:
        card.balance += amount
        self.bookings = [Booking(card.number, amount, card.balance), *self.bookings[: MOST_KEPT - 1]]

    def _card(self, number: str) -> Card:
        card = self.cards.get(number)
        if card is None:
            raise Refused(HTTPStatus.NOT_FOUND, "This card is not known.")
        return card


def _amount(asked: Mapping[str, object]) -> int:
    amount = asked.get("amount_in_cents")
    if type(amount) is not int or not 0 < amount <= 10**12:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "amount_in_cents is a whole number above zero.")
    return amount


def read_card(text: str) -> Card:
    """A card as the command line has it: `NUMBER:CENTS[:PIN]`. `BridgeError(FIELD_INVALID)`."""
    number, _, rest = text.partition(":")
    cents, _, pin = rest.partition(":")
    plain = number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER
    if not plain or not (cents.isascii() and cents.isdigit()) or (pin and not (pin.isascii() and pin.isdigit())):
        raise BridgeError(Code.FIELD_INVALID, f"{text!r} is not NUMBER:CENTS or NUMBER:CENTS:PIN", place="--card")
    return Card(number, int(cents), pin)
