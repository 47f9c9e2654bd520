"""Who signs in to the demonstration. It stands apart, so that whoever only prints it loads nothing else."""

from typing import Final

OWNER: Final = "owner@bakery.example"

PASSWORD: Final = "warme-semmeln-am-morgen"  # noqa: S105  # known to everybody
"""Of everybody in the demonstration. It is printed, and the demonstration is only for an address of this computer."""

VOUCHERS: Final = (
    ("27612345678904", "0420"),
    ("27630000000039", "1357"),
    ("27650000000054", "9081"),
)
"""Numbers and PINs of vouchers that are activated and empty. Real ones are drawn, and nobody knows their PINs."""
