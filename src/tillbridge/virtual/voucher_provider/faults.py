"""The switches of everything that may go wrong at a provider of vouchers, each for the next requests of one kind."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

LATE_SECONDS: Final = 30.0
"""How late an answer is unless told otherwise: later than anybody at a till waits."""

LONGEST_SECONDS: Final = 600.0
MOST_TIMES: Final = 1_000_000


class Asked(StrEnum):
    """The three requests."""

    BALANCE = "balance"
    REDEEM = "redeem"
    CANCEL = "cancel"


class Fault(StrEnum):
    """A switch. docs/reference/voucher-providers.md, section 6, says what each does."""

    LATE = "late"
    TWICE = "twice"
    OTHER_BALANCE = "other-balance"
    OTHER_AMOUNT = "other-amount"
    OTHER_CODE = "other-code"
    WITH_MESSAGE = "with-message"
    CUT_BEFORE = "cut-before"
    CUT_AFTER = "cut-after"
    UNAUTHORISED = "unauthorised"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    ERROR_BEFORE = "error-before"
    ERROR_AFTER = "error-after"
    BROKEN_JSON = "broken-json"


BEFORE: Final = frozenset({Fault.CUT_BEFORE, Fault.UNAUTHORISED, Fault.NOT_FOUND, Fault.CONFLICT, Fault.ERROR_BEFORE})
"""Those that come before anything is booked."""


@dataclass(slots=True)
class Switch:
    """A switch that is on. `times` is how often it still acts; None until it is put back."""

    fault: Fault
    asked: Asked
    times: int | None = None
    seconds: float = LATE_SECONDS


class Faults:
    """The switches of one sandbox, at most one for each request."""

    def __init__(self, *switches: Switch) -> None:
        self._on = {one.asked: one for one in switches}

    @property
    def on(self) -> tuple[Switch, ...]:
        """Those that are on."""
        return tuple(self._on.values())

    def set(self, switch: Switch) -> None:
        """Switches one on in place of what was on for that request."""
        self._on[switch.asked] = switch

    def put_back(self) -> None:
        """Everything is as it should be again."""
        self._on.clear()

    def take(self, asked: Asked) -> Switch | None:
        """What goes wrong with this request."""
        found = self._on.get(asked)
        if found is not None and found.times is not None:
            found.times -= 1
            if found.times <= 0:
                del self._on[asked]
        return found


def read_switch(text: str) -> Switch:
    """A switch as the command line has it: `[balance.|redeem.|cancel.]NAME[:TIMES[:SECONDS]]`.

    `BridgeError(FIELD_INVALID)`.
    """
    head, _, rest = text.partition(":")
    asked, _, name = head.rpartition(".")
    times, _, seconds = rest.partition(":")
    try:
        found = Switch(
            Fault(name),
            Asked(asked or Asked.REDEEM),
            int(times) if times else None,
            float(seconds) if seconds else LATE_SECONDS,
        )
    except ValueError:
        names = ", ".join(Fault)
        raise BridgeError(Code.FIELD_INVALID, f"{text!r}: the faults are {names}", place="--fault") from None
    if not 0 <= found.seconds <= LONGEST_SECONDS or (found.times is not None and not 0 < found.times <= MOST_TIMES):
        raise BridgeError(Code.FIELD_INVALID, f"{text!r}: too often, or too long", place="--fault")
    return found
