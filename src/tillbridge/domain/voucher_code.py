"""Reads what a scanner or a person gives for a voucher (docs/reference/vouchers.md, section 2).

Till and portal use this same reading, so that neither takes what the other refuses.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from stdnum import damm

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError

LONGEST: Final = 512
NUMBER_DIGITS: Final = 14
PIN_DIGITS: Final = 4
COUNTRY_DIGITS: Final = 3
SERIAL_DIGITS: Final = NUMBER_DIGITS - COUNTRY_DIGITS - 1

PLACE: Final = "number"

# ASCII digits only: what other scripts call a digit would be another number in another program.
_NUMBER: Final = re.compile(rf"[0-9]{{{NUMBER_DIGITS}}}", re.ASCII)
_PIN: Final = re.compile(rf"[0-9]{{{PIN_DIGITS}}}", re.ASCII)
_SYMBOLOGY: Final = re.compile(r"\][A-Za-z][!-~]", re.ASCII)
_PARTED: Final = re.compile(r"(?<=[0-9])[ .-](?=[0-9])", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_MERCHANT: Final = re.compile(r"[0-9A-Za-z]{1,20}", re.ASCII)

_AROUND: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class VoucherCode:
    """What a code says: `number` has 14 digits, `pin` four where it carries one, `merchant` where an address names one.

    Its text shows neither the PIN nor the middle of the number, so that a log may hold it.
    """

    number: str
    pin: str | None = None
    merchant: str | None = None

    def __repr__(self) -> str:
        return f"VoucherCode({masked(self.number)})"


def masked(number: str) -> str:
    """A number as it may be shown to anybody: its first three digits and its last four."""
    return f"{number[:3]}…{number[-4:]}"


def bare_digits(text: str) -> str | None:
    """The ASCII digits that a scan consists of, without blanks, separators and a scanner's prefix; None if it has more.

    An address is never digits alone.
    """
    bare = text.strip(_AROUND)
    if (prefix := _SYMBOLOGY.match(bare)) is not None:
        bare = bare[prefix.end() :].strip(_AROUND)
    digits = _PARTED.sub("", bare)
    return digits if _DIGITS.fullmatch(digits) else None


def read_code(text: str, *, imported: bool = False) -> VoucherCode:
    """The voucher that a scanned or typed text means.

    `imported` leaves the check digit to the portal, for merchants who have numbers of another system.
    `BridgeError`: VOUCHER_UNREADABLE (V101), VOUCHER_CHECK_DIGIT (V102), VOUCHER_TWO_PINS (V104).
    """
    if len(text) > LONGEST:
        raise _unreadable(f"it is longer than {LONGEST} characters")
    bare = text.strip(_AROUND)
    if (prefix := _SYMBOLOGY.match(bare)) is not None:
        bare = bare[prefix.end() :].strip(_AROUND)
    code = _of_address(bare) if bare.lower().startswith(("http://", "https://")) else _of_digits(_PARTED.sub("", bare))
    if not imported and not right_check_digit(code.number):
        raise BridgeError(Code.VOUCHER_CHECK_DIGIT, place=PLACE)
    return code


def with_pin(code: VoucherCode, pin: str | None) -> VoucherCode:
    """The code with a PIN that was given apart from it.

    `BridgeError`: VOUCHER_UNREADABLE if that is no PIN, VOUCHER_TWO_PINS if the code carries another.
    """
    if pin is None:
        return code
    bare = pin.strip(_AROUND)
    if _PIN.fullmatch(bare) is None:
        raise BridgeError(Code.VOUCHER_UNREADABLE, f"a PIN has {PIN_DIGITS} digits", place="pin")
    if code.pin not in {None, bare}:
        raise BridgeError(Code.VOUCHER_TWO_PINS, place="pin")
    return VoucherCode(code.number, bare, code.merchant)


def right_check_digit(number: str) -> bool:
    """Whether the last digit is the check digit (Damm) of those before it."""
    return _NUMBER.fullmatch(number) is not None and damm.checksum(number) == 0


def number_of(country: str, serial: str) -> str:
    """The whole number for a country (three digits, ISO 3166-1) and a serial of ten digits."""
    digits = country + serial
    if len(country) != COUNTRY_DIGITS or len(serial) != SERIAL_DIGITS or not digits.isascii() or not digits.isdigit():
        raise ValueError("a number is made of three and ten digits")
    return digits + damm.calc_check_digit(digits)


def _of_digits(digits: str) -> VoucherCode:
    number, pin = digits[:NUMBER_DIGITS], digits[NUMBER_DIGITS:]
    if _NUMBER.fullmatch(number) is None or (pin and _PIN.fullmatch(pin) is None):
        raise _unreadable(f"a code has {NUMBER_DIGITS} digits, or {NUMBER_DIGITS + PIN_DIGITS} with its PIN")
    return VoucherCode(number, pin or None)


def _of_address(address: str) -> VoucherCode:
    """The number in an address, which is never opened; whose host it names says nothing."""
    try:
        parts = urlsplit(address)
        named = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50)
        behind = parse_qsl(parts.fragment, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise _unreadable("its address cannot be read") from None
    compatible, own = _only(named, "HYGS"), _only(named, "v")
    if (compatible is None) == (own is None):
        raise _unreadable("its address names no voucher, or two")
    if own is not None and len(own) != NUMBER_DIGITS:
        raise _unreadable(f"v has {NUMBER_DIGITS} digits")
    found = with_pin(_of_digits(own or compatible or ""), _only(behind, "p"))
    merchant = _only(named, "HYNR")
    if merchant is not None and _MERCHANT.fullmatch(merchant) is None:
        raise _unreadable("the merchant's number in its address cannot be read")
    return VoucherCode(found.number, found.pin, merchant)


def _only(pairs: list[tuple[str, str]], name: str) -> str | None:
    found = [value for key, value in pairs if key == name]
    if len(found) > 1:
        # Two programs would take two different ones.
        raise _unreadable(f"its address has {name} twice")
    return found[0] if found else None


def _unreadable(why: str) -> BridgeError:
    return BridgeError(Code.VOUCHER_UNREADABLE, why, place=PLACE)
