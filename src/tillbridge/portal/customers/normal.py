"""Texts as they are compared: without case, accents and punctuation."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from tillbridge.portal.customers.model import NUMBER_DIGITS

_LETTERS: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th"})
"""Letters that Unicode does not take apart into a letter and an accent."""

_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER: Final = re.compile(rf"[0-9]{{{NUMBER_DIGITS}}}", re.ASCII)
_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f,;<>]{1,64}@[^@\s\x00-\x1f,;<>.]+(?:\.[^@\s\x00-\x1f,;<>.]+)+")
_LONGEST_EMAIL: Final = 254

PHONE_DIGITS: Final = 6
"""A telephone number is found by its last digits: with or without the country's code, with or without a zero."""


def folded(text: str) -> str:
    """The text in small letters without accents: "Łukasz Größe" becomes "lukasz grosse"."""
    small = text.casefold()
    if small.isascii():
        return small
    apart = unicodedata.normalize("NFKD", small.translate(_LETTERS))
    return "".join(one for one in apart if not unicodedata.combining(one))


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return _WORD.findall(folded(text))


def same_person(one: str, other: str) -> bool:
    """Whether two names are the same but for case, accents, punctuation and the order of their words."""
    return sorted(words(one)) == sorted(words(other))


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(one for one in text if one in "0123456789")


def is_number(text: str) -> bool:
    """Whether this is a customer number of 2.0."""
    return _NUMBER.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether this has the form of an e-mail address; whether it exists, only a letter to it could tell."""
    return len(text) <= _LONGEST_EMAIL and _EMAIL.fullmatch(text) is not None


def printable(text: str) -> Iterator[str]:
    """The characters of a text but for control characters other than a line's end and a tab."""
    return (one for one in text if one in "\n\t" or unicodedata.category(one) != "Cc")
