"""Says payments in the language and the time zone of whoever reads the page."""

from dataclasses import dataclass

from tillbridge.domain.operation import Kind, Stage
from tillbridge.protocols.contract import Payment
from tillbridge.web import words
from tillbridge.web.words import Moment

__all__ = ["Moment", "Words"]


@dataclass(frozen=True, slots=True)
class Words(words.Words):
    """What the console says of payments."""

    def kind(self, kind: Kind) -> str:
        """What was asked for."""
        return self.t(f"kind.{kind}")

    def stage(self, stage: Stage) -> str:
        """Where it stands."""
        return self.t(f"stage.{stage}")

    def standing(self, payment: Payment) -> str:
        """Where it stands, and what the terminal is doing while it runs."""
        if payment.running and payment.progress is not None:
            return self.t(f"progress.{payment.progress}")
        return self.stage(payment.stage)

    def name(self, payment: Payment) -> str:
        """A payment in two words: what and how much, where it is about an amount."""
        kind = self.kind(payment.kind)
        return kind if payment.amount is None else f"{kind} {self.amount(payment.amount)}"
