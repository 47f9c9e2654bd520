"""Who signs in to the demonstration. It stands apart, so that whoever only prints it loads nothing else."""

from typing import Final

OWNER: Final = "owner@bakery.example"

PASSWORD: Final = "warme-semmeln-am-morgen"  # noqa: S105  # known to everybody
"""Of everybody in the demonstration. It is printed, and the demonstration is only for an address of this computer."""
