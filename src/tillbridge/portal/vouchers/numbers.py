"""Numbers and PINs of vouchers: how they are drawn, and how PINs are kept (docs/reference/vouchers.md, section 2)."""

import random
from dataclasses import dataclass, field
from typing import Final

from tillbridge.domain.voucher_code import PIN_DIGITS, SERIAL_DIGITS, number_of
from tillbridge.portal.vault import Vault

_CONTEXT: Final = "voucher-pin"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A number and its PIN, drawn apart from each other. Neither shows in its text."""

    number: str = field(repr=False)
    pin: str = field(repr=False)


def draw(chance: random.Random, country: str) -> Drawn:
    """A number of this country (three digits of ISO 3166-1) and a PIN, each of them as likely as any other.

    Whether the number is new is for the table's unique index to say; whoever stores it draws again if it is not.
    """
    serial = chance.randrange(10**SERIAL_DIGITS)
    pin = chance.randrange(10**PIN_DIGITS)
    return Drawn(number_of(country, f"{serial:0{SERIAL_DIGITS}d}"), f"{pin:0{PIN_DIGITS}d}")


def seal_pin(vault: Vault, voucher_id: str, pin: str) -> bytes:
    """The PIN as it is stored: readable with the portal's own key alone, and only as this voucher's."""
    return vault.seal(pin.encode("ascii"), f"{_CONTEXT}/{voucher_id}")


def unseal_pin(vault: Vault, voucher_id: str, sealed: bytes) -> str:
    """The PIN again. `ValueError` if it was not sealed here for this voucher, or was changed."""
    return vault.unseal(sealed, f"{_CONTEXT}/{voucher_id}").decode("ascii")
