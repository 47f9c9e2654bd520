"""What can become of handing somebody a message about a payment, whoever that is."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Fate(StrEnum):
    """What an attempt has come to.

    `taken`: the receiver has it. `unreached`: it certainly has it not, and that is not the message's fault. `unclear`:
    it may have it (the answer was lost, or made no sense). `refused`: it does not want this one, and would say so
    again. `held`: it wants none of ours until a person has mended something (the login, the permission, the address).
    """

    TAKEN = "taken"
    UNREACHED = "unreached"
    UNCLEAR = "unclear"
    REFUSED = "refused"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate with the reason in words for a person; `reference` is the receiver's own name for what it took.

    `status` is the HTTP status where there was one, `retry_after` how long the receiver asked to be left alone.
    """

    fate: Fate
    words: str = ""
    status: int | None = None
    reference: str | None = None
    retry_after: timedelta | None = None


TAKEN: Final = Verdict(Fate.TAKEN)
