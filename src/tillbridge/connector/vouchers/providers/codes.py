"""Which voucher a scan means once there are providers: one of theirs by its first two digits, else one of our own.

docs/reference/voucher-providers.md, section 1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tillbridge.connector.vouchers.providers.profile import PinRule, Profile
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.voucher_code import LONGEST, NUMBER_DIGITS, PIN_DIGITS, VoucherCode, bare_digits, read_code
from tillbridge.domain.voucher_code import with_pin as with_our_pin

PREFIX_DIGITS: Final = 2
_OURS: Final = frozenset({NUMBER_DIGITS, NUMBER_DIGITS + PIN_DIGITS})


@dataclass(frozen=True, slots=True)
class Scanned:
    """A code that was read; `provider` is the prefix of whose it is, empty for our own."""

    code: VoucherCode
    provider: str = ""


def read_scan(text: str, profiles: Iterable[Profile]) -> Scanned:
    """The voucher that a scanned or typed text means.

    `BridgeError`: PROVIDER_PREFIX for digits that neither a provider's nor our own numbers have, and what `read_code`
    refuses.
    """
    known = tuple(profiles)
    digits = bare_digits(text) if known and len(text) <= LONGEST else None
    if digits is None:
        return Scanned(read_code(text))
    for profile in known:
        found = _of(profile, digits)
        if found is not None:
            return Scanned(found, profile.prefix)
    if len(digits) not in _OURS:
        raise BridgeError(Code.PROVIDER_PREFIX, f"no provider has {digits[:PREFIX_DIGITS]}", place="number")
    return Scanned(read_code(text))


def with_pin(scanned: Scanned, pin: str | None, profile: Profile | None) -> VoucherCode:
    """The code with a PIN that was given apart from it, and with none where the provider knows none.

    `BridgeError`: VOUCHER_PIN_NEEDED where the provider needs one, else as for our own.
    """
    if profile is None:
        return with_our_pin(scanned.code, pin)
    code = scanned.code
    if profile.pin is PinRule.NONE:
        return VoucherCode(code.number)
    given = None if pin is None else pin.strip(" \t\r\n") or None
    if given is not None and not re.fullmatch(rf"[0-9]{{{profile.pin_digits}}}", given, re.ASCII):
        raise BridgeError(Code.VOUCHER_UNREADABLE, f"a PIN has {profile.pin_digits} digits there", place="pin")
    if given is not None and code.pin not in {None, given}:
        raise BridgeError(Code.VOUCHER_TWO_PINS, place="pin")
    if given is None and code.pin is None and profile.pin is PinRule.REQUIRED:
        raise BridgeError(Code.VOUCHER_PIN_NEEDED, place="pin")
    return VoucherCode(code.number, given or code.pin)


def _of(profile: Profile, digits: str) -> VoucherCode | None:
    if not digits.startswith(profile.prefix):
        return None
    own = digits if profile.prefix_in_number else digits[PREFIX_DIGITS:]
    number, pin = own[: profile.number_digits], own[profile.number_digits :]
    if len(number) != profile.number_digits or len(pin) not in {0, profile.pin_digits}:
        return None
    return VoucherCode(number, pin or None)
