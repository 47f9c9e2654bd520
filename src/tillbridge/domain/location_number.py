"""The number of a location: public, never a secret, never used twice (docs/reference/pairing-protocol.md, section 2).

Its last digit is a check digit, so that a slip of the fingers at one counter cannot cost another location a try at its
PIN. It is no protection against anybody who means to type another location's number.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

from stdnum import damm

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError

SERIAL_DIGITS: Final = 7
LENGTH: Final = SERIAL_DIGITS + 1
LAST_SERIAL: Final = 10**SERIAL_DIGITS - 1

# ASCII digits only: what other scripts or a superscript call a digit is refused before anything is worked out with it.
_FORM: Final = re.compile(rf"[0-9]{{{LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class LocationNumber:
    """A location number that has been checked: `digits` are its seven digits and the check digit behind them.

    Only a right one can be made; `ValueError` says that a caller has skipped `parse`.
    """

    digits: str

    def __post_init__(self) -> None:
        if _FORM.fullmatch(self.digits) is None or damm.checksum(self.digits) != 0:
            raise ValueError("a LocationNumber takes what parse() or of() gives")

    @classmethod
    def of(cls, serial: int) -> Self:
        """The number of the location with this serial number, 0 to 9 999 999."""
        if not 0 <= serial <= LAST_SERIAL:
            raise ValueError(f"a serial number lies between 0 and {LAST_SERIAL}")
        first = f"{serial:0{SERIAL_DIGITS}d}"
        return cls(first + damm.calc_check_digit(first))

    @classmethod
    def parse(cls, text: str, *, place: str) -> Self:
        """Reads what somebody typed; blanks around it are no part of it.

        `BridgeError(FIELD_INVALID)` names the fault: the length, a sign that is no digit, or the check digit.
        """
        digits = text.strip(" \t\r\n")
        if len(digits) != LENGTH:
            raise BridgeError(Code.FIELD_INVALID, f"a location number has {LENGTH} digits", place=place)
        if _FORM.fullmatch(digits) is None:
            raise BridgeError(Code.FIELD_INVALID, "a location number has nothing but the digits 0 to 9", place=place)
        if damm.checksum(digits) != 0:
            raise BridgeError(
                Code.FIELD_INVALID, "the check digit does not fit: a digit is wrong or two are swapped", place=place
            )
        return cls(digits)

    @property
    def serial(self) -> int:
        """The number without its check digit."""
        return int(self.digits[:SERIAL_DIGITS])

    def __str__(self) -> str:
        return self.digits
