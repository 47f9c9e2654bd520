"""The key of the connector: who may use the native interface and the console."""

import hashlib
import hmac
from collections import OrderedDict, deque
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Clock

log = structlog.get_logger(__name__)

SHORTEST_KEY: Final = 20
"""Characters of a key at least. It is made by chance and read by programs, so nothing is won by a short one."""

WRONG_TRIES: Final = 10
"""Wrong keys from one address within `WINDOW_SECONDS` before it is told to wait: a person mistypes less often."""

WINDOW_SECONDS: Final = 60.0

ADDRESSES: Final = 1000
"""Addresses that are remembered for their wrong keys; beyond that the oldest is forgotten."""


def check_key_length(key: str) -> None:
    """`BridgeError(SETTINGS_INVALID)` for a key that could be guessed."""
    if len(key) < SHORTEST_KEY:
        raise BridgeError(
            Code.SETTINGS_INVALID, f"the connector's key has at least {SHORTEST_KEY} characters", place="key"
        )


class KeyCheck:
    """Compares what is presented with the one key, in a time that says nothing about where they differ.

    The right key always passes. Guessing is stopped by the key's length and not by counting: a count that could shut
    out the right key would let any program on this computer stop the shop from taking payments.
    """

    def __init__(self, key: str, clock: Clock) -> None:
        check_key_length(key)
        self._digest = _digest(key)
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, presented: str | None, address: str) -> None:
        """Returns for the right key. `BridgeError` UNAUTHENTICATED for none or a wrong one, RATE_LIMITED for many."""
        if presented is None:
            raise BridgeError(Code.UNAUTHENTICATED, "no key was sent")
        if hmac.compare_digest(_digest(presented), self._digest):
            return
        if self._count(address) > WRONG_TRIES:
            raise BridgeError(Code.RATE_LIMITED, f"more than {WRONG_TRIES} wrong keys within a minute")
        log.warning("wrong_key", address=address)
        raise BridgeError(Code.UNAUTHENTICATED, "the key is wrong")

    def _count(self, address: str) -> int:
        now = self._clock.monotonic()
        tries = self._wrong.setdefault(address, deque(maxlen=WRONG_TRIES + 1))
        self._wrong.move_to_end(address)
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)
        while tries and now - tries[0] >= WINDOW_SECONDS:
            tries.popleft()
        tries.append(now)
        return len(tries)


def _digest(key: str) -> bytes:
    # Digests have one length, so that not even the length of the key shows in the time of the comparison.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
