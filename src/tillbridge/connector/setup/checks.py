"""Whether an answer can be used: each check gives the one way of writing it, or says in a sentence what is wrong."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from tillbridge.connector.portal.addresses import checked_address
from tillbridge.connector.settings import CONSOLE_PORT
from tillbridge.connector.setup.answers import ENVIRONMENTS, NETWORK, Answers
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LocationNumber
from tillbridge.domain.money import BY_CODE

LONGEST_ANSWER: Final = 4096
LONGEST_LOGIN: Final = 128
LONGEST_NUMBER: Final = 64
LONGEST_HOST: Final = 253
LARGEST_PORT: Final = 65535
LARGEST_THRESHOLD: Final = Decimal(1_000_000)
CENT: Final = Decimal("0.01")

_CODE: Final = re.compile(r"[0-9A-Z]{3}", re.ASCII)
_MERCHANT: Final = re.compile(r"[0-9A-Za-z]{1,15}", re.ASCII)
_LOGIN: Final = re.compile(r"[!-9;-~]+", re.ASCII)
_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?", re.ASCII)
_WINDOWS_PORT: Final = re.compile(r"COM[1-9][0-9]{0,2}", re.ASCII | re.IGNORECASE)
_YES: Final = frozenset({"yes", "y", "true", "daily", "ja", "j", "oui", "o", "ano", "a"})
_NO: Final = frozenset({"no", "n", "false", "never", "nein", "non", "ne"})


class Wrong(Exception):
    """An answer that cannot be used. `key` is the sentence in the catalogue, `fields` what is filled in there."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key = f"wrong.{key}"
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Around:
    """What the computer is like: the folder that one stands in, and whether this is Windows."""

    folder: Path
    windows: bool = os.name == "nt"
    ports: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check may look at besides the answer itself."""

    answers: Answers
    around: Around


Check = Callable[[str, Seen], str]


def line(text: str, _: Seen) -> str:
    """Any text in one line."""
    if len(text) > LONGEST_ANSWER or not text.isprintable():
        raise Wrong("line")
    return text.strip()


def wanted(check: Check) -> Check:
    """The same check, and an empty answer is none."""

    def checked(text: str, seen: Seen) -> str:
        if not text.strip():
            raise Wrong("empty")
        return check(text, seen)

    return checked


def optional(check: Check) -> Check:
    """The same check, and an empty answer is one."""

    def checked(text: str, seen: Seen) -> str:
        return check(text, seen) if text.strip() else ""

    return checked


def login(text: str, seen: Seen) -> str:
    """A login that HTTP Basic can carry."""
    text = line(text, seen)
    if not _LOGIN.fullmatch(text) or len(text) > LONGEST_LOGIN:
        raise Wrong("login", most=LONGEST_LOGIN)
    return text


def password(text: str, _: Seen) -> str:
    """A password: nothing is cut off it."""
    if not text or len(text.encode()) > LONGEST_ANSWER or not text.isprintable():
        raise Wrong("password")
    return text


def folder(text: str, seen: Seen) -> str:
    """A folder that is there or can be made, as a whole path."""
    path = (seen.around.folder / Path(line(text, seen)).expanduser()).resolve()
    there = next((one for one in (path, *path.parents) if one.exists()), path)
    if not there.is_dir():
        raise Wrong("no_folder", path=there)
    if not os.access(there, os.W_OK | os.X_OK):
        raise Wrong("folder_closed", path=there)
    return str(path)


def serial_port(text: str, seen: Seen) -> str:
    """A port's path or name, or the word for a terminal that is on the network."""
    text = line(text, seen)
    if text.lower() == NETWORK:
        return NETWORK
    if _WINDOWS_PORT.fullmatch(text):
        return text.upper()
    if seen.around.windows or not text.startswith("/") or "://" in text or len(text) > LONGEST_HOST:
        raise Wrong("serial_port", example="COM3" if seen.around.windows else "/dev/ttyUSB0")
    return text


def serial_number(text: str, seen: Seen) -> str:
    """The number on the terminal's back."""
    text = line(text, seen)
    if len(text) > LONGEST_NUMBER:
        raise Wrong("too_long", most=LONGEST_NUMBER)
    return text


def port(text: str, seen: Seen) -> str:
    """The number of a TCP port."""
    text = line(text, seen)
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= LARGEST_PORT or len(text) > len("65535"):
        raise Wrong("port")
    return str(int(text))


def local_port(text: str, seen: Seen) -> str:
    """A port for the till, that is not the console's."""
    text = port(text, seen)
    if int(text) == CONSOLE_PORT:
        raise Wrong("console_port", port=CONSOLE_PORT)
    return text


def environment(text: str, seen: Seen) -> str:
    """Which of HiPay's systems."""
    found = ENVIRONMENTS.get(line(text, seen).lower())
    if found is None:
        raise Wrong("choice", choices="production (prod), stage (dev)")
    return found


def threshold(text: str, seen: Seen) -> str:
    """An amount in euros, with a point or a comma."""
    text = line(text, seen).replace(",", ".")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Wrong("threshold") from None
    if not amount.is_finite() or not 0 <= amount <= LARGEST_THRESHOLD or amount != amount.quantize(CENT):
        raise Wrong("threshold")
    return f"{amount:f}"


def time_of_day(text: str, seen: Seen) -> str:
    """HH:MM."""
    found = _TIME.fullmatch(line(text, seen))
    if found is None:
        raise Wrong("time")
    return f"{int(found[1]):02d}:{found[2]}"


def code(text: str, seen: Seen) -> str:
    """Three digits or letters: a payment application, or a rank."""
    text = line(text, seen).upper()
    if not _CODE.fullmatch(text):
        raise Wrong("code")
    return text


def merchant(text: str, seen: Seen) -> str:
    """The number of a merchant contract, as it stands in the terminal."""
    text = line(text, seen)
    if not _MERCHANT.fullmatch(text):
        raise Wrong("merchant")
    return text


def one_of(choices: Callable[[Answers], Sequence[str]]) -> Check:
    """One of a list that the earlier answers make."""

    def checked(text: str, seen: Seen) -> str:
        known = choices(seen.answers)
        asked = " ".join(line(text, seen).split()).lower()
        found = next((one for one in known if one.lower() == asked), None)
        if found is None:
            raise Wrong("choice", choices=", ".join(known))
        return str(found)

    return checked


def host(text: str, seen: Seen) -> str:
    """A name or an address in the network."""
    text = line(text, seen)
    if len(text) > LONGEST_HOST or not _HOST.fullmatch(text):
        raise Wrong("host")
    return text


def currency(text: str, seen: Seen) -> str:
    """An ISO 4217 code."""
    text = line(text, seen).upper()
    if text not in BY_CODE:
        raise Wrong("currency")
    return text


def yes_or_no(text: str, seen: Seen) -> str:
    """`yes` or `no`, in any of the languages."""
    asked = line(text, seen).lower()
    if asked in _YES:
        return "yes"
    if asked in _NO:
        return "no"
    raise Wrong("yes_no")


def repeats(text: str, seen: Seen) -> str:
    """Yes is `daily`, no is `never`."""
    return "daily" if yes_or_no(text, seen) == "yes" else "never"


def portal_address(text: str, seen: Seen) -> str:
    """Where the portal is."""
    try:
        return checked_address(line(text, seen))
    except BridgeError as error:
        raise Wrong("portal_address", why=error.detail) from None


def portal_location(text: str, seen: Seen) -> str:
    """The number that the portal shows for the shop."""
    try:
        return str(LocationNumber.parse(line(text, seen), place="portal_location"))
    except BridgeError as error:
        raise Wrong("portal_location", why=error.detail) from None
