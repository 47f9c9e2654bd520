"""Who may use the door: HTTP Basic with one local pair, checked once and then remembered.

Argon2 takes tens of milliseconds on purpose. A till sends the same header with every request, so the header that was
accepted is remembered as a keyed digest, in memory only: later requests cost microseconds, and a dump of the memory
shows no password.
"""

import asyncio
import hmac
from base64 import b64decode
from collections import Counter, OrderedDict, deque
from enum import StrEnum
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from tillbridge.runtime.effects import Clock, Runtime

MAX_BAD_LOGINS: Final = 10
"""Different wrong logins of one address within `WINDOW` before it has to wait: a mistyped setting is noticed, a search
is not worth while."""

WINDOW: Final = 60.0
"""Seconds for which a wrong login counts."""

MAX_ADDRESSES: Final = 1024
"""Addresses that are remembered as wrong; beyond that the oldest is forgotten, so that nobody can fill the memory."""

MAX_WAITING: Final = 64
"""Different logins that wait to be checked, one after the other: three seconds of work. Tills with the same login share
one check, however many of them come at once."""

MAX_ACCEPTED: Final = 4
"""Spellings of the right login that are remembered: the scheme's letters and the character set may differ."""

MAX_HEADER: Final = 1024
"""Bytes of an Authorization header; the longest that the settings allow needs less."""

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
"""OWASP's small variant of Argon2id: 19 MiB for a moment fit a till's computer."""


def hash_password(password: str) -> str:
    """The Argon2id hash that the settings keep instead of the password."""
    return _HASHER.hash(password)


class Admission(StrEnum):
    """What the door says to a login."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    TOO_MANY = "too_many"


class Access:
    """Checks Authorization headers; see `admits`."""

    def __init__(self, username: str, password_hash: str, login_only: bool, runtime: Runtime) -> None:
        self._username = username.encode()
        self._password_hash = password_hash
        self._login_only = login_only
        self._key = runtime.chance.randbytes(32)
        self._accepted: deque[bytes] = deque(maxlen=MAX_ACCEPTED)
        self._wrong = _WrongLogins(runtime.clock)
        self._one_at_a_time = asyncio.Lock()
        self._waiting: Counter[bytes] = Counter()

    async def admits(self, header: bytes | None, address: str) -> Admission:
        """Whether this header opens the door for a client at `address`."""
        if header is None or len(header) > MAX_HEADER:
            return Admission.REFUSED
        digest = hmac.digest(self._key, header, "sha256")
        if self._remembers(digest):
            return Admission.ADMITTED
        if digest not in self._waiting and len(self._waiting) >= MAX_WAITING:
            return Admission.TOO_MANY
        self._waiting[digest] += 1
        try:
            async with self._one_at_a_time:
                return await self._check(header, digest, address)
        finally:
            self._waiting -= Counter([digest])  # drops the entry with the last one that waited

    def _remembers(self, digest: bytes) -> bool:
        return any(hmac.compare_digest(digest, known) for known in self._accepted)

    async def _check(self, header: bytes, digest: bytes, address: str) -> Admission:
        if self._remembers(digest):  # a request that came at the same time has been checked meanwhile
            return Admission.ADMITTED
        if self._wrong.knows(address, digest):
            return Admission.REFUSED
        if self._wrong.too_many(address):
            return Admission.TOO_MANY
        if not await self._right(header):
            self._wrong.note(address, digest)
            return Admission.REFUSED
        self._accepted.append(digest)
        self._wrong.forget(address)
        return Admission.ADMITTED

    async def _right(self, header: bytes) -> bool:
        pair = _read_basic(header)
        if pair is None:
            return False
        login, password = pair
        right_login = hmac.compare_digest(login, self._username)
        if self._login_only and not password:
            return right_login
        # The password is checked for a wrong login too: the time taken tells nobody which of the two was wrong.
        right_password = bool(password) and await asyncio.to_thread(_verify, self._password_hash, password)
        return right_login and right_password


def _verify(password_hash: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def _read_basic(header: bytes) -> tuple[bytes, bytes] | None:
    """Login and password in UTF-8; old tills send them in Latin-1. None for anything but HTTP Basic (RFC 7617)."""
    scheme, _, credentials = header.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        pair = b64decode(credentials.strip(), validate=True)
    except ValueError:
        return None
    try:
        pair.decode()
    except UnicodeDecodeError:
        pair = pair.decode("latin-1").encode()
    login, _, password = pair.partition(b":")
    return login, password


class _WrongLogins:
    """Counts different wrong logins by address, within `WINDOW` seconds.

    A program with an old password sends the same header for ever. That is no search, so it counts once: otherwise one
    forgotten program would shut out the right till beside it, which may come from the same address.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._noted: OrderedDict[str, deque[tuple[float, bytes]]] = OrderedDict()

    def knows(self, address: str, digest: bytes) -> bool:
        """Whether this very header was wrong a moment ago."""
        return any(hmac.compare_digest(digest, noted) for _, noted in self._recent(address))

    def too_many(self, address: str) -> bool:
        """Whether this address has to wait."""
        return len(self._recent(address)) >= MAX_BAD_LOGINS

    def note(self, address: str, digest: bytes) -> None:
        """This header was wrong."""
        self._noted.setdefault(address, deque(maxlen=MAX_BAD_LOGINS)).append((self._clock.monotonic(), digest))
        self._noted.move_to_end(address)
        if len(self._noted) > MAX_ADDRESSES:
            self._noted.popitem(last=False)

    def forget(self, address: str) -> None:
        """The address has shown the right login."""
        self._noted.pop(address, None)

    def _recent(self, address: str) -> deque[tuple[float, bytes]]:
        noted = self._noted.get(address, deque())
        while noted and noted[0][0] <= self._clock.monotonic() - WINDOW:
            noted.popleft()
        return noted
