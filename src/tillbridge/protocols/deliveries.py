"""The promise between a door and whoever reports payments to a payment service: what a till may be told of that."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from tillbridge.protocols.contract import Payment


class ReportState(StrEnum):
    """What is true of reporting a payment to the payment service; stable words.

    `not_configured`: nobody is set up to be told. `nobody`: it is meant so. `off`: the receiver is switched off.
    `not_due`: such a payment is not reported. `outcome_open`: it is, once its outcome is known. `waiting`: it will be
    sent by itself. `held`: the receiver wants nothing until a person has mended something. `needs_person`: it will not
    be sent by itself any more. `sent`: the receiver has it.
    """

    NOT_CONFIGURED = "not_configured"
    NOBODY = "nobody"
    OFF = "off"
    NOT_DUE = "not_due"
    OUTCOME_OPEN = "outcome_open"
    WAITING = "waiting"
    HELD = "held"
    NEEDS_PERSON = "needs_person"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Reported:
    """What is true at this moment: how many messages about the payment were accepted (0, 1, 2), and how it stands."""

    sent: int
    state: ReportState


NOT_REPORTED: Final = Reported(0, ReportState.NOT_CONFIGURED)
"""What is true where nobody is told of payments: at a simulator, or as long as nothing is set up."""


class Deliveries(Protocol):
    """Whether a payment was reported to the payment service, for a door that answers its till with that."""

    async def reported(self, payment: Payment, *, patiently: bool) -> Reported:
        """What is true now; `patiently` it may wait for a moment that the settings bound, else it waits for nothing.

        Raises nothing that a receiver could cause, and never changes the payment.
        """
        ...


@runtime_checkable
class TellsDeliveries(Protocol):
    """A door that tells its till whether the payment was reported. Without `use_deliveries` it says that nobody was."""

    def use_deliveries(self, deliveries: Deliveries) -> None:
        """Called once, before `serve`, by a program that reports payments."""
        ...
