"""What every provider is asked, whatever it speaks, and what may come of it.

Nothing here is ever guessed: an answer that cannot be believed is none.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from tillbridge.link.voucher_messages import VoucherState

LONGEST_MESSAGE: Final = 200
"""Characters of a provider's sentence that are shown to a cashier."""


class Fate(StrEnum):
    """Why something was not simply done.

    `NOT_SENT`: no connection came about, so nothing left this computer. `REFUSED`: it says no to this very request.
    `SHUT`: it refuses whoever asks, before it looks at what is asked. `UNKNOWN`: it may have been carried out.
    `CONTRADICTED`: it says that it was, and what it says does not fit what was asked.
    """

    NOT_SENT = "not_sent"
    REFUSED = "refused"
    SHUT = "shut"
    UNKNOWN = "unknown"
    CONTRADICTED = "contradicted"


class NotDone(Exception):
    """A request that came to nothing, or to nothing that can be believed.

    `message` is the provider's own sentence for the cashier, `said` what was heard, for whoever looks into it.
    `balance` and `token` are what a contradicted answer had in it.
    """

    def __init__(
        self, fate: Fate, said: str, message: str = "", *, balance: int | None = None, token: str = ""
    ) -> None:
        super().__init__(f"{fate}: {said}")
        self.fate = fate
        self.said = said
        self.message = message
        self.balance = balance
        self.token = token


@dataclass(frozen=True, slots=True)
class Balance:
    """What is on a voucher there, in minor units; `message` says why it cannot be spent, where it cannot."""

    redeemable: bool
    balance: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption that was carried out: what is left, and by what it is taken back."""

    balance: int
    token: str = field(repr=False)


class Adapter(Protocol):
    """One provider, spoken to in its own way. Everything raises `NotDone`, and nothing else that a network causes."""

    async def balance(self, number: str) -> Balance:
        """What is on a voucher. It changes nothing there."""
        ...

    async def redeem(self, number: str, pin: str | None, amount: int, reference: str | None) -> Redeemed:
        """Takes exactly this amount. `reference` is sent where the provider knows a request again by it."""
        ...

    async def cancel(self, number: str, token: str, amount: int, reference: str | None) -> int:
        """Gives this amount back and returns the balance then."""
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...


def state_of(seen: Balance) -> VoucherState:
    """The nearest of our own states."""
    if not seen.balance:
        return VoucherState.EMPTIED
    return VoucherState.LOADED if seen.redeemable else VoucherState.BLOCKED


def one_line(text: str) -> str:
    """A provider's sentence as it may be shown: one line, no control characters, not too long."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:LONGEST_MESSAGE]
