"""Says things in the language and the time zone of whoever reads the page."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from tillbridge.connector.console.language import Catalogue
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.protocols.contract import Payment

GROUP: Final = 3
NO_BREAK: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people read it, in the shop's zone; `iso` for programs and `utc` for comparing with other systems."""

    text: str
    iso: str
    utc: str


@dataclass(frozen=True, slots=True)
class Words:
    """`t` gives the texts of the language; `now` decides whether a time needs its date. `zone` None: the computer's."""

    t: Catalogue
    now: datetime
    zone: tzinfo | None

    def amount(self, money: Money | None) -> str:
        """An amount with its currency, grouped as the language does it; a dash where there is none."""
        if money is None:
            return "\N{EN DASH}"
        whole, _, fraction = money.major().partition(".")
        grouped = self._grouped(whole)
        number = grouped + self.t("format.decimal") + fraction if fraction else grouped
        return f"{number}{NO_BREAK}{money.currency.code}"

    def moment(self, at: datetime) -> Moment:
        """A time; the date is left out on the same day."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone).date()
        clock = local.strftime("%H:%M:%S")
        text = clock if local.date() == today else f"{local.strftime(self.t('format.date'))} {clock}"
        utc = at.astimezone(UTC)
        return Moment(text, utc.isoformat(timespec="milliseconds"), f"{utc:%Y-%m-%d %H:%M:%S} UTC")

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

    def _grouped(self, whole: str) -> str:
        first = len(whole) % GROUP
        groups = [whole[:first]] if first else []
        groups += [whole[at : at + GROUP] for at in range(first, len(whole), GROUP)]
        return self.t("format.group").join(groups)
