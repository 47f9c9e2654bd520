"""The pages that belong to one voucher system, as tabs above each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tillbridge.portal.rights import Area, Person
from tillbridge.portal.vouchers.access import LOOKING


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a voucher system's pages: what follows the system's own path, its text, and who finds it.

    Whoever sees one of `areas` anywhere finds the tab; what its page shows is for that page to judge.
    """

    path: str
    key: str
    areas: tuple[Area, ...]


SECTIONS: Final = (
    Section("", "vouchers.section.overview", LOOKING),
    Section("/types", "vouchers.section.types", LOOKING),
    Section("/reports", "vouchers.section.reports", (Area.VOUCHER_SETTLEMENT, Area.REPORTS)),
    Section(
        "/validity",
        "vouchers.section.validity",
        (Area.VOUCHER_SETTINGS, Area.VOUCHER_SETTLEMENT, Area.VOUCHER_CORRECT),
    ),
    Section("/corrections", "vouchers.section.corrections", (Area.VOUCHER_CORRECT,)),
    Section("/exceptions", "vouchers.section.exceptions", (Area.VOUCHER_SETTLEMENT, Area.VOUCHER_CORRECT)),
    Section("/risk", "vouchers.section.risk", (Area.VOUCHER_RISK,)),
    Section("/recovery", "vouchers.section.recovery", (Area.VOUCHER_CORRECT,)),
)
"""In the order of the tabs."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab as it is drawn."""

    href: str
    text: str
    here: bool


def tabs(t: Callable[[str], str], person: Person, system_id: str, here: str) -> Sequence[Tab]:
    """The tabs of a system for this person; `here` is the `path` of the section whose page is shown."""
    return [
        Tab(f"/vouchers/systems/{system_id}{one.path}", t(one.key), one.path == here)
        for one in SECTIONS
        if any(person.may_somewhere(area) for area in one.areas)
    ]
