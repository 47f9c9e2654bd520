"""Says numbers and times in the language and the time zone of whoever reads the page."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.web.language import Catalogue

GROUP: Final = 3
NO_BREAK: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people read it, in the reader's zone; `iso` for programs and `utc` for comparing with other systems."""

    text: str
    iso: str
    utc: str


@dataclass(frozen=True, slots=True)
class Words:
    """`t` gives the texts of the language; `now` decides whether a time needs its date. `zone` None: the computer's.

    The catalogue has `format.decimal`, `format.group` and `format.date`.
    """

    t: Catalogue
    now: datetime
    zone: tzinfo | None

    def amount(self, money: Money | None) -> str:
        """An amount with its currency, grouped as the language does it; a dash where there is none."""
        if money is None:
            return "\N{EN DASH}"
        whole, _, fraction = money.major().partition(".")
        number = self._grouped(whole) + self.t("format.decimal") + fraction if fraction else self._grouped(whole)
        return f"{number}{NO_BREAK}{money.currency.code}"

    def count(self, number: int) -> str:
        """A whole number, grouped as the language does it."""
        return f"-{self._grouped(str(-number))}" if number < 0 else self._grouped(str(number))

    def moment(self, at: datetime) -> Moment:
        """A time; the date is left out on the same day."""
        local, today = at.astimezone(self.zone), self.now.astimezone(self.zone).date()
        clock = local.strftime("%H:%M:%S")
        text = clock if local.date() == today else f"{local.strftime(self.t('format.date'))} {clock}"
        utc = at.astimezone(UTC)
        return Moment(text, utc.isoformat(timespec="milliseconds"), f"{utc:%Y-%m-%d %H:%M:%S} UTC")

    def _grouped(self, whole: str) -> str:
        first = len(whole) % GROUP
        groups = [whole[:first]] if first else []
        groups += [whole[at : at + GROUP] for at in range(first, len(whole), GROUP)]
        return self.t("format.group").join(groups)
