"""The keys of the connector: who may use the native interface and the console."""

import hmac
from collections import OrderedDict, deque
from typing import Final, Protocol

import structlog

from tillbridge.connector.api.scopes import ALL_SCOPES, Grant
from tillbridge.connector.keybook import NamedKey, digest_of
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


MAIN: Final = Grant("main", ALL_SCOPES)
"""What the connector's own key may do: everything."""


class Keyring(Protocol):
    """Where the named keys are."""

    def keys(self) -> tuple[NamedKey, ...]:
        """Those that are valid now."""
        ...


def check_key_length(key: str) -> None:
    """`BridgeError(SETTINGS_INVALID)` for a key that could be guessed."""
    if len(key) < SHORTEST_KEY:
        raise BridgeError(
            Code.SETTINGS_INVALID, f"the connector's key has at least {SHORTEST_KEY} characters", place="key"
        )


class KeyCheck:
    """Compares what is presented with the connector's own key, and with the named ones of `ring`.

    Digests are compared, in a time that says nothing about where they differ: a fast digest is enough, because a key is
    256 bits of chance and no password. The right key always passes. Guessing is stopped by the key's length and not by
    counting: a count that could shut out the right key would let any program on this computer stop the shop from
    taking payments.
    """

    def __init__(self, key: str, clock: Clock, ring: Keyring | None = None) -> None:
        check_key_length(key)
        self._digest = digest_of(key)
        self._clock = clock
        self._ring = ring
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, presented: str | None, address: str) -> None:
        """Returns for the connector's own key. `BridgeError` UNAUTHENTICATED for any other, RATE_LIMITED for many."""
        if presented is None:
            raise BridgeError(Code.UNAUTHENTICATED, "no key was sent")
        if not self._is_own(digest_of(presented)):
            raise self._refusal(address)

    def grant(self, presented: str | None, address: str) -> Grant:
        """What the presented key may do, the connector's own or a named one; else refused as `check` does."""
        if presented is None:
            raise BridgeError(Code.UNAUTHENTICATED, "no key was sent")
        digest = digest_of(presented)
        if self._is_own(digest):
            return MAIN
        named = self._named(digest)
        if named is None:
            raise self._refusal(address)
        return Grant(named.name, named.scopes)

    def stands(self, grant: Grant) -> bool:
        """Whether a key that was recognised earlier has not been taken away, or given other scopes, since then."""
        return grant is MAIN or any((key.name, key.scopes) == (grant.name, grant.scopes) for key in self._named_keys())

    def _is_own(self, digest: str) -> bool:
        return hmac.compare_digest(digest, self._digest)

    def _named(self, digest: str) -> NamedKey | None:
        found = None
        for key in self._named_keys():
            # All of them are compared, so that the time does not say which one it was.
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found

    def _named_keys(self) -> tuple[NamedKey, ...]:
        return () if self._ring is None else self._ring.keys()

    def _refusal(self, address: str) -> BridgeError:
        if self._count(address) > WRONG_TRIES:
            return BridgeError(Code.RATE_LIMITED, f"more than {WRONG_TRIES} wrong keys within a minute")
        log.warning("wrong_key", address=address)
        return BridgeError(Code.UNAUTHENTICATED, "the key is wrong")

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
