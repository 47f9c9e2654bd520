"""The switches of everything that can go wrong at a provider: each for the next requests, or until it is put back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode

SLOW_SECONDS: Final = 65.0
"""How long a slow gateway takes unless told otherwise: clients are advised to wait for sixty seconds."""

LONGEST_SECONDS: Final = 600.0
MOST_TIMES: Final = 1_000_000


class Fault(StrEnum):
    """A switch. README.md, section 8, says what each does."""

    DOWN = "down"
    SLOW = "slow"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    ANSWER_TWICE = "answer_twice"
    BAD_LOGIN = "bad_login"
    INACTIVE = "account_inactive"
    LOCKED = "account_locked"
    NO_PERMISSION = "no_permission"
    ADDRESS_REFUSED = "address_refused"
    BROKEN_JSON = "broken_json"
    TRUNCATED = "truncated"
    WRONG_TYPE = "wrong_content_type"
    UNQUOTED = "numbers_unquoted"
    LATE_READS = "late_reads"
    CAPTURE_REFUSED = "capture_refused"
    REFUND_REFUSED = "refund_refused"
    TWICE_COLLECTED = "collected_twice"
    NOTICE_EARLY = "notice_early"
    NOTICE_TWICE = "notice_twice"
    NOTICE_FIVE = "notice_five_times"
    NOTICE_LATE = "notice_out_of_order"
    NOTICE_PASSPHRASE = "notice_wrong_passphrase"  # noqa: S105  # the name of a switch
    NOTICE_DIGEST = "notice_other_digest"
    NOTICE_UNSIGNED = "notice_unsigned"
    NOTICE_CHANGED = "notice_changed"
    NOTICE_AMOUNT = "notice_other_amount"
    PAGE_ONCE = "page_once"
    RETURN_FORGED = "return_forged"
    RECEIVER_SLOW = "receiver_slow"


REFUSALS: Final[Mapping[Fault, GatewayCode]] = {
    Fault.DOWN: GatewayCode.UNAVAILABLE,
    Fault.BAD_LOGIN: GatewayCode.CREDENTIALS,
    Fault.INACTIVE: GatewayCode.INACTIVE,
    Fault.LOCKED: GatewayCode.LOCKED,
    Fault.NO_PERMISSION: GatewayCode.PERMISSION,
    Fault.ADDRESS_REFUSED: GatewayCode.ADDRESS,
}
"""Those that refuse a request before anything is done."""

TIMED: Final = frozenset({Fault.SLOW, Fault.NOTICE_LATE, Fault.RECEIVER_SLOW})
"""Those that take seconds."""

_USUAL_SECONDS: Final[Mapping[Fault, float]] = {Fault.SLOW: SLOW_SECONDS, Fault.NOTICE_LATE: 10.0}
RECEIVER_SECONDS: Final = 5.0
"""Longer than the three seconds in which a receiver has to answer."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch that is on. `times` is how often it still acts; None until it is put back."""

    fault: Fault
    times: int | None
    seconds: float


class Faults:
    """The switches of one sandbox. They are not kept from one start to the next."""

    def __init__(self, switches: Iterable[Switch] = ()) -> None:
        self._on = {switch.fault: switch for switch in switches}

    @property
    def on(self) -> Mapping[Fault, Switch]:
        """Those that are on."""
        return dict(self._on)

    def set(self, switch: Switch) -> None:
        """Switches one on, or on in another way."""
        self._on[switch.fault] = switch

    def clear(self, fault: Fault | None = None) -> None:
        """Puts one back, or all."""
        if fault is None:
            self._on.clear()
        else:
            self._on.pop(fault, None)

    def take(self, *faults: Fault) -> Switch | None:
        """The first of these that is on; it then acts once less."""
        for fault in faults:
            found = self._on.get(fault)
            if found is not None:
                if found.times is not None:
                    self._less(found, found.times)
                return found
        return None

    def strikes(self, fault: Fault) -> bool:
        """Whether it acts now."""
        return self.take(fault) is not None

    def _less(self, switch: Switch, times: int) -> None:
        if times <= 1:
            del self._on[switch.fault]
        else:
            self._on[switch.fault] = Switch(switch.fault, times - 1, switch.seconds)


def switch(fault: Fault, times: int | None = None, seconds: float | None = None) -> Switch:
    """A switch with its usual seconds. `BridgeError(FIELD_INVALID)` for figures that make no sense."""
    if times is not None and not 1 <= times <= MOST_TIMES:
        raise BridgeError(Code.FIELD_INVALID, f"it goes from 1 to {MOST_TIMES}, or is left out", place="times")
    chosen = _USUAL_SECONDS.get(fault, RECEIVER_SECONDS) if seconds is None else seconds
    if not 0 <= chosen <= LONGEST_SECONDS:
        raise BridgeError(Code.FIELD_INVALID, f"it goes from 0 to {LONGEST_SECONDS:g}", place="seconds")
    return Switch(fault, times, chosen)


def named(name: str) -> Fault:
    """The switch of this name; `BridgeError(FIELD_INVALID)` that lists them all for any other."""
    try:
        return Fault(name)
    except ValueError:
        known = ", ".join(Fault)
        raise BridgeError(Code.FIELD_INVALID, f"there is no switch {name[:40]!r}; there are: {known}") from None


def read_switch(text: str) -> Switch:
    """Reads NAME, NAME:TIMES or NAME:TIMES:SECONDS; 0 times or none stand for until it is put back."""
    name, _, rest = text.partition(":")
    times, _, seconds = rest.partition(":")
    try:
        count = int(times or 0)
        return switch(named(name), count or None, float(seconds) if seconds else None)
    except ValueError:
        raise BridgeError(Code.FIELD_INVALID, f"{text[:60]!r} is not NAME:TIMES:SECONDS such as slow:3:10") from None
