"""What the documents say: requests of the till and answers of the terminal, read tolerantly and written strictly.

The roots and fields are those of protocols/mypos_xml/README.md, sections 2 and 3.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillbridge.domain.card import hide_checked_numbers
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.documents import Child, Document, parse

LONGEST_INVOICE: Final = 20
"""Characters of the till's reference that every state of the vendor's software takes; README.md, section 4."""

LONGEST_CODE: Final = 50
"""Characters of a terminal's reference: the vendor's own limit."""

KEPT_DIGITS: Final = 4
"""Of a long number, as on a receipt."""

KEPT_TEXT: Final = 500
"""Characters of a raw message that are kept for a person; a whole one has less."""


class Root(StrEnum):
    """The five requests."""

    PAY = "pay"
    REFUND = "refund"
    PREAUTH = "preauth"
    PREAUTHCOMPLETION = "preauthcompletion"
    PREAUTHCANCEL = "preauthcancel"


class Copy(StrEnum):
    """Whether a slip is printed: at once, never, or after the terminal has asked."""

    ON = "ON"
    OFF = "OFF"
    AFTER_CONFIRMATION = "AFTER_CONFIRMATION"


class Result(StrEnum):
    """The two results."""

    OK = "OK"
    ERROR = "ERROR"


_COPIES: Final = ("receipt", "custrcpt")
_PAYING: Final = ("invoice", "sum", *_COPIES)

FIELDS: Final[Mapping[Root, tuple[str, ...]]] = MappingProxyType(
    {
        Root.PAY: _PAYING,
        Root.REFUND: _PAYING,
        Root.PREAUTH: _PAYING,
        Root.PREAUTHCOMPLETION: ("preauthcode", "sum", *_COPIES),
        Root.PREAUTHCANCEL: ("preauthcode", *_COPIES),
    }
)
"""The fields of each request, in the order in which they are written."""

ANSWERS: Final[Mapping[str, Root]] = MappingProxyType(
    {
        "payresp": Root.PAY,
        "refundresp": Root.REFUND,
        "preauthresp": Root.PREAUTH,
        "preautcompletionresp": Root.PREAUTHCOMPLETION,
        "preautcompletionhresp": Root.PREAUTHCOMPLETION,
        "preauthcompletionresp": Root.PREAUTHCOMPLETION,
        "preauthcompletionhresp": Root.PREAUTHCOMPLETION,
        "preautcancelresp": Root.PREAUTHCANCEL,
        "preauthcancelresp": Root.PREAUTHCANCEL,
        "preautcancelhresp": Root.PREAUTHCANCEL,
        "preauthcancelhresp": Root.PREAUTHCANCEL,
    }
)
"""Every spelling of an answer's root, exact: a guess could take a pre-authorisation's answer for a completion's."""

_WRITTEN: Final = MappingProxyType(
    {
        Root.PAY: "payresp",
        Root.REFUND: "refundresp",
        Root.PREAUTH: "preauthresp",
        Root.PREAUTHCOMPLETION: "preautcompletionresp",
        Root.PREAUTHCANCEL: "preautcancelresp",
    }
)
FAILED_COMPLETION: Final = "preautcompletionhresp"
BAD_XML: Final = "Hibás XML"
"""What the terminal says of a message that it cannot use: Hungarian for "bad XML"."""

_BAD_XML_READ: Final = re.compile(r"hib.{1,2}s\s+xml", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[0-9](?:[ -]?[0-9]){12,}", re.ASCII)
_HEX_ID: Final = re.compile(r"[0-9a-f]{24,}|[0-9A-F]{24,}", re.ASCII)
"""An id such as this project's own door gives: its letters are those of hexadecimal digits, and it is long."""
_SUM: Final = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,4})?", re.ASCII)
_INVOICE: Final = re.compile(rf"[A-Za-z0-9-]{{1,{LONGEST_INVOICE}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """What a till asks for. `sum` is the amount as it is written; `preauthcode` the `ref` of the pre-authorisation.

    A field that the root does not have is None.
    """

    root: Root
    receipt: Copy
    custrcpt: Copy
    invoice: str | None = None
    sum: str | None = None
    preauthcode: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a terminal says. `root` is the request that its root belongs to, None where that fits none.

    A field that is absent is None and one that is empty is "". `conflicts` names fields that came with two values.
    """

    root: Root | None
    result: str | None = None
    status: str | None = None
    status_text: str | None = None
    ref: str | None = None
    conflicts: frozenset[str] = frozenset()

    @property
    def bad_xml(self) -> bool:
        """Whether the terminal says that it could not use the message, whatever accents the line made of that."""
        return (
            self.root is Root.PAY
            and (self.result or "").upper() == Result.ERROR
            and not self.status
            and _BAD_XML_READ.fullmatch(self.ref or "") is not None
        )


# ---------------------------------------------------------------- requests


def request_document(request: Request) -> Document:
    """The document of a request; ValueError for one that this wire cannot carry."""
    fields = {
        "invoice": request.invoice,
        "sum": request.sum,
        "preauthcode": request.preauthcode,
        "receipt": request.receipt,
        "custrcpt": request.custrcpt,
    }
    _check(request)
    return Document(request.root, tuple(Child(name, fields[name] or "") for name in FIELDS[request.root]))


def _check(request: Request) -> None:
    wanted = FIELDS[request.root]
    if "invoice" in wanted and _INVOICE.fullmatch(request.invoice or "") is None:
        raise ValueError(f"a reference has 1 to {LONGEST_INVOICE} letters, digits and hyphens")
    if "sum" in wanted and _SUM.fullmatch(request.sum or "") is None:
        raise ValueError("an amount is written as digits with at most one point")
    if "preauthcode" in wanted and not is_code(request.preauthcode or ""):
        raise ValueError(f"a pre-authorisation code has 1 to {LONGEST_CODE} printable characters")


def is_code(text: str) -> bool:
    """Whether this can be a terminal's own reference. It is opaque: leading zeros belong to it."""
    return 0 < len(text) <= LONGEST_CODE and text.isprintable() and text == text.strip()


def parse_request(text: str) -> Request:
    """The request in a frame; `ProtocolError` for an unknown root, and for a field that is missing or unusable."""
    document = parse(text)
    try:
        root = Root(document.root)
    except ValueError:
        raise ProtocolError("this wire has no such request") from None
    values, conflicts = _values(document, FIELDS[root])
    missing = [name for name in FIELDS[root] if name not in values]
    if missing or conflicts:
        raise ProtocolError(f"missing: {', '.join(missing)}; with two values: {', '.join(sorted(conflicts))}")
    try:
        receipt, custrcpt = Copy(values["receipt"]), Copy(values["custrcpt"])
    except ValueError:
        raise ProtocolError(f"a slip is asked for with {', '.join(Copy)}") from None
    return Request(root, receipt, custrcpt, values.get("invoice"), values.get("sum"), values.get("preauthcode"))


# ---------------------------------------------------------------- answers


def answer_document(answer: Answer) -> Document:
    """The document of an answer, under the root that the maker's page gives to it."""
    root = answer.root or Root.PAY
    failed = answer.result != Result.OK
    name = FAILED_COMPLETION if failed and root is Root.PREAUTHCOMPLETION else _WRITTEN[root]
    fields = (
        ("result", answer.result),
        ("status", answer.status),
        ("status_text", answer.status_text),
        ("ref", answer.ref),
    )
    return Document(name, tuple(Child(tag, text) for tag, text in fields if text is not None))


def parse_answer(text: str) -> Answer:
    """The answer in a frame; `ProtocolError` for what is no XML. What it proves is for `judgement`."""
    document = parse(text)
    values, conflicts = _values(document, ("result", "status", "status_text", "ref"))
    return Answer(
        ANSWERS.get(document.root),
        values.get("result"),
        values.get("status"),
        values.get("status_text"),
        values.get("ref"),
        # The text is shown to people and decides nothing: two of them contradict nobody.
        conflicts - {"status_text"},
    )


def _values(document: Document, known: tuple[str, ...]) -> tuple[dict[str, str], frozenset[str]]:
    """The known fields, and those that came with two values. Unknown ones and the order are nobody's business."""
    values: dict[str, str] = {}
    conflicts = set()
    for child in document.children:
        if child.name not in known:
            continue
        if child.nested:
            raise ProtocolError(f"{child.name} holds elements")
        if values.setdefault(child.name, child.text) != child.text:
            conflicts.add(child.name)
    return values, frozenset(conflicts)


def shown(raw: bytes | str) -> str:
    """A raw message for a log or a person: on one line, capped, and without any long number (law 7).

    No card number is expected on this wire. Masked first and capped then, so that no cut makes one unrecognisable.
    """
    text = raw if isinstance(raw, str) else raw.decode("utf-8", errors="replace")
    plain = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return _DIGITS.sub(lambda found: "#" * (len(found[0]) - KEPT_DIGITS) + found[0][-KEPT_DIGITS:], plain)[:KEPT_TEXT]


def holds_card_number(text: str) -> bool:
    """Whether a terminal's reference holds what must be taken for a card number, and may not be kept (law 7).

    Stricter than `shown`: a reference is needed as it came, so that only a right check digit makes a card number of it,
    and in a long hexadecimal id nothing does: one in some hundred would hold such digits by chance.
    """
    if _HEX_ID.fullmatch(text) and not text.isdigit():
        return False
    return hide_checked_numbers(text) != text
