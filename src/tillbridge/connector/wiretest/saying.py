"""An outcome in one line for a technician: what the driver made of the terminal's answer, without what is empty."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from tillbridge.domain.money import Money
from tillbridge.domain.operation import stage_of
from tillbridge.domain.outcome import Outcome
from tillbridge.runtime.scrubbing import scrub_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LONGEST: Final = 300
"""Characters of the line; the tester's journal has the whole of it."""

LONG_TEXTS: Final = frozenset({"ticket"})
"""Members that are a page of their own."""


def said(outcome: Outcome) -> str:
    """The stage, then every member that says something: "approved: amount 1.00 EUR, card 497010######7890"."""
    told = ", ".join(_members(outcome))
    return scrub_text(f"{stage_of(outcome)}: {told}".rstrip(": "))[:LONGEST]


def _members(value: "DataclassInstance") -> list[str]:
    found = []
    for name in (field.name for field in fields(value) if field.name not in LONG_TEXTS):
        member = getattr(value, name)
        if member in (None, "", False, ()):
            continue
        found += _member(name.replace("_", " "), member)
    return found


def _member(name: str, member: object) -> list[str]:
    match member:
        case Money():
            return [f"{name} {member}"]
        case tuple():
            return [f"{name} {' / '.join(' '.join(_members(one)) for one in member)}"]
        case Enum():
            return [f"{name} {member.value}"]
        case True:
            return [name]
        case _ if is_dataclass(member) and not isinstance(member, type):
            return _members(member)
        case _:
            return [f"{name} {member}"]
