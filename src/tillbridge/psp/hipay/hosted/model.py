"""What is said about a payment on HiPay's own page (HOSTED.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tillbridge.domain.money import Money


@dataclass(frozen=True, slots=True)
class Wish:
    """A payment page that is wanted. `order_id` is HiPay's name for the order, unique for ever.

    `seconds` is how long the page can be used; `products` are HiPay's names of the cards on it, none for the account's.
    """

    order_id: str
    amount: Money
    description: str
    return_url: str
    notify_url: str
    email: str = field(repr=False)
    language: str = "en"
    products: Sequence[str] = ()
    seconds: int = 1800


@dataclass(frozen=True, slots=True)
class HostedPage:
    """A page that HiPay has opened. `test` where HiPay says that no money is moved."""

    address: str
    test: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a read says of one attempt to pay. `reason` is HiPay's code of a refusal, empty for none."""

    reference: str
    order_id: str
    status: int
    state: str
    reason: str
    amount: Money
    """That of the order."""

    captured: Money
    refunded: Money


class Trouble(StrEnum):
    """Why there is no answer that can be used.

    `away`: nothing has certainly arrived. `unclear`: it may have arrived. `refused`: HiPay has said no, and would say
    it again. `there`: HiPay has an order of this number. `barred`: the account or its login needs a person.
    """

    AWAY = "away"
    UNCLEAR = "unclear"
    REFUSED = "refused"
    THERE = "there"
    BARRED = "barred"


class HostedTrouble(Exception):
    """No answer that can be used. The words are for a person, and hold nothing secret."""

    def __init__(self, trouble: Trouble, words: str) -> None:
        super().__init__(trouble, words)
        self.trouble = trouble
        self.words = words
