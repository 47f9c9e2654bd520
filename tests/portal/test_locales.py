"""Every language of the portal says everything: the same keys and fields, no key too few and none too many.

A key stands in the code or a template as it is, or is put together there from a beginning and the value of a closed
set. The first are found by reading the sources; of the second the beginnings are found so, and the closed sets are
named here.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from string import Formatter
from typing import Final

import pytest

from tillbridge import portal
from tillbridge.domain.cashier_texts import Language
from tillbridge.link.message_words import CommandKind, Outcome, StationHealth
from tillbridge.link.scopes import Service, ServiceState
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.accounts.grants import Scope
from tillbridge.portal.accounts.model import FactorKind, PersonState
from tillbridge.portal.accounts.stock_groups import Stock
from tillbridge.portal.audit.exporting import Form
from tillbridge.portal.audit.log import ActorKind
from tillbridge.portal.commands.model import State
from tillbridge.portal.corrections.model import TAKES_BACK, Failure, Kind
from tillbridge.portal.corrections.model import State as CorrectionState
from tillbridge.portal.customers.mapping import Field, RowFault
from tillbridge.portal.customers.model import CustomerState, JobKind, MovementKind, Reason, Remedy, Stage
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.licences.model import Product
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.views import LinkAction
from tillbridge.portal.locations.countries import NAMED
from tillbridge.portal.locations.linked import LinkGroup
from tillbridge.portal.locations.model import CustomerBase, LocationKind
from tillbridge.portal.maintenance.forms import Repeat
from tillbridge.portal.maintenance.model import Component, WindowEffect
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.pairing.model import PinState
from tillbridge.portal.partners.hooks_model import DeliveryState, Topic
from tillbridge.portal.rights import Area
from tillbridge.portal.settlement.model import Span
from tillbridge.portal.settlement.postings import ACCOUNTS
from tillbridge.portal.vouchers.systems_model import Hindrance
from tillbridge.web import words

FOLDER: Final = Path(portal.__path__[0])
ENGLISH: Final = CATALOGUES[Language.EN].texts
BEGINNINGS: Final = "|".join(sorted({key.partition(".")[0] for key in ENGLISH}))
KEY: Final = re.compile(rf"(?:{BEGINNINGS})(?:\.[a-z0-9_]+)+")
QUOTED: Final = re.compile(rf"""["']({KEY.pattern})["']""")
JOINED: Final = re.compile(rf'"((?:{BEGINNINGS})\.[a-z0-9_.]*\.)" ~ [\w.\[\]()]+(?: ~ "([a-z_.]*)")?')
"""A key that a template puts together: its beginning, and what comes behind the value."""

VALUE: Final = r"\w+"
TOO_WIDE: Final = frozenset({r"audit\.\w+", r"commands\.\w+\.\w+"})
"""Beginnings that would let anything through: what they lead to is named below instead."""

NO_KEYS: Final = frozenset({"error.html", "customers.csv", "customers.xlsx", "shop.id", "shop.letter", "shop.gift"})

SETS: Final[dict[str, Iterable[StrEnum]]] = {
    "accounts.area": Area,
    "accounts.factors": FactorKind,
    "audit.actor": (kind for kind in ActorKind if kind is not ActorKind.PERSON),
    "audit.export": Form,
    "commands.health": StationHealth,
    "commands.outcome": Outcome,
    "corrections.failure": Failure,
    "corrections.kind": Kind,
    "corrections.state": CorrectionState,
    "customers.base": CustomerBase,
    "customers.fault": RowFault,
    "customers.field": Field,
    "customers.movement": MovementKind,
    "customers.reason": Reason,
    "customers.remedy": Remedy,
    "customers.running": JobKind,
    "customers.stage": Stage,
    "customers.state": CustomerState,
    "interfaces.pin": PinState,
    "licences.product": Product,
    "links.action": LinkAction,
    "links.done": LinkAction,
    "links.state": LinkState,
    "locations.kind": LocationKind,
    "locations.link": LinkGroup,
    "maintenance.component": Component,
    "maintenance.effect": WindowEffect,
    "maintenance.repeat": Repeat,
    "partners.delivery": DeliveryState,
    "partners.topic": Topic,
    "people.language": Language,
    "people.scope": Scope,
    "people.state": PersonState,
    "people.stock": Stock,
    "services.name": Service,
    "services.state": ServiceState,
    "vouchers.hindrance": Hindrance,
    "vouchers.kind": EntryKind,
    "vouchers.state": VoucherState,
}
"""Closed sets each of whose values has a text."""

DONE: Final = {
    "settlement": "accounts",
    "corrections": "again booked expired failed late refused requested withdrawn",
    "exceptions": "dismiss not_paid paid released reverse settled",
    "licences": "allotted withdrawn",
    "locations": "accepted changed closed created declined offered withdrawn",
    "partners": "added hook_removed removed replayed revoked tested",
    "recovery": "ended heads settled",
    "risk": "limits number_added number_removed",
    "services": "off on",
    "shop": "changed closed drawn founded opened refunded resent revoked",
    "validity": "changed off taken_back taking_back",
    "vouchers": "activated blocked changed created cross_off cross_on joined left made none_activated"
    " none_withdrawn pin_unblocked unblocked withdrawn",
}
"""What these features say after a form, from the address."""

OTHER_LETTERS: Final = ("corrections.mail.asked", "sealing.mail.head")

LETTERS: Final = "factor_added factor_removed password_link password_set recovery_code_used"

SETTLED: Final = (
    *(f"account.{name}{part}" for name in (*ACCOUNTS, "consultant", "client", "digits") for part in ("", ".hint")),
    *(f"chart.{name}" for name in "circulation redemptions loads liability blocked".split()),
    *(f"circulation.{name}" for name in "total blocked active".split()),
    *(f"paper.title.{span}" for span in Span),
    *(f"posting.{name}" for name in "day number location booking debit credit amount currency other".split()),
    *(f"sales.{name}" for name in "loads sold redemptions redeemed".split()),
    *(f"way.{way}{part}" for way in "statements claims liability sales postings".split() for part in ("", ".text")),
    *(f"{table}{part}" for table in ("claims", "net") for part in ("", ".to", ".from")),
)
"""What the pages and papers of settlement put together."""

AT_WORK: Final = (CommandKind.PAYMENT, CommandKind.CONFIGURATION)
"""The commands that have a page."""

MADE_UP: Final = {
    *(f"{beginning}.{value}" for beginning, values in SETS.items() for value in values),
    *(f"commands.{kind}.{state}" for kind in AT_WORK for state in State),
    *(f"commands.{kind}" for kind in AT_WORK),
    *(f"commands.outcome.{outcome}.means" for outcome in Outcome),
    *(f"corrections.kind.{kind}.text" for kind in Kind),
    *(f"corrections.original.{kind}" for kind in TAKES_BACK),
    *(f"customers.base.{base}.text" for base in CustomerBase),
    *(f"links.ask.{action}.{part}" for action in LinkAction for part in ("title", "effect", "till")),
    *(f"people.state.{state}.means" for state in PersonState),
    *(f"people.stock.{stock}.means" for stock in Stock),
    *(f"people.scope.{scope}.at" for scope in Scope if scope is not Scope.TENANT),
    *(f"country.{code}" for code in NAMED),
    *(f"error.{heading}" for heading in ("unknown", "forbidden", "conflict", "away", "fault", "refused")),
    *(f"accounts.{page}.short" for page in ("profile", "password", "factors", "sessions")),
    *(f"maintenance.month.{month}" for month in range(1, 13)),
    *(f"{feature}.done.{what}" for feature, told in DONE.items() for what in told.split()),
    *(f"settlement.{key}" for key in SETTLED),
    *(f"accounts.mail.{letter}.{part}" for letter in LETTERS.split() for part in ("subject", "text")),
    *(f"{letter}.{part}" for letter in OTHER_LETTERS for part in ("subject", "text")),
    *(f"shop.{letter}.{part}" for letter in ("letter", "gift") for part in ("subject", "text")),
}
"""Keys that are put together from closed sets."""


SAME: Final = {
    Language.DE: {
        *("Codes", "Name", "Passkey", "Person", "Portal", "Terminals", "Terminal", "Import", "Computer", "Franchise"),
        "Webhooks",
        *("Andorra", "Belarus", "Gibraltar", "Liechtenstein", "Monaco", "Montenegro", "Malta", "Portugal"),
        *("San Marino", "Ukraine", "1.0 offline", "1.0 online"),
        *("April {year}", "August {year}", "September {year}", "November {year}"),
        *("April", "August", "September", "November"),
    },
    Language.FR: {
        *("Services", "Licences", "Maintenance", "Pages", "Terminal", "version {version}", "E-mail", "Points"),
        *("Messages", "Message", "Webhooks"),
        *("Codes", "Interfaces", "Active", "Europe", "Franchise"),
        *("Date", "Exceptions"),
        *("France", "Gibraltar", "Liechtenstein", "Luxembourg", "Monaco", "Portugal", "Ukraine"),
    },
    Language.CS: {
        *("Program {name}", "Import", "1.0 offline", "1.0 online", "E-mail", "Auditor"),
        *("Andorra", "Gibraltar", "Malta", "San Marino"),
    },
}
"""Words that the language really shares with English."""

SIGNS: Final = {
    "1",
    "CSV",
    "Excel (XLSX)",
    "JSON Lines",
    "PIN",
    "2.0",
    "{count} s",
    "{count} min",
    "{count} h",
    "{count} d",
}
"""Names of formats and units: the same everywhere."""


def _modules() -> Iterator[object]:
    for found in walk_packages(portal.__path__, f"{portal.__name__}."):
        if ".migrations" not in found.name:
            yield import_module(found.name)


@cache
def _events() -> set[str]:
    """What the audit log can say, of every feature."""
    kinds = {kind for module in _modules() for name, kind in vars(module).items() if name.endswith("Event")}
    return {str(value) for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum) for value in kind}


def _pattern(text: ast.JoinedStr) -> str:
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else VALUE for part in text.values)


@cache
def _in_code() -> tuple[set[str], set[str]]:
    """The keys that stand in the code, and patterns of those that it puts together."""
    written, joined = set(), set()
    for path in (*FOLDER.rglob("*.py"), Path(words.__file__)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEY.fullmatch(node.value):
                written.add(node.value)
            elif isinstance(node, ast.JoinedStr) and re.match(rf"(?:{BEGINNINGS})\\\.", _pattern(node)):
                joined.add(_pattern(node))
    return written, joined - TOO_WIDE


@cache
def _in_templates() -> tuple[set[str], set[str]]:
    written, joined = set(), set()
    for path in FOLDER.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        written |= set(QUOTED.findall(text))
        joined |= {re.escape(begins) + VALUE + re.escape(ends) for begins, ends in JOINED.findall(text)}
    return written, joined


def _fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", Language)
def test_each_language_has_every_text(language: Language) -> None:
    texts = CATALOGUES[language].texts
    assert set(texts) == set(ENGLISH)
    assert [key for key, text in texts.items() if not text.strip() and key != "format.group"] == []


@pytest.mark.parametrize("language", Language)
def test_each_text_takes_the_same_fields(language: Language) -> None:
    texts = CATALOGUES[language].texts
    assert {key: set(_fields(text)) for key, text in texts.items()} == {
        key: set(_fields(text)) for key, text in ENGLISH.items()
    }


def test_every_key_that_is_written_down_has_a_text() -> None:
    events = _events()
    letters = {*(f"accounts.mail.{letter}" for letter in LETTERS.split()), *OTHER_LETTERS}
    no_keys = NO_KEYS | events | letters | set(map(str, Area))
    assert (_in_code()[0] | _in_templates()[0]) - no_keys - set(ENGLISH) == set()


def test_every_key_that_is_put_together_has_a_text() -> None:
    assert MADE_UP - set(ENGLISH) == set()


def test_the_audit_log_has_words_for_whatever_happens() -> None:
    told = {key.removeprefix("audit.event.") for key in ENGLISH if key.startswith("audit.event.")}
    assert told == _events()


def test_no_text_is_left_over() -> None:
    written, joined = _in_code()
    more_written, more_joined = _in_templates()
    used = written | more_written | MADE_UP | {f"audit.event.{event}" for event in _events()}
    pattern = re.compile("|".join(sorted(joined | more_joined)))
    assert [key for key in ENGLISH if key not in used and not pattern.fullmatch(key)] == []


@pytest.mark.parametrize("language", [language for language in Language if language is not Language.EN])
def test_nothing_was_left_in_english(language: Language) -> None:
    texts = CATALOGUES[language].texts
    same = {text for key, text in texts.items() if text == ENGLISH[key] and not key.startswith("format.")}
    assert same - SIGNS == SAME[language]


def test_french_has_its_own_apostrophes_and_spaces() -> None:
    texts = CATALOGUES[Language.FR].texts
    straight = re.compile(r"\w'\w")
    narrow = re.compile(
        r"(?:^|[^\N{NO-BREAK SPACE}])[;!?»](?:\s|$)|[^\N{NO-BREAK SPACE}]:(?:\s|$)|«[^\N{NO-BREAK SPACE}]"
    )
    assert {key: text for key, text in texts.items() if straight.search(text) or narrow.search(text)} == {}


def test_quotation_marks_are_those_of_the_language() -> None:
    marks = {Language.DE: ("„", "“"), Language.CS: ("„", "“"), Language.FR: ("«", "»"), Language.EN: ("“", "”")}
    for language, (opening, closing) in marks.items():
        for key, text in CATALOGUES[language].texts.items():
            assert '"' not in text, (language, key)
            assert text.count(opening) == text.count(closing), (language, key)
