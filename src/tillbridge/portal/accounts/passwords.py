"""Passwords: what is accepted as one, and how it is kept (docs/reference/portal-accounts.md)."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tillbridge.domain.errors import BridgeError, Code

SHORTEST: Final = 12
"""Characters of a password: length is what counts against guessing, so nothing else is demanded."""

LONGEST: Final = 256
"""Characters of a password: longer than any phrase, short enough that hashing it costs no more."""

AT_ONCE: Final = 2
"""Passwords that one process hashes at a time: each takes 19 MiB and some 40 ms of a core."""

PATIENCE: Final = 10.0
"""Seconds that a password waits for its turn; then the portal says that it is busy."""

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$DayLJ1k9Q3mNoYyRUBPnwA$JKpm3579d7VMaE53yt577bnHsfcUQqbIKL0wEbQiaZ4"
"""A hash that belongs to nobody: an unknown address costs the same time as a known one."""

_THREADS: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")

_Result = TypeVar("_Result")

_SHORTEST_PART: Final = 4
"""Characters from which on a part of the own name or address counts as one that anybody would try."""


_FEW: Final = 2
"""A password of one or two different letters or digits is a pattern on the keyboard."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What comparing a password gave. `outdated`: it is right and is to be hashed anew with today's parameters."""

    right: bool
    outdated: bool = False


def check_rules(password: str, *, email: str, name: str, place: str = "password") -> str:
    """The password in the form that is hashed. `BridgeError(FIELD_INVALID)` with the rule it breaks as its detail."""
    text = normal(password)
    reason = _broken_rule(text, email, name)
    if reason is not None:
        raise BridgeError(Code.FIELD_INVALID, reason, place=place)
    return text


def normal(password: str) -> str:
    """One spelling for what looks the same on every keyboard (Unicode NFC)."""
    return unicodedata.normalize("NFC", password)


async def make_hash(password: str) -> str:
    """The hash of a password that `check_rules` let pass. `BridgeError(OVERLOADED)` when its turn does not come."""
    return await _in_turn(lambda: _HASHER.hash(normal(password)))


async def compare(password_hash: str | None, password: str) -> Checked:
    """Whether it is this one; None compares with nobody's in the same time. `BridgeError(OVERLOADED)`."""
    if len(password) > LONGEST:
        password, password_hash = "", None
    return await _in_turn(lambda: _compare(password_hash, normal(password)))


def _compare(password_hash: str | None, password: str) -> Checked:
    try:
        _HASHER.verify(password_hash or _NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return Checked(right=False)
    if password_hash is None:
        return Checked(right=False)
    return Checked(right=True, outdated=_HASHER.check_needs_rehash(password_hash))


async def _in_turn(work: Callable[[], _Result]) -> _Result:
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
    except TimeoutError:
        raise BridgeError(Code.OVERLOADED, "too many sign-ins at once", retry_after=int(PATIENCE)) from None


def _broken_rule(text: str, email: str, name: str) -> str | None:
    if len(text) < SHORTEST:
        return "too_short"
    if len(text) > LONGEST:
        return "too_long"
    plain = _letters(text)
    if plain in _common() or len(set(plain)) <= _FEW:
        return "too_common"
    own = {_letters(email), _letters(email.partition("@")[0]), _letters(name)}
    own |= {_letters(part) for part in name.split()}
    rest = plain
    for part in sorted(own, key=len, reverse=True):
        if len(part) >= _SHORTEST_PART:
            rest = rest.replace(part, "")
    return "too_personal" if rest != plain and len(rest) < SHORTEST // 2 else None


def _letters(text: str) -> str:
    """What is left for comparing: letters and digits, in lower case."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@cache
def _common() -> frozenset[str]:
    text = (files("tillbridge.portal.accounts") / "common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(_letters(line) for line in text.splitlines() if line)
